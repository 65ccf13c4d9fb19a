"""Every named fault in every protocol, plain and streamed: hidden when it passes, told well when it stays, and never a wrong figure."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import cache
from itertools import chain

import pytest
from msgspec.structs import replace
from tests.in_turn import every_case
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve, configuration
from tests.journeys.wire import DIALECTS, PROVIDERS, Reply, ask, exchange

from omnillm.assemble import SystemClock
from omnillm.config.load import parse
from omnillm.config.settings import Settings
from omnillm.records import RequestRow
from omnillm.secret import Secret
from omnillm.testing import FAULTS, Behaviour, FakeProvider, ManualClock

CALLERS = {"status_400": 400, "status_413": 413, "status_422": 422, "context_length": 400}
"""The caller's own mistakes, which the provider's own words tell best."""
NOT_FOUND = {"status_404", "model_not_found"}
"""Told verbatim once no key is left."""
HARMLESS = {
    *("early_hints", "comments", "empty_events", "crlf", "slow", "one_byte", "gzip", "silent_close", "silent_reset", "surplus"),
    *("close_delimited", "http10", "trailers", "usage_negative", "usage_huge", "usage_zero", "usage_missing", "usage_cumulative"),
}
"""Seen as an answer, whatever they are."""
HARMLESS_PLAIN = {"wrong_content_type", "no_terminal", "no_finish", "malformed_event", "invalid_utf8", "huge_event"}
"""What they change stands in streams only, or says nothing about a JSON body."""
WHOLE_STREAM = {"truncated_length", "truncated_chunked"}
"""A stream has ended at its terminal event, whatever becomes of its framing. Gemini has none: its stream ends where its framing does."""
UNREAD = {"malformed_event", "invalid_utf8"}
"""Events behind the first content are forwarded as they came, read or not: a client may see the garbage, an error, or nothing of it."""
RACES = {"silent_reset"}
"""A reset may overtake the bytes that were sent before it."""
AFTER_CONTENT = {
    *("truncated_json", "no_terminal", "no_finish", "huge_event", "error_after_content", "reset_mid_body", "cut_mid_body"),
    *("stall_mid_body", *UNREAD, *WHOLE_STREAM, *RACES),
}
"""Of a stream: content may have been shown, so a client sees the break."""
STALLS = {"stall_before_head", "stall_mid_body"}
APART = (("openai_chat", "anthropic_messages", "gemini"), ("openai_responses", "gemini_interactions"))
"""The protocols, in groups of which each has a provider of every kind once at most."""
PROVIDER_WORDS = (b"Checking your browser", b"sk-canary", b"org-fakeprovider", b"__cf_bm", VIRTUAL_KEY.encode())
NOWHERE = FakeProvider()
TIMEOUTS = "timeouts: {first_byte: 15s, idle: 15s, total: 20s}"
SILENCE_S = 20
"""As long as an attempt may take in all; of a call that may take half as long again, the machine's own clock has the rest for its last connection."""
TURNS = 200
"""Of the event loop: more than a reply of few words takes on its way from the provider to the client."""


@cache
def settings() -> Settings:
    """Read once: reading takes longer than the call."""
    keys = {"a": "key: sk-canary-a", "b": "key: sk-canary-b"}
    return parse(configuration(NOWHERE, keys=keys, queue="0s", pool=TIMEOUTS), {})


