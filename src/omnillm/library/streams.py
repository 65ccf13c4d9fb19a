"""A stream as its reader sees it, event by event; of a raw one the frame, then its usage. `Completed` comes once, last."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Generic, Self, TypeVar

from omnillm.errors import OmniError
from omnillm.framing.sse import FrameReader
from omnillm.gateway.case import Case
from omnillm.gateway.native.relay import NativeRelay
from omnillm.gateway.replies.relay import Relay
from omnillm.library.primitive import BinaryChunk, Completed, StreamFrame, StreamUsage, raw_usage

EventT = TypeVar("EventT")
RawEvent = StreamFrame | BinaryChunk | StreamUsage | Completed


class OneReader:
    """Of one task at a time: another would miss what the first one reads, or wait for ever."""

    def __init__(self) -> None:
        self._is_taken = False

    def __enter__(self) -> None:
        if self._is_taken:
            raise RuntimeError("another task is reading this stream: let one task read it, and hand on what others need of it")
        self._is_taken = True

    def __exit__(self, *_: object) -> None:
        self._is_taken = False


class Stream(Generic[EventT]):
    """An asynchronous iterator. A reading that was cancelled, such as by a timeout for each event, is taken up by the next one."""

    def __init__(
        self, relay: Relay | NativeRelay, read: Callable[[], Awaitable[bytes]], decode: Callable[[bytes], Iterable[EventT]]
    ) -> None:
        """`read` awaits the next piece, b"" after the last; `decode` tells the events of a piece, and of b"" what comes at the end."""
        self._relay = relay
        self._read = read
        self._decode = decode
        self._ready: Iterator[EventT] = iter(())
        self._is_over = self._is_closed = False
        self._one_reader = OneReader()

    def close(self) -> None:
        """Hang up, if it has not ended."""
        self._is_closed = True
        self._relay.close()

    def give_up(self, error: OmniError) -> None:
        self._relay.give_up(error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT:
        if self._is_closed and not self._is_over:
            raise RuntimeError("this stream was left before its end: read it inside its block (async with ... as events)")
        with self._one_reader:
            try:
                while (event := next(self._ready, None)) is None and not self._is_over:
                    piece = await self._read()
                    self._is_over = not piece
                    self._ready = iter(self._decode(piece))
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                self._is_over = True
                self._relay.case.raise_defect(error)
                raise
        if event is None:
            raise StopAsyncIteration
        return event


def known_of(case: Case) -> dict[str, Any]:
    """What every reply tells of its call, by the names of its fields."""
    lease = case.last_lease
    return {
        "usage": case.usage,
        "cost_nanousd": case.cost_nanousd,
        "request_id": case.request_id,
        "attempts": case.attempts,
        "provider": lease.provider,
        "key": lease.key,
    }


def completed(case: Case) -> Completed:
    return Completed(**known_of(case), model=case.last_lease.model)


def raw_stream(
    relay: Relay | NativeRelay,
    read: Callable[[], Awaitable[bytes]],
    reader: FrameReader | None,
    end: Callable[[Case], Completed] = completed,
) -> Stream[RawEvent]:
    """All of a raw stream, and what it has cost. `reader`: None where it has no events; `end` raises where it did not end well."""

    def decode(piece: bytes) -> Iterator[RawEvent]:
        if not piece:
            yield end(relay.case)
        elif reader is None:
            yield BinaryChunk(data=piece)
        else:
            for frame in reader.feed(piece):
                yield StreamFrame(raw=frame.raw, event=frame.event.decode("utf-8", "replace"), data=frame.data)
                reported = raw_usage(frame)
                if reported is not None:
                    yield StreamUsage(raw_usage=reported)

    return Stream(relay, read, decode)


def read_raw(relay: Relay) -> Stream[RawEvent]:
    return raw_stream(relay, relay.read, None if relay.is_raw or relay.whole is not None else relay.new_reader())
