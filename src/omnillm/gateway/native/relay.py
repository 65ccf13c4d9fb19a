"""A native reply on its way to the client.

JSON up to a mebibyte is read whole, so that the ids in it are known before anybody can ask for them; up to eight mebibytes if objects of
others have to be left out. Everything else goes through piece by piece. The usage in server-sent events is read as they pass.
"""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from omnillm.admission.asks import Lease
from omnillm.errors import OmniError, Unavailable, UpstreamLost
from omnillm.gateway.attempts.no_reply import verdict_within
from omnillm.gateway.case import ABORTED, CLIENT_CLOSED, SUCCESS, Case
from omnillm.gateway.native.batch_results import Results
from omnillm.gateway.native.watch import MessageWatch, NativeWatch, usage_of, watch_of
from omnillm.outcome import Outcome, Verdict
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import Bound, Failure
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.native import UNLISTED, PathAsk
from omnillm.providers.native_replies import id_member, made
from omnillm.transport.client import Exchange
from omnillm.transport.spool import MEMORY_BYTES
from omnillm.usage import NO_USAGE, Usage

JSON: Final = b"application/json"
SHARED_BYTES: Final = 8 * 1024 * 1024
"""The longest JSON that is shown to a virtual key of what all of them share."""
TAIL_BYTES: Final = 16 * 1024
"""Bytes that are kept of the end of a reply that is not held: its usage stands there."""
_USAGE: Final = re.compile(r'"usage"\s*:\s*(?=\{)')
_scan: Final = json.JSONDecoder().raw_decode


