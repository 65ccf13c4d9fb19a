"""Streams of Chat Completions to canonical events: recorded ones, and what odd hosts send."""

import base64
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.openai_chat.streaming import calling, encoded
from tests.protocols.openai_chat.test_fixtures import chat_streams, framed

from omnillm.framing.sse import SseReader
from omnillm.model import (
    Candidate,
    Citation,
    CitationAdded,
    Completed,
    Failed,
    Finished,
    FinishReason,
    ImageUrl,
    Issuer,
    LlmResponse,
    LlmStreamEvent,
    Opaque,
    PartEnded,
    PartStarted,
    Reasoning,
    Refusal,
    ResponseAssembler,
    ResponseStarted,
    Text,
    TextDelta,
    ToolCall,
    UsageReported,
)
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat import CODEC
from omnillm.protocols.shapes import Unfit
from omnillm.usage import Usage

ISSUER = Issuer(protocol="openai_chat", provider="host")
DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **members: Any) -> bytes:
    choice = {"index": members.pop("index", 0), "delta": delta or {}, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5", "choices": [choice], **members}
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def decoded(*pieces: bytes, losses: Losses | None = None) -> list[LlmStreamEvent]:
    """Events of a whole stream. Raises Unfit when it is not complete."""
    decoder = CODEC.decoder(ISSUER, Losses() if losses is None else losses)
    reader = SseReader()
    events = [event for piece in pieces for frame in reader.feed(piece) for event in decoder.feed(frame)]
    return [*events, *decoder.finish()]


def assembled(events: Sequence[LlmStreamEvent]) -> LlmResponse:
    assembler = ResponseAssembler()
    for event in events:
        assembler.feed(event)
    return assembler.response()


def answered(*pieces: bytes) -> Candidate:
    return assembled(decoded(*pieces, DONE)).candidates[0]


@in_turn("path", chat_streams(), ids=lambda path: path.name)
def test_recorded_stream_is_read_and_said_again(path):
    """Put together it is the same reply, before and after; every chunk is one of the SDK's."""
    events = decoded(*framed(path))
    assert isinstance(events[0], ResponseStarted)
    assert isinstance(events[-1], Completed)
    first = assembled(events)
    assert first.usage is not None or b'"usage":{' not in path.read_bytes().replace(b" ", b"")
    chunks, losses = encoded(*events)
    assert {(body["id"], body["created"], body["model"]) for body in chunks} == {(chunks[0]["id"], first.created, first.model)}
    again = assembled(decoded(*[b"data: " + msgspec.json.encode(body) + b"\n\n" for body in chunks], DONE))
    assert again.candidates[0].message == first.candidates[0].message
    assert again.candidates[0].finish_reason == first.candidates[0].finish_reason
    assert again.usage == first.usage
    assert all(loss.startswith("dropped:") and "vendor_extensions" in loss for loss in losses if loss != "dropped:service_tier")


@in_turn("path", chat_streams(), ids=lambda path: path.name)
def test_recorded_stream_is_what_its_own_text_says(path):
    """The text and arguments of the chunks, joined by nobody else's code."""
    text, arguments = "", ""
    for line in path.read_bytes().splitlines():
        for choice in msgspec.json.decode(line)["choices"] if line.strip() else ():
            content = choice["delta"].get("content") or ""
            text += content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
            arguments += "".join(call["function"].get("arguments") or "" for call in choice["delta"].get("tool_calls") or ())
    message = assembled(decoded(*framed(path))).message
    assert message.plain_text == text
    assert "".join(call.arguments for call in message.tool_calls) == arguments


def test_life_of_a_stream():
    """Parts begin before their deltas; the candidate finishes after them, the stream last."""
    events = decoded(
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"content": "14"}),
        chunk({"content": "9"}),
        chunk({}, "stop"),
        b"data: " + msgspec.json.encode({"id": "x", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}) + b"\n\n",
        DONE,
    )
    assert events == [
        ResponseStarted(id="chatcmpl-1", model="gpt-5", created=1, protocol="openai_chat"),
        PartStarted(index=0, part=Text(text="")),
        TextDelta(index=0, text="14"),
        TextDelta(index=0, text="9"),
        UsageReported(usage=Usage(input=1, output=2), raw={"prompt_tokens": 1, "completion_tokens": 2}),
        PartEnded(index=0),
        Finished(reason=FinishReason.STOP),
        Completed(),
    ]


