"""Parts that grow side by side, before a client of this protocol: one item after the other."""

from typing import Any

from tests.protocols.openai_responses.streaming import kinds, whole, write

from omnillm.model import FinishReason, PartEnded, PartStarted, Text, TextDelta, ToolCall, ToolCallDelta


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
