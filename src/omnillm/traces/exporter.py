"""Exports ended calls as spans: beside the calls, one batch after the other.

Spans are made on the event loop, between other work, for a few calls at a time (a quarter of a millisecond). A thread would hold the
interpreter as long, and calls would wait for it up to 5 ms at a time.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from omnillm.clock import Clock
from omnillm.errors import OmniError, ReplyTooLarge, StaleConnection
from omnillm.keys.circuit import Backoff
from omnillm.keys.terms import Dice
from omnillm.protocols.hints import retry_hint_s
from omnillm.records import AttemptRow, RequestRow
from omnillm.trace_context import Parent, TraceFields, read_parent
from omnillm.traces.message import Messages
from omnillm.traces.spans import INTERNAL, Ended, Place, spans_of
from omnillm.transport.client import HttpClient, Origin, Outgoing
from omnillm.transport.timeouts import Timeouts

MOST_WAITING: Final = 4096
"""Calls that are exported; beyond that they are dropped, and counted."""
SLICE: Final = 8
"""Calls whose spans are written at a time."""
BATCH: Final = 512
"""Spans of one request, and those of a slice."""
PAUSE_S: Final = 1.0
"""From one export to the next: what ends meanwhile goes together."""
LAST_S: Final = 1.0
"""How long the end waits for a collector."""
TELL_S: Final = 60.0
"""Between two messages about spans that were not taken."""
TIMEOUTS: Final = Timeouts(connect_s=5.0, total_s=10.0)
BACKOFF: Final = Backoff(first_s=1.0, most_s=30.0, jitter=0.25)
LONGEST_REST_S: Final = 300.0
"""However long a collector asks to be left alone."""
RETRIED: Final = frozenset({429, 502, 503, 504})
"""OTLP's specification: these are about the moment, and no other status is."""
LARGEST_ANSWER: Final = 64 * 1024
DRAWN: Final = 2**56 - 1
"""The bits of a trace id by which OpenTelemetry samples consistently: whether they are above a threshold decides."""
PROTOBUF: Final = b"application/x-protobuf"

_log = logging.getLogger("omnillm.traces")


class Destination(Struct, frozen=True, kw_only=True):
    """Where spans go, and which of them."""

    origin: Origin
    head: bytes
    """Of each request. It bears credentials."""
    messages: Messages
    places: Mapping[str, Place]
    permille: int
    """How many of a thousand calls that are part of no client's trace."""

    def __repr__(self) -> str:
        """Without its head."""
        return f"Destination({self.origin.host!r})"

    def samples(self, request_id: str, parent: Parent | None) -> bool:
        """Whether a call is exported: its client decides, or the share."""
        if parent is not None:
            return parent.is_sampled
        return (int(request_id, 16) & DRAWN) * 1000 >= (1000 - self.permille) * (DRAWN + 1)


