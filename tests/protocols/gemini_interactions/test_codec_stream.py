"""Streams of Interactions: read at every cut, written for Google's SDK, and cut short."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.protocols.directions import events_of, reassembled, sdk_reads_events, streamed
from tests.protocols.gemini_interactions.asking import CLAUDE, CONTEXT, GEMINI, ISSUER, P, lost
from tests.protocols.gemini_interactions.test_codec_reply import USAGE, WHOLE, answers

from omnillm.framing.sse import Frame
from omnillm.model import (
    Audio,
    AudioDelta,
    Citation,
    Completed,
    Failed,
    Finished,
    FinishReason,
    ImageBase64,
    InlineSource,
    Json,
    LlmResponse,
    LlmStreamEvent,
    Native,
    NativeEvent,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ResponseAssembler,
    ResponseStarted,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    UsageReported,
)
from omnillm.protocols.carrier import unpack
from omnillm.protocols.gemini_interactions import CODEC
from omnillm.protocols.gemini_interactions.parse.reply import parse_reply
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit
from omnillm.usage import Usage

Event = dict[str, Any]
HEAD = {"id": WHOLE["id"], "object": "interaction", "model": WHOLE["model"]}


def started(index: int, kind: str, **members: Any) -> Event:
    return {"index": index, "step": {"type": kind, **members}, "event_type": "step.start"}


def grown(index: int, kind: str, **members: Any) -> Event:
    return {"index": index, "delta": {"type": kind, **members}, "event_type": "step.delta"}


def stopped(index: int) -> Event:
    return {"index": index, "event_type": "step.stop"}


def completed(status: str, **members: Any) -> Event:
    return {"interaction": {**HEAD, "status": status, **members}, "event_type": "interaction.completed"}


CREATED = {"interaction": {**HEAD, "status": "in_progress"}, "event_type": "interaction.created"}
UPDATED = {"interaction_id": WHOLE["id"], "status": "in_progress", "event_type": "interaction.status_update"}
STREAM = [
    CREATED,
    UPDATED,
    started(0, "thought"),
    grown(0, "thought_summary", content={"type": "text", "text": "H"}),
    grown(0, "thought_summary", content={"type": "text", "text": "m."}),
    grown(0, "thought_signature", signature="c2ln"),
    stopped(0),
    started(1, "model_output"),
    grown(1, "text", text="I "),
    grown(1, "text", text="look."),
    stopped(1),
    started(2, "google_search_call", id="g1", signature=""),
    grown(2, "google_search_call", arguments={"queries": ["weather"]}, signature="c2ln"),
    stopped(2),
    started(3, "google_search_result", call_id="g1"),
    grown(3, "google_search_result", result=[{"search_suggestions": "x"}]),
    stopped(3),
    started(4, "function_call", id="61nzpsv4", name="weather", signature="", arguments={}),
    grown(4, "arguments_delta", arguments='{"city"'),
    grown(4, "arguments_delta", arguments=':"Oslo"}'),
    stopped(4),
    completed("requires_action", created=WHOLE["created"], updated=WHOLE["created"], usage=USAGE, service_tier="standard"),
]
"""`WHOLE` as Google streams it."""


def decoded(*events: Event) -> list[LlmStreamEvent]:
    decoder = CODEC.decoder(ISSUER, Losses())
    found = [read for event in events for read in decoder.feed(Frame(raw=b"", data=json.dumps(event).encode(), event=b""))]
    return [*found, *decoder.finish()]


def assembled(events: Iterable[LlmStreamEvent]) -> LlmResponse:
    assembler = ResponseAssembler()
    for event in events:
        assembler.feed(event)
    return assembler.response()


def told(*events: Event) -> tuple[Any, ...]:
    """The parts that the steps are."""
    return assembled(decoded(CREATED, *events, completed("completed"))).message.parts


def encoded(*events: LlmStreamEvent, protocol: str = "anthropic_messages") -> tuple[list[Event], dict[str, str]]:
    """What a client gets, without the head and the end, and what was lost."""
    losses = Losses()
    encoder = CODEC.encoder(CONTEXT, losses)
    has_call = any(isinstance(event, PartStarted) and type(event.part) is ToolCall for event in events)
    reason = FinishReason.TOOL_CALL if has_call else FinishReason.STOP
    ends: tuple[LlmStreamEvent, ...] = (Finished(reason=reason), Completed())
    raw = b"".join(encoder.feed(event) for event in (ResponseStarted(protocol=protocol), *events, *ends))
    found = [frame for frame in raw.split(b"\n\n") if frame]
    written = [json.loads(frame.partition(b"\ndata: ")[2]) for frame in found[2:-2]]
    assert [frame.partition(b"\n")[0].removeprefix(b"event: ").decode() for frame in found[2:-2]] == [
        each["event_type"] for each in written
    ]
    return written, lost(losses)


def whole(part: Any) -> tuple[LlmStreamEvent, ...]:
    return (PartStarted(index=0, part=part), PartEnded(index=0))


def test_stream_of_googles_is_read_as_the_whole_reply_is() -> None:
    """Its steps, its usage and its end."""
    reply = assembled(decoded(*STREAM))
    expected = parse_reply(WHOLE, ISSUER, Losses())
    assert reply.message == expected.message
    assert (reply.usage, reply.finish_reason, reply.id, reply.model) == (
        expected.usage,
        expected.finish_reason,
        WHOLE["id"],
        WHOLE["model"],
    )


@in_turn(
    ("events", "parts"),
    [
        ([started(0, "model_output", content=[{"type": "text", "text": "149"}]), grown(0, "text", text=" m.")], (Text(text="149 m."),)),
        (
            [
                started(0, "model_output"),
                grown(0, "text", text="a"),
                grown(0, "image", data="AA==", mime_type="image/png"),
                grown(0, "text", text="b"),
            ],
            (Text(text="a"), ImageBase64(data=b"\0", media_type="image/png"), Text(text="b")),
        ),
        (
            [
                started(0, "model_output"),
                grown(0, "audio", data="AA==", mime_type="audio/wav"),
                grown(0, "audio", data="AQ==", mime_type="audio/wav"),
            ],
            (Audio(source=InlineSource(data=b"\0\1", media_type="audio/wav"), format="wav"),),
        ),
        (
            [started(0, "function_call", id="c1", name="a", arguments={"x": 1})],
            (ToolCall(call_id="c1", name="a", arguments='{"x":1}'),),
        ),
        ([started(0, "function_call", id="c1", name="a", arguments={})], (ToolCall(call_id="c1", name="a", arguments="{}"),)),
        ([started(0, "thought", summary=[{"type": "text", "text": "Hm."}], signature="")], (Reasoning(text="Hm."),)),
        (
            [
                started(0, "mcp_server_tool_call", id="m1", name="find", server_name="docs", arguments={}),
                grown(0, "arguments_delta", arguments='{"x":1}'),
            ],
            (
                Native(
                    protocol=P,
                    kind="mcp_server_tool_call",
                    value={"type": "mcp_server_tool_call", "id": "m1", "name": "find", "server_name": "docs", "arguments": {"x": 1}},
                ),
            ),
        ),
        ([started(0, "user_input", content=[])], ()),
        ([started(0, "thought")], ()),
        (
            [started(0, "function_result", call_id="c1"), grown(0, "function_result", name="a", result={})],
            (ToolResult(call_id="c1", name="a", content=(Json(value={}),)),),
        ),
    ],
)
def test_step_grows_to_its_parts(events: list[Event], parts: tuple[Any, ...]) -> None:
    """Whether it says everything at its start, or piece by piece; one that is never stopped ends with the interaction."""
    assert told(*events) == parts
    assert told(*events, stopped(0)) == parts


def test_sources_of_a_text_come_behind_it() -> None:
    """Their places are counted in bytes."""
    cited = {"type": "url_citation", "url": "https://example.com", "start_index": 0, "end_index": 2}
    [part] = told(started(0, "model_output"), grown(0, "text", text="µm"), grown(0, "text_annotation_delta", annotations=[cited]))
    assert part.citations == (Citation(url="https://example.com", start=0, end=1, protocol=P),)


def test_interaction_that_only_its_end_tells_is_read_there() -> None:
    """A host that streams no steps."""
    assert assembled(decoded(CREATED, completed("completed", steps=WHOLE["steps"]))).message == parse_reply(WHOLE, ISSUER, Losses()).message


@in_turn(("first", "last", "is_told"), [(None, "standard", False), (None, "flex", True), ("flex", "flex", False)])
def test_tier_that_only_the_end_tells_is_told_there(first: str | None, last: str, is_told: bool) -> None:
    """Unless it is the usual one."""
    created = CREATED if first is None else {**CREATED, "interaction": {**CREATED["interaction"], "service_tier": first}}
    events = decoded(created, completed("completed", service_tier=last))
    assert events[-1] == Completed(vendor_extensions={"service_tier": last} if is_told else {})


def test_event_that_nobody_knows_is_passed_on_to_its_own() -> None:
    """And is told as lost elsewhere."""
    unknown = {"event_type": "interaction.mood", "mood": "good"}
    delta = grown(0, "hologram", x=1)
    events = decoded(CREATED, unknown, started(0, "model_output"), delta, completed("completed"))
    assert [event.value for event in events if isinstance(event, NativeEvent)] == [unknown, delta]
    assert encoded(NativeEvent(protocol=P, value=unknown)) == ([], {f"events.{P}": "dropped"})


@in_turn(
    ("events", "path"),
    [
        ([[]], "event"),
        ([{"x": 1}], "event_type"),
        ([stopped(0)], "index"),
        ([grown(0, "text", text="a")], "index"),
        ([started(0, "thought"), started(0, "thought")], "index"),
        ([{"index": 0, "event_type": "step.start"}], "step"),
        ([started(0, "function_call", id=7)], "step.id"),
        ([started(0, "model_output"), grown(0, "text")], "delta.text"),
        ([started(0, "model_output"), grown(0, "text_annotation_delta", annotations=[{}])], "delta.annotations"),
        ([CREATED], "stream"),
    ],
)
def test_stream_that_is_garbled_is_told_by_its_place(events: list[Any], path: str) -> None:
    """It is the provider's mistake."""
    with pytest.raises(Unfit) as found:
        decoded(*events)
    assert found.value.path == path


