"""Replies of the Messages API, read to the canonical model and written from it."""

import json
from typing import Any

import pytest
from anthropic.types import Message as SdkMessage
from anthropic.types.beta import BetaMessage
from pydantic import TypeAdapter, ValidationError
from tests.in_turn import in_turn
from tests.protocols.conftest import recordings

from omnillm.model.message import (
    Audio,
    Citation,
    ImageBase64,
    Issuer,
    Message,
    MessageRole,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from omnillm.model.response import Candidate, FinishReason, LlmResponse
from omnillm.protocols.anthropic_messages import CODEC
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.dialects import ClaudeDialect
from omnillm.protocols.envelope import seal
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit
from omnillm.usage import Usage

P = "anthropic_messages"
ISSUER = Issuer(protocol=P, provider="anthropic", key="k1")
CONTEXT = ReplyContext(id="abc", created=1, model="claude", names={"f_1": "f.1"})
GEMINI = Opaque(value="sig", issuer=Issuer(protocol="gemini_generate_content", provider="google"))
RESPONSES = Opaque(value="enc", issuer=Issuer(protocol="openai_responses", provider="openai"))
SDK: TypeAdapter = TypeAdapter(SdkMessage)
BETA: TypeAdapter = TypeAdapter(BetaMessage)
BODY = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}


def parse(body: Any) -> LlmResponse:
    losses = Losses()
    response = CODEC.parse_reply(body, ISSUER, losses)
    assert not losses
    return response


def emit(response: LlmResponse) -> tuple[dict, dict[str, str]]:
    """The body, and what was lost: paths to kinds."""
    losses = Losses()
    body = CODEC.emit_reply(response, CONTEXT, losses)
    return body, {reason.path: reason.kind for reason in losses.reasons}


def answer(*parts: Any, reason: FinishReason = FinishReason.STOP, **members: Any) -> LlmResponse:
    candidate = Candidate(message=Message(role=MessageRole.ASSISTANT, parts=parts), finish_reason=reason)
    return LlmResponse(candidates=(candidate,), usage=Usage(input=1), **members)


def without_nulls(value: Any) -> Any:
    """Nulls and empty arrays say nothing; older replies do not count fetches."""
    if isinstance(value, dict):
        return {
            name: without_nulls(inner)
            for name, inner in value.items()
            if inner not in (None, []) and (name, inner) != ("web_fetch_requests", 0)
        }
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def is_strictly(kind: TypeAdapter, body: dict) -> bool:
    try:
        kind.validate_python(json.loads(json.dumps(body)))
    except ValidationError:
        return False
    return True


@in_turn("anthropic_reply", recordings("anthropic", ".json"))
def test_recorded_reply_comes_back_whole(anthropic_reply):
    """Every recorded reply returns to its own protocol as it was, and satisfies the SDK's type where the recording does."""
    body = json.loads(anthropic_reply.read_bytes())
    response = parse(body)
    written, lost = emit(response)
    assert lost == {}
    assert without_nulls(written) == without_nulls(body)
    assert is_strictly(BETA, written) or not is_strictly(BETA, body)
    assert response.usage is not None


def test_reply_is_read():
    """Thinking, what was redacted, and calls, with the members that only this protocol has."""
    signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}}
    usage = {"input_tokens": 3, "output_tokens": 2, "service_tier": "priority", "output_tokens_details": {"thinking_tokens": 1}}
    body = BODY | {"content": [signed, {"type": "redacted_thinking", "data": "d"}, call], "stop_reason": "tool_use", "usage": usage}
    response = parse(body)
    assert response.message.parts == (
        Reasoning(text="hm", opaque=Opaque(value="s", issuer=ISSUER)),
        Reasoning(opaque=Opaque(value="d", issuer=ISSUER), is_redacted=True),
        ToolCall(call_id="toolu_1", name="f", arguments='{"a":1}', vendor_extensions={"caller": {"type": "direct"}}),
    )
    assert response.finish_reason is FinishReason.TOOL_CALL
    assert response.usage == Usage(input=3, output=1, reasoning=1)
    assert (response.id, response.model, response.service_tier, response.raw_usage) == ("msg_1", "claude-x", "priority", usage)


