"""A gateway that serves, and what is left of a connection to it once its client has gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

from tests.journeys.running import Running, until
from tests.leaving.held import check_left

from omnillm.assemble import Service
from omnillm.config.load import parse
from omnillm.testing import FakeProvider


@asynccontextmanager
async def served(text: str) -> AsyncIterator[Running]:
    """With that configuration, on a free port; drained and closed behind the block."""
    settings = parse(text, {})
    service = Service(settings, reload=lambda: settings)
    await service.start()
    try:
        yield Running(service, BytesIO())
    finally:
        service.server.stop()
        service.server.stop()
        await service.server.drain()
        await service.aclose()


async def check_gone(gateway: Running, fake: FakeProvider, before: set[asyncio.Task[Any]]) -> None:
    """No client is there: no connection, body or task of one is either, and nothing is held for it."""
    [front] = gateway.service.server._fronts
    await until(lambda: front.open_connections == front.held_bytes == len(front._crowd.ending) == 0)
    await check_left(gateway.program, fake)
    await until(lambda: asyncio.all_tasks() <= before)
