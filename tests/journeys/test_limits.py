"""No key is ever sent more than its limits, and no caller gets more than its own; every hint of a provider is obeyed."""

import asyncio
import gc
import socket
from collections import defaultdict
from contextlib import closing
from itertools import pairwise

import pytest
from tests.in_turn import in_turn
from tests.journeys.live import began
from tests.journeys.running import PRICES, Running, Serve, configuration, until
from tests.journeys.wire import DIALECTS, PROVIDERS, Line, Reply, ask, ask_count, exchange, send

from omnillm.errors import ReplyTooLarge
from omnillm.keys.circuit import CLOSED
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, Hint, Logged, ManualClock

SPAN_S = 60.0


def ask_all(gateway: Running, count: int, **how) -> list[asyncio.Task[Reply]]:
    loop = asyncio.get_running_loop()
    return [loop.create_task(exchange(gateway.port, ask("openai_chat", "hello", **how))) for _ in range(count)]


async def settled(gateway: Running, tasks: list[asyncio.Task[Reply]]) -> None:
    """Returns once every call is answered or waits."""
    await asyncio.sleep(0)  # who was served a moment ago still stands in the queue
    await until(lambda: sum(not task.done() for task in tasks) == gateway.waiting)


async def answers(tasks: list[asyncio.Task[Reply]]) -> list[Reply]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*tasks)


def most_in_any_minute(logs: list[Logged], weigh=lambda logged: 1) -> dict[str, int]:
    """By key, the most that arrived within 60 s."""
    stamps = defaultdict(list)
    for logged in logs:
        stamps[logged.key].append((logged.arrived_at, weigh(logged)))
    return {
        key: max(sum(weight for at, weight in seen if start <= at < start + SPAN_S) for start, _ in seen) for key, seen in stamps.items()
    }


async def test_no_key_is_sent_more_than_its_rpm_in_any_minute(serve: Serve) -> None:
    """Bursts and waiting calls over four minutes: the provider's log never shows more than 5 and 3 in 60 s, and it refuses nobody."""
    clock = ManualClock()
    behaviours = {"sk-a": Behaviour(rpm=5), "sk-b": Behaviour(rpm=3)}
    async with FakeProvider(keys=behaviours, prices=PRICES, clock=clock) as fake:
        keys = {"a": "key: sk-a, rpm: 5", "b": "key: sk-b, rpm: 3"}
        gateway = await serve(configuration(fake, keys=keys, queue="10m"), clock=clock)
        tasks = []
        for step in range(100):
            if step in {0, 3, 20, 21}:
                tasks += ask_all(gateway, 8)
            await settled(gateway, tasks)
            clock.advance(4.25)
            gateway.program.controller.tick(gateway.program.clock.now())
        assert all(reply.is_answer for reply in await answers(tasks))
        assert {logged.status for logged in fake.log} == {200}
        most = most_in_any_minute(fake.log)
        assert most["sk-a"] <= 5
        assert most["sk-b"] <= 3
        assert len(fake.log) == 32
        assert all(one.arrived_at <= other.arrived_at for one, other in pairwise(fake.log))


async def test_a_minute_begins_when_a_call_leaves_and_not_when_it_connects(serve: Serve) -> None:
    """Two calls connect for 50 s to a host that takes no connection: the next two leave a minute after these have arrived, no sooner."""
    clock = ManualClock()
    async with FakeProvider(keys={"sk-a": Behaviour(rpm=2)}, prices=PRICES, clock=clock) as fake:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as door, socket.create_connection(door.getsockname()):
            base_url = f"http://127.0.0.1:{door.getsockname()[1]}"
            configured = configuration(fake, keys={"a": "key: sk-a, rpm: 2"}, queue="10m").replace(fake.base_url, base_url)
            gateway = await serve(configured, clock=clock)
            early = ask_all(gateway, 2)
            await until(lambda: gateway.in_flight == 2)
            clock.advance(50.0)
            with closing(await asyncio.start_server(relay_to(fake), sock=door)):
                assert all(reply.is_answer for reply in await answers(early))
                clock.advance(11.5)
                late = ask_all(gateway, 2)
                await settled(gateway, late)
                for _ in range(50):
                    clock.advance(1.0)
                    gateway.program.controller.tick(gateway.program.clock.now())
                    await settled(gateway, late)
                assert all(reply.is_answer for reply in await answers(late))
        assert most_in_any_minute(fake.log) == {"sk-a": 2}
        assert len(fake.log) == 4


