"""Tokens that stand in a header: fetched, good for a time, and fetched anew before its end."""

from typing import Final

from omnillm.credentials.refreshed import LONGEST_S, Fetched, Source
from omnillm.secret import Secret

EARLY_S: Final = 300.0
"""Before its end a token is fetched anew; a short-lived one half-way."""
LAST_S: Final = 10.0
"""Before its end it is not used any more: it would expire on the way."""


def lasting(token: str, left_s: float) -> Fetched[Secret]:
    """A token that its issuer takes for so long."""
    return Fetched(Secret(token), max(left_s - EARLY_S, left_s / 2), max(left_s - LAST_S, 0.0))


class BearerToken:
    """Authenticates with a token that is refreshed."""

    def __init__(self, source: Source[Secret]) -> None:
        self._source = source

    @property
    def version(self) -> int:
        return self._source.version

    async def ready(self, longest_s: float = LONGEST_S) -> str:
        return await self._source.ready(longest_s)

    def renew(self, version: int) -> bool:
        return self._source.renew(version)

    def close(self) -> None:
        self._source.close()

    def fields(self, head: bytes, body: bytes) -> bytes:  # noqa: ARG002 - a token is the same for every request
        return b"authorization: Bearer %b\r\n" % self._source.value.reveal().encode("latin-1")
