"""What the fake provider refuses: a gateway that sends it would be refused by the real one, in words like these."""

import base64
import json
from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.journeys.live import Talk, handshake

from omnillm.testing import Behaviour, FakeProvider, ManualClock
from omnillm.testing.connection import Arrived
from omnillm.testing.hosts import HOSTS, ITSELF
from omnillm.testing.judge import Judge
from omnillm.testing.live.gemini_live import LiveApiSpeaker
from omnillm.testing.live.speaker import PCM_IN_BYTES, Hangup, Said
from omnillm.testing.script import Script

HI = [{"role": "user", "content": "Hi"}]
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
THOUGHT = {"role": "assistant", "content": "a", "reasoning_content": "b"}
CONVERSE = "/model/m/converse"
INVOKE = "/model/anthropic.claude/invoke"
COUNT = "/model/anthropic.claude/count-tokens"
VERTEX = "/v1/projects/p/locations/l/publishers/anthropic/models/claude:rawPredict"
CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": HI}
CALL = {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "t", "content": []}}
TOOL = {"toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}]}}


def judged(host: str, target: str, body: bytes, fields: dict[bytes, bytes] | None = None) -> tuple[int, str]:
    """The status, and the body as text."""
    judge = Judge(Script({"k": Behaviour()}), ManualClock(), ("m",), HOSTS.get(host, ITSELF))
    headers = {b"authorization": b"Bearer k", b"anthropic-version": b"2023-06-01", **(fields or {})}
    reply = judge.judge(Arrived(1, "POST", target, headers, body, True), 1).reply
    return reply.status, b"".join(piece.raw for piece in reply.pieces).decode()


def turns(*contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[place % 2], "content": content} for place, content in enumerate(contents)]


