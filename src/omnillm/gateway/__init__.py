"""One call's journey: `engine.py` is its straight line, other files and packages are its steps.

A call of translated words passes `bridges/`, every call `quotes/`, `attempts/` and `replies/`; native calls and live sessions have packages
of their own, and `budgets/` has the calendar, which belongs to no call.
"""
