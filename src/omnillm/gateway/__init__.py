"""One call's journey: `engine.py` is its straight line, other files are its steps; native calls and live sessions are in packages."""
