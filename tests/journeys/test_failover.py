"""Keys die, providers vanish, connections go stale: the next one answers, and nobody notices."""

import asyncio
import json
import socket
from collections import Counter
from contextlib import closing

import pytest
from msgspec.structs import replace
from tests import soak
from tests.in_turn import in_turn
from tests.journeys.running import PRICES, Serve, configuration
from tests.journeys.wire import DIALECTS, PROVIDERS, Reply, ask, ask_count, exchange

from omnillm.assemble import SystemClock
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, Hint, ManualClock

FOUR = {
    "good": Behaviour(),
    "dead": Behaviour(fault=Fault.status(401)),
    "limited": Behaviour(fault=Fault.status(429, hint=Hint(form="seconds", seconds=30))),
    "broken": Behaviour(fault=Fault.status(500)),
}
ROUTED = """
server: {{host: 127.0.0.1, port: 0, auth: none, drain: 2s}}
calls: {{queue: 0s}}
store: {{url: "memory://", durability: relaxed}}
providers:
  first: {{kind: openai, base_url: {first}, keys: {keys}}}
  second: {{kind: openai, base_url: {second}, keys: [{{label: s, key: sk-second}}]}}
models:
  fast: {{targets: [first/fake-small, second/fake-small]}}
budgets: [{{name: everything, limit_usd: "10"}}]
pricing:
  overrides: {{first/fake-small: {{input: 0.4, output: 1.6}}, second/fake-small: {{input: 0.4, output: 1.6}}}}
"""
TWO_KEYS = "[{label: a, key: sk-a}, {label: b, key: sk-b}]"
ONE_KEY = "[{label: a, key: sk-a}]"


def pool_of(names) -> dict[str, str]:
    return {name: f"key: {name}" for name in names}


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
        ledger, settled, reserved = await gateway.books()
        assert ledger == settled == fake.invoice.total_nanousd > 0
        assert (reserved, gateway.in_flight) == (0, 0)


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
        ledger, settled, reserved = await gateway.books()
        assert (ledger, settled, reserved) == (fake.invoice.total_nanousd, fake.invoice.total_nanousd, 0)


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


async def test_provider_that_refuses_connections_is_passed_over(serve: Serve) -> None:
    """Nothing listens at the first target: the second answers, and what was never sent costs nothing and is no key's fault."""
    async with FakeProvider(prices=PRICES) as gone:
        nowhere = gone.base_url
    async with FakeProvider(prices=PRICES) as fake:
        gateway = await serve(ROUTED.format(first=nowhere, second=fake.base_url, keys=TWO_KEYS))
        for _ in range(5):
            reply = await exchange(gateway.port, ask("openai_chat", "hello"))
            assert reply.is_answer
            assert reply.headers["x-omnillm-provider"] == "second"
            request, attempts = await gateway.last()
            assert {row.verdict for row in attempts[:-1]} <= {"not_sent"}
            assert request.cost_nanousd == attempts[-1].cost_nanousd > 0
        ledger, settled, reserved = await gateway.books()
        assert (ledger, settled, reserved) == (fake.invoice.total_nanousd, fake.invoice.total_nanousd, 0)
        keys = gateway.program.controller.keys(gateway.program.clock.now())
        assert all(key.consecutive_failures == 0 for key in keys)


async def test_refused_connections_alone_are_a_502(serve: Serve) -> None:
    """No provider can be reached at all: 502, told at once, nothing spent."""
    async with FakeProvider() as gone:
        nowhere = gone.base_url
    gateway = await serve(ROUTED.format(first=nowhere, second=nowhere, keys=TWO_KEYS))
    reply = await exchange(gateway.port, ask("openai_chat", "hello"))
    assert reply.status == 502
    assert reply.error["code"] == "upstream_failed"
    assert reply.error["message"].endswith("failed: upstream_unreachable. No connection to the provider: Connection refused.")
    assert await gateway.books() == (0, 0, 0)
    request, attempts = await gateway.last()
    assert {row.verdict for row in attempts} == {"not_sent"}
    assert not request.is_estimated