def relay_to(fake: FakeProvider):
    """Whoever connects talks to the fake provider."""

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = fake.base_url.removeprefix("http://").partition(":")
        there, onward = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pour(reader, onward), pour(there, writer))

    return relay


async def test_rpm_is_all_used(serve: Serve) -> None:
    """The limit is not only kept: as soon as a minute is over, as many go again."""
    clock = ManualClock()
    async with FakeProvider(keys={"sk-a": Behaviour(rpm=5)}, prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, rpm: 5"}, queue="10m"), clock=clock)
        tasks = ask_all(gateway, 15)
        for minute in range(3):
            await settled(gateway, tasks)
            assert len(fake.log) == 5 * (minute + 1)
            clock.advance(61)
            gateway.program.controller.tick(gateway.program.clock.now())
        assert all(reply.is_answer for reply in await answers(tasks))


async def test_no_key_is_sent_more_than_its_tpm_in_any_minute(serve: Serve) -> None:
    """What the provider counts of one key in 60 s stays under its limit, though estimates are corrected as the truth comes in."""
    clock = ManualClock()
    async with FakeProvider(keys={"sk-a": Behaviour(words=12)}, prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, tpm: 100"}, queue="20m"), clock=clock)
        tasks = []
        for step in range(120):
            if step % 20 == 0:
                tasks += ask_all(gateway, 6, cap=20)
            await settled(gateway, tasks)
            clock.advance(7.5)
            gateway.program.controller.tick(gateway.program.clock.now())
        assert all(reply.is_answer for reply in await answers(tasks))
        tokens = {line.number: line.usage.total_tokens for line in fake.invoice.lines}
        most = most_in_any_minute(fake.log, weigh=lambda logged: tokens[logged.number])
        assert 50 < most["sk-a"] <= 100


async def test_call_larger_than_the_whole_limit_is_a_400(serve: Serve) -> None:
    """It would wait for ever: it is told at once, and never sent."""
    async with FakeProvider() as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, tpm: 100"}))
        reply = await exchange(gateway.port, ask("openai_chat", "hello", cap=200))
        assert (reply.status, reply.error["code"]) == (400, "call_too_large")
        assert fake.log == []
        assert (await gateway.books())[2] == 0


@pytest.mark.parametrize("source", [{"type": "url", "url": "https://example.com/a.pdf"}, {"type": "file", "file_id": "file_1"}])
async def test_a_document_of_unknown_length_fits_a_small_limit(serve: Serve, source: dict[str, str]) -> None:
    """Its usual length is reserved of the tokens a minute and corrected by the reply; money is reserved for the longest."""
    async with FakeProvider(prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, tpm: 20000"}))
        messages = [{"role": "user", "content": [{"type": "document", "source": source}, {"type": "text", "text": "hello"}]}]
        question = ask("anthropic_messages", "", cap=20, more={"messages": messages}, headers={"anthropic-beta": "files-api-2025-04-14"})
        for _ in range(3):
            assert (await exchange(gateway.port, question)).is_answer
        dear = configuration(fake, keys={"a": "key: sk-a, tpm: 20000"}, limit_usd="0.18")  # 460,000 tokens cost 0.184 USD
        reply = await exchange((await serve(dear)).port, question)
        assert reply.status == 402


async def test_what_a_caller_has_left_is_told_in_whatever_it_asks(serve: Serve) -> None:
    """A native call, a list, a count of tokens and a session count as a request each, and their replies say so; a spent budget, too."""
    async with FakeProvider(prices=PRICES) as fake:
        gateway = await serve(configuration(fake, caller="rpm: 9, tpm: 100000", limit_usd="0.00004", hard=False))
        assert (await exchange(gateway.port, ask("openai_chat", "hello", cap=60))).is_answer
        gateway.program._alert()
        heads = [(await send(gateway, "GET", f"/providers/openai/v1/{path}")).headers for path in ("models", "files")]
        heads.append((await exchange(gateway.port, ask_count("anthropic_messages", "hello"))).headers)
        talk = await began(gateway.port)
        heads.append(talk.headers)
        talk.reset()
    assert [told["x-ratelimit-remaining-requests"] for told in heads] == ["7", "6", "5", "4"]
    assert {told["x-ratelimit-limit-tokens"] for told in heads} == {"100000"}
    assert {told["x-omnillm-budget-warning"] for told in heads} == {"everything=80%"}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_callers_rpm(serve: Serve, dialect: str) -> None:
    """The fourth call of a minute is 429 in the caller's protocol, with the exact wait; after it the next one goes."""
    clock = ManualClock()
    async with FakeProvider(prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, caller="rpm: 3"), clock=clock)
        for left in (2, 1, 0):
            reply = await exchange(gateway.port, ask(dialect, "hello"))
            assert reply.is_answer
            assert reply.headers["x-ratelimit-limit-requests"] == "3"
            assert reply.headers["x-ratelimit-remaining-requests"] == str(left)
            clock.advance(1)
        reply = await exchange(gateway.port, ask(dialect, "hello"))
        assert reply.status == 429
        assert "journey" in reply.error["message"]
        wait_ms = int(reply.headers["retry-after-ms"])
        assert 57_000 <= wait_ms <= 58_000
        assert int(reply.headers["retry-after"]) == -(-wait_ms // 1000)
        assert "x-should-retry" not in reply.headers
        assert len(fake.log) == 3
        clock.advance(wait_ms / 1000)
        assert (await exchange(gateway.port, ask(dialect, "hello"))).is_answer
        assert gateway.in_flight == 0


async def test_callers_tpm(serve: Serve) -> None:
    """Tokens of a minute: the estimate is held, then corrected by what the reply said."""
    clock = ManualClock()
    async with FakeProvider(keys={"*": Behaviour(words=10)}, prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, caller="tpm: 120"), clock=clock)
        question = ask("openai_chat", "hello", cap=60)
        replies = [await exchange(gateway.port, question) for _ in range(5)]
        assert all(reply.is_answer for reply in replies), "about 12 tokens each were used, not the 69 that were held"
        reply = await exchange(gateway.port, question)
        assert (reply.status, reply.error["code"]) == (429, "tokens_limit")
        clock.advance(int(reply.headers["retry-after-ms"]) / 1000)
        assert (await exchange(gateway.port, question)).is_answer
        too_large = await exchange(gateway.port, ask("openai_chat", "hello", cap=500))
        assert (too_large.status, too_large.error["code"]) == (400, "call_too_large")


@pytest.mark.parametrize(("fault", "is_held"), [("status_400", False), ("reset_before_head", True)])
async def test_callers_tokens_of_a_failure(serve: Serve, fault: str, is_held: bool) -> None:
    """What a provider refused has used none; what broke off may have used all that was held, which counts until its minute is over."""
    clock = ManualClock()
    async with FakeProvider(keys={"*": Behaviour(words=10)}, prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, caller="tpm: 120"), clock=clock)
        question = ask("openai_chat", "hello", cap=60)
        assert (await exchange(gateway.port, ask("openai_chat", f"hello [[fault:{fault}]]", cap=60))).status >= 400
        reply = await exchange(gateway.port, question)
        assert (reply.status == 429) == is_held
        clock.advance(61)
        assert (await exchange(gateway.port, question)).is_answer


async def test_callers_concurrency(serve: Serve) -> None:
    """A third call beside two is 429; when one ends, the next one goes."""
    async with FakeProvider(keys={"*": Behaviour(fault=Fault.stall())}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, caller="max_concurrency: 2"))
        tasks = ask_all(gateway, 2)
        await fake.arrived(2)
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert (reply.status, reply.error["code"]) == (429, "concurrency_limit")
        assert int(reply.headers["retry-after-ms"]) > 0
        fake.gate("stall").set()
        assert all(each.is_answer for each in await answers(tasks))
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer


