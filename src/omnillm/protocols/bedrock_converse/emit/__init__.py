"""From the canonical model to the wire: Converse, written."""