REFUSED = {
    "status_401": "is wrong, was revoked, or belongs to a closed account (401)",
    "status_402": "has no credit or quota left (402)",
    "status_403": "may not do this (403)",
    "account_disabled": "is wrong, was revoked, or belongs to a closed account (40",
    "spend_limit": "has no credit or quota left (4",
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_trouble_with_a_provider_key_is_not_the_callers(serve: Serve, name: str, dialect: str) -> None:
    """401, 402 and 403 of a provider are 503 for the client, whose own credential and money are fine; it is told why in words."""
    async with FakeProvider(keys={"*": Behaviour(fault=FAULTS[name])}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab")))
        reply = await exchange(gateway.port, ask(dialect, "hello"))
        assert reply.status == 503
        assert reply.headers["x-omnillm-attempts"] == "2"
        assert reply.headers["x-should-retry"] == "false"
        assert f"refuses every key that could serve this call: the last one {REFUSED[name]}" in reply.error["message"]
        assert {logged.key for logged in fake.log} == {"a", "b"}


CLOSED = {
    "anthropic_messages": b'{"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled."},"request_id":"r"}',
    "openai_chat": b'{"error":{"message":"Organization has been restricted. Please reach out to support if you believe this was in error.",'
    b'"type":"invalid_request_error","code":"organization_restricted"}}',
}
"""As Anthropic and Groq say it."""


@pytest.mark.parametrize("dialect", CLOSED)
async def test_account_that_was_closed_under_a_400_is_not_the_callers_mistake(serve: Serve, dialect: str) -> None:
    """Another account answers, the key is dead, and once there is no other the caller is not told of a bad request."""
    keys = {"closed": Behaviour(fault=Fault(http_status=400, body=CLOSED[dialect])), "good": Behaviour()}
    async with FakeProvider(keys=keys, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of(keys), pool="selection: priority"))
        reply = await exchange(gateway.port, ask(dialect, "hello"))
        assert (reply.is_answer, reply.headers["x-omnillm-attempts"]) == (True, "2")
        assert gateway.keys(PROVIDERS[dialect])["closed"].state == "dead"
        alone = await serve(configuration(fake, keys=pool_of(["closed"])))
        refused = await exchange(alone.port, ask(dialect, "hello"))
        assert (refused.status, b"has been" in refused.body) == (503, False)


NOT_HERE = b'{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}'


async def test_where_the_gateway_runs_is_not_the_callers_mistake(serve: Serve) -> None:
    """Gemini says under a 400 that it does not serve the place: another account may be served there, and so may another provider."""
    keys = {"abroad": Behaviour(fault=Fault(http_status=400, body=NOT_HERE)), "good": Behaviour()}
    async with FakeProvider(keys=keys, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of(keys), pool="selection: priority"))
        reply = await exchange(gateway.port, ask("gemini", "hello"))
        assert (reply.is_answer, reply.headers["x-omnillm-attempts"]) == (True, "2")
        alone = await serve(configuration(fake, keys=pool_of(["abroad"])))
        assert (await exchange(alone.port, ask("gemini", "hello"))).status == 503


async def test_unknown_model_falls_through_to_the_next_target(serve: Serve) -> None:
    """A provider's 404 is the next key's and the next target's turn."""
    async with FakeProvider(keys={"*": Behaviour(fault=Fault.status(404))}) as first, FakeProvider(prices=PRICES) as second:
        gateway = await serve(ROUTED.format(first=first.base_url, second=second.base_url, keys=TWO_KEYS))
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert reply.is_answer
        assert reply.headers["x-omnillm-attempts"] == "3"
        assert {logged.key for logged in first.log} == {"sk-a", "sk-b"}