async def test_another_caller_has_limits_of_its_own(serve: Serve) -> None:
    """One caller at its limit is no concern of another's."""
    other = "sk-omni-other-0123456789abcdef"
    async with FakeProvider(prices=PRICES) as fake:
        gateway = await serve(configuration(fake, caller="rpm: 1", callers=f"{{name: other, key: {other}}}"))
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).status == 429
        assert (await exchange(gateway.port, ask("openai_chat", "hello", key=other))).is_answer


HINTS = {
    "rate_both": 2.0,
    "rate_ms": 1.5,
    "rate_seconds": 30.0,
    "rate_float": 0.25,
    "rate_date": 20.0,
    "rate_reset": 90.0,
    "status_429": None,
    "rate_past_date": None,
    "rate_garbage": None,
    "rate_negative": None,
    "rate_1e9": None,
    "rate_nan": None,
}
"""Seconds; None: nothing that means anything, so the first cooldown of our own, of 0.75 to 1 s."""


@in_turn("dialect", DIALECTS)
@in_turn("name", HINTS)
async def test_hint_cools_the_right_key_for_the_right_time(serve: Serve, name: str, dialect: str) -> None:
    """The key that was refused rests as long as it was told and not much longer, the other one is not touched, and then it is tried again."""
    clock = ManualClock()
    async with FakeProvider(keys={"sk-a": Behaviour(first=(FAULTS[name],)), "sk-b": Behaviour()}, clock=clock, prices=PRICES) as fake:
        keys = {"a": "key: sk-a", "b": "key: sk-b"}
        gateway = await serve(configuration(fake, keys=keys, pool="selection: priority"), clock=clock)
        provider = PROVIDERS[dialect]
        assert (await exchange(gateway.port, ask(dialect, "hello"))).is_answer
        assert [logged.key for logged in fake.log] == ["sk-a", "sk-b"]
        least, most = (0.75, 1.0) if HINTS[name] is None else (HINTS[name], HINTS[name] * 1.05)
        cooling = gateway.keys(provider)["a"]
        assert cooling.state == "cooling"
        assert least <= cooling.cool_down_s <= most + 1e-6
        assert gateway.keys(provider)["b"].state == "ready"
        assert gateway.keys(provider)["b"].cool_down_s == 0
        clock.advance(least * 0.99)
        assert (await exchange(gateway.port, ask(dialect, "hello"))).headers["x-omnillm-key"] == "b"
        clock.advance(most - least * 0.99)
        assert (await exchange(gateway.port, ask(dialect, "hello"))).headers["x-omnillm-key"] == "a"


