"""A process that keeps a ledger and is killed: prints each request id once its reservation is on disk. Arguments: the file, the first number.

With a third argument, files of this process may not grow beyond so many bytes until it reads a line: the disk is full.
"""

import asyncio
import resource
import signal
import sys
from itertools import count
from pathlib import Path

from msgspec.structs import replace

from omnillm.errors import LedgerUnavailable
from omnillm.records import EntryKind, Posting
from omnillm.stores.sqlite import SqliteStore
from omnillm.testing.clock import ManualClock
from omnillm.testing.store_suite import WALL_S, call, entry, request_id


def limit_files(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def keep_books(store, epoch, numbers):
    """One call after the other: reserve durably, tell, settle behind."""
    for number in numbers:
        await store.post_durably(Posting(entries=(replace(entry(number, EntryKind.RESERVE), epoch=epoch),)))
        print(request_id(number), flush=True)
        store.post(call(number))


async def fill_the_disk(store, numbers):
    """Until a durable posting is refused; then what was posted behind meanwhile must come through once there is room."""
    refused = 0
    while not refused:
        number = next(numbers)
        try:
            await store.post_durably(call(number))
            print(request_id(number), flush=True)
        except LedgerUnavailable:
            refused = 1
    assert not store.is_healthy
    later = [next(numbers) for _ in range(5)]
    for number in later:
        store.post(call(number))
    print("full", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    limit_files(resource.RLIM_INFINITY)
    while not store.is_healthy:
        await asyncio.sleep(0.01)
    await store.flush()
    for number in later:
        print(request_id(number), flush=True)


async def main(path, first, size):
    store = SqliteStore(path, clock=ManualClock(wall=WALL_S))
    epoch = (await store.open()).epoch
    numbers = count(first)
    if size:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limit_files(size)
        await fill_the_disk(store, numbers)
        await store.aclose()
    else:
        await asyncio.gather(*(keep_books(store, epoch, numbers) for _ in range(8)))


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0))