async def test_last_404_is_told_verbatim(serve: Serve) -> None:
    """When every target says that it does not know the model, the client reads the provider's own words."""
    words = FAULTS["model_not_found"]
    async with FakeProvider(keys={"*": Behaviour(fault=words)}) as fake:
        gateway = await serve(ROUTED.format(first=fake.base_url, second=fake.base_url, keys=ONE_KEY))
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert reply.status == 404
        assert reply.json == {
            "error": {
                "message": "The model does not exist or you do not have access to it.",
                "type": "invalid_request_error",
                "param": None,
                "code": "model_not_found",
            }
        }
        assert reply.headers["x-omnillm-attempts"] == "2"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_unknown_model_is_404_however_often_it_is_asked(serve: Serve, dialect: str) -> None:
    """The first callers read the provider's words, the next ones the gateway's: none is told to try again, and the provider is not asked."""
    async with FakeProvider(keys={"*": Behaviour(fault=Fault.status(404))}) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), queue="0s"))
        for _ in range(6):
            reply = await exchange(gateway.port, ask(dialect, "hello"))
            assert (reply.status, reply.headers["x-should-retry"]) == (404, "false")
        assert "answered lately that it has no such model" in reply.error["message"]
        assert len(fake.log) == 10


async def test_second_target_answers_when_the_first_is_broken(serve: Serve) -> None:
    """500s are retried on another key, then on another target, and the books hold each attempt once."""
    async with FakeProvider(keys={"*": Behaviour(fault=Fault.status(500))}) as first, FakeProvider(prices=PRICES) as second:
        gateway = await serve(ROUTED.format(first=first.base_url, second=second.base_url, keys=TWO_KEYS))
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert reply.is_answer
        request, attempts = await gateway.last()
        assert [row.provider for row in attempts] == ["first", "first", "second"]
        assert [row.verdict for row in attempts] == ["server_fault", "server_fault", "success"]
        assert request.provider == "second"
        assert (await gateway.books())[0] == second.invoice.total_nanousd


async def test_burst_on_a_target_that_breaks_is_hidden_by_the_next(serve: Serve) -> None:
    """40 calls are on their way to the first target's only key when it breaks: the second answers each of them."""
    async with FakeProvider(keys={"*": Behaviour(fault=Fault.status(500))}) as first, FakeProvider(prices=PRICES) as second:
        gateway = await serve(ROUTED.format(first=first.base_url, second=second.base_url, keys=ONE_KEY))
        replies = await asyncio.gather(*(exchange(gateway.port, ask("openai_chat", "hello")) for _ in range(40)))
        assert [reply.status for reply in replies] == [200] * 40
        assert len(first.log) <= 40
        assert len(second.log) == 40


@pytest.mark.parametrize("name", ["status_500", "status_529", "reset_before_head"])
async def test_own_retries_end_and_say_so(serve: Serve, name: str) -> None:
    """One attempt and three retries, then the SDK is told not to add its own."""
    async with FakeProvider(keys={"*": Behaviour(fault=FAULTS[name])}) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("abcdef")))
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert reply.status in {502, 503}
        assert reply.headers["x-omnillm-attempts"] == "4" == str(len(fake.log))
        assert reply.headers["x-should-retry"] == "false"
        assert len({logged.key for logged in fake.log}) == 4


async def test_a_call_is_repeated_three_times_however_much_the_budget_allows(serve: Serve) -> None:
    """After many good calls the retry budget has room for more: the fourth failure is told, though a fifth attempt would succeed."""
    async with FakeProvider(keys={"*": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("a")))
        for _ in range(20):
            assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
        fake.enqueue(*[Fault.status(500)] * 4)
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert (reply.status, reply.headers["x-omnillm-attempts"]) == (502, "4")


async def test_retries_do_not_feed_an_outage(serve: Serve) -> None:
    """When every key fails, retries are a fifth of the calls and three, whatever each call would like."""
    async with FakeProvider(keys={"*": Behaviour(fault=Fault.status(500))}) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("abcd"), pool="breaker: {failures: 1000}", queue="0s"))
        replies = [await exchange(gateway.port, ask("openai_chat", "hello")) for _ in range(40)]
        assert {reply.status for reply in replies} <= {502, 503}
        assert len(fake.log) <= 40 * 1.2 + 3 + 3


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


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
async def test_stale_connection_is_sent_again_unseen(serve: Serve, is_stream: bool) -> None:
    """A provider that drops its kept connections costs nobody an error. What was written into a dead one has a row of its own."""
    async with FakeProvider(prices=PRICES) as fake:
        gateway = await serve(configuration(fake))
        question = ask("openai_chat", "hello", is_stream=is_stream)
        for _ in range(10):
            fake.enqueue(None, FAULTS["close_before_head"])
            assert (await exchange(gateway.port, question)).is_answer
            assert (await exchange(gateway.port, question)).is_answer
            fake.script.queue.clear()
            request, attempts = await gateway.last()
            assert [row.verdict for row in attempts] == ["stale", "success"]
            assert request.attempts == 2
            assert attempts[0].key == attempts[1].key
            fake.enqueue(FAULTS["silent_close"])
            assert (await exchange(gateway.port, question)).is_answer
        ledger, settled, reserved = await gateway.books()
        assert ledger == settled >= fake.invoice.total_nanousd
        assert (reserved, gateway.in_flight) == (0, 0)


