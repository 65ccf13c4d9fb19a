"""Streams of the Messages API as clients get them, put together by the SDK, and what is lost."""

import json
from typing import Annotated, Any

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from pydantic import Field, TypeAdapter
from tests.protocols.anthropic_messages.streaming import CONTEXT, OWN, P, values, write

from omnillm.model.events import (
    AudioDelta,
    CitationAdded,
    Completed,
    Finished,
    LlmStreamEvent,
    NativeEvent,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    RefusalDelta,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from omnillm.model.message import Audio, Citation, Issuer, Message, MessageRole, Native, Opaque, Reasoning, Refusal, Text, ToolCall
from omnillm.model.response import Candidate, FinishReason, LlmResponse
from omnillm.protocols.anthropic_messages import CODEC
from omnillm.protocols.envelope import seal
from omnillm.protocols.loss import Losses
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.usage import Usage

GEMINI = Opaque(value="sig", issuer=Issuer(protocol="gemini_generate_content"))
SDK_EVENT: TypeAdapter = TypeAdapter(Annotated[RawMessageStreamEvent, Field(discriminator="type")])


def accumulated(raw: bytes) -> Any:
    """What the SDK makes of a stream."""
    snapshot, buffers = None, {}
    for value in values(raw):
        snapshot = accumulate_event(event=SDK_EVENT.validate_python(value), current_snapshot=snapshot, json_bufs=buffers)
    return snapshot


def streamed(*parts: Any, reason: FinishReason = FinishReason.STOP) -> list[LlmStreamEvent]:
    """A stream of the parts' own events, one part after the other."""
    events: list[LlmStreamEvent] = [ResponseStarted(id="resp_1", model="gpt")]
    for index, part in enumerate(parts):
        start, *deltas = part if isinstance(part, tuple) else (part,)
        events += [PartStarted(index=index, part=start), *[one(index) for one in deltas], PartEnded(index=index)]
    return [*events, Finished(reason=reason), UsageReported(usage=Usage(input=3, output=2)), Completed()]


def text(words: str) -> Any:
    return lambda index: TextDelta(index=index, text=words)


def test_transcript_in_pieces_is_one_text():
    """In place of the sound."""
    deltas = [lambda index, words=words: AudioDelta(index=index, data=b"RIFF", transcript=words) for words in ("149", " m.")]
    raw, lost = write(*streamed((Audio(), *deltas)))
    assert [each.text for each in accumulated(raw).content] == ["149 m."]
    assert lost == {"candidates[0].message.parts[0]": "approximated"}


def test_foreign_stream_is_written_as_the_sdk_reads_it():
    """All events of the protocol's life, ids and names as the client knows them, the usage at the end."""
    call = ToolCall(call_id="call_1", name="f_1")
    pieces = [lambda index: ToolCallDelta(index=index, arguments='{"a":'), lambda index: ToolCallDelta(index=index, arguments="1}")]
    raw, lost = write(*streamed((Text(text=""), text("H"), text("i")), (call, *pieces), reason=FinishReason.TOOL_CALL))
    kinds = [value["type"].removeprefix("content_block_") for value in values(raw)]
    assert kinds == ["message_start", "start", "delta", "delta", "stop", "start", "delta", "delta", "stop", "message_delta", "message_stop"]
    message = accumulated(raw)
    assert (message.id, message.model, message.stop_reason) == ("msg_abc", "gpt", "tool_use")
    assert (message.content[0].text, message.content[1].name, message.content[1].input) == ("Hi", "f.1", {"a": 1})
    assert (message.usage.input_tokens, message.usage.output_tokens) == (3, 2)
    assert lost == {}


def test_parts_that_interleave_are_written_one_after_the_other():
    """The API has one open block at a time."""
    events = [
        ResponseStarted(),
        PartStarted(index=0, part=ToolCall(call_id="a", name="f")),
        PartStarted(index=1, part=ToolCall(call_id="b", name="g", arguments='{"x"')),
        ToolCallDelta(index=1, arguments=":2}"),
        PartStarted(index=2, part=Text(text="t")),
        ToolCallDelta(index=0, arguments='{"x":1}'),
        PartEnded(index=1),
        PartEnded(index=0),
        TextDelta(index=2, text="u"),
        PartEnded(index=2),
        Finished(reason=FinishReason.STOP),
        Completed(),
    ]
    raw, _ = write(*events)
    assert [value["index"] for value in values(raw) if "index" in value] == sorted(
        value["index"] for value in values(raw) if "index" in value
    )
    content = accumulated(raw).content
    assert [(block.id, block.input) for block in content[:2]] == [("a", {"x": 1}), ("b", {"x": 2})]
    assert content[2].text == "tu"
    assert accumulated(raw).stop_reason == "tool_use"


def test_signature_of_thinking_is_said_once_before_its_end():
    """A provider's own as it is, a foreign one in an envelope, none as an empty one."""
    thinking = [lambda index: ReasoningDelta(index=index, text="hm")]
    parts = [(Reasoning(), *thinking, lambda index, opaque=opaque: OpaqueAdded(index=index, opaque=opaque)) for opaque in (OWN, GEMINI)]
    raw, lost = write(*streamed(*parts, (Reasoning(), *thinking), (Reasoning(opaque=OWN, is_redacted=True),), Reasoning()))
    signatures = [value["delta"]["signature"] for value in values(raw) if value.get("delta", {}).get("type") == "signature_delta"]
    assert signatures == ["sig", seal(GEMINI), ""]
    assert [block.type for block in accumulated(raw).content] == ["thinking", "thinking", "thinking", "redacted_thinking"]
    assert lost == {"candidates[0].message.parts[4]": "dropped"}


def test_foreign_thinking_that_nobody_signed_bears_an_empty_envelope():
    """Agents replay thinking with an empty signature as visible text; a provider's own is as it was."""
    events = streamed((Reasoning(), lambda index: ReasoningDelta(index=index, text="hm")))
    for protocol, signature in (("openai_chat", seal(Opaque(value="", issuer=Issuer(protocol="openai_chat")))), (P, "")):
        raw, lost = write(ResponseStarted(protocol=protocol), *events[1:])
        assert [block.signature for block in accumulated(raw).content] == [signature]
        assert lost == {}


def test_malformed_call_alone_is_told_in_words():
    """An agent must not end in silence."""
    thought = (Reasoning(), lambda index: ReasoningDelta(index=index, text="hm"))
    for parts, kinds in (((), ["text"]), ((thought,), ["thinking", "text"])):
        raw, lost = write(*streamed(*parts, reason=FinishReason.MALFORMED_TOOL_CALL))
        content = accumulated(raw).content
        assert [block.type for block in content] == kinds
        assert content[-1].text == "The model made a malformed tool call."
        assert lost == {"candidates[0].message": "approximated", "candidates[0].finish_reason": "approximated"}
    raw, _ = write(*streamed((Text(text=""), text("a")), reason=FinishReason.MALFORMED_TOOL_CALL))
    assert [block.text for block in accumulated(raw).content] == ["a"]


def test_counts_of_another_protocol_are_written_in_the_words_of_this_one():
    """Whatever their shape."""
    events = streamed((Text(text=""), text("a")))
    raw_usage = {"input_tokens": 3, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 1}}
    events[-2] = UsageReported(usage=Usage(input=3, output=1, reasoning=1), raw=raw_usage)
    raw, _ = write(ResponseStarted(protocol="openai_responses"), *events[1:])
    assert accumulated(raw).usage.output_tokens_details.thinking_tokens == 1
    [usage] = [value["usage"] for value in values(raw) if value["type"] == "message_delta"]
    assert usage["output_tokens_details"] == {"thinking_tokens": 1}


