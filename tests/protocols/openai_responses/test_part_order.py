"""Parts that grow side by side, before a client of this protocol: one item after the other."""

from typing import Any

import msgspec
import pytest
from tests.protocols.directions import CONTEXT, reassembled
from tests.protocols.openai_responses.test_codec_stream import kinds, whole, write

from omnillm.framing.sse import SseReader
from omnillm.model import FinishReason, PartEnded, PartStarted, Text, TextDelta, ToolCall, ToolCallDelta
from omnillm.protocols.stream_transcoder import StreamTranscoder


def starts(index: int) -> PartStarted:
    return PartStarted(index=index, part=ToolCall(call_id=f"call_{index}", name="search"))


CALLS: list[Any] = [
    starts(0),
    starts(1),
    ToolCallDelta(index=1, arguments="{1"),
    ToolCallDelta(index=0, arguments="{0"),
    PartStarted(index=2, part=Text(text="")),
    TextDelta(index=2, text="I look."),
    ToolCallDelta(index=1, arguments="}"),
    ToolCallDelta(index=0, arguments="}"),
]
ONE_CALL = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]  # fmt: skip


def judge(events: list[dict[str, Any]]) -> None:
    items = [event for event in events if "output_index" in event]
    assert [event["output_index"] for event in items] == sorted(event["output_index"] for event in items)
    assert kinds(items)[:10] == [*ONE_CALL, *ONE_CALL]
    output = events[-1]["response"]["output"]
    assert [item.get("arguments") for item in output] == ["{0}", "{1}", None]
    assert output[2]["content"][0]["text"] == "I look."


def test_calls_that_interleave_are_written_one_after_the_other() -> None:
    """And a text behind them waits."""
    written, losses = write(*whole(*CALLS, PartEnded(index=2), PartEnded(index=1), PartEnded(index=0), finish=FinishReason.TOOL_CALL))
    judge(written)
    assert not losses


def test_parts_without_an_end_are_written_at_the_end_of_the_stream() -> None:
    """In the order of their start."""
    judge(write(*whole(*CALLS, finish=FinishReason.TOOL_CALL))[0])


def test_open_part_is_written_at_once() -> None:
    """Only the others wait."""
    written, _ = write(whole()[0], *CALLS[:4])
    assert kinds(written)[2:] == ["output_item.added", "function_call_arguments.delta"]


@pytest.mark.parametrize(
    "target", ["openai_responses", "anthropic_messages", "gemini_generate_content", "gemini_interactions", "openai_chat"]
)
def test_words_of_a_part_that_has_ended_are_nobodys(target: str) -> None:
    """A host says them again while the next part is open."""
    call = {"type": "function_call", "call_id": "call_1", "name": "search", "arguments": ""}
    late = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "I look."}
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "content": []}},
        late,
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": []}},
        {"type": "response.output_item.added", "output_index": 1, "item": call},
        late,
        {"type": "response.output_item.done", "output_index": 1, "item": {**call, "arguments": '{"query":"lake"}'}},
        {"type": "response.completed", "response": {"status": "completed"}},
    ]
    transcoder = StreamTranscoder("openai_responses", target, context=CONTEXT)
    raw = b"".join(transcoder.feed(b"data: " + msgspec.json.encode(event) + b"\n\n") for event in events) + transcoder.feed(b"")
    parts = reassembled(list(SseReader().feed(raw)), target)[0].candidates[0].message.parts
    assert [getattr(part, "text", "") or getattr(part, "arguments", "") for part in parts] == ["I look.", '{"query":"lake"}']
