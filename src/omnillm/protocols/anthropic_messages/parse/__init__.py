"""From the wire to the canonical model: the Messages API, read."""
