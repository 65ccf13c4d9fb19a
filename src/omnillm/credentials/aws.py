"""Keys of Bedrock: an API key is sent as it stands; everything else signs.

A key is `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`; `default` is AWS's own chain (environment, profile, container, instance,
single sign-on), `profile:NAME` that chain with another profile. The chain is botocore's (`pip install 'omnillm[aws]'`).
"""

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final

from omnillm.clock import Clock
from omnillm.credentials.refreshed import Fetched, Fixed, Refreshed, Trouble
from omnillm.credentials.sigv4 import AwsKeys, Unsigned, sign
from omnillm.errors import ConfigError
from omnillm.secret import Secret

if TYPE_CHECKING:
    from types import ModuleType

SERVICE: Final = "bedrock"
DEFAULT: Final = "default"
PROFILE: Final = "profile:"
LOOK_S: Final = 60.0
"""How often the chain is asked whether it has something newer: it refreshes long before an end."""


def signed(keys: AwsKeys, head: bytes, body: bytes, *, region: str, clock: Clock) -> bytes:
    """The fields of a signature of this request."""
    line, *fields = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ")
    path, _, query = target.partition("?")
    named = dict(field.split(": ", 1) for field in fields if field)
    request = Unsigned(
        method=method,
        path=path,
        query=query,
        headers=tuple((name, named[name]) for name in ("content-type", "host") if name in named),
        body=body,
    )
    added = sign(request, keys, region=region, service=SERVICE, wall=clock.wall())
    return "".join(f"{name}: {value}\r\n" for name, value in added).encode("latin-1")


def aws_credential(key: Secret, *, region: str, clock: Clock, dice: Random, told: str) -> Fixed[AwsKeys] | Refreshed[AwsKeys] | None:
    """Return what signs for a key; None: it is an API key. ConfigError: no region, half a key, or botocore is needed and missing."""
    text, sign_with = key.reveal(), partial(signed, region=region, clock=clock)
    credential: Fixed[AwsKeys] | Refreshed[AwsKeys]
    if text == DEFAULT or text.startswith(PROFILE):
        chain = _Chain(text.removeprefix(PROFILE) if text != DEFAULT else None)
        credential = Refreshed(chain.fetch, sign_with, clock=clock, dice=dice, told=told)
    elif ":" in text:
        credential = Fixed(_keys(text), sign_with)
    else:
        return None
    if not region:
        raise ConfigError("is missing: a signature names it, and the base URL does not tell", path="region")
    return credential


def _keys(key: str) -> AwsKeys:
    access_key_id, _, rest = key.partition(":")
    secret, _, token = rest.partition(":")
    if not (access_key_id and secret):
        raise ConfigError("must be ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN], default, profile:NAME or an API key", path="key")
    return AwsKeys(access_key_id=access_key_id, secret_access_key=Secret(secret), session_token=Secret(token))


class _Chain:
    """AWS's own chain of credentials, which refreshes what it has found. It is searched again after a refusal."""

    def __init__(self, profile: str | None) -> None:
        self._botocore = _botocore()
        self._profile = profile
        self._found: Any = None

    def fetch(self, is_refused: bool) -> Fetched[AwsKeys]:  # noqa: FBT001 - the shape of `Refreshed`'s fetch
        """In a thread: it may read files, ask the instance, or assume a role."""
        try:
            if self._found is None or is_refused:
                self._found = self._botocore.session.Session(profile=self._profile).get_credentials()
            frozen = None if self._found is None else self._found.get_frozen_credentials()
        except self._botocore.exceptions.ClientError as error:  # a role that may not be assumed; it is no BotoCoreError
            code = error.response.get("Error", {}).get("Code") or type(error).__name__
            raise Trouble(f"AWS's credential chain was refused ({code})") from error
        except (self._botocore.exceptions.BotoCoreError, ValueError, OSError) as error:
            raise Trouble(f"AWS's credential chain failed ({type(error).__name__})") from error
        if frozen is None or not frozen.access_key:
            raise Trouble("AWS's credential chain found nothing: set AWS_PROFILE, AWS_ACCESS_KEY_ID or a role of the machine")
        keys = AwsKeys(
            access_key_id=frozen.access_key, secret_access_key=Secret(frozen.secret_key), session_token=Secret(frozen.token or "")
        )
        return Fetched(keys, LOOK_S)


def _botocore() -> "ModuleType":
    try:
        import botocore
        import botocore.exceptions
        import botocore.session
    except ImportError as error:
        raise ConfigError("needs botocore for AWS's credential chain: pip install 'omnillm[aws]'", path="key") from error
    module: ModuleType = botocore
    return module
