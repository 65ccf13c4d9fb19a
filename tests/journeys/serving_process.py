"""A whole gateway in a process that is forked, so that it starts at once, and is killed."""

import asyncio
from multiprocessing.connection import Connection

import uvloop

from omnillm.assemble import Service
from omnillm.config.load import parse


def serve_until_killed(text: str, told: Connection) -> None:
    """Serve this configuration; the port goes through the connection once calls are taken."""
    uvloop.run(serve(text, told))


async def serve(text: str, told: Connection) -> None:
    settings = parse(text, {})
    service = Service(settings, reload=lambda: settings)
    await service.start()
    told.send(service.address[1])
    await asyncio.get_running_loop().create_future()
