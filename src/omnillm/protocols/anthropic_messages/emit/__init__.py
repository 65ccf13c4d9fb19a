"""From the canonical model to the wire: the Messages API, written."""