class Cell:
    """One fault in one protocol, plain or streamed, with a provider of its own and keys that nobody has asked."""

    def __init__(self, name: str, dialect: str, fake: FakeProvider, *, is_stream: bool) -> None:
        self.name = name
        self.dialect = dialect
        self.fake = fake
        self.is_stream = is_stream

    def __str__(self) -> str:
        return f"{self.name} in {self.dialect}, {'streamed' if self.is_stream else 'plain'}"

    @property
    def is_answered(self) -> bool:
        """Whether a reply with that fault is an answer all the same."""
        if self.is_stream:
            return self.name in HARMLESS or (self.name in WHOLE_STREAM and self.dialect != "gemini")
        return self.name in HARMLESS or self.name in HARMLESS_PLAIN

    def ask(self, port: int, prompt: str) -> asyncio.Task[Reply]:
        """A call that stalls for good may take less than two attempts may."""
        deadline_ms = 30000 if self.name in STALLS and "*" not in prompt else 60000
        question = ask(self.dialect, prompt, is_stream=self.is_stream, headers={"x-omnillm-timeout-ms": str(deadline_ms)})
        return asyncio.get_running_loop().create_task(exchange(port, question))

    @property
    def is_silent(self) -> bool:
        return bool(self.fake.log) and not self.fake.log[-1].is_ended

    async def check(self, gateway: Running, request: RequestRow, reply: Reply) -> None:
        """Whatever happened: the call and its attempts have their rows, and what they cost is never below the invoice."""
        attempts, invoice = await gateway.program.store.attempts(request.request_id), self.fake.invoice.total_nanousd
        assert request.attempts == len(attempts)
        # On a busy machine a call may be out of time before the provider has read its last attempt.
        assert request.attempts == len(self.fake.log) or (self.name in STALLS and request.status == 504)
        assert request.cost_nanousd >= invoice
        if not request.is_estimated:
            assert request.cost_nanousd == invoice
        assert request.is_estimated == any(attempt.is_estimated for attempt in attempts)
        assert (request.outcome == "success") == reply.is_answer


async def wait_out(asked: Mapping[Cell, asyncio.Task[Reply]], gateway: Running, clock: ManualClock) -> None:
    """Time passes only while all that are asked are silent, once for each attempt that they have read: none is late before, however busy the machine is."""
    waited = dict.fromkeys(asked, 0)
    while not all(task.done() for task in asked.values()):
        for _ in range(TURNS):
            await asyncio.sleep(0)
        waiting = [cell for cell, task in asked.items() if not task.done()]
        if waiting and all(cell.is_silent and len(cell.fake.log) > waited[cell] for cell in waiting):
            waited |= {cell: len(cell.fake.log) for cell in waiting}
            clock.advance(SILENCE_S)
            gateway.program.deadlines.sweep(clock.now())


async def in_every_dialect(serve: Serve, name: str, prompt: str, judge: Callable[[Cell, Reply], None]) -> None:
    """All protocols: those whose providers are not the same ask one gateway, side by side, because its keys remember a failure.

    Of a fault that passes one group asks for streams, and of one that stays the other; with the next fault it is the other way round.
    """
    assert {*chain(*APART)} == {*DIALECTS}
    number = [*FAULTS].index(name) + (judge is judge_lasting)
    with every_case() as case:
        for group, dialects in enumerate(APART):
            is_stream = (number + group) % 2 == 1
            async with AsyncExitStack() as stack:
                fakes = [await stack.enter_async_context(two_good_keys()) for _ in dialects]
                cells = [Cell(name, dialect, fake, is_stream=is_stream) for dialect, fake in zip(dialects, fakes, strict=True)]
                clock = ManualClock() if name in STALLS else None
                gateway = await serve(in_front_of(cells), clock=clock)
                async with asyncio.timeout(20):
                    asked = {cell: cell.ask(gateway.port, prompt) for cell in cells}
                    if clock is not None:
                        await wait_out(asked, gateway, clock)
                    replies = {cell: await task for cell, task in asked.items()}
                    for fake in fakes:
                        await fake.ended(len(fake.log))
                requests = await check_books(gateway, [*replies.values()])
                for cell, reply in replies.items():
                    with case(str(cell)):
                        judge(cell, reply)
                        await cell.check(gateway, requests[reply.headers["x-omnillm-request-id"]], reply)


