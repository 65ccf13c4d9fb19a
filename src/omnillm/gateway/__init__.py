"""One call's journey: `engine.py` is its straight line, the other files are its steps."""
