"""omnillm: many provider keys as one reliable, metered, budgeted LLM endpoint."""

__version__ = "0.1.0"
