"""Tokens of Microsoft Entra ID, from whatever identity the machine has: environment, workload identity, managed identity, `az login`.

They are azure-identity's (`pip install 'omnillm[azure]'`).
"""

from random import Random
from typing import TYPE_CHECKING, Any

from omnillm.clock import Clock
from omnillm.credentials.bearer import bearer, lasting
from omnillm.credentials.refreshed import Fetched, Refreshed, Trouble
from omnillm.errors import ConfigError
from omnillm.secret import Secret

if TYPE_CHECKING:
    from types import ModuleType


def entra_credential(scope: str, *, clock: Clock, dice: Random, told: str) -> Refreshed[Secret]:
    """ConfigError: the extra is not installed, or the environment names an identity that is none."""
    return Refreshed(_Tokens(_azure_identity(), scope, clock).fetch, bearer, clock=clock, dice=dice, told=told)


class _Tokens:
    """Tokens of one identity, which keeps the last one. The identity is looked for again after a refusal."""

    def __init__(self, azure: "ModuleType", scope: str, clock: Clock) -> None:
        self._azure = azure
        self._scope = scope
        self._clock = clock
        try:
            self._found: Any = azure.identity.DefaultAzureCredential()
        except (ValueError, OSError) as error:  # AZURE_TENANT_ID, AZURE_CLIENT_CERTIFICATE_PATH and the like
            message = f"entra cannot use the identity that the environment's AZURE_* variables name: {error}"
            raise ConfigError(message, path="auth") from error

    def fetch(self, is_refused: bool) -> Fetched[Secret]:  # noqa: FBT001 - the shape of `Refreshed`'s fetch
        """In a thread: it may read files, ask the machine, or run `az`."""
        try:
            if is_refused:
                self._found = self._azure.identity.DefaultAzureCredential()
            token = self._found.get_token(self._scope)
        except (self._azure.core.exceptions.AzureError, ValueError, OSError) as error:
            raise Trouble(f"Microsoft Entra ID gave no token ({type(error).__name__})") from error
        return lasting(token.token, float(token.expires_on) - self._clock.wall())


def _azure_identity() -> "ModuleType":
    try:
        import azure.core.exceptions
        import azure.identity
    except ImportError as error:
        raise ConfigError("entra needs the package azure-identity: pip install 'omnillm[azure]'", path="auth") from error
    module: ModuleType = azure
    return module
