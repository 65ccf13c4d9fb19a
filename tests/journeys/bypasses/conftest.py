"""The provider of these tests."""

from collections.abc import AsyncIterator

import pytest
from tests.journeys.bypasses.bypassing import LAG_TOKENS
from tests.journeys.running import PRICES

from omnillm.assemble import SystemClock
from omnillm.testing import FakeProvider


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    """It generates, and bills, 16 more tokens after a client has gone."""
    async with FakeProvider(prices=PRICES, clock=SystemClock(), billing_lag_tokens=LAG_TOKENS) as provider:
        yield provider
