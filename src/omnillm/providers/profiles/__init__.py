"""The kinds' own profiles: one file a kind, and one for the hosts that differ from OpenAI in a few words. `kinds.py` is their table."""
