"""Streams of the Responses API, read to canonical events and written from them."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from tests.in_turn import in_turn
from tests.model import strategies
from tests.protocols.openai_responses.recorded import ISSUER
from tests.protocols.openai_responses.test_fixtures import RECORDED, streams

from omnillm.framing.sse import Frame, SseReader
from omnillm.model import (
    Audio,
    AudioDelta,
    Citation,
    CitationAdded,
    Completed,
    Failed,
    Finished,
    FinishReason,
    ImageBase64,
    Issuer,
    LlmStreamEvent,
    Native,
    NativeEvent,
    Opaque,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    ResponseAssembler,
    ResponseStarted,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    UsageReported,
    Video,
)
from omnillm.model.media import UrlSource
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import CODEC
from omnillm.protocols.shapes import Unfit
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.usage import Usage

OWN = "openai_responses"
CONTEXT = ReplyContext(id="x1", created=7, model="asked")
GEMINI = Opaque(value="c2ln", issuer=Issuer(protocol="gemini_generate_content"))
USAGE = Usage(input=20, output=7)
needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded replies are not on this machine")
recorded_streams = in_turn(("name", "lines"), streams(), ids=lambda value: value if isinstance(value, str) else "")
_event = TypeAdapter(ResponseStreamEvent)


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
        _event.validate_python(event)
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


def test_text_is_read() -> None:
    """With its citations, log probabilities and phase."""
    cited = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    token = {"token": "149", "logprob": -0.1, "top_logprobs": []}
    assert read(
        CREATED,
        {"type": "response.in_progress", "response": {}},
        added({**MESSAGE, "phase": "commentary"}),
        at("content_part.added", content_index=0, part={"type": "output_text", "text": "", "annotations": []}),
        at("output_text.delta", content_index=0, delta="149", logprobs=[token]),
        at("output_text.delta", content_index=0, delta=" m", logprobs=[]),
        at("output_text.annotation.added", content_index=0, annotation_index=0, annotation=cited),
        at("output_text.done", content_index=0, text="149 m"),
        at("content_part.done", content_index=0, part={"type": "output_text", "text": "149 m", "annotations": [cited]}),
        done({**MESSAGE, "content": [{"type": "output_text", "text": "149 m", "annotations": [cited]}]}),
        {**COMPLETED, "response": {**COMPLETED["response"], "usage": {"input_tokens": 20, "output_tokens": 7}, "completed_at": 9}},
    ) == [
        ResponseStarted(id="resp_1", model="m", created=5, service_tier="auto", protocol="openai_responses"),
        PartStarted(index=0, part=Text(text="", item_id="msg_1", vendor_extensions={"item": {"phase": "commentary"}})),
        TextDelta(index=0, text="149", logprobs={"content": [{**token, "bytes": None}], "refusal": None}),
        TextDelta(index=0, text=" m"),
        CitationAdded(index=0, citation=Citation(url="u", title="t", start=0, end=1)),
        PartEnded(index=0),
        UsageReported(usage=USAGE, raw={"input_tokens": 20, "output_tokens": 7}),
        Finished(reason=FinishReason.STOP),
        Completed(vendor_extensions={"completed_at": 9}),
    ]


def test_reasoning_is_read() -> None:
    """Its encrypted content is the one of the finished item."""
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "early"}
    assert read(
        CREATED,
        added(item),
        at("reasoning_summary_part.added", summary_index=0, part={"type": "summary_text", "text": ""}),
        at("reasoning_summary_text.delta", summary_index=0, delta="One"),
        at("reasoning_summary_text.done", summary_index=0, text="One"),
        at("reasoning_summary_part.done", summary_index=0, part={"type": "summary_text", "text": "One"}),
        at("reasoning_summary_text.delta", summary_index=1, delta="Two"),
        at("content_part.added", content_index=0, part={"type": "reasoning_text", "text": ""}),
        at("reasoning_text.delta", content_index=0, delta="Hm"),
        at("reasoning_text.done", content_index=0, text="Hm."),
        done(
            {**item, "summary": [{"text": "One"}, {"text": "Two"}, {"text": ""}], "content": [{"text": "Hm."}], "encrypted_content": "late"}
        ),
    )[1:] == [
        PartStarted(index=0, part=Reasoning(item_id="rs_1")),
        ReasoningDelta(index=0, text="One", summary_index=0),
        ReasoningDelta(index=0, text="Two", summary_index=1),
        ReasoningDelta(index=0, text="Hm"),
        ReasoningDelta(index=0, text="."),
        ReasoningDelta(index=0, text="", summary_index=2),
        OpaqueAdded(index=0, opaque=Opaque(value="late", issuer=ISSUER)),
        PartEnded(index=0),
    ]


def test_interleaved_calls_are_read() -> None:
    """Each delta finds its part by the index of the item."""
    first = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "search", "arguments": "", "status": "in_progress"}
    second = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "shell", "input": ""}
    assert read(
        CREATED,
        added(first),
        added(second, 1),
        at("custom_tool_call_input.delta", 1, delta="l"),
        at("function_call_arguments.delta", 0, delta="{"),
        at("custom_tool_call_input.done", 1, input="ls"),
        at("function_call_arguments.done", 0, arguments="{}"),
        done({**second, "input": "ls"}, 1),
        done({**first, "arguments": "{}"}),
        COMPLETED,
    )[1:] == [
        PartStarted(index=0, part=ToolCall(call_id="call_1", name="search", item_id="fc_1")),
        PartStarted(index=1, part=ToolCall(call_id="call_2", name="shell", item_id="ctc_1", kind="custom")),
        ToolCallDelta(index=1, arguments="l"),
        ToolCallDelta(index=0, arguments="{"),
        ToolCallDelta(index=1, arguments="s"),
        ToolCallDelta(index=0, arguments="}"),
        PartEnded(index=1),
        PartEnded(index=0),
        Finished(reason=FinishReason.TOOL_CALL),
        Completed(),
    ]


def test_items_without_deltas_are_read() -> None:
    """Some hosts send them whole, or only with the last event."""
    refusal = {**MESSAGE, "content": [{"type": "refusal", "refusal": "No."}, {"type": "output_new", "x": 1}]}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    expected = [
        PartStarted(index=0, part=Refusal(text="", item_id="msg_1")),
        RefusalDelta(index=0, text="No."),
        PartEnded(index=0),
        PartStarted(
            index=1,
            part=Native(protocol=OWN, kind="output_new", value={"type": "output_new", "x": 1}, vendor_extensions={"place": "message"}),
        ),
        PartEnded(index=1),
        PartStarted(index=2, part=ToolCall(call_id="c", name="f")),
        ToolCallDelta(index=2, arguments="{}"),
        PartEnded(index=2),
        Finished(reason=FinishReason.TOOL_CALL),
    ]
    assert read(CREATED, done(refusal), done(call, 1), COMPLETED)[1:-1] == expected
    assert read(CREATED, {**COMPLETED, "response": {**COMPLETED["response"], "output": [refusal, call]}})[1:-1] == expected


def test_what_only_the_end_of_a_piece_says_is_read() -> None:
    """Some hosts leave out the deltas of refusals and summaries, the citations until the part is done, or the whole content."""
    cited = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    reply = assembled(
        read(
            CREATED,
            added({"type": "reasoning", "id": "rs_1", "summary": []}),
            at("reasoning_summary_text.done", summary_index=0, text="Hm."),
            at("reasoning_summary_part.done", summary_index=0, part={"type": "summary_text", "text": "Hm."}),
            done({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}),
            added(MESSAGE, 1),
            at("content_part.added", 1, content_index=0, part={"type": "output_text", "text": "", "annotations": []}),
            at("output_text.delta", 1, content_index=0, delta="149 m"),
            at("content_part.done", 1, content_index=0, part={"type": "output_text", "text": "149 m", "annotations": [cited]}),
            at("refusal.done", 1, content_index=1, refusal="No."),
            done(
                {
                    **MESSAGE,
                    "content": [{"type": "output_text", "text": "149 m", "annotations": [cited]}, {"type": "refusal", "refusal": "No."}],
                },
                1,
            ),
            added({**MESSAGE, "id": "msg_2"}, 2),
            done({**MESSAGE, "id": "msg_2", "status": "completed"}, 2),
            COMPLETED,
        )
    )
    assert reply.message.parts == (
        Reasoning(summary=("Hm.",), item_id="rs_1"),
        Text(text="149 m", citations=(Citation(url="u", title="t", start=0, end=1),), item_id="msg_1"),
        Refusal(text="No.", item_id="msg_1"),
        Native(protocol=OWN, kind="message", value={**MESSAGE, "id": "msg_2", "status": "completed"}),
    )


@in_turn("target", ["openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content"])
def test_what_comes_behind_the_end_of_a_part_is_nothing(target: str) -> None:
    """Words, a citation, arguments: a host that sends them late breaks no stream."""
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    cited = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    events = [
        CREATED,
        added(MESSAGE),
        at("output_text.delta", content_index=0, delta="149 m"),
        at("content_part.done", content_index=0, part={"type": "output_text", "text": "149 m", "annotations": []}),
        at("output_text.delta", content_index=0, delta="late"),
        at("output_text.annotation.added", content_index=0, annotation_index=0, annotation=cited),
        added({**call, "arguments": ""}, 1),
        done(call, 1),
        at("function_call_arguments.delta", 1, delta="late"),
        COMPLETED,
    ]
    transcoder = StreamTranscoder(OWN, target, context=CONTEXT)
    raw = b"".join(transcoder.feed_frame(Frame(raw=b"", data=msgspec.json.encode(event))) for event in events) + transcoder.finish()
    assert b"149 m" in raw
    assert b"late" not in raw


def test_pieces_that_an_item_cannot_have_are_passed_over() -> None:
    """Some hosts announce, and end, parts of calls; a sign of life says nothing."""
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    events = read(
        CREATED,
        added({**call, "arguments": ""}),
        at("content_part.added", content_index=0, part={"type": "output_text", "text": ""}),
        at("content_part.done", content_index=0, part={"type": "output_text", "text": ""}),
        at("reasoning_summary_text.done", summary_index=0, text="Hm."),
        at("reasoning_text.done", content_index=0, text="Hm."),
        {"type": "keepalive"},
        done(call),
        COMPLETED,
    )
    assert assembled(events).message.parts == (ToolCall(call_id="c", name="f", arguments="{}", item_id="fc_1"),)


def test_message_of_only_parts_of_its_own_goes_back_as_it_came() -> None:
    """A kind of content that nobody else knows stands in a message again, before a text or behind it."""
    odd = {"type": "output_audio", "x": 1}
    for content in ([odd], [{"type": "output_text", "text": "Hear.", "annotations": [], "logprobs": []}, odd]):
        events = read(CREATED, done({**MESSAGE, "content": content}), COMPLETED)
        encoder = CODEC.encoder(CONTEXT, Losses())
        written = [msgspec.json.decode(frame.data) for frame in SseReader().feed(b"".join(encoder.feed(event) for event in events))]
        [item] = written[-1]["response"]["output"]
        assert (item["type"], item["content"][-1]) == ("message", odd)
        assert len(item["content"]) == len(content)


def test_item_that_begins_while_a_message_grows_stands_behind_it() -> None:
    """And one that the stream never finishes is written as it was announced."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "in_progress", "action": {"type": "search", "query": "lake"}}
    events = read(
        CREATED,
        added(MESSAGE),
        at("output_text.delta", content_index=0, delta="a"),
        added(search, 1),
        at("output_text.delta", content_index=0, delta="b"),
        done({**MESSAGE, "content": [{"type": "output_text", "text": "ab", "annotations": []}]}),
        COMPLETED,
    )
    written = write(*events)[0]
    assert [item["type"] for item in written[-1]["response"]["output"]] == ["message", "web_search_call"]
    assert written[-1]["response"]["output"][0]["content"][0]["text"] == "ab"
    assert written[-1]["response"]["output"][1] == search
    assert [event["item"]["type"] for event in written if event["type"] == "response.output_item.done"] == ["message", "web_search_call"]