@pytest.mark.parametrize("name", ["quota_insufficient", "quota_per_day"])
async def test_used_up_quota_rests_for_long(serve: Serve, name: str) -> None:
    """An account without money is not asked again every second."""
    clock = ManualClock()
    async with FakeProvider(keys={"sk-a": Behaviour(fault=FAULTS[name])}, clock=clock) as fake:
        dialect = "gemini" if name == "quota_per_day" else "openai_chat"
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}, queue="0s"), clock=clock)
        assert (await exchange(gateway.port, ask(dialect, "hello"))).status in {429, 503}
        key = gateway.keys(PROVIDERS[dialect])["a"]
        assert key.cool_down_s >= 600
        assert {health.state for health in key.models} == {"exhausted"}
        assert (await exchange(gateway.port, ask(dialect, "hello"))).status == 429
        assert len(fake.log) == 1


async def test_keys_that_are_limited_again_are_told_by_the_first_to_be_free(serve: Serve) -> None:
    """Each answers 429 twice, the last one for long: the client is told of the other, and has it then."""
    clock = ManualClock()
    async with FakeProvider(keys={"*": Behaviour()}, prices=PRICES, clock=clock) as fake:
        for seconds in (0.0, 20.0, 0.0, 90.0):
            fake.enqueue(Fault.status(429, hint=Hint(form="ms", seconds=seconds)))
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}, pool="selection: priority"), clock=clock)
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert (reply.status, reply.error["code"], [logged.key for logged in fake.log]) == (
            429,
            "provider_rate_limited",
            ["sk-a", "sk-a", "sk-b", "sk-b"],
        )
        wait_ms = int(reply.headers["retry-after-ms"])
        assert 20_000 <= wait_ms <= 21_001
        clock.advance(wait_ms / 1000)
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer


