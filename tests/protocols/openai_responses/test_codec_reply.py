"""Responses, read to the canonical model and written from it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai.types.responses import Response
from pydantic import ValidationError
from tests.in_turn import in_turn
from tests.protocols.openai_responses.recorded import ISSUER, comparable, context_of
from tests.protocols.openai_responses.test_fixtures import RECORDED, responses

from omnillm.model import (
    Audio,
    Candidate,
    Citation,
    FinishReason,
    ImageBase64,
    Issuer,
    LlmResponse,
    Message,
    MessageRole,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    Video,
)
from omnillm.model.media import UrlSource
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import CODEC
from omnillm.protocols.shapes import Unfit
from omnillm.usage import Usage

OWN = "openai_responses"
CONTEXT = ReplyContext(id="x1", created=7, model="asked")
GEMINI = Opaque(value="c2ln", issuer=Issuer(protocol="gemini_generate_content"))
ANTHROPIC = Opaque(value="c2ln", issuer=Issuer(protocol="anthropic_messages"))
needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded replies are not on this machine")


def answer(*parts: Any, finish: FinishReason = FinishReason.STOP, **members: Any) -> LlmResponse:
    message = Message(role=MessageRole.ASSISTANT, parts=parts)
    return LlmResponse(model="m", candidates=(Candidate(message=message, finish_reason=finish),), **members)


def emit(response: LlmResponse, context: ReplyContext = CONTEXT) -> tuple[dict[str, Any], list[str]]:
    losses = Losses()
    body = msgspec.json.decode(msgspec.json.encode(CODEC.emit_reply(response, context, losses)))
    Response.model_validate(body, strict=True)
    return body, [f"{reason.kind}:{reason.path}" for reason in losses.reasons]


def parse(body: dict[str, Any]) -> LlmResponse:
    return CODEC.parse_reply(body, ISSUER, Losses())


def test_reply_has_every_member_that_strict_readers_ask_for() -> None:
    """With no request to repeat, what holds without one."""
    body, losses = emit(answer(Text(text="149 m"), usage=Usage(input=20, cache_read=5, cache_write_short=2, output=7, reasoning=3)))
    assert body == {
        "id": "resp_x1",
        "object": "response",
        "created_at": 7,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "m",
        "output": [
            {
                "id": "msg_x1_0",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "149 m", "annotations": []}],
            }
        ],
        "usage": {
            "input_tokens": 27,
            "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2},
            "output_tokens": 10,
            "output_tokens_details": {"reasoning_tokens": 3},
            "total_tokens": 37,
        },
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
    }
    assert not losses


def test_request_is_repeated() -> None:
    """As the client wrote it, also what has no canonical home."""
    asked = {
        "instructions": "Be brief.",
        "tools": [{"type": "function", "name": "search", "parameters": {}, "strict": True}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "search"},
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "text": {"verbosity": "low"},
        "reasoning": {"effort": "low", "context": "auto"},
        "metadata": {"run": "7"},
        "truncation": "auto",
        "max_output_tokens": 9,
        "store": False,
        "conversation": "conv_1",
        "prompt_cache_key": "k",
        "stream_options": {"include_obfuscation": False},
    }
    request = CODEC.parse_request({"model": "m", "input": "Hi", **asked}, Losses())
    body, losses = emit(answer(Text(text="x")), ReplyContext(id="x1", created=7, model="m", request=request))
    repeated = {name: body[name] for name in asked.keys() - {"text", "conversation", "stream_options"}}
    assert repeated == {name: asked[name] for name in repeated}
    assert body["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert body["conversation"] == {"id": "conv_1"}
    assert "stream_options" not in body
    assert not losses


def test_parts_are_items() -> None:
    """Texts with one item's id are one item; a call has the name that the client gave."""
    parts = (
        Reasoning(text="Hm.", summary=("a", "b"), opaque=Opaque(value="gAAA", issuer=ISSUER)),
        Text(text="One", item_id="msg_1"),
        Refusal(text="No.", item_id="msg_1"),
        Text(text="Two", item_id="msg_2"),
        ToolCall(call_id="call_1", name="search_2", arguments="{", item_id="fc_1"),
        ToolCall(call_id="call_2", name="shell", arguments="ls", kind="custom"),
    )
    context = ReplyContext(id="x1", created=7, model="m", names={"search_2": "search!"})
    body, losses = emit(answer(*parts, finish=FinishReason.TOOL_CALL, protocol=OWN), context)
    assert not losses
    assert [item["id"] for item in body["output"]] == ["rs_x1_0", "msg_1", "msg_2", "fc_1", "ctc_x1_4"]
    reasoning, first, second, call, custom = body["output"]
    assert reasoning == {
        "id": "rs_x1_0",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
        "encrypted_content": "gAAA",
    }
    assert [part["type"] for part in first["content"]] == ["output_text", "refusal"]
    assert [part["text"] for part in second["content"]] == ["Two"]
    assert (call["call_id"], call["name"], call["arguments"], call["status"]) == ("call_1", "search!", "{", "completed")
    assert (custom["type"], custom["input"]) == ("custom_tool_call", "ls")


