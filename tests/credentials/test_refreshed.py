"""Values that go bad: fetched off the loop, before their end, one fetch at a time, once more after a refusal."""

import asyncio
import logging
import threading
from random import Random

import pytest

from omnillm.credentials import refreshed
from omnillm.credentials.bearer import lasting
from omnillm.credentials.refreshed import BACKOFF, RENEWED_S, REST_S, Fetched, Fixed, Refreshed, Trouble
from omnillm.testing import ManualClock


class Bank:
    """Gives out t1, t2, ...; what stands in `troubles` is raised instead, once each."""

    def __init__(self, *, fresh_s: float = 300.0, good_s: float = 600.0) -> None:
        self.terms = (fresh_s, good_s)
        self.troubles: list[str] = []
        self.asked: list[bool] = []
        self.threads: set[int] = set()
        self.open = threading.Event()
        self.open.set()

    def fetch(self, is_refused: bool) -> Fetched[str]:
        self.open.wait(5)
        self.asked.append(is_refused)
        self.threads.add(threading.get_ident())
        if self.troubles:
            raise Trouble(self.troubles.pop(0))
        return Fetched(f"t{len(self.asked)}", *self.terms)


def written(value: str, head: bytes, body: bytes) -> bytes:
    return b"%b %b %b" % (value.encode(), head, body)


def held(source: Refreshed[str]) -> str:
    return source.fields(b"head", b"body").removesuffix(b" head body").decode()


async def settled(source: Refreshed[str]) -> None:
    """Let the background fetch come to its end."""
    async with asyncio.timeout(5):
        while source._task is not None:
            await asyncio.sleep(0)


async def serving_behind_a_failed_fetch(bank: Bank, clock: ManualClock) -> Refreshed[str]:
    """Six seconds after the first value a fetch in the background has failed, and that value serves on."""
    source = Refreshed(bank.fetch, written, clock=clock, dice=Random(1), told="key a")
    assert await source.ready() == ""
    clock.advance(6)
    bank.troubles = ["no server"]
    assert await source.ready() == ""
    await settled(source)
    return source


def test_a_token_is_fetched_anew_before_its_end_and_not_used_to_it() -> None:
    """A short-lived one after half its life."""
    tokens = [lasting("t", left_s) for left_s in (3600.0, 400.0, 5.0)]
    assert [(token.fresh_s, token.good_s) for token in tokens] == [(3300.0, 3590.0), (200.0, 390.0), (2.5, 0.0)]


