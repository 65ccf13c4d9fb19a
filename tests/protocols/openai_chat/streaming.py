"""Streams of Chat Completions: chunks as a provider sends them, and what is read and written of them."""

from typing import Any

import msgspec
from openai.types.chat import ChatCompletionChunk

from omnillm.framing.sse import SseReader
from omnillm.model import LlmStreamEvent
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat import CODEC

CONTEXT = ReplyContext(id="ours", created=1_795_608_000, model="asked")


def calling(**call: Any) -> dict[str, Any]:
    return {"tool_calls": [call]}


def encoded(*events: LlmStreamEvent, context: ReplyContext = CONTEXT) -> tuple[list[dict[str, Any]], list[str]]:
    """The chunks, which the SDK's own type accepts, and what was lost. The last frame is always [DONE]."""
    losses = Losses()
    encoder = CODEC.encoder(context, losses)
    frames = SseReader().feed(b"".join(encoder.feed(event) for event in events))
    assert frames[-1].data == b"[DONE]"
    for frame in frames[:-1]:
        ChatCompletionChunk.model_validate_json(frame.data)
    reasons = sorted(f"{reason.kind}:{reason.path}" for reason in losses.reasons)
    return [msgspec.json.decode(frame.data) for frame in frames[:-1]], reasons
