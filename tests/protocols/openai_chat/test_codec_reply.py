"""Replies of Chat Completions to the canonical model and back: what the SDK knows, what hosts add, what other protocols say."""

import base64
import re
from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion
from tests.in_turn import in_turn
from tests.protocols.openai_chat.test_fixtures import chat_replies

from omnillm.errors import UpstreamLost
from omnillm.model import (
    Audio,
    Candidate,
    Citation,
    FinishReason,
    ImageBase64,
    InlineSource,
    Issuer,
    Json,
    LlmResponse,
    Message,
    MessagePart,
    MessageRole,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.envelope import seal
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat import CODEC
from omnillm.protocols.shapes import Unfit
from omnillm.protocols.transcode import parse_response
from omnillm.usage import Usage

ISSUER = Issuer(protocol="openai_chat", provider="host", key="k1", model="m")
CONTEXT = ReplyContext(id="ours", created=1_795_608_000, model="asked")


def parsed(body: Any) -> LlmResponse:
    losses = Losses()
    reply = CODEC.parse_reply(body, ISSUER, losses)
    assert not losses
    return reply


def emitted(reply: LlmResponse, context: ReplyContext = CONTEXT) -> tuple[dict[str, Any], list[str]]:
    """The body, which the SDK's own type accepts, and what was lost."""
    losses = Losses()
    encoded = msgspec.json.encode(CODEC.emit_reply(reply, context, losses))
    ChatCompletion.model_validate_json(encoded)
    return msgspec.json.decode(encoded), sorted(f"{reason.kind}:{reason.path}" for reason in losses.reasons)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def answers(message: dict[str, Any], finish_reason: str = "stop", **choice: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_770_000_000,
        "model": "gpt-5",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason, **choice}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
    }


def says(
    *parts: MessagePart, reason: FinishReason = FinishReason.STOP, protocol: str = "anthropic_messages", **members: Any
) -> LlmResponse:
    candidate = Candidate(message=Message(role=MessageRole.ASSISTANT, parts=parts), finish_reason=reason, **members)
    return LlmResponse(id="msg_1", protocol=protocol, candidates=(candidate,))


