"""Makes what authenticates requests with keys that are not sent as they stand: signatures, and tokens that expire."""

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from omnillm.clock import Clock
from omnillm.config import configured
from omnillm.config.settings import KeySettings
from omnillm.credentials.aws import aws_credential
from omnillm.credentials.entra import entra_credential
from omnillm.credentials.google import google_credential
from omnillm.credentials.refreshed import Credential
from omnillm.providers.auth_scheme import Bearer, Entra
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.profiles.azure_openai import SCOPE
from omnillm.secret import Secret


class Sought(NamedTuple):
    """What a key's credential is found by. If it is the same in a new configuration, the credential that was found is kept."""

    issuer: str
    """entra, aws or google."""
    whose: str
    secret: Secret
    region: str


class Credentials:
    """The credentials of one configuration. Those of the one before are kept where they are needed again; the others are closed."""

    def __init__(self, clock: Clock, dice: Random, before: Mapping[Sought, Credential | None] | None = None) -> None:
        self._clock = clock
        self._dice = dice
        self._before = before or {}
        self.found: dict[Sought, Credential | None] = {}

    def of(self, provider: str, endpoint: Endpoint, key: KeySettings) -> Credential | None:
        """None: the key is sent as it stands. ConfigError where what it names cannot be had; its `path` within the provider or the key."""
        sought = _sought(provider, endpoint, key)
        if sought is None:
            return None
        if sought not in self.found:
            self.found[sought] = self._before[sought] if sought in self._before else self._make(sought)
        return self.found[sought]

    def _make(self, sought: Sought) -> Credential | None:
        if sought.issuer == "entra":
            return entra_credential(SCOPE, clock=self._clock, dice=self._dice, told=sought.whose)
        if sought.issuer == "aws":
            return aws_credential(sought.secret, region=sought.region, clock=self._clock, dice=self._dice, told=sought.whose)
        return google_credential(sought.secret, clock=self._clock, dice=self._dice, told=sought.whose)

    def settle(self) -> None:
        """All credentials of this configuration have been asked for: forget those of the one before."""
        self._before = {}

    def close(self) -> None:
        for credential in self.found.values():
            if credential is not None:
                credential.close()


def _sought(provider: str, endpoint: Endpoint, key: KeySettings) -> Sought | None:
    if isinstance(endpoint.auth, Entra):  # the machine's identity, whatever the keys are
        return Sought("entra", f"provider {provider}", configured.NO_SECRET, "")
    if not isinstance(endpoint.auth, Bearer) or not endpoint.credentials:
        return None  # a header of the configuration's own carries the key
    return Sought(endpoint.credentials, f"key {provider}/{key.label}", configured.secret_of(key), endpoint.region)
