"""From the wire to the canonical model: Chat Completions, read."""
