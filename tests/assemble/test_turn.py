"""Whose turn it is with a ledger."""

import asyncio
from pathlib import Path

import pytest

from omnillm.assemble import turn
from omnillm.errors import ConfigError, LedgerUnavailable
from omnillm.secret import Secret
from omnillm.stores.postgres.store import PostgresStore
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.stores.store import InUse
from omnillm.testing import ManualClock


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "AGAIN_S", 0.0)


async def test_file_is_waited_for_until_its_writer_ends(tmp_path: Path) -> None:
    """The next run begins where that one ended."""
    clock = ManualClock()
    first, second = (SqliteStore(tmp_path / "ledger.db", clock=clock) for _ in range(2))
    await first.open()
    opening = asyncio.create_task(turn.open_in_turn(second, clock, wait_s=1.0, given_up=asyncio.Event()))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not opening.done()
    await first.aclose()
    assert (await opening).epoch == 2
    await second.aclose()


@pytest.mark.parametrize(("wait_s", "passes_s"), [(0.0, 5.0), (5.0, 5.0), (5.0, 0.0)])
async def test_wait_has_an_end(tmp_path: Path, wait_s: float, passes_s: float) -> None:
    """When its time is over, or it is given up; and then the reason is what it would have been at once."""
    clock, given_up = ManualClock(), asyncio.Event()
    first, second = (SqliteStore(tmp_path / "ledger.db", clock=clock) for _ in range(2))
    await first.open()
    opening = asyncio.create_task(turn.open_in_turn(second, clock, wait_s=wait_s, given_up=given_up))
    await asyncio.sleep(0)
    clock.advance(passes_s)
    if not passes_s:
        given_up.set()
    with pytest.raises(InUse, match="in use by another process"):
        await opening
    await first.aclose()


async def test_server_that_is_away_is_waited_for_and_a_mistake_is_not(tmp_path: Path) -> None:
    """A database that starts beside the gateway is there in a moment; a file where no file can be will never be."""
    clock = ManualClock()
    store, given_up = PostgresStore(Secret(f"postgresql:///db?host={tmp_path}"), clock=clock), asyncio.Event()
    opening = asyncio.create_task(turn.open_in_turn(store, clock, wait_s=1.0, given_up=given_up))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not opening.done()
    clock.advance(1.0)
    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        await opening
    with pytest.raises(ConfigError, match="cannot be kept"):
        await turn.open_in_turn(SqliteStore(tmp_path / "no" / "ledger.db", clock=clock), clock, wait_s=1.0, given_up=given_up)