@in_turn(
    ("event", "failed"),
    [
        (
            {"event_type": "error", "error": {"code": "resource_exhausted", "message": "Slower."}},
            Failed(code="resource_exhausted", message="Slower.", status=429),
        ),
        ({"error": {"code": 13, "message": "Oh."}}, Failed(code="failed", message="Oh.", status=500)),
        ({"event_type": "error"}, Failed(code="failed", message="The interaction failed.", status=500)),
        (
            completed("failed", errors=[{"code": "unavailable", "message": "Gone."}]),
            Failed(code="unavailable", message="Gone.", status=503),
        ),
    ],
)
def test_failure_ends_the_stream(event: Event, failed: Failed) -> None:
    """Nothing that follows is read."""
    assert decoded(CREATED, event, started(0, "thought"))[-1] == failed


def test_text_grows_as_it_comes() -> None:
    """Its sources behind it, its signature in a thought of its own."""
    source = Citation(url="https://example.com", start=0, end=3)
    parts, losses = encoded(
        PartStarted(index=0, part=Text(text="1", citations=(source,))),
        TextDelta(index=0, text="49"),
        TextDelta(index=0, text=" m."),
        OpaqueAdded(index=0, opaque=GEMINI),
        PartEnded(index=0),
    )
    cited = {"type": "url_citation", "url": "https://example.com", "start_index": 0, "end_index": 3}
    signature = parts[7]["delta"].pop("signature")
    assert parts == [
        started(0, "model_output"),
        grown(0, "text", text="1"),
        grown(0, "text", text="49"),
        grown(0, "text", text=" m."),
        grown(0, "text_annotation_delta", annotations=[cited]),
        stopped(0),
        started(1, "thought"),
        grown(1, "thought_signature"),
        stopped(1),
    ]
    assert (unpack(signature, P).opaque, unpack(signature, P).purpose) == (GEMINI, "text")
    assert losses == {}


