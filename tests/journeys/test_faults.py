"""Every named fault in every protocol, plain and streamed: hidden when it passes, told well when it stays, and never a wrong figure."""

import asyncio
from collections.abc import Callable
from functools import cache

import pytest
from msgspec.structs import replace
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve, configuration
from tests.journeys.wire import DIALECTS, PROVIDERS, Reply, ask, exchange

from omnillm.assemble import SystemClock
from omnillm.config.load import parse
from omnillm.config.settings import Settings
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
PROVIDER_WORDS = (b"Checking your browser", b"sk-canary", b"org-fakeprovider", b"__cf_bm", VIRTUAL_KEY.encode())
NOWHERE = FakeProvider()
SHORT = "timeouts: {first_byte: 150ms, idle: 150ms, total: 200ms}"
SILENCE_S = 0.2
"""Longer than an attempt may take in all."""
TURNS = 200
"""Of the event loop: more than a reply of few words takes on its way from the provider to the client."""
LONG = "timeouts: {first_byte: 20s, idle: 20s, total: 20s}"


@cache
def settings_for(*, is_short: bool) -> Settings:
    """Read once: reading takes longer than the call."""
    keys = {"a": "key: sk-canary-a", "b": "key: sk-canary-b"}
    return parse(configuration(NOWHERE, keys=keys, queue="0s", pool=SHORT if is_short else LONG), {})


class Cell:
    """One fault in one protocol, plain or streamed, with a provider and a gateway of its own."""

    def __init__(self, name: str, dialect: str, *, is_stream: bool) -> None:
        self.name = name
        self.dialect = dialect
        self.is_stream = is_stream

    @property
    def is_answered(self) -> bool:
        """Whether a reply with that fault is an answer all the same."""
        if self.is_stream:
            return self.name in HARMLESS or (self.name in WHOLE_STREAM and self.dialect != "gemini")
        return self.name in HARMLESS or self.name in HARMLESS_PLAIN

    async def run(self, serve: Serve, prompt: str, judge: Callable[["Cell", Reply], None]) -> None:
        """Two good keys of few words, whose pauses are only turns of the loop; the reply is judged, then the books are checked."""
        keys = {"sk-canary-a": Behaviour(words=6), "sk-canary-b": Behaviour(words=6)}
        async with FakeProvider(keys=keys, prices=PRICES, clock=SystemClock(), sleep=lambda _: asyncio.sleep(0)) as fake:
            settings = settings_for(is_short=self.name in STALLS)
            at = Secret(fake.base_url)
            providers = {label: replace(each, base_url=at) for label, each in settings.providers.items()}
            clock = ManualClock() if self.name in STALLS else None
            gateway = await serve(replace(settings, providers=providers), clock=clock)
            headers = {"x-omnillm-timeout-ms": "300" if self.name in STALLS and "*" not in prompt else "20000"}
            try:
                async with asyncio.timeout(20):
                    asked = asyncio.get_running_loop().create_task(
                        exchange(gateway.port, ask(self.dialect, prompt, is_stream=self.is_stream, headers=headers))
                    )
                    if clock is not None:
                        await wait_out(asked, gateway, fake, clock)
                    reply = await asked
                    await fake.ended(len(fake.log))
                judge(self, reply)
                await check_books(gateway, fake, reply)
                request, _ = await gateway.last()
                # On a busy machine a call may be out of time before the provider has read its last attempt.
                assert request.attempts == len(fake.log) or (self.name in STALLS and request.status == 504)
            except BaseException as error:
                error.add_note(f"{self.name} in {self.dialect}, {'streamed' if self.is_stream else 'plain'}")
                raise


async def wait_out(asked: asyncio.Task[Reply], gateway: Running, fake: FakeProvider, clock: ManualClock) -> None:
    """Time passes only while the provider is silent, once for each attempt that it has read: none is late before, however busy the machine is."""
    waited = 0
    while not asked.done():
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if len(fake.log) > waited and not fake.log[-1].is_ended:
            waited = len(fake.log)
            clock.advance(SILENCE_S)
            gateway.program.deadlines.sweep(clock.now())


async def in_every_dialect(serve: Serve, name: str, prompt: str, *, is_stream: bool, judge: Callable[[Cell, Reply], None]) -> None:
    """All protocols side by side."""
    async with asyncio.TaskGroup() as group:
        for dialect in DIALECTS:
            group.create_task(Cell(name, dialect, is_stream=is_stream).run(serve, prompt, judge))


async def check_books(gateway: Running, fake: FakeProvider, reply: Reply) -> None:
    """Whatever happened: nothing is held, each request has its row, and the ledger is never below the invoice."""
    ledger, settled, reserved = await gateway.books()
    request, attempts = await gateway.last()
    invoice = fake.invoice.total_nanousd
    assert reserved == 0
    assert gateway.in_flight == 0
    assert settled == ledger == request.cost_nanousd
    assert request.attempts == len(attempts)
    assert ledger >= invoice
    if not request.is_estimated:
        assert ledger == invoice
    assert request.is_estimated == any(attempt.is_estimated for attempt in attempts)
    assert request.request_id == reply.headers["x-omnillm-request-id"]
    assert (request.outcome == "success") == reply.is_answer
    gateway.close_log()
    everything = reply.body + repr(reply.headers).encode() + gateway.log.getvalue()
    assert request.request_id.encode() in everything
    assert not [words for words in PROVIDER_WORDS if words in everything]


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", FAULTS)
async def test_passing_fault_is_hidden(serve: Serve, name: str, is_stream: bool) -> None:
    """One attempt in two fails: the client sees an answer, unless the fault is its own or came after content."""
    await in_every_dialect(serve, name, f"hello there [[fault:{name}*1]]", is_stream=is_stream, judge=judge_passing)


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", FAULTS)
async def test_lasting_fault_is_told(serve: Serve, name: str, is_stream: bool) -> None:
    """Every attempt fails: a well-formed error of the client's protocol, in time, and nothing that looks like an answer."""
    await in_every_dialect(serve, name, f"hello there [[fault:{name}]]", is_stream=is_stream, judge=judge_lasting)


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
