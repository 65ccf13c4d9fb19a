"""From the canonical model to the wire: Interactions, written."""
