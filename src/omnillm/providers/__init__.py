"""Upstream accounts as data: which protocols they speak, where, and with which headers. Nothing here waits or sends."""
