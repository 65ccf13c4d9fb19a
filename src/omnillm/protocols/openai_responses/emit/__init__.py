"""From the canonical model to the wire: the Responses API, written."""