def test_end_without_a_beginning_or_a_reason_is_told() -> None:
    """A provider that says nothing has filtered its answer; one that says something, but not why it ended, has ended somehow."""
    empty, lost = write(Completed())
    assert kinds(empty) == ["created", "in_progress", "incomplete"]
    assert lost == ["approximated:candidates"]
    said, lost = write(ResponseStarted(), PartStarted(index=0, part=Text(text="149 m")), PartEnded(index=0), Completed())
    assert (kinds(said)[-1], said[-1]["response"]["output"][0]["content"][0]["text"]) == ("completed", "149 m")
    assert lost == ["approximated:candidates[0].finish_reason"]


def test_hosted_tools_are_native() -> None:
    """Their progress too; the item is a part when it is whole."""
    item = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
    progress = at("web_search_call.searching", item_id="ws_1")
    assert read(CREATED, added(item), progress, done({**item, "status": "completed"}))[1:] == [
        NativeEvent(protocol=OWN, value=added(item)),
        NativeEvent(protocol=OWN, value=progress),
        PartStarted(index=0, part=Native(protocol=OWN, kind="web_search_call", value={**item, "status": "completed"})),
        PartEnded(index=0),
    ]


@in_turn("error", [
    {"type": "error", "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down."}},
    {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.", "param": None},
    {"error": {"code": "rate_limit_exceeded", "message": "Slow down."}},
    {"type": "response.failed", "response": {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "Slow down."}}},
])  # fmt: skip
def test_error_is_read_once(error: dict[str, Any]) -> None:
    """Nested as on the wire, flat as in the SDK; what follows says nothing new."""
    failed = {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}}}
    assert read(CREATED, error, failed)[1:] == [Failed(code="rate_limit_exceeded", message="Slow down.", status=429)]