async def test_keys_that_are_refused_are_told_by_the_first_to_be_tried_again(serve: Serve) -> None:
    """No provider says when a key will be good: it rests for a minute, and so long the next call would be refused as well."""
    clock = ManualClock()
    async with FakeProvider(keys={"*": Behaviour(fault=Fault.status(401))}, clock=clock) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}, queue="0s"), clock=clock)
        replies = [await exchange(gateway.port, ask("openai_chat", "hello")) for _ in range(2)]
    assert [(reply.status, reply.error["code"]) for reply in replies] == [(503, "no_available_key"), (503, "all_keys_broken")]
    assert [int(reply.headers["retry-after-ms"]) for reply in replies] == [60_000, 60_000]


async def test_quota_group_cools_as_one_and_other_models_go_on(serve: Serve) -> None:
    """Two keys of one account: the 429 of one is the other's too, but only for that model."""
    clock = ManualClock()
    prices = PRICES | {"fake-large": PRICES["fake-small"]}
    async with FakeProvider(keys={"*": Behaviour()}, clock=clock, prices=prices) as fake:
        fake.enqueue(FAULTS["rate_seconds"])
        keys = {"a": 'key: sk-a, group: org, limits: {"fake-small": {rpm: 50}}', "b": "key: sk-b, group: org"}
        gateway = await serve(configuration(fake, keys=keys, queue="0s"), clock=clock)
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert reply.status == 429
        assert 30_000 <= int(reply.headers["retry-after-ms"]) <= 31_500
        assert len(fake.log) == 1
        assert (await exchange(gateway.port, ask("openai_chat", "hello", model="openai/fake-large"))).is_answer


