"""From the canonical model to the wire: Gemini, written."""
