"""Fixtures of the clouds."""

from collections.abc import AsyncIterator

import pytest
from tests.journeys.clouds.clouds import BEARER, EXPIRING, RATES, SIGNED, configuration
from tests.journeys.running import Running, Serve

from omnillm.testing import Behaviour, FakeProvider


@pytest.fixture
async def cloud_provider() -> AsyncIterator[FakeProvider]:
    keys = {key: Behaviour(cached_tokens=2, cache_write_tokens=1) for key in (BEARER, SIGNED, EXPIRING)}
    keys["ya29.token"] = Behaviour(cached_tokens=2)  # Gemini has no word for what it writes to a cache
    async with FakeProvider(keys=keys, prices={"*": RATES}) as fake:
        yield fake


@pytest.fixture
async def gateway(serve: Serve, cloud_provider: FakeProvider) -> Running:
    return await serve(configuration(cloud_provider))
