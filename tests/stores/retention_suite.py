"""What every store must forget and must keep: a part of `store_suite.py`."""

from msgspec.structs import replace
from tests.stores.rows import COST, WALL_MS, binding, call, entry, post_all, tagged, with_id

from omnillm.records import BATCH_BILL, Entry, EntryKind, Posting, first_id, settlement_id
from omnillm.stores.store import Store

HOUR_MS = 3_600_000


def made(hours_ago: int, *, number: int = 0) -> str:
    return f"{int(first_id(WALL_MS - hours_ago * HOUR_MS), 16) + number:032x}"


def aged(hours_ago: int, *, number: int = 0, day: str = "2026-11-24", tags: str = "") -> Posting:
    """What a call of so many hours ago has posted."""
    return tagged(with_id(call(1, day=day), made(hours_ago, number=number)), tags)


def moved(hours_ago: int, kind: EntryKind, amount: int, *, epoch: int = 1) -> Entry:
    return replace(entry(1, kind, amount=amount), request_id=made(hours_ago), epoch=epoch)


async def sums(store: Store) -> object:
    """What retention must not change."""
    groups = ("total", "day,model", "provider_key", "tag:team")
    return [await store.usage(group_by=group, since_day="", until_day="") for group in groups]


async def ids(store: Store) -> list[str]:
    return [row.request_id for row in await store.requests(limit=1000, before="")]