async def test_many_who_need_it_wait_for_one_fetch_in_a_thread() -> None:
    """The loop goes on, and nobody fetches twice."""
    bank, clock = Bank(), ManualClock()
    source = Refreshed(bank.fetch, written, clock=clock, dice=Random(1), told="key a")
    bank.open.clear()
    waiting = [asyncio.create_task(source.ready()) for _ in range(20)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    waiting.pop().cancel()
    bank.open.set()
    assert await asyncio.gather(*waiting) == [""] * 19
    assert (held(source), source.version, bank.asked) == ("t1", 1, [False])
    assert threading.get_ident() not in bank.threads


async def test_it_is_fetched_in_the_background_before_its_end() -> None:
    """While the old one is good nobody waits; when it is not, everybody does."""
    bank, clock = Bank(), ManualClock()
    source = Refreshed(bank.fetch, written, clock=clock, dice=Random(1), told="key a")
    assert await source.ready() == ""
    clock.advance(299)
    assert await source.ready() == ""
    assert (bank.asked, source._task) == ([False], None)
    clock.advance(2)
    assert await source.ready() == ""
    assert held(source) == "t1"
    await settled(source)
    assert held(source) == "t2"
    clock.advance(601)
    assert await source.ready() == ""
    assert held(source) == "t3"


async def test_a_failing_fetch_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A good value outlives it; without one the trouble is the answer, until it has rested."""
    bank, clock = Bank(), ManualClock()
    source = Refreshed(bank.fetch, written, clock=clock, dice=Random(1), told="key a")
    bank.troubles = ["no chain"]
    with caplog.at_level(logging.WARNING, "omnillm.credentials"):
        assert await source.ready() == "key a: no chain"
        clock.advance(BACKOFF.first_s)
        assert await source.ready() == ""
        clock.advance(301)
        bank.troubles = ["no server"]
        assert await source.ready() == ""
        await settled(source)
        assert await source.ready() == ""
        clock.advance(REST_S - 1)
        assert await source.ready() == ""
        assert (len(bank.asked), source._task) == (3, None)
        clock.advance(2)
        assert await source.ready() == ""
        await settled(source)
    assert held(source) == "t4"
    assert [record.message for record in caplog.records] == ["key a: no chain", "key a: no server"]


async def test_what_cannot_be_had_is_not_asked_for_at_every_call() -> None:
    """It rests, for longer after each failure, up to a bound; who calls meanwhile is told why, and for how long."""
    bank, clock = Bank(), ManualClock()
    source = Refreshed(bank.fetch, written, clock=clock, dice=Random(1), told="key a")
    bank.troubles = [f"trouble {number}" for number in range(8)]
    rests = []
    for number in range(8):
        assert await source.ready() == f"key a: trouble {number}"
        asked, began = len(bank.asked), clock.now()
        told = await source.ready()
        assert told.startswith(f"key a: trouble {number}; asked for again in ")
        rest_s = float(told.split()[-2])
        clock.advance(rest_s - 0.2)
        assert "asked for again in 0." in await source.ready()
        assert len(bank.asked) == asked
        clock.advance(0.3)
        rests.append(clock.now() - began)
    assert all(0.7 <= rest_s / min(2.0**number, BACKOFF.most_s) <= 1.2 for number, rest_s in enumerate(rests))
    assert await source.ready() == ""
    clock.advance(601)
    bank.troubles = ["anew"]
    assert await source.ready() == "key a: anew"
    clock.advance(BACKOFF.first_s)  # a success has forgiven the failures before it
    assert await source.ready() == ""


async def test_a_rest_behind_a_good_value_ends_with_it() -> None:
    """It serves to its end, and not beyond: then it is asked for again at once."""
    bank, clock = Bank(fresh_s=5, good_s=8), ManualClock()
    source = await serving_behind_a_failed_fetch(bank, clock)
    clock.advance(1.5)
    assert (await source.ready(), held(source)) == ("", "t1")
    clock.advance(1)
    assert (await source.ready(), held(source)) == ("", "t3")


async def test_a_refused_value_that_cannot_be_renewed_rests_too() -> None:
    """What the provider has refused does not serve meanwhile."""
    bank, clock = Bank(), ManualClock()
    source = Refreshed(bank.fetch, written, clock=clock, dice=Random(1), told="key a")
    assert await source.ready() == ""
    assert source.renew(source.version)
    bank.troubles = ["no server"]
    assert await source.ready() == "key a: no server"
    assert source.renew(source.version), "another call that was refused with the same: it ends no rest"
    assert "asked for again in" in await source.ready()
    assert bank.asked == [False, True]
    clock.advance(BACKOFF.first_s)
    assert await source.ready() == ""
    assert bank.asked == [False, True, True]


async def test_a_refused_value_does_not_wait_for_the_rest_that_it_served_through() -> None:
    """A fetch that failed while it was good is no reason to give up its key: the next call fetches."""
    bank, clock = Bank(fresh_s=5, good_s=600), ManualClock()
    source = await serving_behind_a_failed_fetch(bank, clock)
    assert source.renew(source.version)
    assert (await source.ready(), held(source)) == ("", "t3")
    assert bank.asked == [False, False, True]


async def test_a_refused_value_is_fetched_anew_once() -> None:
    """Whoever was refused with an older one tries again with the newer; a new one that is refused too is final."""
    bank, clock = Bank(), ManualClock()
    source = Refreshed(bank.fetch, written, clock=clock, dice=Random(1), told="key a")
    await source.ready()
    assert source.renew(source.version)
    assert source.renew(source.version)  # another call that was refused with the same
    assert await source.ready() == ""
    assert (held(source), source.version, bank.asked) == ("t2", 2, [False, True])
    assert source.renew(1)
    assert not source.renew(2)
    assert await source.ready() == ""
    assert len(bank.asked) == 2
    clock.advance(RENEWED_S)
    assert source.renew(2)  # the key has rested: somebody may have put new credentials into a file
    assert await source.ready() == ""
    assert (held(source), bank.asked[-1]) == ("t3", True)


async def test_nobody_waits_beyond_his_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor beyond the longest that anybody waits. The fetch goes on for those who come later."""
    bank = Bank()
    source = Refreshed(bank.fetch, written, clock=ManualClock(), dice=Random(1), told="key a")
    bank.open.clear()
    assert await source.ready(0.0) == "key a: no answer within 0 s"
    with monkeypatch.context() as hurried:
        hurried.setattr(refreshed, "LONGEST_S", 0.01)
        assert await source.ready(3.0) == "key a: no answer within 0.01 s"
    bank.open.set()
    assert await source.ready() == ""
    assert bank.asked == [False]


async def test_at_the_end_nobody_is_left_waiting() -> None:
    """The thread ends by itself, and what it brings is nobody's."""
    bank = Bank()
    source = Refreshed(bank.fetch, written, clock=ManualClock(), dice=Random(1), told="key a")
    bank.open.clear()
    waiting = asyncio.create_task(source.ready())
    await asyncio.sleep(0)
    source.close()
    assert await waiting == "key a: the gateway is closing"
    bank.open.set()


async def test_fixed_credentials_are_never_renewed() -> None:
    """They stand in the configuration."""
    fixed = Fixed("key", written)
    assert await fixed.ready() == ""
    assert fixed.fields(b"head", b"body") == b"key head body"
    assert not fixed.renew(fixed.version)
