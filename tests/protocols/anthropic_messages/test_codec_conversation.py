"""Canonical conversations, written for the Messages API: what comes back, and what the report says of the rest."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.protocols.anthropic_messages.asking import PNG, P, ask, b64, emit, opaque, parse, said, user_of

from omnillm.model.capabilities import CapabilitySet, ReasoningCapability, StructuredOutputConfig, ToolChoice, ToolDefinition
from omnillm.model.media import FileSource, InlineSource, TextSource, UrlSource
from omnillm.model.message import (
    Audio,
    CacheControl,
    Citation,
    File,
    ImageBase64,
    ImageFile,
    ImageUrl,
    Issuer,
    Json,
    Message,
    MessageRole,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from omnillm.model.request import GenerationConfig, LlmRequest, user
from omnillm.protocols.dialects import ClaudeDialect


def test_results_and_the_words_after_them_are_one_user_message_with_the_results_first():
    """The API wants all results of a turn at once, before anything else that the user says."""
    calls = said(*[ToolCall(call_id=name, name="f") for name in ("a", "b")])
    results = [ToolResult(call_id=name, content=(Text(text=name),)) for name in ("a", "b")]
    body, lost = emit(ask(calls, *results, user("now"), user("then")))
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_result", "tool_result", "text", "text"]
    assert lost == {"input[4]": "moved"}
    body, lost = emit(ask(calls, user("now"), *results))
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_result", "tool_result", "text"]
    assert lost == {"input[2]": "moved", "input[3]": "moved"}


def test_result_without_its_call_is_said_by_the_user():
    """The API refuses it as a result; a client of this protocol keeps its words."""
    lone = ToolResult(call_id="1", name="f", content=(Text(text="a"),), is_error=True)
    shown = ToolResult(call_id="2", content=(ImageUrl(url="https://x"),), cache_control=CacheControl(), vendor_extensions={"x": 1})
    body, lost = emit(ask(user("?"), lone, shown, ToolResult(call_id="3")))
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "?"},
                {"type": "text", "text": '<tool_result name="f" is_error="true">\na\n</tool_result>'},
                {"type": "text", "text": "<tool_result>"},
                {"type": "image", "source": {"type": "url", "url": "https://x"}},
                {"type": "text", "text": "</tool_result>", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "<tool_result>"},
                {"type": "text", "text": "</tool_result>"},
            ],
        }
    ]
    assert lost == {
        **{f"input[{number}]": "approximated" for number in (1, 2, 3)},
        "input[2].vendor_extensions.x": "dropped",
    }
    body, lost = emit(replace(ask(ToolResult(call_id="1")), protocol=P))
    assert (body["messages"][0]["content"], lost) == ([{"type": "tool_result", "tool_use_id": "1"}], {})


def test_system_text_alone_is_said_by_the_user():
    """A request must have a message: the last system text becomes one."""
    body, lost = emit(ask(Message.text(MessageRole.SYSTEM, "a"), Message.text(MessageRole.SYSTEM, "b"), said()))
    assert (body["system"], body["messages"]) == ("a", [{"role": "user", "content": "b"}])
    assert lost == {"input[1]": "moved", "input[2]": "dropped"}
    body, lost = emit(LlmRequest(model="m", instructions="a", generation=GenerationConfig(max_output_tokens=1)))
    assert (body.get("system"), body["messages"]) == (None, [{"role": "user", "content": "a"}])
    assert lost == {"instructions": "moved"}
    assert emit(replace(ask(Message.text(MessageRole.SYSTEM, "a")), protocol=P))[0]["messages"] == []


def test_texts_of_blanks_are_left_out():
    """The API refuses them wherever they stand."""
    blank = Text(text=" \n")
    call, result = ToolCall(call_id="1", name="f"), ToolResult(call_id="1", content=(blank,))
    request = ask(said(blank, Text(text="s"), role=MessageRole.SYSTEM), user_of(blank, Text(text="u")), said(blank, call), result)
    body, lost = emit(replace(request, instructions="\n"))
    assert body["system"] == "s"
    assert body["messages"] == [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]},
    ]
    places = ("input[0].parts[0]", "input[1].parts[0]", "input[2].parts[0]", "input[3].content[0]")
    assert lost == {"instructions": "dropped", **dict.fromkeys(places, "dropped")}
    body, lost = emit(replace(ask(user_of(blank)), protocol=P))
    assert (body["messages"], lost) == ([{"role": "user", "content": " \n"}], {})


def test_members_of_a_message_that_says_nothing_are_told_as_lost():
    """Whoever looks for a member finds it by its name, as in a message that is written; one of the system's may only set something."""
    said_nothing = (Message(role=role, vendor_extensions={"x": 1}) for role in (MessageRole.ASSISTANT, MessageRole.SYSTEM))
    _, lost = emit(ask(user("a"), *said_nothing))
    assert lost == dict.fromkeys((path for n in "12" for path in (f"input[{n}]", f"input[{n}].vendor_extensions.x")), "dropped")


