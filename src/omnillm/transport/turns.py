"""A peer that sends as fast as it can is not read twice before everybody else has had a turn.

libuv reads one socket up to 32 times before it looks at another, as long as each time fills its buffer: eight megabytes of tiny chunks,
frames or events were one turn of several seconds.
"""

import asyncio
from collections.abc import Callable
from typing import Final

FULL_READ: Final = 256_000
"""Bytes that uvloop reads at once (asyncio a little more). Where fewer have come it looks at other sockets by itself."""


def give_way(transport: asyncio.Transport, may_go_on: Callable[[], bool]) -> None:
    """Read on in the next turn of the loop, if that `may` be then."""
    if not transport.is_closing():
        transport.pause_reading()
        asyncio.get_running_loop().call_soon(_go_on, transport, may_go_on)


def _go_on(transport: asyncio.Transport, may_go_on: Callable[[], bool]) -> None:
    if may_go_on() and not transport.is_closing():
        transport.resume_reading()