CALL = {"id": "call_1", "type": "function", "function": {"name": "search", "arguments": '{"q": "lake"}'}}
TOKEN = {
    "token": "149",
    "logprob": -0.1,
    "bytes": [49],
    "top_logprobs": [{"token": "148", "logprob": -2.5, "bytes": None, "top_logprobs": []}],
}
CITED = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 5, "title": "Lake", "url": "https://e.com"}}
SAME = [
    pytest.param(answers({"content": "149 m"}), id="text"),
    pytest.param(answers({"content": "149 m", "annotations": [CITED]}), id="annotations"),
    pytest.param(
        answers({"content": "149 m", "annotations": [{**CITED, "url_citation": {**CITED["url_citation"], "content": "A lake."}}]}),
        id="OpenRouter's annotations",
    ),
    pytest.param(answers({"content": "", "annotations": [CITED]}), id="annotations of nothing"),
    pytest.param(answers({"refusal": "No."}), id="refusal"),
    pytest.param(answers({"tool_calls": [CALL, {**CALL, "id": "call_2"}]}, "tool_calls"), id="calls"),
    pytest.param(
        answers({"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]}, "tool_calls"), id="custom call"
    ),
    pytest.param(
        answers({"audio": {"id": "a", "data": base64.b64encode(b"RIFF").decode(), "expires_at": 1, "transcript": "149"}}), id="sound"
    ),
    pytest.param(answers({"content": "149"}, logprobs={"content": [TOKEN], "refusal": None}), id="log probabilities"),
    pytest.param(answers({"content": "1"}, "length"), id="length"),
    pytest.param(answers({"content": ""}, "content_filter", content_filter_results={"hate": {"filtered": True}}), id="Azure's filter"),
    pytest.param(
        answers({"content": "1"}) | {"service_tier": "default", "system_fingerprint": "fp", "metadata": {"a": "b"}, "provider": "p"},
        id="top level",
    ),
    pytest.param(
        answers(
            {"content": "149", "reasoning_content": "Hm.", "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]}
        ),
        id="thinking blocks",
    ),
    pytest.param(
        answers({"tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "s"}}}]}, "tool_calls"), id="signed call"
    ),
    pytest.param(
        answers({"content": "x", "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}]}), id="images"
    ),
    pytest.param(answers({"content": "x", "reasoning_details": [{"type": "reasoning.encrypted", "data": "d"}]}), id="details of reasoning"),
]


@in_turn("body", SAME)
def test_what_the_sdk_and_hosts_know_comes_back_as_it_was(body):
    """To a client of this protocol nothing is lost, ids and usage included."""
    again, losses = emitted(parsed(body))
    assert losses == []
    assert without_nulls(again) == without_nulls(body)


@in_turn("body", [*SAME, *(msgspec.json.decode(path.read_bytes()) for path in chat_replies())])
def test_a_reply_decoded_in_one_step_says_what_its_members_say(body):
    """OpenAI's own replies are; those of hosts that write more are read member by member, and so is what the other way refuses."""
    assert parse_response("openai_chat", msgspec.json.encode(body), issuer=ISSUER).value == parsed(body)


def test_openais_own_replies_are_decoded_in_one_step():
    """With all that it writes; anything else in reply or choice is a host's, and must be told."""
    assert CODEC.own_reply is not None
    body = answers({"content": "149", "refusal": None, "annotations": []}, logprobs=None) | {
        "service_tier": "default",
        "system_fingerprint": "fp",
    }
    assert parsed(CODEC.own_reply.decode(msgspec.json.encode(body))).vendor_extensions == {"system_fingerprint": "fp"}
    for more in (body | {"provider": "p"}, answers({"content": "1"}, stop_reason=1)):
        with pytest.raises(msgspec.ValidationError):
            CODEC.own_reply.decode(msgspec.json.encode(more))


def test_a_usage_that_cannot_be_decoded_is_the_providers_mistake():
    """It stands apart from the rest of the reply until somebody reads it."""
    body = msgspec.json.encode(answers({"content": "x"}) | {"usage": {"odd": 0}}).replace(b'"odd":0', b'"odd":1e999')
    with pytest.raises(UpstreamLost, match="`usage` must be JSON"):
        parse_response("openai_chat", body)


@pytest.mark.parametrize(
    ("change", "path"), [({"id": 5}, "id"), ({"choices": [{"message": 5}]}, "choices[0].message"), ({"created": "now"}, "created")]
)
def test_a_member_of_another_type_is_named(change, path):
    """Whichever way the reply is read."""
    with pytest.raises(UpstreamLost, match=re.escape(f"`{path}` must be")):
        parse_response("openai_chat", msgspec.json.encode(answers({"content": "x"}) | change))


@in_turn("path", chat_replies(), ids=lambda path: path.name)
def test_recorded_reply_is_read_and_said_again(path):
    """Everything that the SDK's type knows is the same in both."""
    body = msgspec.json.decode(path.read_bytes())
    reply = parsed(body)
    again, losses = emitted(reply)
    assert losses == (["dropped:service_tier"] if body.get("service_tier") == "on_demand" else [])  # Groq's, which the SDK does not know
    first, second = body["choices"][0]["message"], again["choices"][0]["message"]
    content = first.get("content")
    assert again["choices"][0]["finish_reason"] == body["choices"][0]["finish_reason"]
    said = content[-1]["text"] if isinstance(content, list) else content
    assert (second["content"] or "") == (said or "")
    assert [call["function"] for call in second.get("tool_calls", ())] == [call["function"] for call in first.get("tool_calls") or ()]
    assert [call["id"] for call in second.get("tool_calls", ())] == [call["id"] for call in first.get("tool_calls") or ()]
    assert second.get("reasoning_content") == (first.get("reasoning_content") or first.get("reasoning") or thinking_in(content))
    assert {name: again[name] for name in ("id", "created", "model")} == {name: body[name] for name in ("id", "created", "model")}
    assert again["usage"] == body["usage"]
    assert again.get("system_fingerprint") == body.get("system_fingerprint")


def thinking_in(content: Any) -> str | None:
    thinking = [part["thinking"][0]["text"] for part in content if part["type"] == "thinking"] if isinstance(content, list) else []
    return "".join(thinking) or None


@in_turn(
    "annotation",
    [
        {"type": "file", "file": {"hash": "h", "name": "a.pdf"}},
        {"type": "url_citation", "url_citation": {"url": "https://e.com", "start_index": 0}},
        {"type": "url_citation", "url_citation": {"title": "Lake"}},
    ],
)
def test_annotation_that_the_sdk_does_not_know_is_completed_or_left_out(annotation):
    """Its type is closed: a file is none, and a place is always told."""
    body, losses = emitted(parsed(answers({"content": "149 m", "annotations": [annotation]})))
    written = body["choices"][0]["message"].get("annotations", [])
    if "url" in annotation.get("url_citation", {}):
        assert written == [
            {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 5, "title": "", "url": "https://e.com"}}
        ]
        assert losses == ["defaulted:candidates[0].message.parts[0].citations[0].start"]
    else:
        assert (written, losses) == ([], ["dropped:candidates[0].message.parts[0].citations[0]"])


def test_opaque_values_are_their_issuers():
    """The provider that answers is named with key and model."""
    body = answers({"content": "x", "thinking_blocks": [{"type": "redacted_thinking", "data": "d"}]})
    assert parsed(body).message.parts[0] == Reasoning(opaque=Opaque(value="d", issuer=ISSUER), is_redacted=True)


def test_opaque_values_of_others_are_sealed():
    """On reasoning and on calls: their clients bring both back."""
    opaque = Opaque(value="c2ln", issuer=Issuer(protocol="gemini_generate_content", provider="g"))
    call = ToolCall(call_id="c", name="f", arguments="{}", signature=opaque)
    body, losses = emitted(says(Reasoning(text="Hm.", opaque=opaque), call, reason=FinishReason.TOOL_CALL))
    message = body["choices"][0]["message"]
    assert message["thinking_blocks"] == [{"type": "thinking", "thinking": "Hm.", "signature": seal(opaque)}]
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": seal(opaque)}}
    assert losses == []


@in_turn(
    ("said", "reason", "native"),
    [
        ("stop", FinishReason.STOP, ""),
        ("function_call", FinishReason.TOOL_CALL, ""),
        ("model_length", FinishReason.CONTEXT_LENGTH, "model_length"),
        ("eos", FinishReason.STOP, "eos"),
        ("insufficient_system_resource", FinishReason.ERROR, "insufficient_system_resource"),
        ("whatever", FinishReason.OTHER, "whatever"),
    ],
)
def test_words_of_hosts_for_the_end(said, reason, native):
    """Where a word says more than the reason, it is kept."""
    candidate = parsed(answers({"content": "x"}, said)).candidates[0]
    assert (candidate.finish_reason, candidate.native_finish_reason) == (reason, native)


def test_a_message_that_names_no_role_is_read_whole():
    """Some hosts leave out what is certain; the member that stands in its place is read like any other."""
    body = {"id": "r", "choices": [{"message": {"content": "x", "reasoning_content": "Hm"}}]}
    assert parsed(body).message.parts == (Reasoning(text="Hm"), Text(text="x"))


def test_stop_after_calls_is_a_call():
    """Some hosts say so, or nothing at all; clients look at the reason before they call."""
    for word in ("stop", None):
        assert parsed(answers({"tool_calls": [CALL]}, word)).finish_reason is FinishReason.TOOL_CALL


@in_turn("reason", [reason for reason in FinishReason if reason is not FinishReason.TOOL_CALL])
def test_every_reason_is_one_of_the_sdks(reason):
    """That it says less is told."""
    body, losses = emitted(says(Text(text="x"), reason=reason))
    word = body["choices"][0]["finish_reason"]
    exact = {FinishReason.STOP: "stop", FinishReason.LENGTH: "length", FinishReason.CONTENT_FILTER: "content_filter"}
    assert word == exact.get(reason, {"context_length": "length", "refusal": "content_filter"}.get(reason.value, "stop"))
    assert losses == ([] if reason in exact else ["approximated:candidates[0].finish_reason"])


def test_reply_of_another_protocol_has_all_that_the_sdk_requires():
    """Its own id and time where the provider gave none of this protocol; calls under the client's names for them."""
    call = ToolCall(call_id="c", name="short", arguments="{}")
    reply = msgspec.structs.replace(
        says(call, reason=FinishReason.TOOL_CALL),
        usage=Usage(input=1, cache_read=2, cache_write_short=3, cache_write_long=4, output=5, reasoning=6, tool_calls=1),
        raw_usage={"input_tokens": 1},
    )
    body, losses = emitted(reply, msgspec.structs.replace(CONTEXT, names={"short": "a much longer name"}))
    assert (body["id"], body["created"], body["model"]) == ("chatcmpl-ours", CONTEXT.created, "asked")
    assert body["choices"][0]["message"]["content"] is None
    assert body["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "a much longer name"
    assert body["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 11,
        "total_tokens": 21,
        "prompt_tokens_details": {
            "cached_tokens": 2,
            "audio_tokens": 0,
            "cache_write_tokens": 7,
            "cache_write_tokens_details": {"ttl_30m_tokens": 3, "ttl_12h_tokens": 4},
        },
        "completion_tokens_details": {"reasoning_tokens": 6, "audio_tokens": 0},
    }
    assert losses == ["dropped:usage.tool_calls"]
    back = CODEC.parse_reply(body, ISSUER, Losses())
    assert back.usage == msgspec.structs.replace(reply.usage, tool_calls=0)


def test_annotations_count_from_the_beginning_of_the_whole_content():
    """Blocks are joined, so places in the second one move, whatever the first one was."""
    cited = Text(text="149 m", citations=(Citation(url="https://e.com", title="T", start=0, end=3), Citation(cited_text="x")))
    body, losses = emitted(says(Text(text="Depth: "), cited))
    message = body["choices"][0]["message"]
    assert message["content"] == "Depth: 149 m"
    assert [note["url_citation"]["start_index"] for note in message["annotations"]] == [7]
    assert losses == ["approximated:candidates[0].message.parts", "dropped:candidates[0].message.parts[1].citations[1]"]
    notes = emitted(says(Json(value=[149]), cited))[0]["choices"][0]["message"]["annotations"]
    assert [note["url_citation"]["start_index"] for note in notes] == [len("[149]")]


def test_what_an_answer_of_chat_has_no_place_for():
    """Named part by part."""
    parts = (
        Native(protocol="openai_responses", kind="web_search_call", value={}),
        Reasoning(summary=("Hm.", "Ha.")),
        Text(text="149"),
        Refusal(text="No."),
        ImageBase64(data=b"x", media_type="image/png"),
        Audio(source=InlineSource(data=b"x", media_type="audio/wav"), transcript="149"),
    )
    body, losses = emitted(says(*parts, stop_sequence="END", native_finish_reason="end"))
    message = body["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"], message["refusal"]) == ("Hm.\n\nHa.", "149", "No.")
    assert message["audio"] == {"id": "audio_0", "data": "eA==", "expires_at": 0, "transcript": "149"}
    at = "candidates[0].message.parts"
    assert losses == [
        f"approximated:{at}[1].summary",
        f"defaulted:{at}[5].audio_id",
        f"dropped:{at}[0]",
        f"dropped:{at}[5].format",
        "dropped:candidates[0].native_finish_reason",
        "dropped:candidates[0].stop_sequence",
        f"moved:{at}",
    ]


def test_several_answers():
    """Each has its own index."""
    body = answers({"content": "a"})
    body["choices"].append({**body["choices"][0], "index": 1, "message": {"role": "assistant", "content": "b"}})
    again, losses = emitted(parsed(body))
    assert [(choice["index"], choice["message"]["content"]) for choice in again["choices"]] == [(0, "a"), (1, "b")]
    assert losses == []


def test_a_blocked_prompt_is_an_empty_answer():
    """SDK callers read the first choice."""
    body, losses = emitted(LlmResponse(protocol="gemini_generate_content"))
    assert body["choices"][0]["finish_reason"] == "content_filter"
    assert losses == ["defaulted:candidates"]


def test_calls_without_ids_get_different_ones():
    """Google's compatible endpoint left them empty; deprecated calls have none."""
    nameless = {**CALL, "id": ""}
    calls = parsed(answers({"tool_calls": [nameless, nameless], "function_call": {"name": "f", "arguments": "{}"}})).message.tool_calls
    assert len({call.call_id for call in calls}) == 3
    assert all(call.call_id for call in calls)


@in_turn(
    ("body", "path"),
    [
        ({}, "choices"),
        ({"choices": [7]}, "choices[0]"),
        ({"choices": [{}]}, "choices[0].message"),
        (answers({"content": 7}), "choices[0].message.content"),
        (answers({"content": "x"}, logprobs=[]), "choices[0].logprobs"),
        (answers({"tool_calls": [{"id": "c"}]}), "choices[0].message.tool_calls[0].function"),
    ],
)
def test_what_is_no_reply_is_named_by_its_path(body, path):
    """As the provider wrote it."""
    with pytest.raises(Unfit) as caught:
        CODEC.parse_reply(body, ISSUER, Losses())
    assert caught.value.path == path