def test_azure_says_something_before_the_reply():
    """Its first chunk has no id, no model and no choice."""
    first = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [{"prompt_index": 0}]}
    events = decoded(b"data: " + msgspec.json.encode(first) + b"\n\n", chunk({"content": "x"}), DONE)
    assert events[0] == ResponseStarted(id="chatcmpl-1", model="gpt-5", created=1, protocol="openai_chat")
    assert events[-1] == Completed(vendor_extensions={"prompt_filter_results": [{"prompt_index": 0}]})


def test_parallel_calls_may_interleave():
    """Their index tells them apart; a later empty name or id says nothing."""
    message = answered(
        chunk(calling(index=0, id="a", type="function", function={"name": "f", "arguments": ""})),
        chunk(calling(index=1, id="b", type="function", function={"name": "g", "arguments": "{"})),
        chunk(calling(index=0, type="function", function={"name": "", "arguments": "{}"})),
        chunk(calling(index=1, id="", function={"arguments": "}"})),
        chunk({}, "tool_calls"),
    ).message
    assert message.parts == (ToolCall(call_id="a", name="f", arguments="{}"), ToolCall(call_id="b", name="g", arguments="{}"))


@pytest.mark.parametrize("index", [{"index": 0}, {}], ids=["always 0", "none"])
def test_calls_without_an_index_of_their_own(index):
    """A new id begins a new call; whole calls at once as well as pieces."""
    parts = answered(
        chunk(calling(**index, id="a", function={"name": "f", "arguments": "{"})),
        chunk(calling(**index, function={"arguments": "}"})),
        chunk(calling(**index, id="b", function={"name": "g", "arguments": {"x": 1}})),
    ).message.parts
    assert parts == (ToolCall(call_id="a", name="f", arguments="{}"), ToolCall(call_id="b", name="g", arguments='{"x":1}'))


@in_turn(
    ("pieces", "call"),
    [
        (
            [{"index": 0, "function": {"arguments": "{"}}, {"index": 0, "id": "a", "function": {"name": "f", "arguments": "}"}}],
            ToolCall(call_id="a", name="f", arguments="{}"),
        ),
        (
            [{"index": 0, "id": "a", "function": {"arguments": "{"}}, {"index": 0, "function": {"name": "f", "arguments": "}"}}],
            ToolCall(call_id="a", name="f", arguments="{}"),
        ),
        (
            [{"id": "a", "function": {"name": "f", "arguments": "{"}}, {"id": "a", "function": {"arguments": "}"}}],
            ToolCall(call_id="a", name="f", arguments="{}"),
        ),
        (
            [
                {"index": 0, "id": "a", "extra_content": {"google": {"thought_signature": "s"}}},
                {"index": 0, "function": {"name": "f", "arguments": "{}"}},
            ],
            ToolCall(call_id="a", name="f", arguments="{}", signature=Opaque(value="s", issuer=ISSUER)),
        ),
        (
            [
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}},
                {"index": 0, "function": {"arguments": "}"}, "extra_content": {"google": {"thought_signature": "s"}}},
                {"index": 0, "extra_content": {"other": 1}},
            ],
            ToolCall(call_id="a", name="f", arguments="{}", signature=Opaque(value="s", issuer=ISSUER)),
        ),
        ([{"index": 0, "id": "a", "function": {"arguments": "{}"}}], None),
    ],
)
def test_call_that_comes_in_an_odd_order(pieces, call):
    """Its id or its name after its arguments, its id in place of an index, its signature before its name; one that is never named is left out."""
    losses = Losses()
    events = decoded(*[chunk(calling(**piece)) for piece in pieces], chunk({}, "stop"), DONE, losses=losses)
    [candidate] = assembled(events).candidates
    assert candidate.message.parts == (() if call is None else (call,))
    assert candidate.finish_reason is (FinishReason.STOP if call is None else FinishReason.TOOL_CALL)
    assert [reason.path for reason in losses.reasons] == ([] if call else ["candidates[0].message.tool_calls"])