async def test_dead_connections_cost_a_call_one_attempt_however_many_there_are(serve: Serve) -> None:
    """All kept connections are dead, and none has said so: the call that finds the first goes on with a new one."""
    said = b'{"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}'

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        together = 6
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length:")[1].split()[0]))
        if asked.qsize() < together:
            asked.put_nowait(writer)
            if asked.qsize() == together:
                everybody.set()
        await everybody.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said))
        await reader.read(1)
        writer.transport.abort()

    asked: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    everybody = asyncio.Event()
    with closing(await asyncio.start_server(answer_once, "127.0.0.1", 0)) as server:
        base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        gateway = await serve(ROUTED.format(first=base_url, second=base_url, keys=ONE_KEY))
        question = ask("openai_chat", "hello")
        assert {reply.status for reply in await asyncio.gather(*(exchange(gateway.port, question) for _ in range(6)))} == {200}
        reply = await exchange(gateway.port, question)
        assert reply.status == 200
        _, attempts = await gateway.last()
        assert [row.verdict for row in attempts] == ["stale", "success"]


async def test_deadline_ends_the_failover(serve: Serve) -> None:
    """A call whose time is over is not sent again, and is told 504 in that time; that its caller was in a hurry is nobody's health."""
    async with FakeProvider(keys={"*": Behaviour(fault=Fault.stall())}) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("abcd"), pool="timeouts: {total: 5s}"))
        async with asyncio.timeout(4):
            reply = await exchange(gateway.port, ask("openai_chat", "hello", headers={"x-omnillm-timeout-ms": "200"}))
        assert reply.status == 504
        assert len(fake.log) == 1
        assert gateway.in_flight == 0
        assert [key.consecutive_failures for key in gateway.keys().values()] == [0] * 4


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_callers_mistake_is_not_repeated_nor_anybodys_health(serve: Serve, dialect: str) -> None:
    """A 400 is told at once, once, verbatim, and no key is the worse for it."""
    told = {"type": "invalid_request_error", "message": "Invalid.", "code": 400, "status": "INVALID_ARGUMENT"}
    words = json.dumps({"type": "error", "error": told, "of its own": 1}, indent=3).encode()
    async with FakeProvider(keys={"*": Behaviour(fault=Fault(name="words", http_status=400, body=words))}) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab")))
        for _ in range(12):
            reply = await exchange(gateway.port, ask(dialect, "hello"))
            assert reply.status == 400
            assert reply.body == words
            assert reply.headers["x-should-retry"] == "false"
        assert len(fake.log) == 12
        assert all(key.state == "ready" for key in gateway.program.controller.keys(gateway.program.clock.now()))


TOO_LONG = {
    "in a stream": Fault(name="late", error_after=0, error_status=400, code="context_length"),
    "under a 200": Fault(name="calm", http_status=200, error_status=400, code="context_length"),
}


