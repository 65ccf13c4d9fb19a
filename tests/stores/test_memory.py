"""The store in memory, and what only it does: forgetting."""

import pytest
from tests.stores.claim_suite import FINISHED, FREE, answered, claim
from tests.stores.store_suite import COST, WALL_S, StoreSuite, balances, call, entry, request_id, usage

from omnillm.records import EntryKind, Posting
from omnillm.stores.claims import MOST_REPLY_BYTES
from omnillm.stores.memory import MemoryStore
from omnillm.testing.clock import ManualClock


@pytest.fixture
def store():
    return MemoryStore(clock=ManualClock(wall=WALL_S))


class TestMemoryStore(StoreSuite):
    """Passes the shared suite."""


async def test_old_requests_are_forgotten_but_their_sums_stay():
    """Memory is bounded: rows of the latest requests, balances and usage of all."""
    store = MemoryStore(clock=ManualClock(wall=WALL_S), history=3)
    await store.open()
    for number in range(10):
        store.post(call(number))
    assert [row.request_id for row in await store.requests(limit=10, before="")] == [request_id(number) for number in (9, 8, 7)]
    assert await store.attempts(request_id(0)) == []
    assert await store.entries(request_id(0)) == []
    assert (await usage(store, "total"))["total"].requests == 10
    assert await store.verify() == []
    assert await balances(store) == {("team", "2026-11"): 10 * COST}


async def test_open_reservation_is_never_forgotten():
    """A request whose second budget is still reserved keeps its entries, and they are settled at the end."""
    store = MemoryStore(clock=ManualClock(wall=WALL_S), history=1)
    await store.open()
    store.post(Posting(entries=(entry(0, EntryKind.RESERVE, budget="everything", amount=800),)))
    for number in range(4):
        store.post(call(number))
    assert EntryKind.RESERVE in {found.kind for found in await store.entries(request_id(0))}
    assert await balances(store) == {("everything", "2026-11"): 800, ("team", "2026-11"): 4 * COST}


async def test_kept_replies_are_bounded_and_their_keys_stay_used_up():
    """The oldest reply goes first, and its claim is finished all the same; beyond the history claims go too."""
    store = MemoryStore(clock=ManualClock(wall=WALL_S), history=4)
    await store.open()
    reply = bytes(MOST_REPLY_BYTES // 2)
    for number, scope in enumerate("abc"):
        store.post(Posting(claims=(answered(scope, number=number, reply=reply),)))
    assert [len((await store.claim(scope)).reply) for scope in "abc"] == [0, len(reply), len(reply)]
    assert await store.claim("a") == claim("a", FINISHED, number=0)
    for number, scope in enumerate("defg"):
        store.post(Posting(claims=(claim(scope, number=number),)))
    assert [scope for scope in "abcdefg" if await store.claim(scope)] == ["d", "e", "f", "g"]
    store.post(Posting(claims=(answered("h", reply=reply),)))
    assert (await store.claim("h")).reply == reply
    store.post(Posting(claims=(answered("h", number=2, reply=reply), claim("unknown", FREE))))
    store.post(Posting(claims=(answered("i", number=3, reply=reply),)))
    assert [len((await store.claim(scope)).reply) for scope in "hi"] == [len(reply), len(reply)], "what was replaced takes no room"


async def test_durable_posting_is_taken_at_once():
    """There is nothing to wait for."""
    store = MemoryStore(clock=ManualClock(wall=WALL_S))
    await store.open()
    await store.post_durably(Posting(entries=(entry(1, EntryKind.RESERVE),)))
    assert len(await store.entries(request_id(1))) == 1
