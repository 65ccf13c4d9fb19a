"""Live sessions: `dialling.py` opens one, `session.py` is its conversation, the other files are its money."""
