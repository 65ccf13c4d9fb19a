"""Keys die, cool and break: the next one answers, and nobody notices."""

import asyncio
from collections import Counter

import pytest
from tests import soak
from tests.in_turn import in_turn
from tests.journeys.failover.pools import pool_of
from tests.journeys.running import PRICES, Serve, configuration
from tests.journeys.wire import DIALECTS, Reply, ask, ask_count, exchange

from omnillm.assemble import SystemClock
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, Hint, ManualClock

FOUR = {
    "good": Behaviour(),
    "dead": Behaviour(fault=Fault.status(401)),
    "limited": Behaviour(fault=Fault.status(429, hint=Hint(form="seconds", seconds=30))),
    "broken": Behaviour(fault=Fault.status(500)),
}
ALL = [(dialect, is_stream) for dialect in DIALECTS for is_stream in (False, True)]
SOME = [("openai_chat", False), ("anthropic_messages", True)]
"""Pools know no protocol; what protocols tell of a failure is held against every fault in `test_faults.py`."""


@pytest.mark.parametrize(("dialect", "is_stream"), SOME if soak.FACTOR == 1 else ALL)
async def test_three_bad_keys_of_four_are_not_noticed(serve: Serve, dialect: str, is_stream: bool) -> None:
    """300 calls at once over keys that answer 401, 429 and 500 beside a good one all succeed; soon the bad ones are hardly asked."""
    async with FakeProvider(keys=FOUR, prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, keys=pool_of(FOUR)))
        question = ask(dialect, "hello", is_stream=is_stream)

        async def burst(count: int) -> list[Reply]:
            return await asyncio.gather(*(exchange(gateway.port, question) for _ in range(count)))

        assert all(reply.is_answer for reply in await burst(300))
        assert all(reply.is_answer for reply in await burst(100))
        so_far = len(fake.log)
        for _ in range(2):
            assert all(reply.is_answer for reply in await burst(300))
        later = Counter(logged.key for logged in fake.log[so_far:])
        assert later["good"] == 600
        assert (later.total() - later["good"]) / later.total() <= 0.02
        assert await gateway.spent() == fake.invoice.total_nanousd > 0


UNREADABLE = {
    "compressed": {"fields": (("content-encoding", "br"),), "body": b"\x8b\x02\x80hello\x03"},
    "broken off": {"action": "close", "point": "bytes", "after": 9},
    "without end": {"body": b"x" * 1_500_000},
}


@pytest.mark.parametrize("how", UNREADABLE)
async def test_an_error_counts_by_its_status_where_its_body_cannot_be_read(serve: Serve, how: str) -> None:
    """A refused key is dead after one call, which costs nothing, and the next key answers."""
    keys = {"sk-a": Behaviour(fault=Fault(name="refused", http_status=401, is_generated=False, **UNREADABLE[how])), "sk-b": Behaviour()}
    async with FakeProvider(keys=keys, prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}))
        while "sk-a" not in {logged.key for logged in fake.log}:
            assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
        assert gateway.keys()["a"].state == "dead"
        assert await gateway.spent() == fake.invoice.total_nanousd


async def test_bad_keys_are_seen_for_what_they_are(serve: Serve) -> None:
    """After a burst the dead key is dead, the limited one cools for as long as it was told, and the broken one's breaker is open."""
    async with FakeProvider(keys=FOUR, prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, keys=pool_of(FOUR), pool="breaker: {failures: 3, open: 60s}"))
        await asyncio.gather(*(exchange(gateway.port, ask("openai_chat", "hello")) for _ in range(100)))
        clock = gateway.program.clock
        keys = {key.label: key for key in gateway.program.controller.keys(clock.now()) if key.provider == "openai"}
        assert {name: key.state for name, key in keys.items()} == {"good": "ready", "dead": "dead", "limited": "cooling", "broken": "open"}
        assert 25 < keys["limited"].cool_down_s <= 32
        assert {name for name, key in keys.items() if key.is_available} == {"good"}


