"""Uploads that go on in further requests. Google's clients are told an address for them, and go there without a credential."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import msgspec

from omnillm.providers.paths import UPLOADS
from omnillm.server.authenticate import parameter

MOST: Final = 4096
"""Uploads under way; the oldest is forgotten."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    provider: str
    key: str
    """The label of the one that began it."""
    holder: bytes
    """Who began it, as `Authenticator.holder` tells: asked anew at each piece."""
    path: str
    query: str
    """As the provider wrote it."""

    @classmethod
    def of(cls, url: str, *, provider: str, key: str, holder: bytes) -> "Upload | None":
        """None: it is no URL of an upload."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        if not parts.path.startswith(UPLOADS) or not url.isascii():
            return None
        return cls(provider=provider, key=key, holder=holder, path=parts.path, query=parts.query)


class Uploads:
    """Each by a token that nobody can guess."""

    def __init__(self, make_token: Callable[[], str]) -> None:
        self._make_token = make_token
        self._by_token: dict[str, Upload] = {}

    def add(self, upload: Upload) -> str:
        token = self._make_token()
        self._by_token[token] = upload
        if len(self._by_token) > MOST:
            del self._by_token[next(iter(self._by_token))]
        return token

    def find(self, query: str) -> Upload | None:
        return self._by_token.get(parameter(query, "upload_id"))
