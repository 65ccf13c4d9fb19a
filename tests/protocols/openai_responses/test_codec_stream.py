"""Streams of the Responses API, read to canonical events."""

from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.cases import PROTOCOLS
from tests.protocols.directions import reassembled
from tests.protocols.openai_responses.recorded import ISSUER
from tests.protocols.openai_responses.streaming import COMPLETED, CONTEXT, CREATED, MESSAGE, OWN, USAGE, added, assembled, at, done, read

from omnillm.framing.sse import Frame, SseReader
from omnillm.model import (
    Citation,
    CitationAdded,
    Completed,
    Failed,
    Finished,
    FinishReason,
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
    ResponseStarted,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    UsageReported,
)
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import CODEC
from omnillm.protocols.shapes import Unfit
from omnillm.protocols.stream_transcoder import StreamTranscoder

CITED = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}


def test_text_is_read() -> None:
    """With its citations, log probabilities and phase."""
    token = {"token": "149", "logprob": -0.1, "top_logprobs": []}
    assert read(
        CREATED,
        {"type": "response.in_progress", "response": {}},
        added({**MESSAGE, "phase": "commentary"}),
        at("content_part.added", content_index=0, part={"type": "output_text", "text": "", "annotations": []}),
        at("output_text.delta", content_index=0, delta="149", logprobs=[token]),
        at("output_text.delta", content_index=0, delta=" m", logprobs=[]),
        at("output_text.annotation.added", content_index=0, annotation_index=0, annotation=CITED),
        at("output_text.done", content_index=0, text="149 m"),
        at("content_part.done", content_index=0, part={"type": "output_text", "text": "149 m", "annotations": [CITED]}),
        done({**MESSAGE, "content": [{"type": "output_text", "text": "149 m", "annotations": [CITED]}]}),
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
    """Some hosts leave out the deltas of refusals and summaries, the citations until the part is done, or the whole content; or send a text whole."""
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
            at("content_part.done", 1, content_index=0, part={"type": "output_text", "text": "149 m", "annotations": [CITED]}),
            at("refusal.done", 1, content_index=1, refusal="No."),
            at("output_text.done", 1, content_index=2, text="Deep.", logprobs=[{"token": "Deep.", "logprob": -0.1}]),
            done(
                {
                    **MESSAGE,
                    "content": [{"type": "output_text", "text": "149 m", "annotations": [CITED]}, {"type": "refusal", "refusal": "No."}],
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
        Text(text="Deep.", item_id="msg_1"),
        Native(protocol=OWN, kind="message", value={**MESSAGE, "id": "msg_2", "status": "completed"}),
    )
    assert [token["token"] for token in reply.candidates[0].logprobs["content"]] == ["Deep."]


@in_turn("target", PROTOCOLS)
def test_what_comes_behind_the_end_of_a_part_is_nothing(target: str) -> None:
    """Words, a citation, arguments: a host that sends them late, or again while the next part is open, breaks no stream."""
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    late = at("output_text.delta", content_index=0, delta="late")
    events = [
        CREATED,
        added(MESSAGE),
        at("output_text.delta", content_index=0, delta="149 m"),
        at("content_part.done", content_index=0, part={"type": "output_text", "text": "149 m", "annotations": []}),
        late,
        at("output_text.annotation.added", content_index=0, annotation_index=0, annotation=CITED),
        done(MESSAGE),
        added({**call, "arguments": ""}, 1),
        late,
        done(call, 1),
        at("function_call_arguments.delta", 1, delta="late"),
        COMPLETED,
    ]
    transcoder = StreamTranscoder(OWN, target, context=CONTEXT)
    raw = b"".join(transcoder.feed_frame(Frame(raw=b"", data=msgspec.json.encode(event))) for event in events) + transcoder.finish()
    assert b"late" not in raw
    parts = reassembled(list(SseReader().feed(raw)), target)[0].candidates[0].message.parts
    assert [getattr(part, "text", "") or getattr(part, "arguments", "") for part in parts] == ["149 m", "{}"]


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
