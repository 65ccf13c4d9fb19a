"""The ledger: in memory, in a SQLite file or in PostgreSQL, with the same verbs (`store.py`). All SQL and every driver is here."""