async def test_wait_of_a_401_is_not_believed(serve: Serve) -> None:
    """No wrong key becomes a right one in a second: it rests as any dead key does."""
    fault = Fault.status(401, hint=Hint(form="seconds", seconds=1))
    async with FakeProvider(keys={"a": Behaviour(fault=fault), "b": Behaviour()}) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), pool="selection: priority"))
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
        dead = gateway.keys()["a"]
        assert (dead.state, dead.failure_cool_down_s > 50.0) == ("dead", True)


@pytest.mark.parametrize(
    ("name", "words"), [("status_401", "is refused by its provider (401 "), ("status_402", "has no credit or quota left (402 ")]
)
async def test_a_key_that_only_a_person_can_mend_is_told_in_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture, name: str, words: str
) -> None:
    """Once for all calls that meet it together, and again when it was tried in vain or fails otherwise; nobody is told of what ends by itself."""
    clock = ManualClock()
    keys = {"sk-bad": Behaviour(fault=FAULTS[name]), "sk-slow": Behaviour(fault=FAULTS["rate_seconds"]), "sk-good": Behaviour()}
    async with FakeProvider(keys=keys, clock=clock) as fake:
        labels = {"bad": "key: sk-bad", "slow": "key: sk-slow", "good": "key: sk-good"}
        gateway = await serve(configuration(fake, keys=labels, pool="selection: priority"), clock=clock)
        for told in (1, 2):
            asked = [exchange(gateway.port, ask("openai_chat", "hello")) for _ in range(5)]
            assert all(reply.is_answer for reply in await asyncio.gather(*asked))
            lines = [record.getMessage() for record in caplog.records if record.name == "omnillm.keys"]
            assert [line.startswith(f"key openai/bad {words}") for line in lines] == [True] * told
            clock.advance(3700 if told == 1 else 1)
        fake.script.behave("sk-bad", Behaviour(fault=FAULTS["status_402" if name == "status_401" else "status_401"]))
        gateway.program.controller.revive("openai", "bad", clock.now())
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
        *_, other = [record.getMessage() for record in caplog.records if record.name == "omnillm.keys"]
        assert other not in lines


@in_turn("name", ["status_401", "status_500", "html_in_200", "error_in_200", "empty_200", "reset_before_head"])
@in_turn("dialect", ["anthropic_messages", "gemini"])
async def test_count_of_tokens_fails_over_too(serve: Serve, name: str, dialect: str) -> None:
    """A count is asked of another key when the first one fails, costs nothing, and what is no count is never passed on as one."""
    async with FakeProvider(keys={"*": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), queue="0s"))
        count = ask_count(dialect, "hello")
        fake.enqueue(FAULTS[name])
        reply = await exchange(gateway.port, count)
        assert reply.status == 200
        assert reply.json.get("input_tokens") or reply.json.get("totalTokens")
        assert reply.headers["x-omnillm-attempts"] == "2"
        assert await gateway.books() == (0, 0, 0)
        fake.enqueue(*[FAULTS[name]] * 8)
        assert (await exchange(gateway.port, count)).status in {502, 503, 429}
        assert gateway.in_flight == 0


LONG = "Be brief. " * 500
SYSTEM = {
    "openai_chat": {"tools": [{"type": "function", "function": {"name": "f", "description": LONG}}]},
    "openai_responses": {"instructions": LONG},
    "anthropic_messages": {"system": LONG},
    "gemini": {"systemInstruction": {"parts": [{"text": LONG}]}},
    "gemini_interactions": {"system_instruction": LONG},
}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_calls_that_begin_alike_go_to_one_key(serve: Serve, dialect: str) -> None:
    """What a provider's prompt cache holds are the system's words and the tools, which stand behind the conversation in most bodies."""
    keys = [f"sk-{number}" for number in range(8)]
    async with FakeProvider(keys={key: Behaviour(words=1) for key in keys}, prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, keys=pool_of(keys), calls="affinity: prefix"))
        for number in range(6):
            assert (await exchange(gateway.port, ask(dialect, f"Question {number}", more=SYSTEM[dialect]))).is_answer
        assert len({logged.key for logged in fake.log}) == 1