def test_words_that_the_model_goes_on_from_end_without_blanks():
    """The API refuses a last message of the model's that ends with white space; in its own words nothing is touched."""
    body, lost = emit(ask(user("a"), said(Text(text="b ")), user("c"), said(Text(text="d"), Text(text="e \n"))))
    assert body["messages"][1]["content"] == "b "
    assert [block["text"] for block in body["messages"][3]["content"]] == ["d", "e"]
    assert lost == {"input[3]": "approximated"}
    request = replace(ask(said(Text(text="b "))), protocol=P)
    assert emit(request) == ({**emit(request)[0], "messages": [{"role": "assistant", "content": "b "}]}, {})


@pytest.mark.parametrize("role", [MessageRole.SYSTEM, MessageRole.DEVELOPER])
def test_late_system_text_stays_at_its_place(role):
    """In the API's own words as the system message that it was, else inside the user's text."""
    request = ask(user("a"), said(Text(text="b")), Message.text(role, "c"), user("d"))
    lost_role = {"input[2].role": "approximated"} if role is MessageRole.DEVELOPER else {}
    body, lost = emit(replace(request, protocol=P))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "system", "user"]
    assert lost == lost_role
    body, lost = emit(request)
    assert body["messages"][2]["content"] == [{"type": "text", "text": "<system>\nc\n</system>"}, {"type": "text", "text": "d"}]
    assert lost == {**lost_role, "input[2]": "moved", "input[3]": "moved"}


def test_instructions_and_leading_system_messages_are_system_blocks():
    """In their order; a developer is said as the system."""
    request = ask(Message.text(MessageRole.DEVELOPER, "b"), Message.text(MessageRole.SYSTEM, "c"), user("d"), instructions="a")
    body, lost = emit(request)
    assert [block["text"] for block in body["system"]] == ["a", "b", "c"]
    assert lost == {"instructions": "moved", "input[0].role": "approximated", "input[1]": "moved"}


def test_signature_returns_to_its_issuer_alone():
    """Reasoning that the provider cannot verify is left out, and never becomes visible text."""
    mine = Reasoning(text="a", opaque=opaque("s", provider="anthropic"))
    theirs = Reasoning(text="b", opaque=opaque("t", provider="bedrock"))
    foreign = Reasoning(text="c", opaque=opaque("u", "openai_responses"))
    request = ask(user("?"), said(mine, theirs, foreign, Reasoning(text="d"), Text(text="e")))
    body, lost = emit(request, ClaudeDialect(provider="anthropic"))
    assert body["messages"][1]["content"] == [{"type": "thinking", "thinking": "a", "signature": "s"}, {"type": "text", "text": "e"}]
    assert lost == {f"input[1].parts[{number}]": "dropped" for number in (1, 2, 3)}


