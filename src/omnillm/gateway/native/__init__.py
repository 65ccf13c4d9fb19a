"""Calls in a provider's own words, beside inference: `engine.py` is their straight line, `batch_*.py` is what gets paid much later."""