def test_summaries_are_said_as_thinking():
    """With a blank line between them."""
    pieces = [lambda index, n=n: ReasoningDelta(index=index, text=f"part {n}", summary_index=n) for n in (0, 1)]
    raw, lost = write(*streamed((Reasoning(), *pieces)))
    assert accumulated(raw).content[0].thinking == "part 0\n\npart 1"
    assert lost == {"candidates[0].message.parts[0].summary": "approximated"}


def test_foreign_signature_of_a_text_or_call_stands_in_a_block_of_its_own():
    """Before the part while that has said nothing. After a text there is none: clients show the last block as the answer."""
    signed = lambda index: OpaqueAdded(index=index, opaque=GEMINI)  # noqa: E731
    parts = [
        (Text(text="", signature=GEMINI), text("a")),
        (Text(text=""), text("b"), signed),
        (ToolCall(call_id="1", name="g"), signed, lambda index: ToolCallDelta(index=index, arguments="{}")),
        Text(text=""),
    ]
    raw, lost = write(*streamed(*parts))
    carriers = [(block.type, getattr(block, "data", "") or getattr(block, "signature", "")) for block in accumulated(raw).content]
    sealed = seal(GEMINI)
    assert carriers == [
        ("redacted_thinking", sealed),
        ("text", ""),
        ("text", ""),
        ("redacted_thinking", sealed),
        ("tool_use", ""),
    ]
    assert lost == {"candidates[0].message.parts[1].signature": "dropped"}


