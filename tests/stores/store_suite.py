"""The suite that every store must pass: a test class inherits `StoreSuite` and gives it a fixture `store`, not yet opened.

The store is opened, closed and opened again by the tests; whatever is posted must survive that. Its clock is `WALL_S` or later.
"""

from msgspec.structs import replace
from tests.stores.binding_suite import BindingSuite
from tests.stores.claim_suite import ClaimSuite
from tests.stores.report_suite import ReportSuite
from tests.stores.retention_suite import RetentionSuite
from tests.stores.rows import COST, WALL_MS, WALL_S, attempt_row, binding, call, entry, post_all, request_id, request_row
from tests.stores.virtual_key_suite import VirtualKeySuite

from omnillm.records import EntryKind, Posting, UsageRow
from omnillm.stores.store import Store

# fmt: off
__all__ = [
    "COST", "WALL_MS", "WALL_S", "StoreSuite", "attempt_row", "balances", "binding", "call", "entry", "post_all", "request_id",
    "request_row", "usage",
]
# fmt: on


async def balances(store: Store) -> dict[tuple[str, str], int]:
    """What the store says when it is opened again."""
    await store.aclose()
    opened = await store.open()
    return {(balance.budget, balance.period): balance.settled_nanousd for balance in opened.balances}


async def usage(store: Store, group_by: str, since: str = "", until: str = "") -> dict[str, UsageRow]:
    rows = await store.usage(group_by=group_by, since_day=since, until_day=until)
    assert [row.groups for row in rows] == sorted(row.groups for row in rows)
    return {",".join(row.groups or ("total",)): row for row in rows}


