"""From the wire to the canonical model: Gemini, read."""
