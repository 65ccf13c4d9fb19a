"""Rows on their way into SQLite: what the rows of a batch have alike is bound once, whichever columns these are."""

import re
import sqlite3
from itertools import product
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.stores.store_suite import call

from omnillm import stores
from omnillm.records import EntryKind
from omnillm.stores.insert import FEWEST_ALIKE, takes_numbers
from omnillm.stores.migrations import scripts
from omnillm.stores.sqlite.database import SqliteConnection
from omnillm.stores.tables import ATTEMPTS, ENTRIES, REQUESTS
from omnillm.usage import Usage

COUNTS = (1, FEWEST_ALIKE - 1, FEWEST_ALIKE, 64 + FEWEST_ALIKE)


@pytest.fixture
def connection():
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=SqliteConnection)
    connection.executescript("".join(scripts("sqlite")))
    yield connection
    connection.close()


def postings(count, **odd):
    """`count` calls; the last one's request differs from the others by `odd`."""
    made = [call(number) for number in range(count)]
    made[-1] = replace(made[-1], request=replace(made[-1].request, usage=Usage(input=7), **odd))
    return made


@pytest.mark.parametrize("count", COUNTS)
def test_requests_come_back_as_they_were_whatever_they_have_alike(connection, count):
    """Each set of the columns that mostly are alike, with one row in which some of them are not."""
    odd = ({"day": "2026-11-30"}, {"session": "s"}, {"outcome": "rate_limited", "status": 429, "is_estimated": True}, {"model": "other"})
    for differs in product((False, True), repeat=len(odd)):
        changes = {name: value for group, is_odd in zip(odd, differs, strict=True) if is_odd for name, value in group.items()}
        rows = [posting.request for posting in postings(count, **changes)]
        assert REQUESTS.insert(connection, rows)
        assert REQUESTS.rows(connection.execute(f"{REQUESTS.select} ORDER BY request_id")) == rows
        assert not REQUESTS.insert(connection, rows)
        connection.execute("DELETE FROM requests")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("odd", [{}, {"verdict": "overload", "status": 529, "is_usage_known": False}, {"provider": "other"}])
def test_attempts_come_back_as_they_were_whatever_they_have_alike(connection, count, odd):
    """All alike, one that failed, one that went elsewhere."""
    rows = [attempt for posting in postings(count) for attempt in posting.attempts]
    rows[0] = replace(rows[0], **odd)
    assert ATTEMPTS.insert(connection, rows)
    assert ATTEMPTS.rows(connection.execute(f"{ATTEMPTS.select} ORDER BY request_id, attempt")) == rows


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("odd", [{}, {"kind": EntryKind.VOID, "is_estimated": True}, {"period": "2026-12"}])
def test_entries_come_back_as_they_were_whatever_they_have_alike(connection, count, odd):
    """All alike, one that gives back, one of another period."""
    rows = [replace(posting.entries[0], kind=EntryKind.SETTLE) for posting in postings(count)]
    rows[-1] = replace(rows[-1], **odd)
    assert ENTRIES.insert(connection, rows)
    assert ENTRIES.rows(connection.execute(f"{ENTRIES.select} ORDER BY request_id")) == rows


def test_values_bear_numbers_only_where_python_takes_them() -> None:
    """Python 3.12.0 to 3.12.3 took `?1` for a name, and warned of each cell: who makes warnings errors lost the ledger."""
    assert [takes_numbers(python) for python in ((3, 11, 7), (3, 12, 0), (3, 12, 3), (3, 12, 4), (3, 13, 0))] == [
        True,
        False,
        False,
        True,
        True,
    ]
    assert re.search(r"\?\d", REQUESTS._insert.values(2, ())) is None
    said = "".join(
        path.read_text() for path in Path(stores.__file__).parent.rglob("*.py") if path.name not in {"insert.py", "connection.py"}
    )
    assert re.search(r"\?\d", said) is None