def test_what_comes_beside_the_text():
    """Usage may be the first to come, parts of a list of any kind, and signatures of reasoning that events cannot hold are told."""
    losses = Losses()
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    events = decoded(
        chunk(choices=[], usage=usage),
        chunk({"reasoning_details": ["x", {"type": "reasoning.encrypted", "data": "c2ln"}]}),
        chunk({"content": [{"type": "image_url", "image_url": {"url": "https://e.com/a.png"}}]}),
        chunk({"reasoning": ""}),
        chunk({"thinking_blocks": [{"type": "thinking", "thinking": ""}]}),
        DONE,
        losses=losses,
    )
    reply = assembled(events)
    assert reply.usage is not None
    assert (reply.id, reply.usage.total_tokens) == ("chatcmpl-1", 5)
    assert [part for part in reply.candidates[0].message.parts if part != Reasoning()] == [ImageUrl(url="https://e.com/a.png")]
    assert [reason.path for reason in losses.reasons] == ["candidates[0].message.reasoning_details"]


def test_deprecated_call_custom_call_and_signature():
    """All are calls; Google's signature may come with the call or after it."""
    legacy = answered(
        chunk({"function_call": {"name": "f", "arguments": ""}}), chunk({"function_call": {"arguments": "{}"}}, "function_call")
    )
    assert [(call.name, call.arguments, bool(call.call_id)) for call in legacy.message.tool_calls] == [("f", "{}", True)]
    assert legacy.finish_reason is FinishReason.TOOL_CALL
    custom = answered(
        chunk(calling(index=0, id="a", type="custom", custom={"name": "sh", "input": ""})), chunk(calling(index=0, custom={"input": "ls"}))
    )
    assert custom.message.parts == (ToolCall(call_id="a", name="sh", arguments="ls", kind="custom"),)
    signed = {"google": {"thought_signature": "s"}}
    at_once = answered(chunk(calling(index=0, id="a", function={"name": "f", "arguments": ""}, extra_content=signed)))
    later = answered(chunk(calling(index=0, id="a", function={"name": "f"})), chunk(calling(index=0, extra_content=signed)))
    assert at_once.message.parts == later.message.parts
    assert at_once.message.tool_calls[0].signature == Opaque(value="s", issuer=ISSUER)


def test_reasoning_by_its_several_names():
    """DeepSeek's, Groq's, both at once, Mistral's parts, OpenRouter's details."""
    spellings = [
        {"reasoning_content": "Hm."},
        {"reasoning": "Hm."},
        {"reasoning": "Hm.", "reasoning_content": "Hm."},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm."}]},
    ]
    for delta in spellings:
        assert answered(chunk(delta), chunk({"content": "149"})).message.parts == (Reasoning(text="Hm."), Text(text="149"))


@pytest.mark.parametrize("beside", [True, False], ids=["beside the text", "alone"])
def test_thinking_blocks_in_pieces(beside):
    """LiteLLM's: a piece of a block with each piece of text, the signature last."""
    pieces = ["H", "m."]
    chunks = [
        chunk({"thinking_blocks": [{"type": "thinking", "thinking": piece}]} | ({"reasoning_content": piece} if beside else {}))
        for piece in pieces
    ]
    chunks.append(chunk({"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s"}]}))
    chunks.append(chunk({"thinking_blocks": [{"type": "redacted_thinking", "data": "d"}]}))
    assert answered(*chunks).message.parts == (
        Reasoning(text="Hm.", opaque=Opaque(value="s", issuer=ISSUER)),
        Reasoning(opaque=Opaque(value="d", issuer=ISSUER), is_redacted=True),
    )


def test_sound_whose_base64_is_cut_anywhere():
    """What makes no whole bytes waits for more."""
    data = base64.b64encode(b"a longer sound").decode()
    pieces = [data[:5], data[5:6], data[6:]]
    parts = answered(
        chunk({"audio": {"id": "audio_1", "transcript": "a "}}), *[chunk({"audio": {"data": piece}}) for piece in pieces]
    ).message.parts
    assert parts[0].source.data == b"a longer sound"
    assert (parts[0].audio_id, parts[0].transcript) == ("audio_1", "a ")