@pytest.mark.parametrize("how", TOO_LONG)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_callers_mistake_is_one_under_whatever_status_it_is_told(serve: Serve, dialect: str, how: str) -> None:
    """A prompt that is too long is a 400 with the provider's words and code, by which agents know that they must shorten it."""
    async with FakeProvider(keys={"*": Behaviour(fault=TOO_LONG[how])}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab")))
        reply = await exchange(gateway.port, ask(dialect, "hello", is_stream=True))
        assert (reply.status, reply.headers["x-omnillm-attempts"], reply.headers["x-should-retry"]) == (400, "1", "false")
        assert "maximum" in reply.error["message"]
        if dialect.startswith("openai"):
            assert reply.error["code"] == "context_length_exceeded"
        assert [gateway.keys(PROVIDERS[dialect])[label].state for label in "ab"] == ["ready", "ready"]
        request, [attempt] = await gateway.last()
        assert (request.status, attempt.verdict, request.cost_nanousd) == (400, "caller_fault", fake.invoice.total_nanousd)


FLAGGED = {
    "OpenRouter": {
        "error": {
            "code": 403,
            "message": 'm requires moderation on X. Your input was flagged for "violence".',
            "metadata": {"reasons": ["violence"], "flagged_input": "...", "provider_name": "X", "model_slug": "m"},
        },
        "user_id": "u",
    },
    "xAI": {
        "code": "The caller does not have permission to execute the specified operation",
        "error": "Content violates usage guidelines. Team: our-team, API key ID: our-key, Model: m, Failed check: SAFETY_CHECK_TYPE_BIO",
    },
}
"""As these hosts say it."""


@pytest.mark.parametrize(
    ("host", "told"), [("OpenRouter", 'flagged for "violence"'), ("xAI", "guidelines. Failed check: SAFETY_CHECK_TYPE_BIO")]
)
async def test_a_prompt_that_a_moderator_flags_is_its_callers_alone(serve: Serve, host: str, told: str) -> None:
    """One caller's words keep nobody else from the model: it is told why, though under a 403, and no key rests for it."""
    async with FakeProvider(keys={"a": Behaviour(), "b": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), queue="0s"))
        for is_stream in (False, True):
            fake.enqueue(Fault(http_status=403, body=json.dumps(FLAGGED[host]).encode()))
            flagged = await exchange(gateway.port, ask("openai_chat", "hello", is_stream=is_stream))
            assert (flagged.status, told in flagged.error["message"], b"our-" in flagged.body) == (400, True, False)
            assert (await exchange(gateway.port, ask("openai_chat", "hello"))).headers["x-omnillm-attempts"] == "1"
        assert {gateway.keys()[label].state for label in "ab"} == {"ready"}


TOO_LARGE = (
    "Request too large for m in organization org-ours on tokens per min (TPM): Limit 30000, Requested 50000. The input must be reduced."
)


async def test_a_call_that_no_minute_is_large_enough_for_keeps_nobody_else_waiting(serve: Serve) -> None:
    """OpenAI says so under a 429: another key may have a higher limit, and smaller calls go on with this one."""
    async with FakeProvider(keys={"a": Behaviour(), "b": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), queue="0s"))
        told = {"error": {"message": TOO_LARGE, "type": "tokens", "param": None, "code": "rate_limit_exceeded"}}
        fault = Fault(http_status=429, body=json.dumps(told).encode())
        fake.enqueue(fault)
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).headers["x-omnillm-attempts"] == "2"
        fake.enqueue(fault, fault)
        refused = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert (refused.status, len(fake.log), b"org-" in refused.body) == (429, 4, False)
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).headers["x-omnillm-attempts"] == "1"


NO_HOST = "No endpoints found that support tool use. To learn more about provider routing, visit: https://openrouter.ai/docs"
"""OpenRouter, under a 404, of a model that does well without tools."""


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
async def test_what_no_host_of_a_model_takes_keeps_nobody_else_from_it(serve: Serve, dialect: str) -> None:
    """Who asks for less is served at once."""
    async with FakeProvider(keys={"a": Behaviour(), "b": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), queue="0s"))
        fake.enqueue(*[Fault(http_status=404, body=json.dumps({"error": {"message": NO_HOST, "code": 404}}).encode())] * 2)
        refused = await exchange(gateway.port, ask(dialect, "hello"))
        assert (refused.status, NO_HOST.encode() in refused.body, len(fake.log)) == (404, True, 2)
        assert (await exchange(gateway.port, ask(dialect, "hello"))).headers["x-omnillm-attempts"] == "1"


