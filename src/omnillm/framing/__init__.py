"""Incremental readers and writers of framed bytes."""
