"""From the wire to the canonical model: Converse, read."""
