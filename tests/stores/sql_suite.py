"""What every store with a writer's thread must do, beside the shared suite."""

import asyncio
import threading
from collections import Counter

import pytest
from msgspec.structs import replace
from tests.stores.store_suite import COST, WALL_MS, balances, call, entry, post_all, usage

from omnillm.errors import LedgerUnavailable
from omnillm.records import EntryKind, Posting
from omnillm.stores import rollup, writer
from omnillm.stores.daily import COUNT_COLUMNS, KEY_COLUMNS
from omnillm.usage import Usage

MEDIA = Usage(
    input=1,
    input_audio=2,
    cache_read_audio=3,
    input_image=5,
    cache_read_image=7,
    input_video=11,
    output=13,
    output_audio=17,
    output_image=19,
    output_video=23,
)
MEDIA_COLUMNS = ("cache_read_audio", "input_image", "cache_read_image", "input_video", "output_image", "output_video")
"""That were added when media were told apart."""


def media_call(number):
    """A call with every kind of token that is no text."""
    posting = call(number)
    attempts = tuple(replace(attempt, usage=MEDIA) for attempt in posting.attempts)
    return replace(posting, attempts=attempts, request=replace(posting.request, usage=MEDIA))


WITHOUT_LATER_STEPS = f"""INSERT INTO daily ({", ".join(KEY_COLUMNS + COUNT_COLUMNS)})
    SELECT {", ".join(KEY_COLUMNS)}, {", ".join(f"CAST(sum({column}) AS bigint)" for column in COUNT_COLUMNS)} FROM daily_lines
    GROUP BY {", ".join(KEY_COLUMNS)};
    DROP VIEW daily_lines; DROP TABLE unfolded;
    ALTER TABLE attempts DROP COLUMN upstream_request_id; ALTER TABLE epochs DROP COLUMN closed_below;"""
"""Makes of a ledger of which nothing is folded yet one of before anything waited to be, providers' request ids and marks were kept."""


