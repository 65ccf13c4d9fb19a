"""Streams of Chat Completions as clients get them: the life cycle that they rely on, and what is lost."""

import base64
from typing import Any

import msgspec
from tests.in_turn import in_turn
from tests.protocols.openai_chat.streaming import CONTEXT, calling, encoded

from omnillm.model import (
    Audio,
    AudioDelta,
    Citation,
    Completed,
    Failed,
    Finished,
    FinishReason,
    ImageUrl,
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
    ResponseStarted,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    UsageReported,
)
from omnillm.protocols.envelope import seal
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat import CODEC
from omnillm.usage import Usage


def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What follows the role and precedes the end."""
    return [body["choices"][0]["delta"] for body in chunks if body["choices"]][1:-1]


def streams(*parts: Any, reason: FinishReason = FinishReason.STOP) -> list[LlmStreamEvent]:
    events: list[LlmStreamEvent] = [ResponseStarted(id="msg_1", model="claude")]
    for index, part in enumerate(parts):
        events += [PartStarted(index=index, part=part), PartEnded(index=index)]
    return [*events, Finished(reason=reason), Completed()]


@in_turn(
    "part", [ToolCall(call_id="a", name="f", arguments="{}"), Reasoning(text="Hm."), Text(text="Hm.")], ids=lambda part: type(part).__name__
)
def test_content_is_null_until_there_is_some(part):
    """As OpenAI's own first chunk: the AI SDK begins a text wherever `content` is a string, and would show an empty one before each call."""
    chunks, _ = encoded(*streams(part))
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "" if type(part) is Text else None, "refusal": None}


def test_life_of_a_clients_stream():
    """One id, time and model; the role once, first; the end once, last; usage in a chunk without choices; [DONE]."""
    usage = UsageReported(usage=Usage(input=1, output=2))
    events = streams(Text(text=""))
    events[2:2] = [TextDelta(index=0, text="149")]
    chunks, losses = encoded(*events[:-1], usage, events[-1])
    assert {(body["id"], body["object"], body["created"], body["model"]) for body in chunks} == {
        ("chatcmpl-ours", "chat.completion.chunk", CONTEXT.created, "claude")
    }
    assert [body["choices"] for body in chunks] == [
        [{"index": 0, "delta": {"role": "assistant", "content": "", "refusal": None}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "149"}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}],
        [],
    ]
    assert chunks[-1]["usage"]["total_tokens"] == 3
    assert losses == []


def test_usage_only_for_those_who_asked():
    """No chunk without choices comes to another client."""
    events = [*streams(Text(text="x"))[:-1], UsageReported(usage=Usage(input=1)), Completed()]
    chunks, _ = encoded(*events, context=msgspec.structs.replace(CONTEXT, wants_usage=False))
    assert all(body["choices"] for body in chunks)
    assert "usage" not in str(chunks)


def test_own_id_and_fingerprint_stay():
    """Of a stream that was Chat's already; so does the provider's own usage object."""
    raw = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "queue_time": 0.5}
    chunks, losses = encoded(
        ResponseStarted(id="chatcmpl-9", service_tier="default", protocol="openai_chat"),
        UsageReported(usage=Usage(input=1, output=2), raw=raw),
        Finished(reason=FinishReason.STOP),
        Completed(vendor_extensions={"system_fingerprint": "fp"}),
    )
    assert {(body["id"], body["service_tier"]) for body in chunks} == {("chatcmpl-9", "default")}
    assert (chunks[-1]["usage"], chunks[-1]["system_fingerprint"]) == (raw, "fp")
    assert losses == []