def test_signatures_come_back_from_the_client() -> None:
    """What another provider signed rides in reasoning items, and returns to its part with the next request."""
    said = answer(
        Reasoning(opaque=ANTHROPIC, is_redacted=True),
        Reasoning(text="Hm.", opaque=ANTHROPIC),
        Text(text="One"),
        Text(text="Two", signature=GEMINI),
        ToolCall(call_id="call_1", name="search", arguments="{}", signature=GEMINI),
        ToolCall(call_id="call_2", name="search", arguments="{}"),
        finish=FinishReason.TOOL_CALL,
    )
    body, losses = emit(said)
    assert not losses
    assert [item["id"] for item in body["output"]][-4:] == ["rs_sig_x1_3", "rs_sig_call_1", "fc_x1_5", "fc_x1_6"]
    for is_kept in (True, False):
        items = body["output"] if is_kept else [{name: value for name, value in item.items() if name != "id"} for item in body["output"]]
        request = CODEC.parse_request({"model": "m", "input": items}, Losses())
        [message] = request.messages
        parts = tuple(msgspec.structs.replace(part, item_id="") for part in message.parts)
        assert parts == said.message.parts


def test_id_of_the_provider_is_kept() -> None:
    """If it spoke this protocol."""
    assert emit(answer(Text(text="x"), id="abc", protocol=OWN))[0]["id"] == "abc"
    assert emit(answer(Text(text="x"), id="chatcmpl-1", protocol="openai_chat"))[0]["id"] == "resp_x1"


FINISHES = [
    (FinishReason.STOP, "completed", None, True),
    (FinishReason.STOP_SEQUENCE, "completed", None, False),
    (FinishReason.LENGTH, "incomplete", "max_output_tokens", True),
    (FinishReason.CONTEXT_LENGTH, "incomplete", "max_output_tokens", False),
    (FinishReason.CONTENT_FILTER, "incomplete", "content_filter", True),
    (FinishReason.REFUSAL, "incomplete", "content_filter", False),
    (FinishReason.PAUSE, "incomplete", None, False),
    (FinishReason.COMPACTION, "completed", None, False),
    (FinishReason.MALFORMED_TOOL_CALL, "failed", None, False),
    (FinishReason.ERROR, "failed", None, False),
    (FinishReason.CANCELLED, "cancelled", None, True),
    (FinishReason.OTHER, "completed", None, False),
    (FinishReason.TOOL_CALL, "completed", None, False),
]


@in_turn(("finish", "status", "reason", "is_exact"), FINISHES, ids=[finish.value for finish, *_ in FINISHES])
def test_end_is_a_status(finish: FinishReason, status: str, reason: str | None, is_exact: bool) -> None:
    """Of the closed list; where it does not say it all, that is reported."""
    body, losses = emit(answer(Text(text="x"), finish=finish))
    assert body["status"] == status
    assert (body["incomplete_details"] or {}).get("reason") == reason
    assert (body["error"] is not None) is (status == "failed")
    assert (not losses) is is_exact
    if is_exact:
        assert parse(body).finish_reason is finish


def test_refusal_and_call_need_no_word_of_their_own() -> None:
    """They are seen in the output."""
    for part, finish in ((Refusal(text="No."), FinishReason.REFUSAL), (ToolCall(call_id="c", name="f"), FinishReason.TOOL_CALL)):
        body, losses = emit(answer(part, finish=finish))
        assert (body["status"], parse(body).finish_reason, losses) == ("completed", finish, [])


def test_word_of_the_provider_returns_to_its_own_protocol() -> None:
    """A reason that has no canonical home."""
    body, _ = emit(answer(Text(text="x")))
    for word in ("max_messages", "steered"):
        given = {**body, "status": "incomplete", "incomplete_details": {"reason": word}}
        read = parse(given)
        assert (read.finish_reason, read.candidates[0].native_finish_reason) == (FinishReason.OTHER, word)
        assert emit(read) == (given | {"usage": None}, [])
    assert emit(parse({**body, "status": "queued"}))[0]["status"] == "queued"