async def until(condition):
    """A thread or a server makes it so: the processor is left to them."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


def fold_soon(monkeypatch):
    """Two groups at a time, as soon as four lines wait."""
    monkeypatch.setattr(rollup, "FEWEST_LINES", 4)
    monkeypatch.setattr(rollup, "LINES_A_GROUP", 1)
    monkeypatch.setattr(rollup, "PIECE", 2)


def of_caller(number, caller, **changes):
    """A call of a virtual key."""
    posting = call(number)
    return replace(posting, request=replace(posting.request, caller=caller, **changes))


class SqlSuite:
    async def test_sums_are_those_of_the_rows_however_far_they_are_folded(self, store, monkeypatch):
        """After each commit, in another run too: what waits, what is half folded and what is folded are counted once."""
        fold_soon(monkeypatch)
        expected = Counter()
        for run in range(2):
            await store.open()
            for number in range(run * 16, run * 16 + 16):
                caller = f"team-{number * number % 11}"
                expected[caller] += 1
                await store.post_durably(of_caller(number, caller))
                assert {group: row.requests for group, row in (await usage(store, "virtual_key")).items()} == expected
                assert await store.verify() == []
            await store.aclose()

    async def test_rows_are_forgotten_before_their_sums_are_folded(self, store, monkeypatch):
        """Days of deleted rows are proven all the same, before the rest is folded and behind."""
        fold_soon(monkeypatch)
        await store.open()
        await post_all(store, *(of_caller(number, f"team-{number}") for number in range(3)))
        assert await store.retire(before_wall_ms=WALL_MS, limit=2) == 2
        assert await store.verify() == []
        for number in range(3, 9):
            await store.post_durably(of_caller(number, f"team-{number}"))
            assert await store.verify() == []
        assert (await usage(store, "total"))["total"].requests == 9

    async def test_what_is_applied_again_is_added_up_once(self, store, monkeypatch):
        """The rows stand there already, in the middle of a fold."""
        fold_soon(monkeypatch)
        await store.open()
        for _ in range(2):
            for number in range(9):
                await store.post_durably(of_caller(number, f"team-{number}"))
        assert (await usage(store, "total"))["total"].requests == 9
        assert await store.verify() == []

    async def test_names_that_json_or_an_index_may_not_take_are_added_up(self, store, monkeypatch):
        """A model's name may be the caller's own choice: with a NUL in it, and with a thousand letters."""
        fold_soon(monkeypatch)
        await store.open()
        for number, model in enumerate(("a\0b", "long" * 250, "\\u0000", "fast") * 3):
            await store.post_durably(of_caller(number, "team", model=model))
            assert await store.verify() == []
        assert sorted(row.requests for row in (await usage(store, "model")).values()) == [3, 3, 3, 3]

    async def test_sum_that_cannot_be_held_keeps_no_rows_out(self, store, monkeypatch, caplog):
        """It is told, and what was to be folded stays where it is, in this run and the next."""
        fold_soon(monkeypatch)
        await store.open()
        for number in range(4):
            posting = of_caller(number, "team", tags="")
            [attempt] = posting.attempts
            await store.post_durably(replace(posting, entries=(), attempts=(replace(attempt, cost_nanousd=2**62),)))
        for number in range(4, 8):
            await store.post_durably(call(number))
        assert caplog.text.count("not folded until the next start") == 1
        await store.aclose()
        await store.open()
        await store.post_durably(call(8))
        assert len(await store.requests(limit=20, before="")) == 9
        assert (store.dropped, store.is_healthy) == (0, True)

    async def test_groups_without_end_do_not_wait_in_memory_without_end(self, store, monkeypatch):
        """Where every call is of another caller, none of them would ever be ripe."""
        monkeypatch.setattr(rollup, "MOST_GROUPS", 4)
        await store.open()
        for number in range(12):
            await store.post_durably(of_caller(number, f"team-{number}"))
            assert len(store._book._roll_up._young) < 5
        assert await store.verify() == []

    async def test_many_waiters_share_few_commits(self, store):
        """A thousand durable postings at once are a handful of transactions."""
        await store.open()
        await asyncio.gather(*(store.post_durably(call(number)) for number in range(1_000)))
        assert (await usage(store, "total"))["total"].requests == 1_000
        assert store.commits <= 4

    async def test_postings_that_nobody_waits_for_gather_behind_a_transaction(self, store, monkeypatch):
        """A gateway with a call now and then does not pay a transaction for each: the first is written at once, the others wait a moment."""
        monkeypatch.setattr(writer, "GATHER_BEHIND_S", 60.0)
        await store.open()
        before = store.commits
        store.post(call(0))
        await until(lambda: store.commits == before + 1)
        for number in range(1, 20):
            store.post(call(number))
            assert (await usage(store, "total"))["total"].requests == 1
        await store.flush()
        assert (await usage(store, "total"))["total"].requests == 20
        assert store.commits == before + 2

    async def test_posting_that_is_waited_for_does_not_gather(self, store, monkeypatch):
        """It takes with it what was gathering."""
        monkeypatch.setattr(writer, "GATHER_BEHIND_S", 60.0)
        await store.open()
        before = store.commits
        for number in range(5):
            store.post(call(number))
            await until(lambda: store.commits > before)
            async with asyncio.timeout(20):
                await store.post_durably(Posting(entries=(entry(100 + number, EntryKind.RESERVE),)))
            assert (await usage(store, "total"))["total"].requests == number + 1

    async def test_reader_sees_whole_postings_while_the_writer_writes(self, store):
        """Requests, attempts and money of one posting appear together."""
        await store.open()
        seen = 0
        for number in range(0, 3_000, 300):
            for offset in range(300):
                store.post(call(number + offset))
            total = (await usage(store, "total"))["total"]
            assert total.requests == total.attempts >= seen
            assert await store.verify() == []
            seen = total.requests

    async def test_posting_behind_the_end_is_refused_and_counted(self, store):
        """Nobody waits for it, so a figure must tell of it."""
        await store.open()
        await store.aclose()
        with pytest.raises(LedgerUnavailable, match="closed"):
            store.post(call(1))
        assert store.dropped == 1

    async def test_posting_that_cannot_be_held_does_not_keep_others_out(self, store, caplog):
        """A number beyond 64 bits and half a character are lost, told and counted; their neighbours are written."""
        await store.open()
        store.post(call(1))
        store.post(Posting(entries=(entry(2, EntryKind.SETTLE, amount=2**63),)))
        store.post(Posting(entries=(entry(3, EntryKind.SETTLE, budget="\ud800"),)))
        store.post(call(4))
        await store.flush()
        assert (await usage(store, "total"))["total"].requests == 2
        assert store.dropped == 2
        assert store.is_healthy
        assert caplog.text.count("a posting is lost") == 2
        assert str(2**63) not in caplog.text, "what a row holds is nobody's who reads a log"
        with pytest.raises(LedgerUnavailable, match="cannot hold a row"):
            await store.post_durably(Posting(entries=(entry(5, EntryKind.SETTLE, amount=2**63),)))
        assert await store.verify() == []

    async def test_of_two_postings_only_the_one_that_cannot_be_held_is_lost(self, store):
        """In one batch, whichever comes first."""
        await store.open()
        for number in (1, 2):
            goes_on = threading.Event()
            busy = store._writer.do_between(lambda goes_on=goes_on: int(goes_on.wait()))
            both = [call(number), Posting(entries=(entry(9, EntryKind.SETTLE, amount=2**63),))]
            for posting in both if number == 1 else reversed(both):
                store.post(posting)
            goes_on.set()
            assert await busy
            await store.flush()
            assert store.dropped == number
        assert (await usage(store, "total"))["total"].requests == 2

    async def test_posting_that_is_none_does_not_end_the_thread(self, store, caplog):
        """Tags that are no text, which the sums of the day cannot take for a key: lost, told and counted, as a number that is too large is."""
        await store.open()
        posting = call(2)
        store.post(call(1))
        store.post(replace(posting, request=replace(posting.request, tags={"team": "a"})))
        store.post(call(3))
        await store.flush()
        assert (await usage(store, "total"))["total"].requests == 2
        assert store.dropped == 1
        assert store.is_healthy
        assert caplog.text.count("a posting is lost") == 1
        assert await store.verify() == []

    async def test_every_kind_of_token_has_its_column(self, store):
        """Rows, daily sums and reports by tag give back what was counted."""
        await store.open()
        posting = media_call(1)
        await post_all(store, replace(posting, request=replace(posting.request, tags="team=a")), media_call(2))
        [first, second] = await store.requests(limit=2, before="")
        assert first.usage == second.usage == (await store.attempts(first.request_id))[0].usage == MEDIA
        assert (await usage(store, "total"))["total"].usage == MEDIA + MEDIA
        assert (await usage(store, "tag:team"))["a"].usage == MEDIA
        assert await store.verify() == []

    async def test_cancelled_waiter_does_not_disturb_the_others(self, store):
        """Its posting is written all the same; its reservation is the business of whoever closes the case."""
        await store.open()
        waiting = [asyncio.create_task(store.post_durably(call(number))) for number in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [type(None), asyncio.CancelledError, type(None)]
        await store.flush()
        assert (await usage(store, "total"))["total"].requests == 3

    async def test_ledger_is_written_again_after_it_was_closed(self, store):
        """The same object opens, closes and opens."""
        await store.open()
        await store.post_durably(call(1))
        assert await balances(store) == {("team", "2026-11"): COST}
        await store.post_durably(call(2))
        assert await balances(store) == {("team", "2026-11"): 2 * COST}

    async def test_closed_ledger_takes_nothing(self, store):
        """Neither behind nor durably; it says that it is closed. No thread of it is left, also of its reports."""
        others = set(threading.enumerate())
        await store.open()
        assert await store.verify() == []
        await store.aclose()
        await until(lambda: not any(each.name.startswith("omnillm") for each in set(threading.enumerate()) - others))
        assert not store.is_healthy
        with pytest.raises(LedgerUnavailable, match="closed"):
            store.post(call(1))
        with pytest.raises(LedgerUnavailable):
            await store.post_durably(call(1))