@in_turn(
    ("stop_reason", "reason"),
    [
        ("end_turn", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("stop_sequence", FinishReason.STOP_SEQUENCE),
        ("tool_use", FinishReason.TOOL_CALL),
        ("pause_turn", FinishReason.PAUSE),
        ("refusal", FinishReason.REFUSAL),
        ("model_context_window_exceeded", FinishReason.CONTEXT_LENGTH),
        ("compaction", FinishReason.COMPACTION),
        ("bored", FinishReason.OTHER),
    ],
)
def test_every_stop_reason_comes_back(stop_reason, reason):
    """Read and written again, byte for byte."""
    body = BODY | {"stop_reason": stop_reason, "stop_sequence": "END" if stop_reason == "stop_sequence" else None}
    response = parse(body)
    assert response.finish_reason is reason
    assert emit(response) == (body, {})


@in_turn(
    ("reason", "stop_reason"),
    [
        (FinishReason.CONTENT_FILTER, "refusal"),
        (FinishReason.MALFORMED_TOOL_CALL, "end_turn"),
        (FinishReason.CANCELLED, "end_turn"),
        (FinishReason.ERROR, "end_turn"),
        (FinishReason.OTHER, "end_turn"),
    ],
)
def test_foreign_end_is_said_by_the_nearest_word(reason, stop_reason):
    """One that the SDK knows, and the report says that it is not the same."""
    body, lost = emit(answer(Text(text="a"), reason=reason))
    assert body["stop_reason"] == stop_reason
    assert lost == {"candidates[0].finish_reason": "approximated"}
    assert is_strictly(SDK, body)


def test_refusal_keeps_its_details():
    """What a refusal was about is of this protocol alone."""
    details = {"type": "refusal", "category": "bio", "explanation": "no"}
    body = BODY | {"stop_reason": "refusal", "stop_details": details}
    assert emit(parse(body)) == (body, {})


def test_foreign_reply_has_all_that_the_sdk_requires():
    """Its id, names of functions as the client knows them, counts of every sort."""
    call = ToolCall(call_id="call_1", name="f_1", arguments='{"a":1}')
    usage = Usage(input=5, cache_read=4, cache_write_short=3, cache_write_long=2, output=7, reasoning=6, tool_calls=1)
    candidate = Candidate(message=Message(role=MessageRole.ASSISTANT, parts=(Text(text="Hi"), call)), finish_reason=FinishReason.TOOL_CALL)
    response = LlmResponse(
        id="chatcmpl-1", candidates=(candidate, candidate), usage=usage, protocol="openai_chat", vendor_extensions={"x": 1}
    )
    body, lost = emit(response)
    assert body == {
        "id": "msg_abc",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "call_1", "name": "f.1", "input": {"a": 1}}],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 5,
            "output_tokens": 13,
            "cache_creation_input_tokens": 5,
            "cache_read_input_tokens": 4,
            "output_tokens_details": {"thinking_tokens": 6},
            "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 2},
        },
    }
    assert is_strictly(SDK, body)
    assert lost == {"candidates[1]": "dropped", "vendor_extensions.x": "dropped"}


def test_foreign_signatures_ride_in_envelopes():
    """A signature of a text or call stands right before it; none is the last block, which clients show as the answer."""
    body, lost = emit(
        answer(
            Reasoning(text="a", opaque=RESPONSES),
            Reasoning(text="b"),
            Text(text="c", signature=GEMINI),
            ToolCall(call_id="1", name="g", signature=GEMINI),
            Text(text="", signature=GEMINI),
        )
    )
    assert body["content"] == [
        {"type": "thinking", "thinking": "a", "signature": seal(RESPONSES)},
        {"type": "thinking", "thinking": "b", "signature": ""},
        {"type": "redacted_thinking", "data": seal(GEMINI)},
        {"type": "text", "text": "c"},
        {"type": "redacted_thinking", "data": seal(GEMINI)},
        {"type": "tool_use", "id": "1", "name": "g", "input": {}},
    ]
    assert lost == {"candidates[0].message.parts[4].signature": "dropped"}
    assert body["stop_reason"] == "tool_use"
    assert is_strictly(SDK, body)


def test_foreign_thinking_that_nobody_signed_bears_an_empty_envelope():
    """Agents replay thinking with an empty signature as visible text. It comes back as thinking, and as nobody's signature."""
    body, lost = emit(answer(Reasoning(text="a"), protocol="openai_chat"))
    [block] = body["content"]
    assert block == {"type": "thinking", "thinking": "a", "signature": seal(Opaque(value="", issuer=Issuer(protocol="openai_chat")))}
    assert lost == {}
    request = {"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": [block, {"type": "text", "text": "b"}]}]}
    losses = Losses()
    asked = CODEC.parse_request(request, losses)
    assert asked.input[0].parts == (Reasoning(text="a"), Text(text="b"))
    sent = CODEC.emit_request(asked, ClaudeDialect(), losses)
    assert sent["messages"] == [{"role": "assistant", "content": "b"}]
    assert {reason.path: reason.kind for reason in losses.reasons} == {"input[0].parts[0]": "dropped"}


