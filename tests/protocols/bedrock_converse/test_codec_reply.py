"""Replies of Converse, read to the canonical model."""

import json
from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.protocols.bedrock_converse.oracle import reply as as_the_sdk_reads

from omnillm.errors import UpstreamLost
from omnillm.model import Citation, FinishReason, ImageBase64, Issuer, Native, Opaque, Reasoning, Text, ToolCall
from omnillm.protocols.bedrock_converse import PROTOCOL
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.transcode import parse_response, transcode_response
from omnillm.usage import Usage

ISSUER = Issuer(protocol="bedrock_converse", provider="aws", key="a")
CITED = {"title": "Manual", "sourceContent": [{"text": "9 m"}], "location": {"web": {"url": "https://e.com", "domain": "e.com"}}}
BODY: dict[str, Any] = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
                {"reasoningContent": {"redactedContent": "cmVk"}},
                {"text": "Nine."},
                {"citationsContent": {"content": [{"text": "It is 9 m."}], "citations": [CITED]}},
                {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
                {"toolUse": {"toolUseId": "t1", "name": "search", "input": {"q": "x"}}},
                {"audio": {"format": "wav", "source": {"bytes": "UklGRg=="}}},
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": {
        "inputTokens": 10,
        "outputTokens": 20,
        "totalTokens": 60,
        "cacheReadInputTokens": 7,
        "cacheWriteInputTokens": 23,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 20}, {"ttl": "5m", "inputTokens": 3}],
    },
    "metrics": {"latencyMs": 9},
    "serviceTier": {"type": "flex"},
    "trace": {"promptRouter": {"invokedModelId": "m"}},
}
USAGE = Usage(input=10, cache_read=7, cache_write_short=3, cache_write_long=20, output=20)


def encoded(**changes: Any) -> bytes:
    return json.dumps(BODY | changes).encode()


def test_every_block_is_read() -> None:
    """Reasoning signed by its issuer, texts, citations, images, calls; what only Converse knows stays whole."""
    assert as_the_sdk_reads(encoded())["stopReason"] == "tool_use"
    response = parse_response("bedrock_converse", encoded(), issuer=ISSUER).value
    assert response.message.parts == (
        Reasoning(text="Hm.", opaque=Opaque(value="c2ln", issuer=ISSUER)),
        Reasoning(opaque=Opaque(value="cmVk", issuer=ISSUER), is_redacted=True),
        Text(text="Nine."),
        Text(
            text="It is 9 m.",
            citations=(Citation(url="https://e.com", title="Manual", cited_text="9 m", protocol="bedrock_converse", native=CITED),),
        ),
        ImageBase64(data=b"\x89PNG", media_type="image/png"),
        ToolCall(call_id="t1", name="search", arguments='{"q":"x"}'),
        Native(protocol="bedrock_converse", kind="audio", value={"audio": {"format": "wav", "source": {"bytes": "UklGRg=="}}}),
    )
    assert response.usage == USAGE
    assert response.service_tier == "flex"
    assert set(response.vendor_extensions) == {"trace"}


@in_turn(
    ("word", "reason", "native"),
    [
        ("end_turn", FinishReason.STOP, ""),
        ("max_tokens", FinishReason.LENGTH, ""),
        ("stop_sequence", FinishReason.STOP_SEQUENCE, ""),
        ("guardrail_intervened", FinishReason.CONTENT_FILTER, "guardrail_intervened"),
        ("content_filtered", FinishReason.CONTENT_FILTER, ""),
        ("malformed_tool_use", FinishReason.MALFORMED_TOOL_CALL, ""),
        ("malformed_model_output", FinishReason.ERROR, "malformed_model_output"),
        ("model_context_window_exceeded", FinishReason.CONTEXT_LENGTH, ""),
        ("something_new", FinishReason.OTHER, "something_new"),
    ],
)
def test_stop_reasons_are_read(word: str, reason: FinishReason, native: str) -> None:
    """Each as the canonical reason, and the word itself where it says more."""
    response = parse_response("bedrock_converse", encoded(stopReason=word)).value
    assert (response.candidates[0].finish_reason, response.candidates[0].native_finish_reason) == (reason, native)


def test_call_that_the_provider_made_itself_is_no_call_for_the_client() -> None:
    """A tool that Bedrock runs has its result beside it: an application would run it once more, and wait for nobody's answer."""
    grounding = {"toolUse": {"toolUseId": "t1", "name": "nova_grounding", "input": {"q": "x"}, "type": "server_tool_use"}}
    body = encoded(output={"message": {"role": "assistant", "content": [grounding, {"text": "Nine."}]}}, stopReason="end_turn")
    response = parse_response("bedrock_converse", body).value
    assert response.message.parts == (Native(protocol="bedrock_converse", kind="toolUse", value=grounding), Text(text="Nine."))
    assert response.finish_reason is FinishReason.STOP


@in_turn("target", ["openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content"])
def test_reply_is_said_to_every_client(target: str) -> None:
    """Text and call come through in each client's words."""
    said = transcode_response(
        "bedrock_converse", target, encoded(), context=ReplyContext(id="1", created=1, model="m"), issuer=ISSUER
    ).value.decode()
    assert "Nine." in said
    assert "search" in said


@in_turn("body", [b"<html>", b"[]", b"{}", b'{"output":{}}', json.dumps(BODY | {"output": {"message": {"content": [{}]}}}).encode()])
def test_what_is_no_reply_is_the_providers_mistake(body: bytes) -> None:
    """Garbage raises UpstreamLost, never another exception."""
    with pytest.raises(UpstreamLost):
        parse_response("bedrock_converse", body)


def test_usage_is_peeked() -> None:
    """Without translating anything; lies are clamped; half a body is no reply."""
    peek = PROTOCOL.peek_reply(encoded())
    assert (peek.usage, peek.is_complete, peek.failure) == (USAGE, True, None)
    lying = PROTOCOL.peek_reply(encoded(usage={"inputTokens": -5, "outputTokens": 10**30}))
    assert lying.usage == Usage(output=2**53)
    assert not PROTOCOL.peek_reply(encoded()[:-40]).is_complete
    assert PROTOCOL.peek_reply(encoded(usage=None)).usage is None