@in_turn(("status", "reason", "finish", "native"), [
    ("completed", None, FinishReason.STOP, ""),
    ("incomplete", "max_output_tokens", FinishReason.LENGTH, ""),
    ("incomplete", "content_filter", FinishReason.CONTENT_FILTER, ""),
    ("incomplete", "steered", FinishReason.OTHER, "steered"),
])  # fmt: skip
def test_end_is_read(status: str, reason: str | None, finish: FinishReason, native: str) -> None:
    """From the last response."""
    last = {"type": "response.incomplete", "response": {"status": status, "incomplete_details": {"reason": reason}}}
    assert Finished(reason=finish, native_reason=native) in read(CREATED, last)


@in_turn("events", [
    [at("output_text.delta", content_index=0, delta="x")],
    [added(MESSAGE), at("output_text.delta", content_index=0)],
    [added(MESSAGE), at("output_text.delta", content_index="0", delta="x")],
    [added(MESSAGE), at("output_text.delta", [0], content_index=0, delta="x")],
    [added(MESSAGE), at("function_call_arguments.delta", delta="x")],
    [added({"type": "function_call"})],
    [{"type": ["x"]}],
    [{"type": "response.completed"}],
])  # fmt: skip
def test_event_that_does_not_fit_is_a_mistake(events: list[dict[str, Any]]) -> None:
    """Of the provider."""
    with pytest.raises(Unfit):
        read(CREATED, *events)


