"""From the wire to the canonical model: Interactions, read."""
