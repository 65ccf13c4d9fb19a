"""From the wire to the canonical model: the Responses API, read."""
