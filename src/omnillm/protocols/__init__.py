"""The wire protocols. Each package supplies the same functions; `protocol.py` is their record."""
