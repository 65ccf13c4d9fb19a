"""What every store must know of upstream objects and open bills: a part of `store_suite.py`."""

from msgspec.structs import replace
from tests.stores.rows import WALL_MS, binding, call, post_all, request_id, with_id

from omnillm.records import BATCH_BILL, Posting, first_id, settlement_id
from omnillm.stores.store import Store


def _called(identity: str) -> Posting:
    """A call of any id."""
    return with_id(call(1), identity)


class BindingSuite:
    async def test_binding_is_found_by_its_kind_and_id(self, store: Store) -> None:
        """After a restart too; the first one stands, and one of another kind is another. A body may name more than a statement takes."""
        await store.open()
        await post_all(
            store, Posting(bindings=(binding("resp_1"),)), Posting(bindings=(binding("resp_1", key="prod-2"), binding("resp_2")))
        )
        await store.aclose()
        await store.open()
        assert await store.bindings("response", ["resp_1"]) == [binding("resp_1")]
        assert await store.bindings("file", ["resp_1"]) == []
        asked = ["resp_3", "resp_2", *(f"resp_x{number}" for number in range(40_000)), "resp_1"]
        found = await store.bindings("response", asked)
        assert sorted(found, key=lambda each: each.upstream_id) == [binding("resp_1"), binding("resp_2")]

    async def test_an_open_bill_is_of_a_batch_that_is_not_settled(self, store: Store) -> None:
        """Whatever its call's id ends with; a settled one is none, nor one whose call is unknown, or older than is asked for."""
        await store.open()
        first = int(first_id(WALL_MS), 16)
        made = [request_id(first + 16 * digit + digit) for digit in range(16)]
        old, unknown = request_id(first - 2), request_id(first + 2**79)
        bills = [replace(binding(f"batch_{of}"), kind=BATCH_BILL, caller=of) for of in (*made, old, unknown)]
        await post_all(store, *map(_called, (*made, old)), Posting(bindings=(*bills, binding("resp_1"))))
        newest_first = bills[15::-1]
        assert await store.open_bills(since_wall_ms=WALL_MS) == newest_first
        assert await store.open_bills(since_wall_ms=WALL_MS - 1) == [*newest_first, bills[16]]
        for count, of in enumerate(made, 1):
            await post_all(store, _called(settlement_id(of)))
            assert len(await store.open_bills(since_wall_ms=WALL_MS)) == 16 - count

    async def test_expired_binding_is_unknown(self, store: Store) -> None:
        """Its upstream object is gone."""
        await store.open()
        await post_all(store, Posting(bindings=(binding("resp_1", expires_wall_ms=WALL_MS - 1),)))
        assert await store.bindings("response", ["resp_1"]) == []
        await store.aclose()
        await store.open()
        assert await store.bindings("response", ["resp_1"]) == []