def test_call_grows_as_it_comes() -> None:
    """Its signature before it, or behind it where it comes late; free text when it is whole; its result bears its name."""
    call = ToolCall(call_id="c1", name="weather", signature=GEMINI)
    parts, losses = encoded(
        PartStarted(index=0, part=call),
        ToolCallDelta(index=0, arguments='{"x"'),
        ToolCallDelta(index=0, arguments=":1}"),
        PartEnded(index=0),
    )
    assert parts[3:] == [
        started(1, "function_call", id="c1", name="weather", arguments={}),
        grown(1, "arguments_delta", arguments='{"x"'),
        grown(1, "arguments_delta", arguments=":1}"),
        stopped(1),
    ]
    assert (unpack(parts[1]["delta"]["signature"], P).target, losses) == ("c1", {})
    late = (PartStarted(index=0, part=ToolCall(call_id="c1", name="a")), OpaqueAdded(index=0, opaque=GEMINI), PartEnded(index=0))
    assert [event["event_type"] for event in encoded(*late)[0]] == ["step.start", "step.stop", "step.start", "step.delta", "step.stop"]
    parts, losses = encoded(*whole(ToolCall(call_id="c1", name="sh", arguments='say "hi"', kind="custom")))
    assert parts[1]["delta"]["arguments"] == '{"input":"say \\"hi\\""}'
    assert losses == {"candidates[0].message.parts[0].kind": "approximated"}
    result = (PartStarted(index=1, part=ToolResult(call_id="c1")), PartEnded(index=1))
    parts, losses = encoded(*whole(ToolCall(call_id="c1", name="a")), *result)
    assert parts[-2:] == [started(1, "function_result", call_id="c1", name="a", result=""), stopped(1)]
    assert losses == {}


