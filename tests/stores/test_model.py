"""Every store, the same random postings, the same books."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.soak import some
from tests.stores.claim_suite import claim
from tests.stores.store_suite import WALL_MS, WALL_S, attempt_row, entry, request_id, request_row

from omnillm.records import ClaimState, EntryKind, Posting
from omnillm.stores.memory import MemoryStore
from omnillm.stores.postgres.store import PostgresStore
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing.clock import ManualClock

numbers = st.integers(0, 3)
entries = st.builds(
    lambda number, kind, attempt, budget, amount: entry(number, kind, attempt=attempt, budget=budget, amount=amount),
    numbers,
    st.sampled_from(EntryKind),
    st.integers(0, 1),
    st.sampled_from(["team", "everything"]),
    st.integers(0, 9),
)
attempts = st.builds(
    lambda number, attempt, cost: attempt_row(number, attempt=attempt, cost=cost), numbers, st.integers(0, 1), st.integers(0, 9)
)
requests = st.builds(lambda number, cost: request_row(number, attempts=2, cost=cost), numbers, st.integers(0, 9))
claims = st.builds(
    lambda scope, state, number, hours: claim(scope, state, number=number, expires_wall_ms=WALL_MS + hours),
    st.sampled_from("ab"),
    st.sampled_from(ClaimState),
    numbers,
    st.sampled_from([0, 1]),
)
postings = st.builds(
    lambda entries, attempts, request, claims: Posting(
        entries=tuple(entries), attempts=tuple(attempts), request=request, claims=tuple(claims)
    ),
    st.lists(entries, max_size=3),
    st.lists(attempts, max_size=2),
    st.none() | requests,
    st.lists(claims, max_size=2),
)


def stamped(posting, epoch):
    """As the gateway writes it: every row carries the epoch of its run."""
    return Posting(
        entries=tuple(replace(row, epoch=epoch) for row in posting.entries),
        attempts=tuple(replace(row, epoch=epoch) for row in posting.attempts),
        request=replace(posting.request, epoch=epoch) if posting.request else None,
        claims=posting.claims,
    )


async def books(store):
    """All that can be read."""
    reports = [await store.usage(group_by=group, since_day="", until_day="") for group in ("provider_key", "total")]
    rows = [(await store.attempts(request_id(number)), await store.entries(request_id(number))) for number in range(4)]
    claimed = [await store.claim(scope) for scope in "ab"]
    return reports, await store.requests(limit=9, before=""), rows, claimed, sorted(await store.verify())


posted = st.lists(st.lists(postings, max_size=4), min_size=1, max_size=3)


async def keep_the_same_books(store, batches):
    """Whatever is posted, in whatever batches, with repeats, over restarts: rows, sums and problems are the model's."""
    memory = MemoryStore(clock=ManualClock(wall=WALL_S))
    for batch in batches:
        opened = await store.open()
        assert await memory.open() == opened
        for posting in batch:
            store.post(stamped(posting, opened.epoch))
            memory.post(stamped(posting, opened.epoch))
        await store.flush()
        assert await books(store) == await books(memory)
        await store.aclose()
        await memory.aclose()
        await store.open()
        await memory.open()
        assert await books(store) == await books(memory)
        await store.aclose()
        await memory.aclose()


@settings(max_examples=some(25))
@given(batches=posted)
async def test_sqlite_keeps_the_books_that_the_model_keeps(batches):
    """In a file."""
    with tempfile.TemporaryDirectory() as place:
        await keep_the_same_books(SqliteStore(Path(place) / "omnillm.db", clock=ManualClock(wall=WALL_S), durability="relaxed"), batches)


@settings(max_examples=some(5))
@given(batches=posted)
async def test_postgres_keeps_the_books_that_the_model_keeps(postgres, batches):
    """In a schema of its own."""
    url = postgres.url(postgres.schema())
    store = PostgresStore(url, clock=ManualClock(wall=WALL_S), durability="relaxed")
    try:
        await keep_the_same_books(store, batches)
    finally:  # an example that failed must not keep its sessions: hypothesis makes hundreds of it
        await store.aclose()
