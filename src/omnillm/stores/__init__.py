"""Where the ledger is kept: the same verbs (`store.py`) over dicts and over SQLite. All SQL and every driver stands here."""
