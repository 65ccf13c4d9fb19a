"""The canonical model: what a request, a reply and a stream say, in no protocol's words. Frozen values that round-trip JSON."""
