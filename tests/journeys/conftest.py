"""Fixtures of the journeys."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from io import BytesIO

import pytest
from tests.journeys.running import PRICES, Running, Serve

from omnillm.assemble import Service, SystemClock
from omnillm.clock import Clock
from omnillm.config.load import parse
from omnillm.testing import Behaviour, FakeProvider


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve(text, clock=None)`: a gateway with that configuration, on a free port, closed at the end."""
    async with AsyncExitStack() as stack:

        async def begin(text: str, *, clock: Clock | None = None, env: Mapping[str, str] | None = None) -> Running:
            settings = parse(text, env or {})
            log = BytesIO()
            service = Service(settings, reload=lambda: parse(text, env or {}), clock=clock, log_to=log)
            await service.start()
            stack.push_async_callback(service.aclose)
            stack.push_async_callback(service.server.drain)
            return Running(service, log)

        yield begin


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    """One good key, on the machine's own clock."""
    async with FakeProvider(keys={"sk-good": Behaviour()}, prices=PRICES, clock=SystemClock()) as fake:
        yield fake