LOST: list[tuple[LlmResponse, str]] = [
    (answer(Text(text="x", citations=(Citation(title="A", cited_text="x"),))), "dropped:candidates[0].message.parts[0].citations[0]"),
    (answer(Text(text="x", citations=(Citation(url="https://a"),))), "defaulted:candidates[0].message.parts[0].citations[0].start"),
    (
        answer(Text(text="x", citations=(Citation(url="u", start=0, end=1, cited_text="x"),))),
        "dropped:candidates[0].message.parts[0].citations[0].cited_text",
    ),
    (answer(Text(text="x", vendor_extensions={"x": 1})), "dropped:candidates[0].message.parts[0].vendor_extensions.x"),
    (answer(ImageBase64(data=b"x", signature=GEMINI)), "dropped:candidates[0].message.parts[0].signature"),
    (answer(ImageBase64(data=b"x")), "approximated:candidates[0].message.parts[0]"),
    (answer(Audio(audio_id="a")), "dropped:candidates[0].message.parts[0]"),
    (answer(Audio(transcript="149 m")), "approximated:candidates[0].message.parts[0]"),
    (answer(Video(source=UrlSource(url="u"))), "dropped:candidates[0].message.parts[0]"),
    (answer(Native(protocol="anthropic_messages", kind="x", value={"type": "x"})), "dropped:candidates[0].message.parts[0]"),
    (answer(Text(text="x"), vendor_extensions={"x": 1}, protocol="openai_chat"), "dropped:vendor_extensions.x"),
    (answer(Text(text="x"), service_tier="batch"), "dropped:service_tier"),
    (answer(Text(text="x"), service_tier="standard"), "approximated:service_tier"),
    (answer(Text(text="x"), usage=Usage(input=1, output=1, tool_calls=2)), "approximated:usage.tool_calls"),
    (LlmResponse(), "approximated:candidates"),
    (LlmResponse(candidates=answer(Text(text="x")).candidates * 2), "dropped:candidates[1]"),
]


@in_turn(("response", "loss"), LOST, ids=[f"{number}-{loss}" for number, (_, loss) in enumerate(LOST)])
def test_what_cannot_be_said_is_reported(response: LlmResponse, loss: str) -> None:
    """And the reply is whole all the same."""
    _, losses = emit(response)
    assert loss in losses


def test_log_probabilities_are_split_among_the_texts() -> None:
    """Chat has one list, Responses one a text."""
    tokens = [{"token": word, "logprob": -0.1, "bytes": list(word.encode()), "top_logprobs": []} for word in ("One", " and", "Two")]
    candidate = Candidate(
        message=Message(role=MessageRole.ASSISTANT, parts=(Text(text="One and"), Text(text="Two"))),
        logprobs={"content": tokens, "refusal": None},
    )
    body, losses = emit(LlmResponse(candidates=(candidate,)))
    assert [len(part["logprobs"]) for part in body["output"][0]["content"]] == [2, 1]
    assert parse(body).candidates[0].logprobs == candidate.logprobs
    assert not losses


def test_citations_come_back() -> None:
    """Of a URL typed, others verbatim."""
    file = {"type": "file_citation", "file_id": "f", "filename": "a.pdf", "index": 0}
    cited = Text(
        text="149 m",
        citations=(Citation(url="https://a", title="A", start=0, end=3), Citation(title="a.pdf", protocol=OWN, native=file)),
        item_id="msg_1",
    )
    body, losses = emit(answer(cited))
    assert parse(body).message.parts == (cited,)
    assert not losses


@in_turn(
    ("body", "path"),
    [
        ({}, "output"),
        ({"output": [1]}, "output[0]"),
        ({"output": [{}]}, "output[0].type"),
        ({"output": [{"type": "message", "content": [{"type": "output_text"}]}]}, "output[0].content[0].text"),
        ({"output": [{"type": "function_call", "call_id": "c"}]}, "output[0].name"),
        ({"output": [], "model": 1}, "model"),
        ({"output": [], "created_at": "now"}, "created_at"),
    ],
)
def test_mistake_is_named_by_its_path(body: dict[str, Any], path: str) -> None:
    """The provider's own words."""
    with pytest.raises(Unfit) as raised:
        parse(body)
    assert raised.value.path == path


def is_strict(body: dict[str, Any]) -> bool:
    try:
        Response.model_validate(body)
    except ValidationError:
        return False
    return True


@needs_recordings
@in_turn("path", responses(), ids=lambda path: path.name)
def test_recorded_response_survives(path: Path) -> None:
    """To its own protocol nothing is lost, and what the SDK could read before it can read again."""
    recorded = msgspec.json.decode(path.read_bytes())
    losses = Losses()
    written = CODEC.emit_reply(CODEC.parse_reply(recorded, ISSUER, losses), context_of(recorded), losses)
    assert not losses
    assert comparable(written, recorded) == comparable(recorded, recorded)
    assert is_strict(written) or not is_strict(recorded)
