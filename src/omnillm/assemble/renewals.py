"""Which providers have a token that expires, and who renews it."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Final

from omnillm.clock import Clock
from omnillm.credentials.entra import entra_tokens
from omnillm.credentials.renewal import Renewal
from omnillm.errors import ConfigError
from omnillm.gateway.translation import Upstream
from omnillm.providers.azure_openai import SCOPE
from omnillm.providers.endpoint import Endpoint, Entra

FIRST_S: Final = 10.0
"""How long a start waits for the first tokens; without one the provider refuses, and another is asked."""


class Renewals:
    """Kept over changes of the configuration: a token stays good."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_provider: dict[str, Renewal] = {}

    def prepare(self, endpoints: Mapping[str, Endpoint]) -> None:
        """ConfigError: what fetches the tokens of a provider is not installed."""
        for name, endpoint in endpoints.items():
            if isinstance(endpoint.auth, Entra) and name not in self._by_provider:
                try:
                    fetch = entra_tokens(SCOPE)
                except ConfigError as error:
                    raise ConfigError(error.message, path=f"providers.{name}.{error.path}") from error
                self._by_provider[name] = Renewal(fetch, self._clock, name=name)

    def write_with(self, upstreams: Mapping[tuple[str, str, str], Upstream]) -> None:
        for name, renewal in self._by_provider.items():
            renewal.write_with([upstream.sender for (provider, _, _), upstream in upstreams.items() if provider == name])

    async def start(self) -> None:
        self.tick()
        await _together([renewal.renewed() for renewal in self._by_provider.values()])

    def tick(self) -> None:
        for renewal in self._by_provider.values():
            renewal.tick()

    async def aclose(self) -> None:
        await _together([renewal.aclose() for renewal in self._by_provider.values()])


async def _together(waits: Iterable[Coroutine[None, None, None]]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    if tasks:
        await asyncio.wait(tasks, timeout=FIRST_S)
