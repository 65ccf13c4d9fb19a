"""Ledgers of every older version, as a killed gateway of that version left them, opened by this one.

`ledgers/sqlite_N.sql` was written by the program of that time: plain calls and streams, failed attempts, virtual keys with budgets, one of
them revoked, an idempotency key that is used up, a binding, and two calls under way when it was killed.
"""

import multiprocessing
import os
import signal
import sqlite3
from pathlib import Path

import pytest
from tests.soak import rounds

from omnillm.pricing.reference import Reference
from omnillm.stores.costs import check_costs, cost_rows
from omnillm.stores.migrations import scripts
from omnillm.stores.sqlite.database import connect, migrate, reading
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing.clock import ManualClock

LEDGERS = Path(__file__).parent / "ledgers"
OLD = range(1, len(scripts("sqlite")))
WALL_S = 1_795_980_000.0
"""2026-11-29, 19:20 UTC: after all of their calls."""
OPEN = """SELECT budget, period, sum(amount_nanousd) FROM entries AS r WHERE kind = 0 AND NOT EXISTS (SELECT 1 FROM entries AS c
    WHERE c.request_id = r.request_id AND c.attempt = r.attempt AND c.budget = r.budget AND c.kind IN (1, 2)) GROUP BY budget, period"""


def restore(version: int, path: Path) -> sqlite3.Connection:
    """The file as it was; the connection is the caller's to close."""
    connection = sqlite3.connect(path)
    connection.executescript((LEDGERS / f"sqlite_{version}.sql").read_text())
    return connection


def schema(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return found


@pytest.mark.parametrize("version", OLD)
async def test_an_older_ledger_is_gone_on_with(tmp_path: Path, version: int) -> None:
    """What was spent stays spent, what was under way is settled in full, keys, claims and bindings hold, and all of it is proven."""
    path = tmp_path / "omnillm.db"
    old = restore(version, path)
    due = {(budget, period): settled for budget, period, settled in old.execute("SELECT budget, period, settled_nanousd FROM balances")}
    for budget, period, held in old.execute(OPEN).fetchall():
        due[budget, period] = due.get((budget, period), 0) + held
    [[requests, cost]] = old.execute("SELECT count(*), sum(cost_nanousd) FROM requests").fetchall()
    made = old.execute("SELECT name, revision, record FROM virtual_keys ORDER BY name").fetchall() if version >= 3 else []
    claims = old.execute("SELECT scope FROM claims").fetchall() if version >= 5 else []
    old.close()
    store = SqliteStore(path, clock=ManualClock(wall=WALL_S))
    try:
        opened = await store.open()
        assert {(each.budget, each.period): each.settled_nanousd for each in opened.balances} == due
        rows = await store.requests(limit=1000, before="")
        assert (len(rows), sum(row.outcome == "process_lost" for row in rows)) == (requests + 2, 2)
        [usage] = await store.usage(group_by="total", since_day="", until_day="")
        assert usage.cost_nanousd == sum(row.cost_nanousd for row in rows) > cost
        keys = await store.virtual_keys.since(0, limit=10)
        assert [bool(key.revoked_wall_ms) for key in sorted(keys, key=lambda key: key.name)] == (
            [False, False, True] if version >= 3 else []
        )
        for (scope,) in claims:
            assert await store.claim(scope) is not None
        assert await store.verify() == []
    finally:
        await store.aclose()
    with reading(path) as connection:
        assert connection.execute("SELECT name, revision, record FROM virtual_keys ORDER BY name").fetchall() == made
        assert check_costs(cost_rows(connection), Reference(lambda *_: None)).problems == []


def migrate_and_die(path: str, steps: int) -> None:
    """The child's: killed by its own kernel after so many thousands of SQLite's own steps, wherever that is."""
    connection = connect(Path(path), busy_s=1.0)
    left = steps

    def count() -> int:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    connection.set_progress_handler(count, 50)
    migrate(connection, Path(path))


@pytest.mark.parametrize("version", [1, 4])
def test_a_program_that_is_killed_while_it_brings_a_ledger_up_to_date_loses_nothing(tmp_path: Path, version: int) -> None:
    """Wherever: the next start goes on from the last whole step, to the very tables of one that nobody killed."""
    whole, path = tmp_path / "whole.db", tmp_path / "omnillm.db"
    for each in (whole, path):
        restore(version, each).close()
    connection = connect(whole, busy_s=1.0)
    migrate(connection, whole)
    connection.close()
    killed = 0
    for number in range(rounds(3)):
        child = multiprocessing.get_context("fork").Process(target=migrate_and_die, args=(str(path), 7 + 11 * number))
        child.start()
        child.join(20)
        killed += child.exitcode == -signal.SIGKILL
    assert killed
    connection = connect(path, busy_s=1.0)
    migrate(connection, path)
    counts = [connection.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("requests", "attempts", "entries", "daily")]
    connection.close()
    assert schema(path) == schema(whole)
    with reading(whole) as other:
        assert counts == [other.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("requests", "attempts", "entries", "daily")]
