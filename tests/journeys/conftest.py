"""Fixtures of the journeys."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from io import BytesIO
from pathlib import Path

import pytest
from tests.journeys.running import LAG_TOKENS, PRICES, Running, Serve
from tests.journeys.served import Served, Start

from omnillm.assemble import Service, SystemClock
from omnillm.clock import Clock
from omnillm.config.load import parse
from omnillm.config.settings import Settings
from omnillm.stores.store import Store
from omnillm.testing import Behaviour, FakeProvider


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve(text, clock=None)`: a gateway with that configuration, text or read already, on a free port, closed at the end.

    `store`: another ledger than the configured one.
    """
    async with AsyncExitStack() as stack:

        async def begin(
            text: str | Settings, *, clock: Clock | None = None, env: Mapping[str, str] | None = None, store: Store | None = None
        ) -> Running:
            settings = parse(text, env or {}) if isinstance(text, str) else text
            log = BytesIO()
            stack.callback(lambda: sys.stdout.write(log.getvalue().decode()))  # for whoever reads a failure, and for the canary
            service = Service(settings, reload=lambda: settings, clock=clock, log_to=log, store=store)
            await service.start()
            stack.push_async_callback(service.aclose)
            stack.push_async_callback(service.server.drain)
            # Twice is at once: a clock that stands still would never end the grace of a call that a failed test left behind.
            stack.callback(service.server.stop)
            stack.callback(service.server.stop)
            return Running(service, log)

        yield begin


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    """One good key, on the machine's own clock."""
    async with FakeProvider(keys={"sk-good": Behaviour()}, prices=PRICES, clock=SystemClock()) as fake:
        yield fake


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    """It takes any key, and generates, and bills, 16 more tokens after a client has gone."""
    async with FakeProvider(prices=PRICES, clock=SystemClock(), billing_lag_tokens=LAG_TOKENS) as provider:
        yield provider


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """`await start(path, port)`: a process that serves that file, once it is ready; killed at the end."""
    async with AsyncExitStack() as stack:

        async def begin(path: Path, port: int) -> Served:
            served = await Served.start(path, port)
            stack.push_async_callback(served.kill)
            await served.until_ready()
            return served

        yield begin
