"""A raw stream as its reader sees it: the frame, then its usage; `Completed` once, last."""

from collections.abc import AsyncIterator
from typing import Protocol

from omnillm.framing.sse import FrameReader
from omnillm.gateway.case import Case
from omnillm.gateway.replies.relay import Relay
from omnillm.library import families
from omnillm.library.primitive import BinaryChunk, Completed, StreamFrame, StreamUsage, raw_usage


class Source(Protocol):
    """Whatever gives out a stream piece by piece; b"" is its complete end."""

    async def read(self) -> bytes: ...


async def read_frames(source: Source, reader: FrameReader) -> AsyncIterator[StreamFrame | StreamUsage]:
    while piece := await source.read():
        for frame in reader.feed(piece):
            yield StreamFrame(raw=frame.raw, event=frame.event.decode("utf-8", "replace"), data=frame.data)
            reported = raw_usage(frame)
            if reported is not None:
                yield StreamUsage(raw_usage=reported)


def completed(case: Case) -> Completed:
    lease = case.last_lease
    return Completed(
        usage=case.usage,
        cost_nanousd=case.cost_nanousd,
        request_id=case.request_id,
        attempts=case.attempts,
        provider=lease.provider,
        model=lease.model,
        key=lease.key,
    )


async def read_raw(relay: Relay) -> AsyncIterator[StreamFrame | BinaryChunk | StreamUsage | Completed]:
    """All of a raw stream, and what it has cost."""
    if relay.is_raw or relay.whole is not None:
        async for piece in families.pieces(relay):
            yield BinaryChunk(data=piece)
    else:
        async for event in read_frames(relay, relay.new_reader()):
            yield event
    yield completed(relay.case)