def test_calls_of_a_clients_stream():
    """Indexes without gaps; id, type and name once; under the client's own name; the end is tool_calls."""
    events = [
        ResponseStarted(),
        PartStarted(index=0, part=Native(protocol="anthropic_messages", kind="server_tool_use", value={})),
        PartEnded(index=0),
        PartStarted(index=1, part=ToolCall(call_id="a", name="f")),
        PartStarted(index=2, part=ToolCall(call_id="b", name="sh", arguments="l", kind="custom")),
        ToolCallDelta(index=2, arguments="s"),
        ToolCallDelta(index=1, arguments="{}"),
        PartEnded(index=1),
        PartEnded(index=2),
        Finished(reason=FinishReason.STOP),
        Completed(),
    ]
    chunks, losses = encoded(*events, context=msgspec.structs.replace(CONTEXT, names={"f": "my.function"}))
    assert deltas(chunks) == [
        calling(index=0, id="a", type="function", function={"name": "my.function", "arguments": ""}),
        calling(index=1, id="b", custom={"name": "sh", "input": "l"}),
        calling(index=1, custom={"input": "s"}),
        calling(index=0, function={"arguments": "{}"}),
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert losses == ["dropped:candidates[0].message.parts[0]"]


def test_opaque_values_of_a_clients_stream():
    """A block with the whole text at the end of its part; a member of its own on a call."""
    opaque = Opaque(value="c2ln", issuer=Issuer(protocol="anthropic_messages"))
    events = [
        ResponseStarted(),
        PartStarted(index=0, part=Reasoning()),
        ReasoningDelta(index=0, text="H"),
        ReasoningDelta(index=0, text="m."),
        OpaqueAdded(index=0, opaque=opaque),
        PartEnded(index=0),
        PartStarted(index=1, part=Reasoning(opaque=opaque, is_redacted=True)),
        PartEnded(index=1),
        PartStarted(index=2, part=ToolCall(call_id="a", name="f", arguments="{}")),
        OpaqueAdded(index=2, opaque=opaque),
        PartEnded(index=2),
        Finished(reason=FinishReason.TOOL_CALL),
        Completed(),
    ]
    chunks, losses = encoded(*events)
    assert deltas(chunks) == [
        {"reasoning_content": "H"},
        {"reasoning_content": "m."},
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": seal(opaque)}]},
        {"thinking_blocks": [{"type": "redacted_thinking", "data": seal(opaque)}]},
        calling(index=0, id="a", type="function", function={"name": "f", "arguments": "{}"}),
        calling(index=0, extra_content={"google": {"thought_signature": seal(opaque)}}),
    ]
    assert losses == []


def test_parts_that_grow_at_once_are_said_one_after_the_other():
    """A client joins what it gets under a member, so the later one waits."""
    events = [
        ResponseStarted(),
        PartStarted(index=0, part=Reasoning()),
        PartStarted(index=1, part=Text(text="")),
        TextDelta(index=1, text="14"),
        ReasoningDelta(index=0, text="Hm."),
        TextDelta(index=1, text="9"),
        PartEnded(index=1),
        PartEnded(index=0),
        Finished(reason=FinishReason.STOP),
        Completed(),
    ]
    chunks, losses = encoded(*events)
    assert deltas(chunks) == [{"reasoning_content": "Hm."}, {"content": "14"}, {"content": "9"}]
    assert losses == []


def test_whole_parts_are_said_in_full():
    """What a part holds when it begins is content."""
    citation = Citation(url="https://e.com", title="T", start=0, end=1)
    parts = (
        Reasoning(summary=("a", "b")),
        Text(text="x", citations=(citation,)),
        Refusal(text="No."),
        Audio(audio_id="audio_1", transcript="149"),
        ImageUrl(url="https://e.com/a.png"),
    )
    chunks, losses = encoded(*streams(*parts))
    assert deltas(chunks) == [
        {"reasoning_content": "a\n\nb"},
        {"content": "x"},
        {
            "annotations": [
                {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 1, "title": "T", "url": "https://e.com"}}
            ]
        },
        {"refusal": "No."},
        {"audio": {"id": "audio_1"}},
        {"audio": {"transcript": "149"}},
        {"images": [{"type": "image_url", "image_url": {"url": "https://e.com/a.png"}}]},
    ]
    assert losses == ["approximated:candidates[0].message.parts[0].summary"]


def test_sound_can_be_joined_before_it_is_decoded():
    """Every piece but the last is whole base64 groups without padding."""
    events = [ResponseStarted(), PartStarted(index=0, part=Audio(audio_id="a"))]
    events += [AudioDelta(index=0, data=data) for data in (b"abcd", b"e", b"fgh")]
    chunks, _ = encoded(*events, PartEnded(index=0), Finished(reason=FinishReason.STOP), Completed())
    joined = "".join(delta["audio"].get("data", "") for delta in deltas(chunks))
    assert base64.b64decode(joined, validate=True) == b"abcdefgh"


@in_turn(
    ("pieces", "said"),
    [
        ([("a", 0), ("b", 0), ("c", 1)], "ab\n\nc"),
        ([("a", None), ("b", 0), ("c", 0)], "a\n\nbc"),
        ([("a", 0), ("b", None), ("c", None)], "a\n\nbc"),
        ([("a", None), ("b", 0), ("c", None), ("d", 0), ("e", 1)], "a\n\nb\n\nc\n\nd\n\ne"),
    ],
)
def test_reasoning_and_its_summaries_are_set_apart(pieces, said):
    """By a blank line, whichever comes first: a client joins what it gets."""
    events = [ResponseStarted(), PartStarted(index=0, part=Reasoning())]
    events += [ReasoningDelta(index=0, text=text, summary_index=number) for text, number in pieces]
    chunks, losses = encoded(*events, PartEnded(index=0), Finished(reason=FinishReason.STOP), Completed())
    assert "".join(delta["reasoning_content"] for delta in deltas(chunks)) == said
    assert losses == ["approximated:candidates[0].message.parts[0].summary"]


def test_parts_that_never_end_are_said_at_the_end():
    """What waited for the open one, in the order in which it came; and an answer that no event finishes has stopped."""
    events = [ResponseStarted(), PartStarted(index=0, part=Text(text="")), PartStarted(index=1, part=Refusal(text=""))]
    events += [RefusalDelta(index=1, text="No."), TextDelta(index=0, text="Well.")]
    chunks, losses = encoded(*events, Completed())
    assert [body["choices"][0]["delta"] for body in chunks[1:-1]] == [{"content": "Well."}, {"refusal": "No."}]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert losses == []


def test_text_after_a_call_has_lost_its_place():
    """A message of Chat has its text before its calls."""
    _, losses = encoded(*streams(ToolCall(call_id="a", name="f"), Text(text="x"), reason=FinishReason.TOOL_CALL))
    assert losses == ["moved:candidates[0].message.parts"]


def test_failure_ends_a_clients_stream_without_done():
    """[DONE] means success."""
    encoder = CODEC.encoder(CONTEXT, Losses())
    encoder.feed(ResponseStarted())
    said = encoder.feed(Failed(code="overloaded", message="busy", status=503))
    assert msgspec.json.decode(said.removeprefix(b"data: "))["error"]["code"] == "overloaded"
    assert encoder.feed(Completed()) == b""
    assert (encoder.next_sequence, encoder.response_id) == (0, "")


def test_stream_without_an_answer_and_events_of_others():
    """A blocked prompt is an empty answer; what only another protocol knows is told as lost."""
    chunks, losses = encoded(ResponseStarted(), NativeEvent(protocol="openai_responses", value={}), Completed(vendor_extensions={"x": 1}))
    assert chunks[-1]["choices"][0]["finish_reason"] == "content_filter"
    assert losses == ["defaulted:candidates", "dropped:events", "dropped:vendor_extensions.x"]
