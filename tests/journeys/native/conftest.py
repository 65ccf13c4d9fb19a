"""Fixtures of the native calls."""

from collections.abc import AsyncIterator

import pytest
from tests.journeys.native.asking import CONFIG
from tests.journeys.running import PRICES, Running, Serve

from omnillm.assemble import SystemClock
from omnillm.testing import Behaviour, FakeProvider


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(keys={"sk-a": Behaviour(), "sk-b": Behaviour()}, prices=PRICES, clock=SystemClock()) as provider:
        yield provider


@pytest.fixture
async def gateway(fake: FakeProvider, serve: Serve) -> Running:
    return await serve(CONFIG.replace("BASE", fake.base_url))
