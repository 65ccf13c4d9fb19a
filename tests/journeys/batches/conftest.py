"""Fixtures of the batches."""

from collections.abc import AsyncIterator

import pytest

from omnillm.testing import Behaviour, FakeProvider


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(keys={"key-a": Behaviour(), "key-b": Behaviour()}) as fake:
        yield fake
