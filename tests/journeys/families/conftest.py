"""A provider and a gateway of all families."""

from collections.abc import AsyncIterator

import pytest
from tests.journeys.families.families import family_configuration, provider_of_families
from tests.journeys.running import Running, Serve

from omnillm.testing import FakeProvider


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with provider_of_families() as fake:
        yield fake


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(family_configuration(provider))