MISSING = {
    "an environment": ("gemini_interactions", 404, {"environment": "env_none"}),
    "a cache": ("gemini_interactions", 403, {"cached_content": "cachedContents/none"}),
    "a file": ("gemini", 403, {"contents": [{"parts": [{"fileData": {"fileUri": "https://x.test/v1beta/files/none"}}]}]}),
    "a film": ("gemini", 403, {"contents": [{"parts": [{"fileData": {"fileUri": "https://youtu.be/private"}}]}]}),
    "a picture": (
        "openai_chat",
        403,
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/private.png"}}]}]},
    ),
    "a sheet": (
        "openai_responses",
        403,
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://x.test/a"}]}]},
    ),
    "a painter": ("openai_responses", 403, {"tools": [{"type": "image_generation"}]}),
    "an item": ("openai_responses", 404, {"input": [{"type": "item_reference", "id": "msg_none"}]}),
    "a prompt": ("openai_responses", 404, {"prompt": {"id": "pmpt_none"}}),
    "a document": (
        "anthropic_messages",
        404,
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "file_none"}}]}]},
    ),
}


@in_turn("what", MISSING)
async def test_who_names_what_is_not_there_keeps_nobody_from_the_model(serve: Serve, what: str) -> None:
    """However often: it need not be the model that it found missing, or forbidden. Who names nothing else finds that of the model."""
    dialect, status, more = MISSING[what]
    async with FakeProvider(keys={"a": Behaviour()}, prices=PRICES) as fake:
        text = configuration(fake, keys=pool_of("a"), queue="0s", pool="breaker: {failures: 2}")
        gateway = await serve(text.replace('[{name: everything, limit_usd: "1000", period: total, hard: true}]', "[]"))
        fake.enqueue(*[Fault.status(status)] * 3, None, *[Fault.status(status)] * 2)
        asked = [ask(dialect, "hello", more=more)] * 3 + [ask(dialect, "hello")] * 4
        assert [(await exchange(gateway.port, question)).status == 200 for question in asked] == [False] * 3 + [True] + [False] * 3
        assert len(fake.log) == 6


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
WHOLE = {
    "a picture that it holds": {"messages": [{"role": "user", "content": [PICTURE]}]},
    "what Go and .NET escape": {"messages": [{"role": "user", "content": "a ESCAPE b"}]},
}


@in_turn("what", WHOLE)
async def test_a_model_that_is_denied_is_found_out_by_who_sends_nothing_but_what_it_holds(serve: Serve, what: str) -> None:
    """Else a key that may not use the model would be tried by every call of an agent that looks at a screen, or is written in Go."""
    async with FakeProvider(keys={"a": Behaviour(), "b": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), queue="0s", pool="breaker: {failures: 1}"))
        fake.enqueue(*[Fault.status(403)] * 2)
        asked = ask("openai_chat", "hello", more=WHOLE[what])
        asked = replace(asked, raw=asked.raw.replace(b"ESCAPE", rb"\u003c"))
        assert [(await exchange(gateway.port, asked)).status for _ in range(2)] == [503, 503]
        assert len(fake.log) == 2


@pytest.mark.parametrize("name", ["status_401", "status_500", "html_in_200", "error_in_200", "empty_200", "reset_before_head"])
@pytest.mark.parametrize("dialect", ["anthropic_messages", "gemini"])
async def test_count_of_tokens_fails_over_too(serve: Serve, name: str, dialect: str) -> None:
    """A count is asked of another key when the first one fails, costs nothing, and what is no count is never passed on as one."""
    async with FakeProvider(keys={"*": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab")))
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


async def test_a_call_whose_time_ends_while_it_connects_is_late_and_not_lost(serve: Serve) -> None:
    """A host that takes no connection: 504 as for one that does not answer, and nothing is charged."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, socket.create_connection(deaf.getsockname()):
        base_url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        routed = ROUTED.format(first=base_url, second=base_url, keys=ONE_KEY).replace("queue: 0s", "queue: 0s, deadline: 300ms")
        gateway = await serve(routed)
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert (reply.status, reply.json["error"]["code"]) == (504, "upstream_timeout")
        assert await gateway.books() == (0, 0, 0)


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
