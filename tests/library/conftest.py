"""The event loop of these tests, which is the one that most applications have, and the provider that most of them ask."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from tests.library.calling import PRICES

from omnillm.testing import Behaviour, FakeProvider


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Any]:
    return {"asyncio": asyncio.SelectorEventLoop}


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    """Two good keys."""
    async with FakeProvider(keys={"key-a": Behaviour(), "key-b": Behaviour()}, prices=PRICES) as fake:
        yield fake