@pytest.mark.parametrize(("status", "rest_s"), [(429, 1.1), (401, 60.0), (404, 60.0), (500, 1.1)])
async def test_stream_that_has_begun_keeps_nobody_from_the_key_that_it_tries(serve: Serve, status: int, rest_s: float) -> None:
    """The first call after a key's rest is a stream that goes on for minutes: once it shows content, the key is anybody's."""
    clock = ManualClock()
    first = (Fault.status(status, hint=Hint(form="seconds", seconds=1)), Fault.stall(after_events=3))
    async with FakeProvider(keys={"sk-a": Behaviour(first=first)}, clock=clock, prices=PRICES) as fake:
        pool = "breaker: {failures: 1}"
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}, pool=pool, queue="0s"), clock=clock)
        assert not (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
        clock.advance(rest_s)
        line = await Line.open(gateway.port, ask("openai_chat", "hello", is_stream=True))
        assert await line.head() == 200
        for _ in range(2):
            assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
        fake.gate("stall").set()
        assert (await line.rest()).is_answer
        await line.close()
        assert gateway.keys()["a"].state == "ready"


async def test_a_reply_that_is_too_large_is_asked_for_once_and_no_key_rests_for_it(serve: Serve, provider: FakeProvider) -> None:
    """Its caller has asked for that much, and again it would be as much, and billed: nobody can take the keys away from others by it.

    What has come of it, which may be much, is freed with its call, and not when the cycle collector looks.
    """
    keys = {"a": "key: sk-a", "b": "key: sk-b"}
    for key in ("sk-a", "sk-b"):
        provider.script.behave(key, Behaviour(words=3000))
    gateway = await serve(configuration(provider, keys=keys).replace("drain: 2s", "drain: 2s, limits: {body: 4KiB}"))
    gc.collect()
    gc.disable()
    try:
        for _ in range(12):
            reply = await exchange(gateway.port, ask("openai_chat", "Hello"))
            assert (reply.status, reply.error["code"], reply.headers["x-should-retry"]) == (502, "upstream_too_large", "false")
            _, [attempt] = await gateway.last()
            assert (attempt.error, attempt.is_estimated) == ("upstream_too_large", True)
            assert attempt.cost_nanousd >= provider.invoice.lines[-1].cost_nanousd > 0
        assert not any(isinstance(each, ReplyTooLarge) for each in gc.get_objects())
    finally:
        gc.enable()
    assert (await exchange(gateway.port, ask("openai_chat", "Hello", is_stream=True))).is_answer
    assert {key.state for key in gateway.program.controller.keys(0)} == {"ready"}
    assert len(provider.log) == 13


async def test_an_event_that_is_too_large_is_no_keys_fault(serve: Serve, provider: FakeProvider) -> None:
    """The last event of a response repeats all of it: a caller who asks for so much takes the key away from nobody."""
    provider.script.behave("sk-good", Behaviour(fault=Fault(comment_bytes=17 << 20)))
    gateway = await serve(configuration(provider))
    for _ in range(6):
        reply = await exchange(gateway.port, ask("openai_chat", "Hello", is_stream=True))
        assert reply.error["code"] == "upstream_too_large"
        _, [attempt] = await gateway.last()
        assert attempt.cost_nanousd >= provider.invoice.lines[-1].cost_nanousd > 0
        assert gateway.keys()["good"].state == "ready"


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_a_caller_in_a_hurry_takes_no_key_from_others(serve: Serve, provider: FakeProvider, is_stream: bool) -> None:
    """Its own deadline ends the wait, which tells of the key what a client that hangs up does: nothing. A provider's timeout tells more."""
    provider.script.behave("sk-good", Behaviour(fault=FAULTS["stall_before_head"]))
    pool = "breaker: {failures: 1, open: 60s}, timeouts: {total: 400ms, first_byte: 400ms}"
    gateway = await serve(configuration(provider, pool=pool))
    for hurry, verdict, state in (({"x-omnillm-timeout-ms": "200"}, "aborted", "ready"), ({}, "timeout", "open")):
        reply = await exchange(gateway.port, ask("openai_chat", "Hello", is_stream=is_stream, headers=hurry))
        row, [attempt, *_] = await gateway.last()
        assert (reply.status, row.outcome) == (504, "upstream_timeout") if hurry else reply.status in {503, 504}
        assert (attempt.verdict, attempt.error, gateway.keys()["good"].state) == (verdict, "upstream_timeout", state)
        assert attempt.cost_nanousd > 0


async def test_a_caller_in_a_hurry_sets_no_provider_aside(serve: Serve, provider: FakeProvider) -> None:
    """Nor where its time is up before there is a connection, which others have the time for."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        gateway = await serve(configuration(provider).replace(provider.base_url, f"http://127.0.0.1:{port}"))
        reply = await exchange(gateway.port, ask("openai_chat", "Hello", headers={"x-omnillm-timeout-ms": "20"}))
        row, [attempt] = await gateway.last()
        for each in waiting:
            each.close()
    assert (reply.status, row.outcome, attempt.cost_nanousd) == (504, "upstream_timeout", 0)
    assert gateway.program.controller._leasing.pools["openai"].outage.circuit.state is CLOSED
    assert gateway.in_flight == 0
