"""From the canonical model to the wire: Chat Completions, written."""