def test_thought_is_signed_at_its_end() -> None:
    """Pieces of a summary are apart; one that says nothing is not begun."""
    parts, losses = encoded(
        PartStarted(index=0, part=Reasoning()),
        ReasoningDelta(index=0, text="Hm.", summary_index=0),
        ReasoningDelta(index=0, text="Oh.", summary_index=1),
        OpaqueAdded(index=0, opaque=CLAUDE),
        PartEnded(index=0),
    )
    assert [event["delta"].get("content", {}).get("text") for event in parts[1:3]] == ["Hm.", "\n\nOh."]
    assert unpack(parts[3]["delta"]["signature"], P).purpose == "summary"
    assert losses == {}
    assert encoded(*whole(Reasoning())) == ([], {"candidates[0].message.parts[0]": "dropped"})


def test_parts_that_grow_side_by_side_are_written_one_after_the_other() -> None:
    """A step is stopped before the next is started."""
    parts, _ = encoded(
        PartStarted(index=0, part=Text(text="")),
        PartStarted(index=1, part=ToolCall(call_id="c1", name="a")),
        ToolCallDelta(index=1, arguments="{}"),
        TextDelta(index=0, text="149"),
        PartEnded(index=0),
        PartEnded(index=1),
    )
    assert [event["index"] for event in parts] == [0, 0, 0, 1, 1, 1]


def test_sound_grows_as_it_comes() -> None:
    """Its words cannot be said."""
    parts, losses = encoded(
        PartStarted(index=0, part=Audio(format="wav", audio_id="a1")),
        AudioDelta(index=0, data=b"\0", transcript="Hi"),
        AudioDelta(index=0, data=b"\1"),
        PartEnded(index=0),
    )
    assert parts[1:3] == [grown(0, "audio", data=data, mime_type="audio/wav") for data in ("AA==", "AQ==")]
    assert set(losses.values()) == {"dropped"}


def test_head_and_end_are_as_google_writes_them() -> None:
    """The SDK reads them in its strict mode; `[DONE]` is the last word, and another answer is told as left out."""
    reply = answers(Text(text="149 m."))
    events = [*events_of(LlmResponse(candidates=(*reply.candidates, *reply.candidates), usage=Usage(input=3, output=2), model="m"))]
    written, reasons = streamed(tuple(events), P, CONTEXT)
    read = sdk_reads_events(P, written)
    assert [event.event_type for event in read] == [
        *(
            "interaction.created",
            "interaction.status_update",
            "step.start",
            "step.delta",
            "step.delta",
            "step.stop",
            "interaction.completed",
        ),
    ]
    assert (read[-1].interaction.status, read[-1].interaction.usage.total_tokens) == ("completed", 5)
    assert written[-1].raw == b"event: done\ndata: [DONE]\n\n"
    assert [reason.path for reason in reasons] == ["candidates[1]"]


def test_stream_of_its_own_keeps_what_only_google_says() -> None:
    """The traces of its tools, its usage, what it says at the end, and members of a text or a thought."""
    said = {"type": "text", "text": "Nine.", "x": 1}
    odd = [started(90, "model_output", content=[said]), started(91, "thought", signature="aGk=", x=2), started(92, "thought", x=3)]
    steps = [event for begun in odd for event in (begun, stopped(begun["index"]))]
    events = [*decoded(*STREAM[:-1], *steps, completed("requires_action", usage=USAGE, environment_id="e1"))]
    losses = Losses()
    encoder = CODEC.encoder(CONTEXT, losses)
    raw = b"".join(map(encoder.feed, events))
    reply, _ = reassembled(
        [Frame(raw=piece + b"\n\n", data=piece.partition(b"data: ")[2], event=b"") for piece in raw.split(b"\n\n") if piece], P
    )
    assert reply.raw_usage == USAGE
    assert b'"environment_id":"e1"' in raw
    assert WHOLE["id"].encode() in raw
    assert [part.kind for part in reply.message.parts if isinstance(part, Native)] == ["google_search_call", "google_search_result"]
    assert [(part.text, part.vendor_extensions) for part in reply.message.parts[-3:]] == [
        ("Nine.", {"x": 1}),
        ("", {"x": 2}),
        ("", {"x": 3}),
    ]
    assert not losses


def test_failure_is_an_error_of_the_protocol() -> None:
    """And the end."""
    encoder = CODEC.encoder(CONTEXT, Losses())
    raw = encoder.feed(Failed(code="overloaded", message="Later.", status=503))
    assert raw == b'event: error\ndata: {"error":{"code":"overloaded","message":"Later."},"event_type":"error"}\n\n'
    assert encoder.feed(UsageReported(usage=Usage(input=1))) == b""