LOST_PARTS = [
    (Text(text=""), None, {"": "dropped", "message": "dropped"}),
    (Text(text="a", citations=(Citation(url="u"),)), {"type": "text", "text": "a"}, {"citations": "dropped"}),
    (Text(text="a", signature=opaque("s", "gemini_generate_content")), {"type": "text", "text": "a"}, {"signature": "dropped"}),
    (Text(text="a", vendor_extensions={"x": 1}), {"type": "text", "text": "a"}, {"vendor_extensions.x": "dropped"}),
    (ImageUrl(url="https://x", detail="low"), {"type": "image", "source": {"type": "url", "url": "https://x"}}, {"detail": "dropped"}),
    (
        ImageBase64(data=PNG),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)}},
        {"media_type": "defaulted"},
    ),
    (ImageBase64(data=b"BM", media_type="image/bmp"), None, {"": "dropped", "message": "dropped"}),
    (ImageFile(file_id="f", protocol="openai_responses"), None, {"": "dropped", "message": "dropped"}),
    (Audio(source=InlineSource(data=b"x")), None, {"": "dropped", "message": "dropped"}),
    (Audio(transcript="hello"), {"type": "text", "text": "hello"}, {"": "approximated"}),
    (Video(source=UrlSource(url="u")), None, {"": "dropped", "message": "dropped"}),
    (Json(value={"a": 1}), {"type": "text", "text": '{"a":1}'}, {"value": "approximated"}),
    (Refusal(text="no"), {"type": "text", "text": "no"}, {"": "approximated"}),
    (Native(protocol="openai_responses", kind="x", value={}), None, {"": "dropped", "message": "dropped"}),
    (
        File(source=InlineSource(data=b"%PDF-1"), filename="a.pdf"),
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": b64(b"%PDF-1")}, "title": "a.pdf"},
        {"filename": "approximated", "source.media_type": "defaulted"},
    ),
    (
        File(source=InlineSource(data=b"a,b", media_type="text/csv")),
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        {"source": "approximated"},
    ),
    (
        File(source=TextSource(text="a", media_type="text/markdown")),
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}},
        {"source.media_type": "approximated"},
    ),
    (
        File(source=InlineSource(data=PNG, media_type="image/png")),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)}},
        {"": "approximated"},
    ),
    (File(source=InlineSource(data=b"PK", media_type="application/zip")), None, {"": "dropped", "message": "dropped"}),
    (File(source=FileSource(file_id="f", protocol="openai_chat")), None, {"": "dropped", "message": "dropped"}),
]


@in_turn(("part", "block", "lost"), LOST_PARTS, ids=lambda value: type(value).__name__)
def test_part_that_cannot_be_said_is_in_the_report(part, block, lost):
    """Exactly what is missing is named, and what is near it is said."""
    expected = {f"input[0].parts[0].{path}".rstrip("."): kind for path, kind in lost.items() if path != "message"}
    expected |= {"input[0]": lost["message"]} if "message" in lost else {}
    body, found = emit(ask(user_of(part)))
    content = body["messages"][0]["content"] if body["messages"] else []
    content = [{"type": "text", "text": content}] if isinstance(content, str) else content
    assert content == ([] if block is None else [block])
    assert found == expected


def test_arguments_that_are_no_object_stand_in_raw_and_come_back():
    """`input` must be an object, whatever a model has written."""
    for words in ("{not json", "[1]", '"a"'):
        body, lost = emit(ask(said(ToolCall(call_id="1", name="f", arguments=words))))
        assert body["messages"][0]["content"][0]["input"] == {"_raw": words}
        assert lost == {"input[0].parts[0].arguments": "approximated"}
        assert parse(body)[0].input[0].tool_calls[0].arguments == words


def test_ids_of_calls_are_written_in_allowed_letters_the_same_for_call_and_result():
    """The API takes letters, digits, - and _ only."""
    request = ask(said(ToolCall(call_id="call:1", name="f")), ToolResult(call_id="call:1", name="f"))
    body, lost = emit(request)
    assert body["messages"][0]["content"][0]["id"] == body["messages"][1]["content"][0]["tool_use_id"] == "call_1_0af63155"
    assert lost == {"input[0].parts[0].call_id": "approximated", "input[1].call_id": "approximated"}


def test_ids_of_calls_that_differ_in_strange_letters_alone_stay_two():
    """What is replaced is told apart by a digest."""
    calls = said(*[ToolCall(call_id=call_id, name="f") for call_id in ("a.b", "a:b", "a_b", "\ud800", "")])
    body, _ = emit(ask(calls))
    ids = [block["id"] for block in body["messages"][0]["content"]]
    assert len(set(ids)) == 5
    assert "a_b" in ids
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", each) for each in ids)


