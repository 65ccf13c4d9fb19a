"""Streams of the Responses API: events as a provider sends them, and what is read and written of them."""

from typing import Any

import msgspec
from tests.protocols.openai_responses.recorded import EVENT, ISSUER

from omnillm.framing.sse import Frame, SseReader
from omnillm.model import Completed, Finished, FinishReason, LlmStreamEvent, ResponseAssembler, ResponseStarted, UsageReported
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import CODEC
from omnillm.usage import Usage

OWN = "openai_responses"
CONTEXT = ReplyContext(id="x1", created=7, model="asked")
USAGE = Usage(input=20, output=7)


def read(*events: dict[str, Any]) -> list[LlmStreamEvent]:
    decoder = CODEC.decoder(ISSUER, Losses())
    return [found for event in events for found in decoder.feed(Frame(raw=b"", data=msgspec.json.encode(event)))]


def added(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def at(kind: str, index: int = 0, **members: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "output_index": index, **members}


CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "m", "created_at": 5.0, "service_tier": "auto"}}
COMPLETED = {"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "service_tier": "auto", "output": []}}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}


def write(*events: LlmStreamEvent, context: ReplyContext = CONTEXT) -> tuple[list[dict[str, Any]], list[str]]:
    """Every event is one of the SDK's, named as its frame, numbered without gaps."""
    losses = Losses()
    encoder = CODEC.encoder(context, losses)
    raw = b""
    for event in events:
        raw += encoder.feed(event)
    frames = list(SseReader().feed(raw))
    written = [msgspec.json.decode(frame.data) for frame in frames]
    for number, (frame, event) in enumerate(zip(frames, written, strict=True)):
        assert (frame.event.decode(), event["sequence_number"]) == (event["type"], number)
        EVENT.validate_python(event)
    assert encoder.next_sequence == len(frames)
    return written, [f"{reason.kind}:{reason.path}" for reason in losses.reasons]


def whole(*parts: LlmStreamEvent, finish: FinishReason = FinishReason.STOP) -> list[LlmStreamEvent]:
    return [ResponseStarted(model="m"), *parts, Finished(reason=finish), UsageReported(usage=USAGE), Completed()]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def assembled(events: Any) -> Any:
    assembler = ResponseAssembler()
    for event in events:
        assembler.feed(event)
    return assembler.response()
