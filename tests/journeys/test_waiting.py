"""A call waits for the earliest key, in fair order, as long as it may and no longer, and leaves nothing behind when it gives up."""

import asyncio

import pytest
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve, configuration, until
from tests.journeys.wire import DIALECTS, Line, Reply, ask, exchange

from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, ManualClock

OTHER_KEY = "sk-omni-other-0123456789abcdef"


def begin(gateway: Running, prompt: str = "hello", *, key: str = VIRTUAL_KEY, dialect: str = "openai_chat") -> asyncio.Task[Reply]:
    return asyncio.get_running_loop().create_task(exchange(gateway.port, ask(dialect, prompt, key=key)))


async def queued(gateway: Running, count: int) -> None:
    await until(lambda: gateway.waiting == count)


async def fill(gateway: Running, count: int) -> None:
    """Uses up the key's minute."""
    for _ in range(count):
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_call_waits_for_the_earliest_key(serve: Serve, dialect: str) -> None:
    """Both keys are used up; the call is answered by the one that frees first, when it frees, by the gateway's own ticker."""
    clock = ManualClock()
    async with FakeProvider(keys={"sk-a": Behaviour(), "sk-b": Behaviour()}, prices=PRICES, clock=clock) as fake:
        keys = {"a": "key: sk-a, rpm: 1", "b": "key: sk-b, rpm: 1"}
        gateway = await serve(configuration(fake, keys=keys, queue="90s", pool="selection: priority"), clock=clock)
        assert (await exchange(gateway.port, ask(dialect, "hello"))).headers["x-omnillm-key"] == "a"
        clock.advance(20)
        assert (await exchange(gateway.port, ask(dialect, "hello"))).headers["x-omnillm-key"] == "b"
        task = begin(gateway, dialect=dialect)
        await queued(gateway, 1)
        clock.advance(39)
        gateway.program.controller.tick(gateway.program.clock.now())
        assert gateway.waiting == 1
        clock.advance(2)
        async with asyncio.timeout(5):
            reply = await task
        assert reply.headers["x-omnillm-key"] == "a"
        assert [logged.arrived_at for logged in fake.log] == [1000.0, 1020.0, 1061.0]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_wait_that_is_too_long_is_refused_with_the_exact_wait(serve: Serve, dialect: str) -> None:
    """A call that cannot be served within its queue time is 429 at once, and in that time it would be."""
    clock = ManualClock()
    async with FakeProvider(prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, rpm: 1"}, queue="10s"), clock=clock)
        assert (await exchange(gateway.port, ask(dialect, "hello"))).is_answer
        clock.advance(7)
        reply = await exchange(gateway.port, ask(dialect, "hello"))
        assert reply.status == 429
        assert reply.headers["x-omnillm-request-id"]
        wait_ms = int(reply.headers["retry-after-ms"])
        assert 53_000 <= wait_ms <= 54_000
        assert reply.error
        clock.advance(wait_ms / 1000)
        assert (await exchange(gateway.port, ask(dialect, "hello"))).is_answer


async def test_deadline_of_the_caller_bounds_the_wait(serve: Serve) -> None:
    """A caller that gives itself 5 s is not kept for the queue's 90, nor for 3: what begins at the last moment is paid for in vain."""
    clock = ManualClock()
    async with FakeProvider(prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, rpm: 1"}, queue="90s"), clock=clock)
        await fill(gateway, 1)
        clock.advance(57)
        async with asyncio.timeout(5):
            reply = await exchange(gateway.port, ask("openai_chat", "hello", headers={"x-omnillm-timeout-ms": "5000"}))
        assert (reply.status, reply.error["code"]) == (429, "all_keys_limited")
        assert len(fake.log) == 1


async def test_waiter_out_of_time_is_refused(serve: Serve) -> None:
    """The key that it waited for did not come back in time: the ticker ends the wait with a 429."""
    clock = ManualClock()
    async with FakeProvider(keys={"*": Behaviour(fault=Fault.stall())}, prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, max_concurrency: 1"}, queue="10s"), clock=clock)
        first = begin(gateway)
        await fake.arrived(1)
        second = begin(gateway)
        await queued(gateway, 1)
        clock.advance(11)
        async with asyncio.timeout(5):
            reply = await second
        assert reply.status == 429
        assert int(reply.headers["retry-after-ms"]) > 0
        fake.gate("stall").set()
        assert (await first).is_answer


async def test_end_of_a_call_serves_the_next(serve: Serve) -> None:
    """One at a time: ten calls at once are all answered, in the order in which they came."""
    async with FakeProvider(prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, max_concurrency: 1"}))
        fake.enqueue(Fault.stall())
        first = begin(gateway, "number 0")
        await fake.arrived(1)
        tasks = [first]
        for number in range(1, 10):
            tasks.append(begin(gateway, f"number {number}"))
            await queued(gateway, number)
        fake.gate("stall").set()
        assert all(reply.is_answer for reply in await asyncio.gather(*tasks))
        assert [f"number {number}".encode() in logged.body for number, logged in enumerate(fake.log)] == [True] * 10


async def test_order_between_callers_is_fair(serve: Serve) -> None:
    """One caller queues ten calls, then another two: the other does not stand behind all ten."""
    clock = ManualClock()
    async with FakeProvider(prices=PRICES, clock=clock) as fake:
        callers = f"{{name: other, key: {OTHER_KEY}}}"
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, max_concurrency: 1"}, callers=callers, queue="90s"), clock=clock)
        fake.enqueue(Fault.stall())
        tasks = [begin(gateway, "first")]
        await fake.arrived(1)
        for number in range(10):
            tasks.append(begin(gateway, "many"))
            await queued(gateway, number + 1)
        for number in range(2):
            tasks.append(begin(gateway, "few", key=OTHER_KEY))
            await queued(gateway, number + 11)
        fake.gate("stall").set()
        assert all(reply.is_answer for reply in await asyncio.gather(*tasks))
        few = [place for place, logged in enumerate(fake.log) if b'"few"' in logged.body]
        assert max(few) <= 4, few


async def test_newcomer_does_not_pass_a_waiter(serve: Serve) -> None:
    """A key frees by time; whoever came first gets it, also when somebody asks at that very moment."""
    clock = ManualClock()
    async with FakeProvider(prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, rpm: 1"}, queue="200s"), clock=clock)
        await fill(gateway, 1)
        early = begin(gateway, "early")
        await queued(gateway, 1)
        clock.advance(61)
        late = begin(gateway, "late")
        async with asyncio.timeout(5):
            assert (await early).is_answer
        assert b"early" in fake.log[1].body
        clock.advance(61)
        async with asyncio.timeout(5):
            assert (await late).is_answer


async def test_queue_has_a_depth(serve: Serve) -> None:
    """Two may wait; the third is 503 at once and told when to come again."""
    async with FakeProvider(keys={"*": Behaviour(fault=Fault.stall())}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, max_concurrency: 1"}, calls="queue_depth: 2"))
        tasks = [begin(gateway) for _ in range(3)]
        await queued(gateway, 2)
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert (reply.status, reply.error["code"]) == (503, "queue_full")
        assert int(reply.headers["retry-after-ms"]) > 0
        fake.gate("stall").set()
        assert all(each.is_answer for each in await asyncio.gather(*tasks))


async def test_client_that_hangs_up_while_it_waits_leaves_nothing(serve: Serve) -> None:
    """Its place is gone, its money and its caller's slot are free, no attempt was made, and the key goes to the next in line."""
    async with FakeProvider(prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, max_concurrency: 1"}, caller="max_concurrency: 3"))
        fake.enqueue(Fault.stall())
        first = begin(gateway)
        await fake.arrived(1)
        line = await Line.open(gateway.port, ask("openai_chat", "gone"))
        await queued(gateway, 1)
        held = (await gateway.books())[2]
        last = begin(gateway, "last")
        await queued(gateway, 2)
        line.reset()
        await queued(gateway, 1)
        assert (await gateway.books())[2] == held
        row, attempts = await gateway.last()
        assert (row.status, row.outcome, row.attempts, row.cost_nanousd, attempts) == (499, "aborted", 0, 0, [])
        fake.gate("stall").set()
        assert (await first).is_answer
        assert (await last).is_answer
        assert [b"gone" in logged.body for logged in fake.log] == [False, False]
        assert await gateway.spent() == fake.invoice.total_nanousd
        assert gateway.in_flight == 0


async def test_grant_that_meets_a_hang_up_is_not_lost(serve: Serve) -> None:
    """The key frees and the waiting client goes in the same turn of the loop: the key is free all the same."""
    async with FakeProvider(prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a, max_concurrency: 1"}))
        for _ in range(20):
            fake.enqueue(Fault.stall(name="held"))
            first = begin(gateway)
            await fake.arrived(len(fake.log) + 1)
            line = await Line.open(gateway.port, ask("openai_chat", "gone"))
            await queued(gateway, 1)
            line.reset()
            fake.gate("held").set()
            assert (await first).is_answer
            await until(lambda: gateway.in_flight == 0 and gateway.waiting == 0)
            fake.gate("held").clear()
        assert (await gateway.books())[2] == 0


async def test_call_that_was_limited_everywhere_waits_like_any_other(serve: Serve) -> None:
    """Both keys answer 429 with a short wait: the call that found out waits for it, unseen, as a newcomer would."""
    clock = ManualClock()
    limited = Behaviour(first=(FAULTS["rate_both"],))
    async with FakeProvider(keys={"sk-a": limited, "sk-b": limited}, prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}, queue="5s"), clock=clock)
        task = begin(gateway)
        await queued(gateway, 1)
        clock.advance(2.2)
        async with asyncio.timeout(5):
            reply = await task
        assert reply.is_answer
        assert reply.headers["x-omnillm-attempts"] == "3"
        assert (await gateway.books())[0] == fake.invoice.total_nanousd


async def test_limit_that_never_ends_is_told_once_its_keys_were_asked_twice(serve: Serve) -> None:
    """A provider that says `retry-after: 0` for ever is not hammered; and one call that it never takes keeps nobody away for long."""
    always = Behaviour(fault=Fault(name="rate_zero", http_status=429, fields=(("retry-after", "0"),)))
    async with FakeProvider(keys={"*": always}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}, queue="5s"))
        async with asyncio.timeout(5):
            reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert (reply.status, reply.error["code"]) == (429, "provider_rate_limited")
        assert int(reply.headers["retry-after-ms"]) >= 1
        assert len(fake.log) == 4


async def test_calls_that_are_limited_while_another_is_let_in_come_back_again(serve: Serve) -> None:
    """Three are refused at once; the one that is let try then gets through, and the two that follow are refused a second time."""
    clock = ManualClock()
    async with FakeProvider(keys={"*": Behaviour()}, prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}, queue="30s"), clock=clock)
        limited = FAULTS["rate_both"]
        fake.enqueue(*[limited] * 3, None, *[limited] * 2)
        tasks = [begin(gateway) for _ in range(3)]
        for asked, waiting in ((3, 3), (6, 2)):
            await fake.arrived(asked)
            await queued(gateway, waiting)
            clock.advance(2.2)
        async with asyncio.timeout(5):
            replies = await asyncio.gather(*tasks)
        assert all(reply.is_answer for reply in replies)
        assert sorted(int(reply.headers["x-omnillm-attempts"]) for reply in replies) == [2, 3, 3]


async def test_money_that_is_only_held_is_waited_for(serve: Serve) -> None:
    """The budget has room for one call at a time; the second goes when the first has settled for less."""
    async with FakeProvider(keys={"*": Behaviour(words=5)}, prices=PRICES) as fake:
        fake.enqueue(Fault.stall())
        gateway = await serve(configuration(fake, limit_usd="0.002"))
        first = begin(gateway)
        await fake.arrived(1)
        second = begin(gateway)
        await queued(gateway, 1)
        fake.gate("stall").set()
        assert (await first).is_answer
        assert (await second).is_answer
        assert await gateway.books() == (fake.invoice.total_nanousd, fake.invoice.total_nanousd, 0)