def test_name_of_a_result_is_lost_only_where_no_call_tells_it():
    """A result has no name of its own here, and mostly needs none."""
    calls = said(ToolCall(call_id="1", name="g"), ToolCall(call_id="2", name="f"))
    request = ask(calls, ToolResult(call_id="1", name="f"), ToolResult(call_id="2", name="f"))
    assert emit(request)[1] == {"input[1].name": "dropped"}


WORDS = st.text(max_size=5)
WORD = st.text("abc", min_size=1, max_size=5)
ISSUERS = st.builds(Issuer, protocol=st.sampled_from([P, "openai_responses", "gemini_generate_content"]))
OPAQUES = st.none() | st.builds(Opaque, value=WORD, issuer=ISSUERS)
MARKS = st.none() | st.builds(CacheControl, ttl=st.sampled_from(["", "5m", "1h", "24h"]))
TEXTS = st.builds(Text, text=WORDS, cache_control=MARKS, signature=OPAQUES)
IMAGES = st.builds(ImageUrl, url=WORD, detail=st.sampled_from(["", "low"])) | st.builds(
    ImageBase64, data=st.binary(), media_type=st.sampled_from(["", "image/png", "image/tiff"]), cache_control=MARKS
)
FILES = st.builds(
    File,
    source=st.builds(UrlSource, url=WORD) | st.builds(TextSource, text=WORD) | st.builds(InlineSource, data=st.binary(), media_type=WORDS),
    title=WORDS,
    filename=WORDS,
    has_citations=st.none() | st.booleans(),
)
USERS = st.builds(user_of, TEXTS | IMAGES | FILES) | st.builds(user_of, TEXTS, IMAGES)
CALLS = st.builds(ToolCall, call_id=WORD, name=WORD, arguments=st.sampled_from(["{}", '{"a":1}', "[", "[]"]), signature=OPAQUES)
REASONING = st.builds(Reasoning, text=WORDS, opaque=OPAQUES, summary=st.just(()) | st.just(("a", "b")))
ASSISTANTS = st.lists(TEXTS | CALLS | REASONING, max_size=3).map(lambda parts: said(*parts))
RESULTS = st.builds(ToolResult, call_id=WORD, content=st.lists(TEXTS | IMAGES, max_size=2).map(tuple), is_error=st.none() | st.booleans())
SYSTEMS = st.builds(Message.text, st.sampled_from([MessageRole.SYSTEM, MessageRole.DEVELOPER]), WORDS)
REQUESTS = st.builds(
    LlmRequest,
    model=WORD,
    input=st.lists(USERS | ASSISTANTS | RESULTS | SYSTEMS, max_size=5).map(tuple),
    instructions=st.none() | WORD,
    generation=st.builds(
        GenerationConfig,
        max_output_tokens=st.none() | st.integers(1, 3000),
        temperature=st.none() | st.floats(0, 2),
        stop=st.just(()) | st.just((" ", "a")),
        seed=st.none() | st.integers(0, 3),
    ),
    capabilities=st.builds(
        CapabilitySet,
        tools=st.just(()) | st.just((ToolDefinition(name="f"), ToolDefinition(name="g", input_schema={"type": "object"}, strict=True))),
        tool_choice=st.none() | st.sampled_from([ToolChoice(mode=mode) for mode in ("auto", "none", "required")]),
        reasoning=st.none() | st.builds(ReasoningCapability, effort=st.sampled_from(["low", "none", "max"])),
        structured_output=st.none() | st.just(StructuredOutputConfig(schema={"type": "object"})),
    ),
    user_id=WORDS,
    is_stream=st.booleans(),
    protocol=st.sampled_from(["", P, "openai_chat"]),
)


@given(REQUESTS, st.booleans())
def test_canonical_request_comes_back_or_the_report_says_why(request_, adaptively):
    """Whatever a request holds: nothing is lost in silence."""
    body, lost = emit(request_, ClaudeDialect(thinks_adaptively=adaptively))
    back, losses = parse(json.loads(json.dumps(body)))
    assert not losses
    assert lost or replace(back, protocol=request_.protocol) == request_
