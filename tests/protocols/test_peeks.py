"""Whatever is asked, answered or streamed, in every protocol: a look at it finds what is there, or says what is wrong, and never raises otherwise."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocols.cases import PROTOCOLS as CLIENTS
from tests.protocols.cases import REPLIES
from tests.protocols.directions import CONTEXT, events_of, streamed
from tests.protocols.peeking import JSON, members

from omnillm.errors import BadRequest
from omnillm.framing.sse import Frame, SseReader
from omnillm.outcome import Verdict
from omnillm.protocols.registry import PROTOCOLS
from omnillm.protocols.transcode import emit_response

NAMES = {
    "openai_chat": ("model", "messages", "stream", "max_tokens", "max_completion_tokens", "n", "stream_options"),
    "openai_responses": ("model", "input", "stream", "max_output_tokens", "tools", "prompt"),
    "anthropic_messages": ("model", "max_tokens", "stream", "messages", "tools", "speed", "x"),
    "gemini_generate_content": ("contents", "generationConfig", "generation_config", "tools", "model", "x"),
    "gemini_interactions": ("model", "agent", "input", "stream", "generation_config", "tools", "background", "Input"),
    "bedrock_converse": ("messages", "system", "inferenceConfig", "toolConfig", "serviceTier", "x"),
}
INNER = ("max_output_tokens", "content", "data", "maxOutputTokens", "candidate_count", "responseModalities", "maxTokens", "tools", "type")
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2, "cacheDetails": [{"ttl": "1h", "inputTokens": 1}]},
}
WHOLE = {name: [json.loads(emit_response(name, case.reply, CONTEXT).value) for case in REPLIES] for name in CLIENTS}
WHOLE["bedrock_converse"] = [CONVERSED]
STREAMS = {name: [[frame.data for frame in streamed(events_of(case.reply), name).frames] for case in REPLIES] for name in CLIENTS}
ODD = JSON | st.sampled_from(
    [-1, 1e300, 2**70, [None], [{}], [{"index": -1}], [{"@type": 5}], {"error_code": ["x"]}, {"type": []}, "a b", "é"]
)
ERRORS = st.dictionaries(st.sampled_from(["type", "message", "details", "code", "status", "metadata"]), ODD)


@pytest.mark.parametrize("protocol", NAMES)
@given(data=st.data())
def test_whatever_is_asked_is_read_or_refused(protocol: str, data: st.DataObject) -> None:
    """No JSON object makes peeking raise anything but BadRequest, nor its weighing anything at all."""
    values = JSON | st.dictionaries(st.sampled_from(INNER), JSON, max_size=2)
    asked = members(data.draw(st.dictionaries(st.sampled_from(NAMES[protocol]), values, max_size=6)))
    peek = PROTOCOLS[protocol]
    tokens, media = peek.weigh(asked)
    assert tokens >= 0
    assert media.most >= 0
    with suppress(BadRequest):
        peek.peek_request(asked)


def disturbed(data: st.DataObject, value: Any) -> Any:
    """With something odd in the place of one member of a JSON value, at any depth; or with one more."""
    if isinstance(value, dict) and value:
        name = data.draw(st.sampled_from([*value, "error", "usage"]))
        return {**value, name: disturbed(data, value.get(name))}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], disturbed(data, value[at]), *value[at + 1 :]]
    return data.draw(ODD)


@pytest.mark.parametrize("protocol", WHOLE)
@given(data=st.data(), noise=st.binary(max_size=30), status=st.integers(100, 599), error=ERRORS | ODD)
def test_whatever_is_answered_is_looked_at(protocol: str, data: st.DataObject, noise: bytes, status: int, error: Any) -> None:
    """A reply is whole or is not; of an error a verdict comes out, a code that is a word, and a message that is not endless."""
    peek = PROTOCOLS[protocol]
    whole = disturbed(data, data.draw(st.sampled_from(WHOLE[protocol])))
    for body in (noise, *(json.dumps(each).encode() for each in (whole, error, {"error": error}))):
        seen = peek.peek_reply(body)
        assert seen.usage is None or seen.usage.total_tokens >= 0
        failure = peek.read_failure(status, {b"retry-after": noise}, body, 0.0)
        assert isinstance(failure.verdict, Verdict)
        assert failure.code.isidentifier()
        assert len(failure.message) <= 2000


@pytest.mark.parametrize("protocol", STREAMS)
@given(data=st.data(), noise=st.binary(max_size=12))
def test_whatever_is_streamed_is_followed(protocol: str, data: st.DataObject, noise: bytes) -> None:
    """Each event has its sight; a first one that is odd is no end of its stream."""
    pieces = data.draw(st.lists(st.sampled_from([*data.draw(st.sampled_from(STREAMS[protocol])), noise, b"{", b"null", b"[DONE]"])))
    watch = PROTOCOLS[protocol].watch(False)
    assert all(0 <= watch.see(frame) <= 15 for frame in SseReader().feed(b"".join(b"data: " + piece + b"\n\n" for piece in pieces)))
    first = json.loads(data.draw(st.sampled_from([stream[0] for stream in STREAMS[protocol] if len(stream) > 1])))
    alone = PROTOCOLS[protocol].watch(True)
    assert 0 <= alone.see(Frame(raw=b"", data=json.dumps(disturbed(data, first)).encode())) <= 15
    assert alone.next_sequence >= 0
    assert not alone.at_end_of_stream()
    assert all(seen.usage is None or seen.usage.total_tokens >= 0 for seen in (watch, alone))