def test_malformed_call_alone_is_told_in_words():
    """An agent must not end in silence."""
    said = {"type": "text", "text": "The model made a malformed tool call."}
    for parts, kinds in (((), ["text"]), ((Reasoning(text="a"),), ["thinking", "text"])):
        body, lost = emit(answer(*parts, reason=FinishReason.MALFORMED_TOOL_CALL))
        assert [block["type"] for block in body["content"]] == kinds
        assert body["content"][-1] == said
        assert lost == {"candidates[0].message": "approximated", "candidates[0].finish_reason": "approximated"}


def test_own_signature_is_written_as_it_is():
    """Only foreign ones go into an envelope."""
    reasoning = Reasoning(text="a", opaque=Opaque(value="s", issuer=ISSUER))
    assert emit(answer(reasoning))[0]["content"] == [{"type": "thinking", "thinking": "a", "signature": "s"}]


@in_turn(
    ("part", "content", "lost"),
    [
        (Reasoning(summary=("a", "b")), [{"type": "thinking", "thinking": "a\n\nb", "signature": ""}], {"summary": "approximated"}),
        (Reasoning(), [], {"": "dropped"}),
        (
            Reasoning(opaque=GEMINI, is_redacted=True),
            [{"type": "thinking", "thinking": "", "signature": seal(GEMINI)}],
            {"is_redacted": "approximated"},
        ),
        (Text(text="a", citations=(Citation(url="u"),)), [{"type": "text", "text": "a"}], {"citations": "dropped"}),
        (Text(text=""), [], {}),
        (ImageBase64(data=b"\x89PNG", media_type="image/png"), [], {"": "dropped"}),
        (Audio(transcript="a"), [{"type": "text", "text": "a"}], {"": "approximated"}),
        (Native(protocol="openai_responses", kind="x", value={"type": "x"}), [], {"": "dropped"}),
        (
            ToolCall(call_id="a:b", name="g", arguments="["),
            [{"type": "tool_use", "id": "a_b_6783a31e", "name": "g", "input": {"_raw": "["}}],
            {"call_id": "approximated", "arguments": "approximated"},
        ),
    ],
)
def test_part_that_no_reply_has_is_in_the_report(part, content, lost):
    """Said by what is nearest, or left out."""
    body, found = emit(answer(part))
    assert body["content"] == content
    assert found == {f"candidates[0].message.parts[0].{path}".rstrip("."): kind for path, kind in lost.items()}
    assert is_strictly(SDK, body)


def test_refusal_is_a_text_that_ends_in_refusal():
    """The API has no part for it."""
    body, lost = emit(answer(Refusal(text="I cannot")))
    assert (body["content"], body["stop_reason"]) == ([{"type": "text", "text": "I cannot"}], "refusal")
    assert lost == {"candidates[0].message.parts[0]": "approximated"}


def test_reply_without_a_candidate_is_a_refusal():
    """A blocked prompt: there is no content, and a client must not take it for an answer."""
    body, lost = emit(LlmResponse())
    assert (body["content"], body["stop_reason"]) == ([], "refusal")
    assert lost == {"candidates": "approximated", "usage": "defaulted"}
    assert is_strictly(SDK, body)


@in_turn(
    ("change", "path"),
    [
        ({"type": "error"}, "type"),
        ({"content": None}, "content"),
        ({"content": [{"type": "text"}]}, "content[0].text"),
        ({"content": [{"type": "tool_use", "id": 1}]}, "content[0].id"),
        ({"content": [{"type": "thinking", "thinking": 1}]}, "content[0].thinking"),
        ({"content": [{"type": "text", "text": "a", "citations": [1]}]}, "content[0].citations[0]"),
        ({"stop_reason": 1}, "stop_reason"),
        ({"usage": 1}, "usage"),
    ],
)
def test_wrong_shape_is_named_by_its_path(change, path):
    """So that a garbled reply can be reported."""
    with pytest.raises(Unfit) as caught:
        CODEC.parse_reply(BODY | change, ISSUER, Losses())
    assert caught.value.path == path
