"""The differences between protocols, one in each file, and how a translation says in one protocol what only the other one has."""