class RetentionSuite:
    async def test_old_rows_go_and_their_sums_stay(self, store: Store) -> None:
        """Requests, attempts and entries before the moment are gone; usage, balances and the proof of both are as before."""
        await store.open()
        days = ["2026-11-25"] * 2 + ["2026-11-24"] * 4
        await post_all(store, *(aged(hours, day=day, tags="team=a" if hours % 2 else "") for hours, day in enumerate(days)))
        before = await sums(store)
        assert await store.retire(before_wall_ms=WALL_MS - 2 * HOUR_MS, limit=100) == 3
        assert await ids(store) == [made(hours) for hours in range(3)]
        assert (await store.attempts(made(5)), await store.entries(made(5))) == ([], [])
        assert await store.request(made(5)) is None
        assert len(await store.entries(made(2))) == 1
        assert await sums(store) == before
        assert await store.verify() == []
        await store.aclose()
        [balance] = (await store.open()).balances
        assert balance.settled_nanousd == 6 * COST
        assert await sums(store) == before
        assert await store.verify() == []

    async def test_it_goes_batch_by_batch_the_oldest_first(self, store: Store) -> None:
        """Until none is left; then a batch is nothing."""
        await store.open()
        await post_all(store, *map(aged, range(5)))
        gone, left = [], []
        for _ in range(4):
            gone.append(await store.retire(before_wall_ms=WALL_MS, limit=2))
            left.append(await ids(store))
        assert gone == [2, 2, 0, 0]
        assert left[:2] == [[made(0), made(1), made(2)], [made(0)]]
        assert await store.verify() == []

    async def test_a_batchs_settlement_goes_with_the_call_that_made_it(self, store: Store) -> None:
        """Where a sweep ends between them too: a call without its settlement would be settled once more."""
        await store.open()
        call_made, settled = aged(9, number=1), aged(9)
        assert call_made.request is not None
        caller = call_made.request.request_id
        assert settled.request is not None
        assert settled.request.request_id == settlement_id(caller)
        bill = replace(binding("batch_1"), kind=BATCH_BILL, caller=caller)
        await post_all(store, aged(10), call_made, settled, Posting(bindings=(bill,)), aged(8))
        assert await store.retire(before_wall_ms=WALL_MS, limit=2) == 3
        assert await ids(store) == [made(8)]
        assert await store.open_bills(since_wall_ms=0) == []
        assert await store.verify() == []

    async def test_an_open_reservation_is_kept(self, store: Store) -> None:
        """Of a call that has ended otherwise, and of one under way; those behind it go all the same."""
        await store.open()
        half_open = aged(9)
        store.post(replace(half_open, entries=(*half_open.entries, replace(moved(9, EntryKind.RESERVE, 500), budget="everything"))))
        store.post(Posting(entries=(moved(8, EntryKind.RESERVE, 700),)))
        store.post(aged(7))
        await store.flush()
        assert await store.retire(before_wall_ms=WALL_MS, limit=1) == 1
        assert await store.retire(before_wall_ms=WALL_MS, limit=1) == 0
        assert await ids(store) == [made(9)]
        assert (len(await store.entries(made(9))), len(await store.entries(made(8)))) == (2, 1)
        assert await store.verify() == []
        await store.aclose()
        balances = {balance.budget: balance.settled_nanousd for balance in (await store.open()).balances}
        assert balances == {"everything": 500, "team": 2 * COST + 700}
        assert await store.retire(before_wall_ms=WALL_MS, limit=10) == 2
        assert (await ids(store), await store.verify()) == ([], [])

    async def test_what_a_call_under_way_has_settled_is_kept(self, store: Store) -> None:
        """Its rows are completed by its end, whenever that comes; only then they go."""
        await store.open()
        whole = aged(9)
        await post_all(store, Posting(entries=(moved(9, EntryKind.RESERVE, COST), *whole.entries)))
        assert await store.retire(before_wall_ms=WALL_MS, limit=10) == 0
        await post_all(store, whole)
        assert await store.verify() == []
        assert await store.retire(before_wall_ms=WALL_MS, limit=10) == 1
        assert await store.verify() == []

    async def test_a_late_adjustment_goes_after_its_run(self, store: Store) -> None:
        """An entry of a call that is forgotten already moves the balance, and is proven, and goes once its run has ended and it is old."""
        await store.open()
        await post_all(store, aged(9))
        assert await store.retire(before_wall_ms=WALL_MS, limit=10) == 1
        await store.post_durably(Posting(entries=(moved(9, EntryKind.ADJUST, -200), moved(1, EntryKind.ADJUST, -100))))
        assert await store.retire(before_wall_ms=WALL_MS, limit=10) == 0
        assert await store.verify() == []
        await store.aclose()
        for _ in range(2):
            [balance] = (await store.open()).balances
            assert balance.settled_nanousd == COST - 300
            await store.retire(before_wall_ms=WALL_MS - 5 * HOUR_MS, limit=10)
            assert ([len(await store.entries(made(age))) for age in (9, 1)], await store.verify()) == ([0, 1], [])
            await store.aclose()

    async def test_expired_bindings_go_a_batch_at_a_time(self, store: Store) -> None:
        """Without a restart. What has gone can be bound again; what has not expired stays."""
        await store.open()
        expired = [binding(f"resp_{number}", expires_wall_ms=WALL_MS) for number in range(3)]
        await store.post_durably(Posting(bindings=(*expired, binding("resp_3"))))
        assert [await store.retire(before_wall_ms=0, limit=2) for _ in range(3)] == [2, 1, 0]
        await store.post_durably(Posting(bindings=tuple(binding(f"resp_{number}", key="prod-2") for number in range(4))))
        found = await store.bindings("response", [f"resp_{number}" for number in range(4)])
        keys = {each.upstream_id: each.key for each in found}
        assert keys == {"resp_0": "prod-2", "resp_1": "prod-2", "resp_2": "prod-2", "resp_3": binding("resp_3").key}

    async def test_postings_between_batches_are_all_there(self, store: Store) -> None:
        """Forgetting and writing do not disturb each other."""
        await store.open()
        await post_all(store, *(aged(9, number=number) for number in range(300)))
        gone = 0
        for number in range(30):
            store.post(aged(1, number=number))
            gone += await store.retire(before_wall_ms=WALL_MS - 5 * HOUR_MS, limit=25)
        await store.flush()
        assert (gone, len(await ids(store))) == (300, 30)
        assert (await store.usage(group_by="total", since_day="", until_day=""))[0].requests == 330
        assert await store.verify() == []
