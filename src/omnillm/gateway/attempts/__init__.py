"""A call on its way to providers: `dispatch.py` is where one is tried after another."""
