"""A reply on its way to the client: `relay.py` carries it, and settles the case when it ends."""
