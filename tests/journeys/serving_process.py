"""Processes that are forked, so that they start at once: a whole gateway that is killed, and the program as its command line runs it."""

import asyncio
import os
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from omnillm.assemble import Service
from omnillm.cli.main import main
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


def run_program(arguments: tuple[str, ...], place: Path, environment: Mapping[str, str]) -> None:
    """`omnillm` with these arguments; its two streams are appended to files of that directory."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        written = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(written, descriptor)
        os.close(written)
    assert isinstance(sys.stdout, TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)
    os.environ.update(environment)
    sys.argv = ["omnillm", *arguments]
    main()