def test_stream_of_gemini_ends_with_its_text():
    """Its last part is empty and signs the text before it."""
    pieces = [{"text": "149"}, {"text": " m."}, {"text": "", "thoughtSignature": "c2ln"}]
    chunks = [{"candidates": [{"content": {"role": "model", "parts": [piece]}}]} for piece in pieces]
    chunks[-1]["candidates"][0]["finishReason"] = "STOP"
    transcoder = StreamTranscoder("gemini_generate_content", P, context=CONTEXT)
    raw = b"".join(transcoder.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n") for chunk in chunks) + transcoder.feed(b"")
    assert [(block.type, block.text) for block in accumulated(raw).content] == [("text", "149 m.")]
    assert [(reason.path, reason.kind) for reason in transcoder.losses.reasons if "signature" in reason.path] == [
        ("candidates[0].message.parts[0].signature", "dropped")
    ]


def test_what_a_part_holds_at_its_start_is_content():
    """It is written as deltas, which is where SDKs look for it."""
    citation = {"type": "web_search_result_location", "cited_text": "x", "encrypted_index": "i", "title": None, "url": "u"}
    parts = [
        Reasoning(text="a", summary=("b",), opaque=OWN),
        Reasoning(opaque=OWN),
        Text(text="c", citations=(Citation(protocol=P, native=citation),)),
        ToolCall(call_id="a:b", name="g", arguments="d", kind="custom", vendor_extensions={"caller": {"type": "direct"}, "x": 1}),
        Refusal(text="e"),
        Audio(transcript="f"),
        Native(
            protocol=P, kind="server_tool_use", value={"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
        ),
    ]
    raw, lost = write(*streamed(*parts))
    content = accumulated(raw).content
    assert [(block.thinking, block.signature) for block in content[:2]] == [("a\n\nb", "sig"), ("", "sig")]
    assert (content[2].text, content[2].citations[0].url) == ("c", "u")
    assert (content[3].id, content[3].input, content[3].caller) == ("a_b_6783a31e", {"input": "d"}, None)
    assert [block.text for block in content[4:6]] == ["e", "f"]
    assert content[6].input == {"query": "q"}
    path = "candidates[0].message.parts"
    assert lost == {
        f"{path}[0].summary": "approximated",
        f"{path}[3].call_id": "approximated",
        f"{path}[3].kind": "approximated",
        f"{path}[3].vendor_extensions.caller": "dropped",
        f"{path}[3].vendor_extensions.x": "dropped",
        f"{path}[4]": "approximated",
        f"{path}[5]": "approximated",
    }


def test_members_of_this_protocols_own_stand_in_a_stream_as_in_a_reply():
    """Nothing of a block is lost on its way to its own protocol, and what is lost of it elsewhere is told alike."""
    own: dict[str, Any] = {"vendor_extensions": {"x": 1}}
    parts = [Reasoning(text="a", opaque=OWN, **own), Text(text="b", **own), ToolCall(call_id="1", name="g", **own), Refusal(text="")]
    raw, lost = write(ResponseStarted(protocol=P), *streamed(*parts)[1:])
    message = Message(role=MessageRole.ASSISTANT, parts=tuple(parts))
    reply = LlmResponse(protocol=P, candidates=(Candidate(message=message, finish_reason=FinishReason.STOP),), usage=Usage())
    losses = Losses()
    body = CODEC.emit_reply(reply, CONTEXT, losses)
    begun = [value["content_block"] for value in values(raw) if value["type"] == "content_block_start"]
    assert [block["x"] for block in begun] == [block["x"] for block in body["content"]] == [1, 1, 1]
    assert lost == {reason.path: reason.kind for reason in losses.reasons} == {"candidates[0].message.parts[3]": "dropped"}


def test_signature_that_comes_too_late_for_a_call_is_in_the_report():
    """It stands before its call here, and that has been written."""
    late = [lambda index: ToolCallDelta(index=index, arguments="{}"), lambda index: OpaqueAdded(index=index, opaque=GEMINI)]
    assert write(*streamed((ToolCall(call_id="1", name="g"), *late)))[1] == {"candidates[0].message.parts[0].signature": "dropped"}


def test_what_a_stream_cannot_say_is_in_the_report():
    """By the path of each part."""
    location = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
    cited = [Citation(url="u"), Citation(protocol=P, native=location)]
    parts = [
        (Text(text="a"), *[lambda index, one=one: CitationAdded(index=index, citation=one) for one in cited]),
        (Audio(), lambda index: AudioDelta(index=index, data=b"x", transcript="spoken")),
        (Audio(), lambda index: AudioDelta(index=index, data=b"x")),
        (Refusal(text=""), lambda index: RefusalDelta(index=index, text="no")),
        Native(protocol="openai_responses", kind="x", value={}),
        (ToolCall(call_id="1", name="g", kind="custom"), lambda index: ToolCallDelta(index=index, arguments='say "hi"')),
    ]
    events = streamed(*parts)
    events[1:1] = [NativeEvent(protocol="openai_responses", value={}), PartStarted(index=0, candidate=1, part=Text(text="z"))]
    raw, lost = write(*events)
    path = "candidates[0].message.parts"
    assert lost == {
        "candidates[1]": "dropped",
        "events.openai_responses": "dropped",
        f"{path}[0].citations": "dropped",
        f"{path}[1]": "approximated",
        f"{path}[2]": "dropped",
        f"{path}[3]": "approximated",
        f"{path}[4]": "dropped",
        f"{path}[5].kind": "approximated",
    }
    message = accumulated(raw)
    assert [getattr(block, "text", None) or block.input for block in message.content] == ["a", "spoken", "no", {"input": 'say "hi"'}]
    assert message.content[0].citations[0].cited_text == "x"
    assert message.stop_reason == "refusal"
