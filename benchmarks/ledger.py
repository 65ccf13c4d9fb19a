"""How long reports take over a ledger of many calls: `python -m benchmarks.ledger [ROWS]`.

The rows are written through the store itself, as a gateway posts them: 20 virtual keys with a tag each, 8 models, 3 providers with 4 keys,
over 90 days. Times are of whole commands, start-up included, by the clock and of the processor (which a busy machine does not change), the
best of three; and of batches of the retention.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter

from msgspec.structs import replace

from omnillm.assemble.retention import BATCH
from omnillm.gateway.settlement import civil_day
from omnillm.records import Posting, first_id
from omnillm.stores.book import Book
from omnillm.stores.sqlite import SqliteStore
from omnillm.testing.clock import ManualClock
from omnillm.testing.rows import WALL_MS, WALL_S, call

ROWS, DAYS, DAY_MS = 1_000_000, 90, 86_400_000
PARALLEL = 5_000
COMMANDS = (
    ("usage",),
    ("usage", "--by", "day,virtual_key"),
    ("usage", "--by", "tag:team"),
    ("usage", "--by", "day,tag:team"),
    ("usage", "--by", "provider_key", "--since", "2026-11-01", "--csv"),
    ("requests", "--limit", "100"),
    ("requests", "--virtual-key", "key-3", "--since", "2026-11-20"),
    ("requests", "--outcome", "none-such"),
    ("verify",),
)


def posting(number: int, of: int, dice: Random) -> Posting:
    wall_ms = WALL_MS - DAYS * DAY_MS + number * DAYS * DAY_MS // of
    request_id = f"{int(first_id(wall_ms), 16) + number:032x}"
    who, provider, key = dice.randrange(20), f"provider-{dice.randrange(3)}", f"key-{dice.randrange(4)}"
    plain = call(1)
    assert plain.request is not None
    request = replace(
        plain.request,
        request_id=request_id,
        wall_ms=wall_ms,
        day=civil_day(wall_ms // DAY_MS),
        caller=f"key-{who}",
        model=f"model-{dice.randrange(8)}",
        provider=provider,
        key=key,
        tags=f"team=team-{who % 7},env=prod",
    )
    return Posting(
        entries=tuple(replace(row, request_id=request_id, wall_ms=wall_ms) for row in plain.entries),
        attempts=tuple(replace(row, request_id=request_id, wall_ms=wall_ms, provider=provider, key=key) for row in plain.attempts),
        request=request,
    )


async def fill(path: Path, rows: int) -> None:
    dice = Random(7)
    store = SqliteStore(path, clock=ManualClock(wall=WALL_S), durability="relaxed")
    await store.open()
    for number in range(rows):
        store.post(posting(number, rows, dice))
        if number % PARALLEL == 0:
            await store.flush()
    await store.aclose()


def command_s(path: Path, *arguments: str) -> tuple[float, float]:
    """(by the clock, of the processor)."""
    began, before = perf_counter(), _processor_s()
    subprocess.run([sys.executable, "-m", "omnillm", *arguments, "--ledger", str(path)], check=True, capture_output=True)
    return perf_counter() - began, _processor_s() - before


def _processor_s() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def retirement_ms(path: Path) -> list[float]:
    """Of a day's rows, batch by batch."""
    book = Book(path, is_strict=True, busy_s=2.0)
    book.open(WALL_MS)
    before, taken, gone = first_id(WALL_MS - (DAYS - 1) * DAY_MS), [], 1
    while gone:
        began = perf_counter()
        gone = book.retire(before=before, limit=BATCH)
        taken.append((perf_counter() - began) * 1000)
    book.close(WALL_MS)
    return sorted(taken)


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "omnillm.db"
        began = perf_counter()
        asyncio.run(fill(path, rows))
        print(f"{rows:,} calls written in {perf_counter() - began:.0f} s, {path.stat().st_size / 2**20:.0f} MiB")
        for arguments in COMMANDS:
            by_clock, of_processor = map(min, zip(*(command_s(path, *arguments) for _ in range(3)), strict=True))
            print(f"  {by_clock:7.3f} s, processor {of_processor:7.3f} s  omnillm {' '.join(arguments)}")
        taken = retirement_ms(path)
        print(f"  retention: {len(taken)} batches of {BATCH}, median {taken[len(taken) // 2]:.1f} ms, longest {taken[-1]:.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
