"""A client for the admin API of a running server."""

from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from omnillm.errors import ConfigError, OmniError, Unavailable

TIMEOUT_S: Final = 30.0
NO_KEY: Final = ("invalid_api_key", "forbidden")
"""The error codes of a server that does not take the admin key."""


class Problem(msgspec.Struct):
    message: str
    code: str = ""


class Refusal(msgspec.Struct):
    """The object in an error's reply."""

    error: Problem


class Admin:
    """The admin API of one server."""

    def __init__(self, url: str, admin_key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError("must be a URL such as http://127.0.0.1:4000", path="--url")
        self._url = url
        self._parts = parts
        self._fields = {"authorization": f"Bearer {admin_key}"} if admin_key else {}

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The object in a good reply. Raises the server's error, or that no server answers."""
        sent = None if body is None else msgspec.json.encode(body)
        parts = self._parts
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        try:
            connection = connect(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
            try:
                connection.request(method, parts.path.rstrip("/") + path, sent, self._fields)
                return self._read(connection.getresponse())
            finally:
                connection.close()
        except (OSError, HTTPException, ValueError, msgspec.MsgspecError) as error:
            reason = getattr(error, "strerror", "") or type(error).__name__
            raise Unavailable(f"no omnillm answers at {self._url}: {reason}. (Another server: --url, or OMNILLM_URL.)") from error

    def _read(self, response: HTTPResponse) -> dict[str, Any]:
        raw = response.read()
        if response.status >= 400:
            told = msgspec.json.decode(raw, type=Refusal).error
            is_locked = told.code in NO_KEY
            raise OmniError(f"{self._url} needs the admin key: give it as --admin-key or OMNILLM_ADMIN_KEY." if is_locked else told.message)
        return msgspec.json.decode(raw, type=dict[str, Any])
