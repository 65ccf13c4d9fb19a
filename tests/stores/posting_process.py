"""Processes that keep a ledger: one that is killed, and, as a program, one whose disk is full or cannot be synced.

The program's arguments are the file, and how many bytes its files may not grow beyond until it reads a line; 0: then it cannot be synced.
It prints each request id once its reservation is on disk.
"""

import asyncio
import os
import resource
import signal
import sys
from itertools import count
from pathlib import Path

from msgspec.structs import replace
from tests.stores import failing_sync
from tests.stores.store_suite import WALL_S, call, entry, request_id

from omnillm.errors import LedgerUnavailable
from omnillm.records import EntryKind, Posting
from omnillm.secret import Secret
from omnillm.stores import open_reservations, rollup
from omnillm.stores.postgres.store import PostgresStore
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing.clock import ManualClock


def limit_files(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def open_store(place):
    """In a file, or at a URL."""
    clock = ManualClock(wall=WALL_S)
    return SqliteStore(place, clock=clock) if isinstance(place, Path) else PostgresStore(Secret(place), clock=clock)


def crowded_call(number):
    """Of one virtual key of seven."""
    posting = call(number)
    return replace(posting, request=replace(posting.request, caller=f"team-{number % 7}"))


def keep_until_killed(place, first, told):
    """Eight at a time, from a number on, whose sums are folded all the while; each request id is told once its reservation is on disk."""
    rollup.FEWEST_LINES, rollup.LINES_A_GROUP, rollup.PIECE, open_reservations.MARK_EVERY = 3, 1, 2, 3
    asyncio.run(keep_books(open_store(place), first, told))


async def keep_books(store, first, told):
    epoch = (await store.open()).epoch
    numbers = count(first)
    await asyncio.gather(*(keep_book(store, epoch, numbers, told) for _ in range(8)))


async def keep_book(store, epoch, numbers, told):
    """One call after the other: reserve durably, tell, settle behind."""
    for number in numbers:
        await store.post_durably(Posting(entries=(replace(entry(number, EntryKind.RESERVE), epoch=epoch),)))
        told.send_bytes(request_id(number).encode())
        store.post(crowded_call(number))


async def outlive_the_disk(store, numbers, heal):
    """Until a reservation is refused, and some more; then what was posted behind meanwhile must come through once it is healed."""
    refused = 0
    while refused < 5:
        number = next(numbers)
        try:
            await reserve_and_settle(store, number)
        except LedgerUnavailable:
            refused += 1
    assert not store.is_healthy
    later = [next(numbers) for _ in range(5)]
    for number in later:
        store.post(call(number))
    print("refused", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    heal()
    while not store.is_healthy:
        await asyncio.sleep(0.01)
    await store.flush()
    for number in later:
        print(request_id(number), flush=True)


async def reserve_and_settle(store, number):
    await store.post_durably(Posting(entries=(entry(number, EntryKind.RESERVE),)))
    print(request_id(number), flush=True)
    store.post(call(number))


async def main(path, size):
    taken = [] if size else failing_sync.take_low_numbers()
    store = SqliteStore(path, clock=ManualClock(wall=WALL_S))
    await store.open()
    numbers = count(0)
    if size:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limit_files(size)
        await outlive_the_disk(store, numbers, lambda: limit_files(resource.RLIM_INFINITY))
    else:
        for _ in range(5):
            await reserve_and_settle(store, next(numbers))
        failing_sync.fail_syncs()
        await outlive_the_disk(store, numbers, lambda: [os.close(each) for each in taken])
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
