"""Streams of the Messages API: events as a provider sends them, and what is read and written of them."""

import json
from typing import Any

from omnillm.framing.sse import SseReader
from omnillm.model.assembly import ResponseAssembler
from omnillm.model.events import LlmStreamEvent
from omnillm.model.message import Issuer, Opaque
from omnillm.model.response import LlmResponse
from omnillm.protocols.anthropic_messages import CODEC
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.loss import Losses

P = "anthropic_messages"
ISSUER = Issuer(protocol=P, provider="anthropic")
CONTEXT = ReplyContext(id="abc", created=1, model="claude", names={"f_1": "f.1"})
OWN = Opaque(value="sig", issuer=ISSUER)


def delta(index: int, **members: Any) -> dict:
    return {"type": "content_block_delta", "index": index, "delta": members}


def block(index: int, value: dict, *deltas: dict) -> list[dict]:
    deltas = tuple(delta(index, **members) for members in deltas)
    return [
        {"type": "content_block_start", "index": index, "content_block": value},
        *deltas,
        {"type": "content_block_stop", "index": index},
    ]


def read_sse(raw: bytes) -> list[LlmStreamEvent]:
    decoder = CODEC.decoder(ISSUER, Losses())
    return [event for frame in SseReader().feed(raw) for event in decoder.feed(frame)]


def whole(events: list[LlmStreamEvent]) -> LlmResponse:
    assembler = ResponseAssembler()
    for event in events:
        assembler.feed(event)
    return assembler.response()


def write(*events: LlmStreamEvent, context: ReplyContext = CONTEXT) -> tuple[bytes, dict[str, str]]:
    """The bytes, and what was lost: paths to kinds."""
    losses = Losses()
    encoder = CODEC.encoder(context, losses)
    raw = b"".join([encoder.feed(event) for event in events])
    return raw, {reason.path: reason.kind for reason in losses.reasons}


def values(raw: bytes) -> list[dict]:
    """The events of a stream, each named by its `event:` line."""
    frames = SseReader().feed(raw)
    found = [json.loads(frame.data) for frame in frames]
    assert [frame.event.decode() for frame in frames] == [value["type"] for value in found]
    return found
