"""Keys of Vertex AI: a token is sent as it stands; everything else gets tokens from Google.

A key is `service_account:PATH` (the JSON file of one), `default` (application default credentials: environment, gcloud, the machine's own
account), or a token. Tokens are google-auth's (`pip install 'omnillm[google]'`).
"""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from omnillm.clock import Clock
from omnillm.credentials.bearer import bearer, lasting
from omnillm.credentials.refreshed import Fetched, Refreshed, Trouble
from omnillm.errors import ConfigError
from omnillm.secret import Secret

if TYPE_CHECKING:
    from types import ModuleType

DEFAULT: Final = "default"
SERVICE_ACCOUNT: Final = "service_account:"
SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
PATIENCE_S: Final = 20.0
"""How long to wait for Google's token server."""


def google_credential(key: Secret, *, clock: Clock, dice: Random, told: str) -> Refreshed[Secret] | None:
    """Return what fetches tokens for a key; None: the key is a token. ConfigError: the file cannot be read, or google-auth is missing."""
    text = key.reveal()
    if text != DEFAULT and not text.startswith(SERVICE_ACCOUNT):
        return None
    google = _google_auth()
    path = None if text == DEFAULT else Path(text.removeprefix(SERVICE_ACCOUNT))
    if path is not None and not path.is_file():
        raise ConfigError(f"names a service account's file that is not there: {path}", path="key")
    return Refreshed(_Tokens(google, path, clock).fetch, bearer, clock=clock, dice=dice, told=told)


class _Tokens:
    """Credentials that are found once, in the thread of the first fetch, and then refreshed."""

    def __init__(self, google: "ModuleType", path: Path | None, clock: Clock) -> None:
        self._google = google
        self._path = path
        self._clock = clock
        self._found: Any = None

    def fetch(self, is_refused: bool) -> Fetched[Secret]:  # noqa: ARG002, FBT001 - a token is always a new one
        """In a thread: it reads a file, and asks a server."""
        try:
            if self._found is None:
                self._found = self._find()
            credentials = self._found
            transport = self._google.transport.requests
            credentials.refresh(partial(transport.Request(), timeout=PATIENCE_S))
        except (self._google.exceptions.GoogleAuthError, ValueError, OSError, AttributeError) as error:  # JSON that is no object, too
            raise Trouble(f"Google's credentials cannot be had ({type(error).__name__})") from error
        if not credentials.token:
            raise Trouble("Google's credentials hold no token")
        left_s = _left_s(credentials.expiry, self._clock.wall())
        return lasting(credentials.token, left_s)

    def _find(self) -> Any:
        if self._path is not None:
            from google.oauth2 import service_account

            account: Any = service_account.Credentials
            return account.from_service_account_file(str(self._path), scopes=SCOPES)
        found, _ = self._google.default(scopes=SCOPES)
        return found


def _left_s(expiry: datetime | None, wall: float) -> float:
    """Seconds until a moment, which google-auth gives in UTC without saying so; an hour where it gives none."""
    return 3600.0 if expiry is None else expiry.replace(tzinfo=UTC).timestamp() - wall


def _google_auth() -> "ModuleType":
    try:
        import google.auth
        import google.auth.exceptions
        import google.auth.transport.requests
    except ImportError as error:
        raise ConfigError("needs google-auth: pip install 'omnillm[google]'", path="key") from error
    module: ModuleType = google.auth
    return module