class NativeRelay:
    """`whole` is a reply that was read to its end; any other is read piece by piece. Whoever opens a relay closes it.

    It is settled with its case: what comes after that changes nothing.
    """

    # fmt: off
    __slots__ = (
        "_asked", "_done", "_endpoint", "_exchange", "_given_up", "_held", "_results", "_tail", "_watch", "case", "headers",
        "lease", "made", "status", "whole",
    )
    # fmt: on

    def __init__(self, case: Case, asked: PathAsk, endpoint: Endpoint, exchange: Exchange) -> None:
        assert case.attempt is not None
        case.is_handed_over = True
        self.case = case
        self.lease: Lease = case.attempt.lease
        self.status = exchange.status
        self.headers = exchange.headers
        self.whole: bytes | None = None
        self.made: tuple[Bound, ...] = ()
        """(kind, id) of what a whole reply made."""
        self._asked = asked
        self._endpoint = endpoint
        self._exchange = exchange
        self._held: list[bytes] = []
        self._given_up: OmniError | None = None
        self._results: Results | None = None
        self._tail = b""
        self._done: Callable[[], Awaitable[None]] | None = None
        self._watch = watch_of(endpoint, self.content_type)

    @property
    def content_type(self) -> bytes:
        """In small letters: its case means nothing."""
        return self.headers.get(b"content-type", b"").lower()

    @property
    def size(self) -> int:
        """Bytes of the body, as its provider announced them; -1: it did not, or nobody can say what will be told of it."""
        told = self.headers.get(b"content-length", b"")
        return int(told) if told.isdigit() and self._watch is None else -1

    @property
    def is_json(self) -> bool:
        return self.content_type.startswith(JSON)

    @property
    def is_events(self) -> bool:
        """It streams server-sent events."""
        return isinstance(self._watch, NativeWatch)

    @property
    def is_shared(self) -> bool:
        """A virtual key asks at a path that the configuration opened, where all of them make their objects."""
        return self._asked.operation.family == UNLISTED and bool(self.case.call.caller.name)

    @property
    def takes_fault(self) -> bool:
        """It streams whole messages of AWS's, after which an error can be told."""
        return self._watch is not None and not self.is_events

    @property
    def failure(self) -> Failure | None:
        """Of a stream that has ended: the error that it told of. Its bytes went through all the same."""
        return None if self._watch is None else self._watch.failure

    @classmethod
    async def open(cls, case: Case, asked: PathAsk, endpoint: Endpoint, exchange: Exchange) -> "NativeRelay":
        relay = cls(case, asked, endpoint, exchange)
        if relay.is_json:
            await relay._hold(SHARED_BYTES if relay.is_shared else MEMORY_BYTES)
        elif exchange.is_close_delimited and relay._watch is None:
            raise relay._unframed()
        return relay

    async def listen(self, results: Results, done: Callable[[], Awaitable[None]]) -> None:
        """Have every byte of the reply read on the side too; `done` is awaited once it has ended in good order."""
        if self.whole is not None:
            results.feed(self.whole)
            await done()
        else:
            self._results, self._done = results, done

    def then(self, done: Callable[[], Awaitable[None]]) -> None:
        """`done` is awaited once a stream has ended in good order."""
        self._done = done

    @property
    def total(self) -> Usage | None:
        """The usage that a stream of events has told in the end."""
        return _believed(self._watch.total) if isinstance(self._watch, NativeWatch) else None

    @property
    def tier(self) -> object:
        """The tier that a stream of events is served under, in the provider's words."""
        return self._watch.tier if isinstance(self._watch, NativeWatch) else None

    async def _hold(self, most_bytes: int) -> None:
        size = 0
        while size <= most_bytes:
            piece = await self._next()
            if not piece:
                self.whole = b"".join(self._held)
                if self._exchange.is_close_delimited and _decoded(self.whole) is None:
                    raise self._unframed()
                self._succeed(self.whole)
                return
            self._held.append(piece)
            size += len(piece)

    def _unframed(self) -> OmniError:
        return self._fail(Verdict.LOST, UpstreamLost("The provider's reply has no length: it could have been cut.", code="garbled_reply"))

    async def read(self) -> bytes:
        """The next piece; b"" is the complete end. Raises UpstreamLost or UpstreamTimeout when it is cut or damaged."""
        try:
            while piece := self._held.pop(0) if self._held else await self._next():
                if self._results is not None:
                    self._results.feed(piece)
                told = self._look_at(piece)
                if told:
                    return told
            self._end_stream(self._watch)
            if self._done is not None:
                await self._done()
        except BaseException as error:
            self.case.raise_defect(error)
            raise
        return b""

    def _look_at(self, piece: bytes) -> bytes:
        """Look at a piece; returns what of it may be passed on."""
        if self._watch is None:
            return piece
        try:
            return self._watch.feed(piece)
        except UpstreamLost as error:
            raise self._fail(verdict_within(error), error) from None

    def _end_stream(self, watch: MessageWatch | NativeWatch | None) -> None:
        """The stream has ended in good order as the framing says; its events may say otherwise."""
        if watch is None or (watch.failure is None and watch.is_whole):
            self._succeed(b"")
        elif watch.failure is not None:
            self._close_failed(watch.failure.verdict, "stream_failed", UpstreamLost.status)
        else:
            raise self._fail(Verdict.LOST, UpstreamLost("The provider's stream ended before it was complete.", code="stream_cut"))

    async def _next(self) -> bytes:
        try:
            piece = await self._exchange.read()
        except Unavailable as error:
            raise self._fail(verdict_within(error), error) from None
        if self._watch is None and not self._asked.operation.metering.is_free:
            self._tail = (self._tail + piece[-TAIL_BYTES:])[-TAIL_BYTES:]
        return piece

    def give_up(self, error: OmniError) -> None:
        """The gateway waits no longer: what was observed is settled, and the reader is told this error."""
        if not self.case.is_closed:
            self._given_up = self._fail(Verdict.ABORTED, error)

    def close(self) -> None:
        """The client is served or gone."""
        if not self.case.is_closed:
            self._close_failed(Verdict.ABORTED, ABORTED, CLIENT_CLOSED)

    def _succeed(self, body: bytes) -> None:
        case, upstream_headers = self.case, self.headers
        reply = _decoded(body)
        usage = None if self._asked.operation.metering.is_free else self._usage(body)
        told = dict.fromkeys(made(self._asked.operation, reply, id_member(self._endpoint)))
        self.made = tuple(each for each in told if each not in self._asked.named)  # who changes what was there has not made it
        if self.made:
            case.bind(self.lease, self.made)
        headroom = PROTOCOLS[self._endpoint.protocols[0]].read_headroom(upstream_headers, case.call.wall)
        tokens = None if usage is None else usage.total_tokens
        outcome = Outcome(verdict=Verdict.SUCCESS, usage=usage or NO_USAGE, tokens=tokens, headroom=headroom)
        case.end(outcome, status=self.status)
        case.close(status=self.status, outcome=SUCCESS)

    def _usage(self, body: bytes) -> Usage | None:
        if self._watch is not None:
            return _believed(self._watch.usage)
        read = self._endpoint.read_usage
        told = None if read is None else read(self.headers)
        return _believed(told or usage_of(self._endpoint, body or at_the_end(self._tail)))

    def _fail(self, verdict: Verdict, error: OmniError) -> OmniError:
        if self._given_up is not None:
            return self._given_up
        error.note_call(self.case.request_id, self.case.attempts)
        self._close_failed(verdict, error.code, error.status)
        return error

    def _close_failed(self, verdict: Verdict, code: str, status: int) -> None:
        """Charge the usage that the stream had told until then: part of the truth is more than nothing, whoever broke it off."""
        usage = None if self._watch is None or self._asked.operation.metering.is_free else _believed(self._watch.usage)
        outcome = Outcome(verdict=verdict, usage=usage or NO_USAGE, tokens=None if usage is None else usage.total_tokens)
        self.case.end(outcome, status=self.status, error=code)
        self.case.close(status=status, outcome=code)


def _believed(usage: Usage | None) -> Usage | None:
    return None if usage is None or usage.is_incredible else usage


def at_the_end(tail: bytes) -> bytes:
    """A small reply with nothing but the usage at the end of a long one; b"": there is none."""
    text = tail.decode("latin-1")
    found = None
    for found in _USAGE.finditer(text):  # noqa: B007  the last one counts
        pass
    try:
        return b"" if found is None else json.dumps({"usage": _scan(text, found.end())[0]}).encode()
    except (ValueError, RecursionError):
        return b""


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body) if body else None
    except UNREADABLE:
        return None