class StoreSuite(BindingSuite, ClaimSuite, ReportSuite, RetentionSuite, VirtualKeySuite):
    async def test_empty_ledger_reports_nothing_and_is_proven(self, store: Store) -> None:
        """Totals of nothing are zero, lists are empty, and there is no problem."""
        opened = await store.open()
        assert (opened.epoch, opened.balances) == (1, ())
        assert await store.usage(group_by="total", since_day="", until_day="") == [UsageRow(requests=0, attempts=0, cost_nanousd=0)]
        assert await store.usage(group_by="model", since_day="", until_day="") == []
        assert await store.requests(limit=10, before="") == []
        assert await store.verify() == []
        assert store.is_healthy

    async def test_epochs_rise_with_each_opening(self, store: Store) -> None:
        """Each run of a process has a number of its own."""
        assert [(await store.open()).epoch, await self._next_epoch(store), await self._next_epoch(store)] == [1, 2, 3]

    async def _next_epoch(self, store: Store) -> int:
        await store.aclose()
        return (await store.open()).epoch

    async def test_rows_are_read_as_they_were_posted(self, store: Store) -> None:
        """Every field of a request, an attempt and an entry comes back, also after a restart."""
        await store.open()
        posting = call(1)
        await post_all(store, posting)
        for _ in range(2):
            assert await store.requests(limit=10, before="") == [posting.request]
            assert await store.attempts(request_id(1)) == list(posting.attempts)
            assert await store.entries(request_id(1)) == list(posting.entries)
            await store.aclose()
            await store.open()

    async def test_durable_posting_is_there_when_it_returns(self, store: Store) -> None:
        """Nothing else is needed to read what was posted durably."""
        await store.open()
        await store.post_durably(call(1))
        assert await store.requests(limit=10, before="") == [call(1).request]

    async def test_flush_waits_for_everything_posted_before(self, store: Store) -> None:
        """However much was queued, it is all there."""
        await store.open()
        await post_all(store, *(call(number) for number in range(2_500)))
        assert (await usage(store, "total"))["total"].requests == 2_500

    async def test_posting_twice_changes_nothing(self, store: Store) -> None:
        """A batch may be applied again: rows, balances and usage stay."""
        await store.open()
        await post_all(store, *(call(number) for number in range(5)))
        before = await usage(store, "total"), await store.requests(limit=10, before="")
        await post_all(store, *(call(number) for number in range(5)))
        assert (await usage(store, "total"), await store.requests(limit=10, before="")) == before
        assert await store.verify() == []
        assert await balances(store) == {("team", "2026-11"): 5 * COST}

    async def test_posting_partly_known_adds_what_is_new(self, store: Store) -> None:
        """Known rows, repeated rows and new rows of one batch are told apart."""
        await store.open()
        await post_all(store, call(1))
        await post_all(store, call(1), call(2), call(2), Posting(entries=(entry(1, EntryKind.ADJUST, amount=-200),)))
        assert (await usage(store, "total"))["total"].requests == 2
        assert [problem for problem in await store.verify() if "settled to" not in problem] == []
        assert await balances(store) == {("team", "2026-11"): 2 * COST - 200}

    async def test_second_settlement_of_an_attempt_is_ignored(self, store: Store) -> None:
        """A reservation is replaced once: the first amount stays."""
        await store.open()
        await post_all(store, Posting(entries=(entry(1, EntryKind.SETTLE, amount=5),)))
        await post_all(store, Posting(entries=(entry(1, EntryKind.SETTLE, amount=7),)))
        assert await store.entries(request_id(1)) == [entry(1, EntryKind.SETTLE, amount=5)]
        assert await balances(store) == {("team", "2026-11"): 5}

    async def test_balances_sum_settlements_and_adjustments(self, store: Store) -> None:
        """Reservations and returned ones are not money spent; each budget is booked for itself."""
        await store.open()
        kinds = (EntryKind.RESERVE, EntryKind.SETTLE, EntryKind.ADJUST)
        await post_all(
            store,
            Posting(entries=tuple(entry(1, kind, amount=amount) for kind, amount in zip(kinds, (100, 40, -3), strict=True))),
            Posting(entries=(entry(2, EntryKind.RESERVE, amount=100), entry(2, EntryKind.VOID, amount=0))),
            Posting(entries=(entry(3, EntryKind.SETTLE, budget="everything", amount=9),)),
        )
        assert await balances(store) == {("team", "2026-11"): 37, ("everything", "2026-11"): 9}
        assert await store.verify() == []

    async def test_balances_are_told_in_order(self, store: Store) -> None:
        """By budget and period, whichever moved last."""
        await store.open()
        for budget in ("team", "everything", "team"):
            await post_all(store, Posting(entries=(entry(len(budget), EntryKind.ADJUST, budget=budget, amount=1),)))
        assert list(await balances(store)) == [("everything", "2026-11"), ("team", "2026-11")]

    async def test_usage_is_grouped_by_who_and_what(self, store: Store) -> None:
        """By virtual key, model, provider, provider key and day; the total is the sum of each."""
        await store.open()
        await post_all(store, call(1), call(2, caller="team-b"), call(3, day="2026-11-26"))
        total = (await usage(store, "total"))["total"]
        assert (total.requests, total.attempts, total.cost_nanousd, total.usage.reasoning) == (3, 3, 3 * COST, 21)
        assert {group: row.requests for group, row in (await usage(store, "virtual_key")).items()} == {"team-a": 2, "team-b": 1}
        assert {group: row.requests for group, row in (await usage(store, "day")).items()} == {"2026-11-25": 2, "2026-11-26": 1}
        for group_by, group in (("model", "fast"), ("provider", "openai"), ("provider_key", "openai/prod-1")):
            assert await usage(store, group_by) == {group: replace(total, groups=(group,))}

    async def test_usage_covers_the_days_asked_for(self, store: Store) -> None:
        """Both days are included, and an empty one is no bound."""
        await store.open()
        await post_all(store, *(call(number, day=f"2026-11-{number:02d}") for number in range(1, 6)))
        counts = [(await usage(store, "total", *days))["total"].requests for days in (("2026-11-02", "2026-11-04"), ("2026-11-04", ""))]
        assert counts == [3, 2]

    async def test_failed_attempt_is_billed_to_its_own_provider(self, store: Store) -> None:
        """A call that was answered by the second provider counts there; the first one's cost stands in its own line."""
        await store.open()
        attempts = (attempt_row(1, provider="anthropic", cost=100), attempt_row(1, attempt=1, cost=50))
        await post_all(store, Posting(attempts=attempts, request=request_row(1, attempts=2, cost=150)))
        rows = await usage(store, "provider")
        assert [(*row.groups, row.requests, row.attempts, row.cost_nanousd) for row in rows.values()] == [
            ("anthropic", 0, 1, 100),
            ("openai", 1, 1, 50),
        ]
        assert await store.verify() == []

    async def test_attempts_count_whenever_they_come(self, store: Store) -> None:
        """Before their request, with it, or after it: the roll-up has each once."""
        await store.open()
        first, second, third = (attempt_row(1, attempt=number, cost=10) for number in range(3))
        await post_all(store, Posting(attempts=(first,)))
        await post_all(store, Posting(attempts=(second,), request=request_row(1, attempts=3, cost=30)))
        await post_all(store, Posting(attempts=(third,)), Posting(attempts=(first,)))
        total = (await usage(store, "total"))["total"]
        assert (total.requests, total.attempts, total.cost_nanousd) == (1, 3, 30)
        assert await store.verify() == []

    async def test_requests_are_paged_from_the_newest(self, store: Store) -> None:
        """`before` is the last id of the page before."""
        await store.open()
        await post_all(store, *(call(number) for number in (3, 1, 5, 2, 4)))
        first = await store.requests(limit=2, before="")
        second = await store.requests(limit=9, before=first[-1].request_id)
        assert [row.request_id for row in (*first, *second)] == [request_id(number) for number in (5, 4, 3, 2, 1)]

    async def test_what_a_run_left_reserved_is_settled_in_full(self, store: Store) -> None:
        """It is marked as estimated, and the lost call gets its rows, so that sums and rows still agree."""
        await store.open()
        reserves = tuple(entry(1, EntryKind.RESERVE, budget=budget, amount=900) for budget in ("everything", "team"))
        await store.post_durably(Posting(entries=reserves))
        assert await store.verify() == []
        assert await balances(store) == {("everything", "2026-11"): 900, ("team", "2026-11"): 900}
        settles = [found for found in await store.entries(request_id(1)) if found.kind is EntryKind.SETTLE]
        assert [(found.amount_nanousd, found.is_estimated) for found in settles] == [(900, True), (900, True)]
        [request] = await store.requests(limit=10, before="")
        assert (request.outcome, request.attempts, request.cost_nanousd, request.is_estimated) == ("process_lost", 1, 900, True)
        assert [found.verdict for found in await store.attempts(request_id(1))] == ["lost"]
        assert await store.verify() == []

    async def test_lost_call_keeps_the_attempts_that_were_settled(self, store: Store) -> None:
        """Only the open attempt is charged in full; one that was given back was never sent and has no row."""
        await store.open()
        done = Posting(
            entries=(entry(1, EntryKind.RESERVE, amount=500), entry(1, EntryKind.SETTLE, amount=40)), attempts=(attempt_row(1, cost=40),)
        )
        voided = Posting(entries=(entry(1, EntryKind.RESERVE, attempt=1), entry(1, EntryKind.VOID, attempt=1, amount=0)))
        await post_all(store, done, voided, Posting(entries=(entry(1, EntryKind.RESERVE, attempt=2, amount=500),)))
        assert await balances(store) == {("team", "2026-11"): 540}
        assert [(row.attempt, row.cost_nanousd) for row in await store.attempts(request_id(1))] == [(0, 40), (2, 500)]
        assert await store.verify() == []

    async def test_given_back_reservation_stays_given_back(self, store: Store) -> None:
        """A new run finds nothing to settle."""
        await store.open()
        await post_all(store, Posting(entries=(entry(1, EntryKind.RESERVE), entry(1, EntryKind.VOID, amount=0))))
        assert await balances(store) == {}
        assert await store.requests(limit=10, before="") == []

    async def test_closing_twice_is_once(self, store: Store) -> None:
        """A second close does nothing."""
        await store.open()
        await post_all(store, call(1))
        await store.aclose()
        await store.aclose()
        assert (await store.open()).epoch == 2

    async def test_verification_tells_rows_that_do_not_agree(self, store: Store) -> None:
        """Each kind of disagreement between rows is one sentence."""
        await store.open()
        await post_all(
            store,
            Posting(entries=(entry(1, EntryKind.SETTLE), entry(1, EntryKind.VOID, amount=0))),
            Posting(attempts=(attempt_row(2),)),
            Posting(attempts=(attempt_row(3, cost=1),), request=request_row(3, attempts=2)),
            Posting(entries=(entry(4, EntryKind.SETTLE, amount=7),), attempts=(attempt_row(4),), request=request_row(4)),
        )
        assert sorted(await store.verify()) == sorted(
            [
                f"request {request_id(1)}, attempt 0, budget 'team': both settled and given back",
                f"request {request_id(2)}: attempt 0 has a row, the request has none and holds no reservation",
                f"request {request_id(3)} says 2 attempts, 1 have rows",
                f"request {request_id(3)} cost {COST} nano-USD, its attempts 1",
                f"request {request_id(4)} cost {COST} nano-USD, but 7 were settled to budget 'team'",
            ]
        )