@in_turn(
    ("host", "target", "body", "status", "said"),
    [
        ("groq", "/openai/v1/chat/completions", {"messages": HI, "logprobs": True}, 400, "logprobs"),
        ("mistral", "/v1/chat/completions", {"messages": HI, "user": "u"}, 422, "Extra inputs are not permitted"),
        ("deepseek", "/v1/chat/completions", {"messages": [{"role": "developer", "content": "a"}]}, 400, "unknown variant `developer`"),
        ("deepseek", "/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}, 400, "string"),
        ("deepseek", "/v1/chat/completions", {"messages": [*HI, {"role": "assistant", "content": "a"}]}, 400, "must be passed back"),
        ("deepseek", "/v1/chat/completions", {"messages": HI, "tool_choice": "required"}, 400, "does not support this tool_choice"),
        ("deepseek", "/v1/chat/completions", {"messages": HI, "response_format": {"type": "json_schema"}}, 400, "unavailable now"),
        ("deepseek", "/v1/chat/completions", {"messages": HI, "response_format": {"type": "json_object"}}, 400, "the word 'json'"),
        ("groq", "/openai/v1/chat/completions", {"messages": [THOUGHT]}, 400, "reasoning_content"),
        ("mistral", "/v1/chat/completions", {"messages": [THOUGHT]}, 422, "reasoning_content"),
        ("mistral", "/v1/chat/completions", {"messages": [CALLED]}, 400, "with a length of 9"),
        ("perplexity", "/v1/chat/completions", {"messages": HI}, 400, "Agent API"),
        ("perplexity", "/v1/responses", {"input": "Hi", "user": "u"}, 400, "unknown field"),
        (
            "perplexity",
            "/v1/responses",
            {"input": [{"role": "user", "content": [{"type": "input_file", "text": "a"}]}]},
            400,
            "unknown type input_file",
        ),
        ("", CONVERSE, {"messages": turns([{"text": "a"}], [CALL], [RESULT])}, 400, "toolConfig"),
        ("", CONVERSE, {"messages": turns([{"text": "a"}], [{"text": "b"}], [RESULT])} | TOOL, 400, "toolResult"),
        ("", CONVERSE, {"messages": turns([{"text": " "}])}, 400, "is blank"),
        ("", CONVERSE, {"messages": turns([{"pdf": {}}])}, 400, "is not a content block"),
        ("", INVOKE, {**CLAUDE, "anthropic_version": "1"}, 400, "anthropic_version"),
        ("", "/v1/messages/batches", {}, 400, "requests: Field required"),
        ("", "/v1/files", {}, 400, "could not parse your multipart form"),
        ("", INVOKE, {**CLAUDE, "stream": True}, 400, "[stream] is not permitted"),
        ("", COUNT, {"input": {"converse": {"messages": turns([{"text": "a"}]), "inferenceConfig": {}}}}, 400, "inferenceConfig"),
        ("", COUNT.replace("/anthropic", "/us.anthropic"), {"input": {"converse": {"messages": []}}}, 400, "support counting"),
        ("", VERTEX, {**CLAUDE, "model": "claude"}, 400, "model: Extra inputs"),
        ("", VERTEX, CLAUDE, 400, "anthropic_version"),
        ("", "/v1/models/m:countTokens", {"generateContentRequest": {"contents": [{"parts": [{"text": "a"}]}]}}, 400, "odel"),
        ("", CONVERSE, {"messages": turns([{"text": "a"}]), "inferenceConfig": 7}, 400, "not an object"),
        ("", "/v1/embeddings", {"model": "m", "input": []}, 400, "input"),
        (
            "",
            "/v1/models/m:embedContent",
            {"model": "models/other", "content": {"parts": [{"text": "a"}]}},
            400,
            "not the model of the path",
        ),
        ("", "/model/cohere.embed/invoke", {"texts": ["a"], "input_type": "x", "model": "m"}, 400, "extraneous key"),
        ("", "/v1/files/f/content", {}, 404, ""),
    ],
)
def test_what_a_host_does_not_take_is_refused(host: str, target: str, body: dict[str, Any], status: int, said: str) -> None:
    """With its own status, and the word that tells which member it was."""
    model = {} if target.startswith("/model") or "rawPredict" in target or ":" in target else {"model": "m"}
    assert judged(host, target, json.dumps(model | body).encode())[0] == status
    assert said in judged(host, target, json.dumps(model | body).encode())[1]


@in_turn(
    ("body", "said"),
    [
        (b"", "could not parse your multipart form"),
        (b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n', "no end"),
        (b"--b\r\ncontent-disposition: form-data\r\n\r\nm\r\n--b--\r\n", "no name"),
        (b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n--b--\r\n', "Field required"),
    ],
)
@in_turn("target", ["/v1/images/edits", "/v1/images/variations", "/v1/audio/transcriptions"])
def test_a_form_that_is_none_is_refused(target: str, body: bytes, said: str) -> None:
    """And one without its file."""
    fields = {b"content-type": b"multipart/form-data; boundary=b"} if body else {b"content-type": b"text/plain"}
    status, told = judged("", target, body, fields)
    assert status == 400
    assert said in told


@in_turn("body", [b"{", b"[]"])
def test_a_family_is_asked_in_json(body: bytes) -> None:
    """What is none is a 400."""
    assert judged("", "/v1/embeddings", body)[0] == 400


def heard(*messages: Any) -> list[Said]:
    """What a live session of Gemini's says to the last of them."""
    speaker = LiveApiSpeaker("", "s", Behaviour(words=2))
    speaker.answer(b'{"setup":{"model":"models/m"}}')
    said: list[Said] = []
    for message in messages:
        said = speaker.answer(json.dumps(message).encode())
    return said


SPEECH = {"mimeType": "audio/pcm", "data": base64.b64encode(b"\0" * (PCM_IN_BYTES + 1)).decode()}


@in_turn(
    ("messages", "text", "audio"),
    [
        ([{"realtimeInput": {"text": "one two"}}], 2, 0),
        ([{"realtime_input": {"audio": SPEECH}}, {"realtime_input": {"audio_stream_end": True}}], 0, 2),
        ([{"realtimeInput": {"mediaChunks": [SPEECH, SPEECH]}}, {"realtimeInput": {"activityEnd": {}}}], 0, 3),
        ([{"toolResponse": {"functionResponses": [{"name": "f", "response": {}}]}}], 0, 0),
    ],
)
def test_every_end_of_a_turn_is_answered(messages: list[Any], text: int, audio: int) -> None:
    """A text in real time, the end of a speech, a tool's answer: the turn is billed with what was heard."""
    *_, last = heard(*messages)
    assert last.is_last
    assert last.so_far is not None
    assert (last.so_far.input, last.so_far.input_audio, last.so_far.output_audio) == (text, audio, 2)
    assert b"turnComplete" in last.raw
    if len(messages) > 1:
        assert heard(messages[0]) == []


@in_turn("message", [b"{", b"[]", b"{}", b'{"contents":[]}', b'{"setup":{"model":"m"}}'])
def test_session_that_breaks_the_protocol_is_ended(message: bytes) -> None:
    """At whatever it does not know, as Google ends it; also at a second setup, or a first that names no model."""
    speaker = LiveApiSpeaker("", "s", Behaviour())
    if b"contents" in message:
        speaker.answer(b'{"setup":{"model":"models/m"}}')
    with pytest.raises(Hangup) as ended:
        speaker.answer(message)
    assert ended.value.code == 1007


async def test_its_farewell_tells_why() -> None:
    """In the close frame, as the SDK shows it."""
    async with FakeProvider() as fake:
        path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
        talk = await Talk.open(int(fake.base_url.rpartition(":")[2]), handshake(path))
        await talk.answer()
        talk.say({"hello": 1})
        assert (await talk.end())[:2] == (1007, "setup must be the first message and only the first")
