"""A load on one address: a number of calls, a few at a time. Each call is timed by its sender."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from math import ceil, inf
from typing import Self
from urllib.parse import urlsplit

import msgspec

from omnillm.assemble import SystemClock
from omnillm.errors import ConfigError, OmniError, UpstreamLost
from omnillm.framing.sse import SseReader
from omnillm.money import format_usd, parse_usd
from omnillm.transport.client import Exchange, HttpClient, Origin, Outgoing
from omnillm.transport.timeouts import Deadlines, Timeouts

PROMPT = "Count from 1 to 1000 and write nothing else."
"""Its reply reaches the cap, so that one call costs what each of the others will."""
PATH = "/v1/chat/completions"
MAX_REPLY_BYTES = 16 * 1024 * 1024
QUANTILES = (50, 95, 99)


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """Where the calls go, and what each of them asks for."""

    origin: Origin
    path: str
    key: str
    model: str
    max_tokens: int
    is_stream: bool
    call_s: float = 120.0
    """What takes longer has failed: a load ends by itself."""

    def outgoing(self) -> Outgoing:
        asked: dict[str, object] = {"model": self.model, "messages": [{"role": "user", "content": PROMPT}]}
        asked["max_completion_tokens"] = self.max_tokens
        if self.is_stream:
            asked["stream"] = True
        fields = f"host: {self.origin.authority}\r\ncontent-type: application/json\r\nauthorization: Bearer {self.key}\r\n"
        return Outgoing(
            origin=self.origin,
            method=b"POST",
            head=f"POST {self.path} HTTP/1.1\r\n{fields}".encode(),
            body=msgspec.json.encode(asked),
            timeouts=Timeouts(),
            is_stream=self.is_stream,
        )


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one call. `code` is empty when it succeeded; `first_byte_s` is the reply's body's."""

    code: str = ""
    message: str = ""
    seconds: float = 0.0
    first_byte_s: float = 0.0
    cost_nanousd: int | None = None
    """As the gateway says of plain replies; None: it does not."""
    completion_tokens: int = 0


Fired = tuple[list[Answer], float]
"""The answers of a load, and the seconds that it took."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a load found. The times are those of the calls that succeeded."""

    calls: int
    failed: dict[str, int]
    """How many, by the code of their error."""
    per_second: float
    latency_ms: dict[str, float]
    first_byte_ms: dict[str, float]
    cost_usd: str | None
    """What the replies say, added up; None: they say nothing, as streams never do."""


class Problem(msgspec.Struct):
    message: str = ""
    code: str | int | None = None
    type: str = ""


class Used(msgspec.Struct):
    completion_tokens: int = 0


class Told(msgspec.Struct):
    """What matters of a reply or of an event."""

    error: Problem | None = None
    usage: Used | None = None


class Sender:
    """Sends calls over connections that it keeps."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._client = HttpClient(clock=self._clock, deadlines=Deadlines())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def fire(self, at: Aim, *, calls: int, concurrency: int = 1, seconds: float = inf) -> Fired:
        """Send `calls`, `concurrency` at a time and none after `seconds`. Returns when all are answered."""
        answers: list[Answer] = []
        left = iter(range(calls))
        began = self._clock.now()

        async def caller() -> None:
            for _ in left:
                if self._clock.now() - began >= seconds:
                    return
                answers.append(await self.call(at))

        async with asyncio.TaskGroup() as callers:
            for _ in range(min(concurrency, calls)):
                callers.create_task(caller())
        return answers, self._clock.now() - began

    async def call(self, at: Aim) -> Answer:
        """One of them. Whatever the other side does is an answer."""
        began = self._clock.now()
        try:
            async with asyncio.timeout(at.call_s):
                exchange = await self._client.send(at.outgoing())
                try:
                    first = await exchange.read()
                    first_at = self._clock.now()
                    whole = first + (await exchange.read_all(MAX_REPLY_BYTES) if first else b"")
                finally:
                    exchange.close()
        except TimeoutError:
            return Answer(code="timeout", message=f"no whole reply within {at.call_s:g} seconds")
        except OmniError as error:
            return Answer(code=error.code, message=error.message)
        return read(exchange, whole, seconds=self._clock.now() - began, first_byte_s=first_at - began)


def aim(url: str, *, key: str, model: str, max_tokens: int, is_stream: bool) -> Aim:
    """Chat completions at a gateway's address, with or without the `/v1` of an SDK. ConfigError: it is none."""
    try:
        origin = Origin.of(url)
    except ConfigError as error:
        raise ConfigError(error.message, path="--url") from error
    path = urlsplit(url).path.rstrip("/").removesuffix("/v1") + PATH
    for option, text in (("--url", path), ("--key", key)):
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ConfigError("must be printable ASCII without spaces", path=option)
    return Aim(origin=origin, path=path, key=key, model=model, max_tokens=max_tokens, is_stream=is_stream)


def read(exchange: Exchange, whole: bytes, *, seconds: float, first_byte_s: float) -> Answer:
    is_stream = exchange.headers.get(b"content-type", b"").startswith(b"text/event-stream")
    try:
        told = read_stream(whole) if is_stream else msgspec.json.decode(whole, type=Told)
    except (msgspec.MsgspecError, UpstreamLost):
        return Answer(code=f"http_{exchange.status}", message="the reply is no whole one of chat completions")
    if exchange.status != 200 or told.error:
        problem = told.error or Problem()
        return Answer(code=str(problem.code or problem.type or f"http_{exchange.status}"), message=problem.message)
    cost = exchange.headers.get(b"x-omnillm-cost-usd")
    return Answer(
        seconds=seconds,
        first_byte_s=first_byte_s,
        cost_nanousd=None if cost is None else parse_usd(cost.decode()),
        completion_tokens=told.usage.completion_tokens if told.usage else 0,
    )


def read_stream(whole: bytes) -> Told:
    """The error in it, if there is one. UpstreamLost: it has no end."""
    datas = [frame.data for frame in SseReader().feed(whole) if frame.data]
    for data in datas:
        if data.startswith(b'{"error"'):
            return msgspec.json.decode(data, type=Told)
    if not datas or datas[-1] != b"[DONE]":
        raise UpstreamLost("The stream has no end.")
    return Told()


def measured(answers: Sequence[Answer], seconds: float) -> Measured:
    good = [each for each in answers if not each.code]
    costs = [each.cost_nanousd for each in good if each.cost_nanousd is not None]
    return Measured(
        calls=len(answers),
        failed=dict(Counter(each.code for each in answers if each.code).most_common()),
        per_second=round(len(good) / seconds, 1),
        latency_ms=quantiles_ms([each.seconds for each in good]),
        first_byte_ms=quantiles_ms([each.first_byte_s for each in good]),
        cost_usd=format_usd(sum(costs)) if costs else None,
    )


def quantiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Each the least value that so many per cent do not exceed, in milliseconds."""
    ordered = sorted(seconds)
    return {f"p{each}": round(ordered[ceil(each / 100 * len(ordered)) - 1] * 1000, 3) for each in QUANTILES if ordered}
