"""The event loop of these tests: the one that most applications have."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Any]:
    return {"asyncio": asyncio.SelectorEventLoop}
