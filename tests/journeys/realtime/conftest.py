"""Fixtures of the sessions."""

import pytest
from tests.journeys.realtime.sessions import ONE_KEY
from tests.journeys.running import Running, Serve, configuration

from omnillm.testing import FakeProvider


@pytest.fixture
async def gateway(serve: Serve, fake: FakeProvider) -> Running:
    return await serve(configuration(fake, keys=ONE_KEY, caller="max_concurrency: 1"))