class Exporter:
    """`add` is told of each call that has ended; `tick` is called by the program's tick, `aclose` at its end.

    Without a destination it does nothing. `kind`: of the calls' own spans.
    """

    def __init__(self, client: HttpClient, clock: Clock, dice: Dice, *, last_s: float = LAST_S) -> None:
        """`client` is its own: that of the calls is closed before theirs have all ended."""
        self._client = client
        self._clock = clock
        self._dice = dice
        self._last_s = last_s
        self.kind = INTERNAL
        self.destination: Destination | None = None
        """It may change at any time; what waits goes to the one that is there then."""
        self.dropped = 0
        """Spans that no collector took."""
        self._waiting: deque[Ended] = deque()
        self._written: list[bytes] = []
        """The batch under way, and how many spans are in it. It stays until it is taken, or refused."""
        self._spans = 0
        self._strikes = 0
        self._due = self._tell_due = 0.0
        self._task: asyncio.Task[None] | None = None

    def add(self, row: RequestRow, attempts: tuple[AttemptRow, ...], fields: TraceFields | None) -> None:
        """One more has ended. Never suspends."""
        parent = None if fields is None else read_parent(fields)
        if self.destination is None or not self.destination.samples(row.request_id, parent):
            return
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(Ended(row, attempts, parent))
        else:
            self._drop(1 + len(attempts), "more calls end than a collector takes")

    def tick(self) -> None:
        """On the event loop; returns at once."""
        now = self._clock.now()
        is_due = now >= self._due or (len(self._waiting) >= BATCH and not self._strikes)
        if self._task is None and is_due and (self._waiting or self._written):
            self._due = now + PAUSE_S
            self._task = asyncio.get_running_loop().create_task(self._export())

    async def aclose(self) -> None:
        """Export what waits, unless that takes longer than a moment."""
        try:
            async with asyncio.timeout(self._last_s):
                if self._task is not None:
                    await asyncio.wait([self._task])
                await self._export()
        except TimeoutError:
            pass
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        left = self._spans + sum(1 + len(ended.attempts) for ended in self._waiting)
        if left and self.destination is not None:
            self._tell_due = 0.0
            self._drop(left, "the gateway has ended")
        self._waiting.clear()
        await self._client.aclose()

    async def _export(self) -> None:
        """All that waits; up to the first batch that has to be sent again."""
        try:
            while self._waiting or self._written:
                await self._write()
                if self._written and not await self._send():
                    return
                self._written, self._spans = [], 0
        finally:
            self._task = None

    async def _write(self) -> None:
        """Fill the batch up."""
        while self._waiting and self._spans < BATCH:
            calls = [self._waiting.popleft() for _ in range(min(SLICE, len(self._waiting)))]
            if self.destination is not None:
                spans = [span for call in calls for span in spans_of(call, self.destination.places, self.kind)]
                self._written.append(self.destination.messages.request(spans))
                self._spans += len(spans)
                await asyncio.sleep(0)

    async def _send(self) -> bool:
        """Send the batch. False: the same has to be sent again, later."""
        destination = self.destination
        if destination is None:
            return True
        try:
            status, rest_s = await self._post(destination)
        except OmniError as error:
            # To the transport whoever is asked is a provider.
            self._rest(error.message.rstrip(".").replace("provider", "collector"), 0.0)
            return False
        if status in RETRIED:
            self._rest(f"the collector answered {status}", rest_s)
            return False
        self._strikes = 0
        if not 200 <= status < 300:
            self._drop(self._spans, f"the collector answered {status}")
        return True

    def _rest(self, reason: str, rest_s: float) -> None:
        rest_s = min(max(rest_s, BACKOFF.delay(self._strikes, self._dice)), LONGEST_REST_S)
        self._strikes += 1
        self._due = self._clock.now() + rest_s
        self._tell(reason)

    async def _post(self, destination: Destination) -> tuple[int, float]:
        """(status, seconds that the collector asks to wait). Raises what the transport does."""
        body, origin, head = b"".join(self._written), destination.origin, destination.head
        outgoing = Outgoing(origin=origin, method=b"POST", head=head, body=body, timeouts=TIMEOUTS, is_stream=False)
        try:
            exchange = await self._client.send(outgoing)
        except StaleConnection:
            exchange = await self._client.send(replace(outgoing, needs_new_connection=True))
        try:
            answer = await exchange.read_all(LARGEST_ANSWER)
        except ReplyTooLarge:
            answer = b""
        finally:
            exchange.close()
        if exchange.status == 200 and exchange.headers.get(b"content-type", b"").startswith(PROTOBUF):
            self._count_rejected(destination.messages, answer)
        return exchange.status, retry_hint_s(exchange.headers, self._clock.wall()) or 0.0

    def _count_rejected(self, messages: Messages, answer: bytes) -> None:
        try:
            rejected = messages.rejected(answer)
        except ValueError:
            return  # it took them, whatever it says of that
        if rejected > 0:
            self._drop(rejected, "the collector rejected some")

    def _drop(self, spans: int, reason: str) -> None:
        self.dropped += spans
        self._tell(reason)

    def _tell(self, reason: str) -> None:
        now = self._clock.now()
        if now >= self._tell_due:
            self._tell_due = now + TELL_S
            _log.warning("spans are not exported: %s; %d were dropped so far", reason, self.dropped)