def two_good_keys() -> FakeProvider:
    """It says few words, and its pauses are only turns of the loop."""
    keys = {"sk-canary-a": Behaviour(words=6), "sk-canary-b": Behaviour(words=6)}
    return FakeProvider(keys=keys, prices=PRICES, clock=SystemClock(), sleep=lambda _: asyncio.sleep(0))


def in_front_of(cells: Sequence[Cell]) -> Settings:
    providers = dict(settings().providers)
    for cell in cells:
        label = PROVIDERS[cell.dialect]
        providers[label] = replace(providers[label], base_url=Secret(cell.fake.base_url))
    return replace(settings(), providers=providers)


async def check_books(gateway: Running, replies: Sequence[Reply]) -> dict[str, RequestRow]:
    """Whatever happened: nothing is held, each call has its row and its line, and nobody is told what only providers and keys know. The rows by their ids."""
    spent = await gateway.spent()
    rows = {row.request_id: row for row in await gateway.program.store.requests(limit=1000, before="")}
    assert spent == sum(row.cost_nanousd for row in rows.values())
    assert sorted(rows) == sorted(reply.headers["x-omnillm-request-id"] for reply in replies)
    gateway.close_log()
    log = gateway.log.getvalue()
    assert not [request_id for request_id in rows if request_id.encode() not in log]
    everything = log + b"".join(reply.body + repr(reply.headers).encode() for reply in replies)
    assert not [words for words in PROVIDER_WORDS if words in everything]
    return rows


@pytest.mark.parametrize("name", FAULTS)
async def test_passing_fault_is_hidden(serve: Serve, name: str) -> None:
    """One attempt in two fails: the client sees an answer, unless the fault is its own or came after content."""
    await in_every_dialect(serve, name, f"hello there [[fault:{name}*1]]", judge_passing)


@pytest.mark.parametrize("name", FAULTS)
async def test_lasting_fault_is_told(serve: Serve, name: str) -> None:
    """Every attempt fails: a well-formed error of the client's protocol, in time, and nothing that looks like an answer."""
    await in_every_dialect(serve, name, f"hello there [[fault:{name}]]", judge_lasting)


def judge_passing(cell: Cell, reply: Reply) -> None:
    name = cell.name
    if name in CALLERS:
        assert reply.status == CALLERS[name]
        assert reply.error
    elif cell.is_stream and name in AFTER_CONTENT and not reply.is_answer:
        assert_broken_off(reply)
    else:
        assert reply.is_answer, reply
        if name not in RACES and not (cell.is_stream and name in UNREAD):
            assert reply.headers["x-omnillm-attempts"] == ("1" if cell.is_answered else "2")


def judge_lasting(cell: Cell, reply: Reply) -> None:
    name = cell.name
    if reply.is_answer:
        assert cell.is_answered or (cell.is_stream and name in UNREAD)
    elif reply.status == 200:
        assert cell.is_stream
        assert name in AFTER_CONTENT
        assert_broken_off(reply)
    else:
        assert name in RACES or not cell.is_answered
        assert_told(reply, name, PROVIDERS[cell.dialect])


def assert_broken_off(reply: Reply) -> None:
    """A stream that began and then says in its own protocol that it failed."""
    assert reply.status == 200
    assert reply.is_whole
    assert not reply.is_answer
    assert reply.error


def assert_told(reply: Reply, name: str, provider: str) -> None:
    """An error before anything was shown. 401, 402 and 403 are only ever about the caller."""
    error = reply.error
    if name in CALLERS or name in NOT_FOUND:
        assert reply.status == CALLERS.get(name, 404)
        return
    assert reply.status in {429, 502, 503, 504, 529}
    if reply.status in {429, 503, 529}:
        assert 0 < int(reply.headers["retry-after-ms"]) <= 1000 * int(reply.headers["retry-after"])
    if reply.status != 429:
        assert repr(provider) in error["message"]
    assert (reply.headers.get("x-should-retry") == "false") == (reply.status != 429)