def test_event_that_is_no_json_is_a_mistake() -> None:
    """Blank frames and [DONE] are none."""
    decoder = CODEC.decoder(ISSUER, Losses())
    assert not decoder.feed(Frame(raw=b"", data=b""))
    assert not decoder.feed(Frame(raw=b"", data=b"[DONE]"))
    with pytest.raises(msgspec.DecodeError):
        decoder.feed(Frame(raw=b"", data=b"{"))
    with pytest.raises(Unfit):
        decoder.feed(Frame(raw=b"", data=b"[]"))


def test_text_is_written() -> None:
    """Every step that SDKs and Codex wait for, and the last says all of it."""
    events, losses = write(*whole(PartStarted(index=0, part=Text(text="14")), TextDelta(index=0, text="9 m"), PartEnded(index=0)))
    assert not losses
    assert kinds(events) == [
        *("created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    place = {"item_id": "msg_x1_0", "output_index": 0, "content_index": 0}
    assert events[5] == {"type": "response.output_text.delta", "sequence_number": 5, **place, "delta": "9 m", "logprobs": []}
    assert events[2]["item"] == {"id": "msg_x1_0", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    assert events[6]["text"] == events[7]["part"]["text"] == "149 m"
    last = events[-1]["response"]
    assert (events[0]["response"]["status"], events[0]["response"]["id"], last["id"]) == ("in_progress", "resp_x1", "resp_x1")
    assert last["output"] == [events[8]["item"]]
    assert last["usage"]["total_tokens"] == 27


def test_message_stays_open_for_its_next_part() -> None:
    """Texts of one item are one item, whatever grows beside them."""
    events, _ = write(*whole(
        PartStarted(index=0, part=Text(text="a")),
        PartStarted(index=1, part=Refusal(text="")),
        PartEnded(index=0),
        PartStarted(index=2, part=ToolCall(call_id="c", name="f")),
        RefusalDelta(index=1, text="No."),
        ToolCallDelta(index=2, arguments="{}"),
        PartEnded(index=1),
        PartStarted(index=3, part=Text(text="b")),
        finish=FinishReason.TOOL_CALL,
    ))  # fmt: skip
    assert [item["id"] for item in events[-1]["response"]["output"]] == ["msg_x1_0", "fc_x1_1", "msg_x1_2"]
    assert [event["item"]["id"] for event in events if event["type"] == "response.output_item.done"] == ["msg_x1_0", "fc_x1_1", "msg_x1_2"]
    assert [part["type"] for part in events[-1]["response"]["output"][0]["content"]] == ["output_text", "refusal"]


def test_reasoning_is_written() -> None:
    """Pieces of the summary one after the other, then its own text; what is opaque at the end."""
    events, losses = write(*whole(
        PartStarted(index=0, part=Reasoning(summary=("Zero",))),
        ReasoningDelta(index=0, text="One", summary_index=1),
        ReasoningDelta(index=0, text="Two", summary_index=2),
        ReasoningDelta(index=0, text="Hm."),
        OpaqueAdded(index=0, opaque=Opaque(value="gAAA", issuer=ISSUER)),
        PartEnded(index=0),
    ))  # fmt: skip
    assert not losses
    assert kinds(events)[3:-1] == [
        *("reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done") * 3,
        *("content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done", "output_item.done"),
    ]
    assert [event["summary_index"] for event in events if event["type"].endswith("summary_text.done")] == [0, 1, 2]
    assert events[-1]["response"]["output"] == [{
        "id": "rs_x1_0",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text} for text in ("Zero", "One", "Two")],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
        "encrypted_content": "gAAA",
    }]  # fmt: skip


@pytest.mark.parametrize("is_late", [False, True])
def test_signatures_ride_in_items_of_their_own(is_late: bool) -> None:
    """And come back with the next request."""
    early = None if is_late else GEMINI
    late = [OpaqueAdded(index=0, opaque=GEMINI), OpaqueAdded(index=1, opaque=GEMINI)] if is_late else []
    events, losses = write(*whole(
        PartStarted(index=0, part=Text(text="a", signature=early)),
        PartStarted(index=1, part=ToolCall(call_id="c", name="f", arguments="{}", signature=early)),
        *late,
        PartEnded(index=0),
        PartEnded(index=1),
        finish=FinishReason.TOOL_CALL,
    ))  # fmt: skip
    assert not losses
    request = CODEC.parse_request({"model": "m", "input": events[-1]["response"]["output"]}, Losses())
    assert [part.signature for message in request.messages for part in message.parts] == [GEMINI, GEMINI]


def test_names_are_the_clients_own() -> None:
    """In every event that has one."""
    context = ReplyContext(id="x1", created=7, model="m", names={"f_2": "f!"})
    events, _ = write(*whole(PartStarted(index=0, part=ToolCall(call_id="c", name="f_2")), PartEnded(index=0)), context=context)
    assert "f_2" not in str(events)


def test_native_items_and_their_progress_are_written() -> None:
    """Numbered anew; to another protocol's progress there is nothing to say."""
    item = {"type": "web_search_call", "id": "ws_1", "status": "in_progress", "action": {"type": "search", "query": "x"}}
    native = Native(protocol=OWN, kind="web_search_call", value={**item, "status": "completed"})
    events, losses = write(*whole(
        PartStarted(index=0, part=Text(text="a")),
        PartEnded(index=0),
        NativeEvent(protocol=OWN, value=added(item, 7) | {"sequence_number": 99}),
        NativeEvent(protocol=OWN, value=at("web_search_call.searching", 7, item_id="ws_1", sequence_number=100)),
        PartStarted(index=1, part=native),
        PartEnded(index=1),
        NativeEvent(protocol="anthropic_messages", value={}),
    ))  # fmt: skip
    assert kinds(events)[-5:-1] == ["output_item.done", "output_item.added", "web_search_call.searching", "output_item.done"]
    assert [event["output_index"] for event in events[-4:-1]] == [1, 1, 1]
    assert events[-1]["response"]["output"][1] == native.value
    assert losses == ["dropped:events", "approximated:usage.tool_calls"]


def test_what_cannot_be_said_is_reported() -> None:
    """An image is said as a tool's, sound as its transcript."""
    events, losses = write(*whole(
        PartStarted(index=0, part=ImageBase64(data=b"x", signature=GEMINI)),
        PartEnded(index=0),
        PartStarted(index=1, part=Audio()),
        AudioDelta(index=1, data=b"x", transcript="149 m"),
        AudioDelta(index=1, transcript="."),
        PartEnded(index=1),
        PartStarted(index=2, part=Audio()),
        AudioDelta(index=2, data=b"x"),
        PartEnded(index=2),
        PartStarted(index=3, part=Video(source=UrlSource(url="u"))),
        PartEnded(index=3),
        PartStarted(index=0, part=Text(text="b"), candidate=1),
        TextDelta(index=0, text="b", candidate=1),
        PartEnded(index=0, candidate=1),
        Finished(reason=FinishReason.STOP, candidate=1),
    ))  # fmt: skip
    image, message = events[-1]["response"]["output"]
    assert (image["type"], image["result"], message["content"][0]["text"]) == ("image_generation_call", "eA==", "149 m.")
    path = "candidates[0].message.parts"
    assert {*losses} >= {
        f"approximated:{path}[0]", f"dropped:{path}[0].signature", f"approximated:{path}[1]", f"dropped:{path}[2]", f"dropped:{path}[3]",
        "dropped:candidates[1]",
    }  # fmt: skip


def test_a_transcript_that_stands_in_the_beginning_of_its_sound_is_said() -> None:
    """Responses has no sound: what was said in it is a text, whether it came at once or piece by piece."""
    for parts in (
        (PartStarted(index=0, part=Audio(transcript="149 m.")), PartEnded(index=0)),
        (PartStarted(index=0, part=Audio(transcript="149")), AudioDelta(index=0, transcript=" m."), PartEnded(index=0)),
    ):
        events, losses = write(*whole(*parts))
        [message] = events[-1]["response"]["output"]
        assert [piece["text"] for piece in message["content"]] == ["149 m."]
        assert "approximated:candidates[0].message.parts[0]" in losses


def test_deltas_that_say_nothing_or_are_of_another_answer_are_no_events() -> None:
    """Responses has one answer, and an empty delta would be an event about nothing."""
    parts = (
        (Text(text=""), TextDelta, {"text": ""}, {"text": "b"}),
        (Refusal(text=""), RefusalDelta, {"text": ""}, {"text": "b"}),
        (ToolCall(call_id="c", name="f"), ToolCallDelta, {"arguments": ""}, {"arguments": "{}"}),
    )
    for part, delta, nothing, something in parts:
        quiet, _ = write(*whole(PartStarted(index=0, part=part), PartEnded(index=0)))
        other = delta(index=0, candidate=1, **something)
        silent, _ = write(*whole(PartStarted(index=0, part=part), delta(index=0, **nothing), other, PartEnded(index=0), other))
        said, _ = write(*whole(PartStarted(index=0, part=part), delta(index=0, **something), PartEnded(index=0)))
        assert kinds(silent) == kinds(quiet)
        assert len(said) == len(quiet) + 1


@pytest.mark.parametrize(("finish", "kind"), [
    (FinishReason.LENGTH, "response.incomplete"),
    (FinishReason.CANCELLED, "response.incomplete"),
    (FinishReason.MALFORMED_TOOL_CALL, "response.failed"),
    (FinishReason.STOP_SEQUENCE, "response.completed"),
])  # fmt: skip
def test_last_event_tells_the_end(finish: FinishReason, kind: str) -> None:
    """Completed, incomplete or failed."""
    events, _ = write(*whole(PartStarted(index=0, part=Text(text="a")), finish=finish))
    assert events[-1]["type"] == kind


def test_word_of_another_provider_is_no_status() -> None:
    """Though OpenAI has the same word: an answer that has ended is not in progress."""
    ends = [Finished(reason=FinishReason.OTHER, native_reason="in_progress"), Completed()]
    events, losses = write(ResponseStarted(model="m", protocol="gemini_interactions"), PartStarted(index=0, part=Text(text="a")), *ends)
    assert (events[-1]["response"]["status"], losses) == ("completed", ["approximated:candidates[0].finish_reason"])


def test_failure_ends_the_stream() -> None:
    """`error`, then `response.failed` with the id that the stream began with; nothing follows."""
    encoder = CODEC.encoder(CONTEXT, Losses())
    assert (encoder.response_id, encoder.next_sequence) == ("resp_x1", 0)
    encoder.feed(ResponseStarted(id="resp_1", protocol="openai_responses"))
    assert (encoder.response_id, encoder.next_sequence) == ("resp_1", 2)
    error, failed = SseReader().feed(encoder.feed(Failed(code="overloaded", message="Busy.", status=503)))
    assert (error.event, failed.event) == (b"error", b"response.failed")
    assert msgspec.json.decode(failed.data)["response"]["id"] == "resp_1"
    assert (encoder.next_sequence, encoder.feed(Completed())) == (4, b"")


def accumulated(events: list[dict[str, Any]]) -> Any:
    """What the SDK's own accumulator makes of a stream."""
    state = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in events:
        state.handle_event(_event.validate_python(event))
    return state._completed_response


@given(sequence=strategies.event_sequences())
def test_any_stream_ends_with_what_a_plain_reply_says(sequence: tuple[LlmStreamEvent, ...]) -> None:
    """However its parts interleave; our own decoder and the SDK's accumulator read it so."""
    events, _ = write(*sequence)
    plain = msgspec.json.decode(msgspec.json.encode(CODEC.emit_reply(assembled(sequence), CONTEXT, Losses())))
    assert events[-1]["response"] == plain
    again = assembled(read(*events))
    assert [msgspec.structs.replace(part, item_id="") for part in again.message.parts] == list(assembled(sequence).message.parts)
    response = accumulated(events)
    assert response is None or [item.id for item in response.output] == [item["id"] for item in plain["output"]]


@given(sequence=strategies.event_sequences(), cuts=st.sets(st.integers(1, 6000), max_size=6))
@settings(max_examples=40)
def test_stream_is_the_same_however_it_is_split(sequence: tuple[LlmStreamEvent, ...], cuts: set[int]) -> None:
    """Whole, or in any pieces."""
    encoder = CODEC.encoder(CONTEXT, Losses())
    raw = b"".join(encoder.feed(event) for event in sequence)

    def events_of(pieces: list[bytes]) -> list[LlmStreamEvent]:
        reader, decoder = SseReader(), CODEC.decoder(ISSUER, Losses())
        return [event for piece in pieces for frame in reader.feed(piece) for event in decoder.feed(frame)]

    edges = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    assert events_of([raw[begin:end] for begin, end in pairwise(edges)]) == events_of([raw])
