"""Providers vanish and connections go stale: the next target, or the next try, answers."""

import asyncio
import socket

import pytest
from tests.journeys.failover.pools import pool_of
from tests.journeys.hosts import hosting
from tests.journeys.running import PRICES, Serve, configuration
from tests.journeys.wire import ask, exchange

from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault

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
        assert await gateway.spent() == fake.invoice.total_nanousd
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
        assert await gateway.spent() >= fake.invoice.total_nanousd


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
    async with hosting(answer_once) as url:
        gateway = await serve(ROUTED.format(first=f"{url}/v1", second=f"{url}/v1", keys=ONE_KEY))
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


async def test_a_call_whose_time_ends_while_it_connects_is_late_and_not_lost(serve: Serve) -> None:
    """A host that takes no connection: 504 as for one that does not answer, and nothing is charged."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, socket.create_connection(deaf.getsockname()):
        base_url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        routed = ROUTED.format(first=base_url, second=base_url, keys=ONE_KEY).replace("queue: 0s", "queue: 0s, deadline: 300ms")
        gateway = await serve(routed)
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert (reply.status, reply.json["error"]["code"]) == (504, "upstream_timeout")
        assert await gateway.books() == (0, 0, 0)