def test_refusals_images_annotations_and_log_probabilities():
    """Each has its event."""
    token = {"token": "x", "logprob": -1.0, "bytes": None, "top_logprobs": []}
    cited = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 1, "title": "T", "url": "u"}}
    body = {"index": 0, "delta": {"content": "x"}, "logprobs": {"content": [token], "refusal": None}}
    events = decoded(
        chunk(choices=[body]),
        chunk({"annotations": [cited]}),
        chunk({"refusal": "No."}),
        chunk({"images": [{"type": "image_url", "image_url": {"url": "https://e.com/a.png"}}]}),
        DONE,
    )
    assert TextDelta(index=0, text="x", logprobs={"content": [token], "refusal": None}) in events
    assert CitationAdded(index=0, citation=Citation(url="u", title="T", start=0, end=1)) in events
    parts = assembled(events).message.parts
    assert parts[1:] == (Refusal(text="No."), ImageUrl(url="https://e.com/a.png"))


def test_several_answers_at_once():
    """Each candidate has its own parts and its own end."""
    events = decoded(chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk({}, "length", index=1), chunk({}, "stop"), DONE)
    reply = assembled(events)
    assert [candidate.message.plain_text for candidate in reply.candidates] == ["a", "b"]
    assert [candidate.finish_reason for candidate in reply.candidates] == [FinishReason.STOP, FinishReason.LENGTH]


def test_groqs_usage_in_its_extension():
    """The last report wins."""
    events = decoded(chunk({"content": "a"}), chunk({}, "stop", x_groq={"usage": {"prompt_tokens": 3, "completion_tokens": 4}}), DONE)
    assert assembled(events).usage == Usage(input=3, output=4)


@in_turn(
    ("piece", "code", "status"),
    [
        (b'data: {"error":{"message":"busy","type":"server_error","code":"server_is_overloaded"}}\n\n', "server_is_overloaded", 503),
        (b'data: {"error":{"message":"slow down","code":"rate_limit_exceeded"}}\n\n', "rate_limit_exceeded", 429),
        (b'data: {"error":{"message":"slow down","code":429}}\n\n', "requests", 429),
        (chunk({}, "error"), "server_error", 502),
        (b'event: error\ndata: {"message":"no"}\n\n', "server_error", 502),
        (chunk({}, x_groq={"error": "over"}), "server_error", 502),
    ],
)
def test_error_in_a_stream(piece, code, status):
    """It is the last event, whatever follows, and no success."""
    events = decoded(chunk({"content": "a"}), piece, chunk({"content": "b"}), DONE)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.status) == (code, status)
    assert not any(isinstance(event, Completed) for event in events)


@in_turn(
    ("piece", "path"),
    [
        (b"data: []\n\n", ""),
        (b'data: {"choices":[7]}\n\n', "choices[0]"),
        (chunk({"content": 7}), "choices[0].delta.content"),
        (chunk({"tool_calls": [{"index": "0"}]}), "choices[0].delta.tool_calls[0].index"),
        (chunk({"audio": {"data": "####"}}), "choices[0].delta.audio.data"),
        (chunk({"content": [{"type": "text", "text": 7}]}), "choices[0].delta.content[0].text"),
        (chunk({"images": [{"type": "image_url"}]}), "choices[0].delta.images[0].image_url"),
        (chunk(choices=[{"index": 0, "delta": "x"}]), "choices[0].delta"),
    ],
)
def test_what_is_no_chunk_is_named_by_its_path(piece, path):
    """As the provider wrote it."""
    with pytest.raises(Unfit) as caught:
        decoded(piece)
    assert caught.value.path == path


def test_event_that_is_no_json():
    """The decoder's own error: whoever feeds it says whose mistake it is."""
    with pytest.raises(msgspec.DecodeError):
        decoded(b"data: {\n\n")


def test_the_fingerprint_is_that_of_the_last_chunk_that_tells_one():
    """Beside members that nobody knows; a null says nothing."""
    told = [{"system_fingerprint": "a", "provider": "x"}, {"system_fingerprint": "b"}, {"system_fingerprint": None}, {}]
    events = decoded(*(chunk({"content": "x"}, **more) for more in told), chunk(finish="stop"), DONE)
    assert events[-1] == Completed(vendor_extensions={"system_fingerprint": "b", "provider": "x"})
