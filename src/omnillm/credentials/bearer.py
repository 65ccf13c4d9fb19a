"""Tokens that stand in a header: fetched, good for a time, and fetched anew before its end."""

from typing import Final

from omnillm.credentials.refreshed import Fetched
from omnillm.secret import Secret

EARLY_S: Final = 300.0
"""So long before its end a token is fetched anew; a short-lived one after half its life."""
LAST_S: Final = 10.0
"""So long before its end a token is not used any more: it would expire on the way."""


def lasting(token: str, left_s: float) -> Fetched[Secret]:
    """A token that is good for so long."""
    return Fetched(Secret(token), max(left_s - EARLY_S, left_s / 2), max(left_s - LAST_S, 0.0))


def bearer(token: Secret, head: bytes, body: bytes) -> bytes:  # noqa: ARG001 - a token is the same for every request
    """The field that authenticates with a token."""
    return b"authorization: Bearer %b\r\n" % token.reveal().encode("latin-1")
