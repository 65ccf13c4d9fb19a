"""Requests written for Converse: what botocore's model of the service accepts, and what the report says of the rest."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.model.strategies import requests
from tests.protocols.bedrock_converse.oracle import CLAUDE, problems
from tests.protocols.cases import REQUESTS, RequestCase
from tests.protocols.rare_cases import RARE_REQUESTS

from omnillm.errors import ProtocolError
from omnillm.model import (
    Audio,
    CacheControl,
    CapabilitySet,
    EndOfMessage,
    ExplicitKey,
    File,
    FileSource,
    GenerationConfig,
    ImageBase64,
    ImageFile,
    ImageUrl,
    InlineSource,
    Issuer,
    Json,
    LlmRequest,
    Message,
    MessageRole,
    Native,
    Opaque,
    PromptCachePolicy,
    PromptCacheRetention,
    Reasoning,
    ReasoningCapability,
    Refusal,
    StructuredOutputConfig,
    Text,
    TextSource,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    UrlSource,
    Video,
    user,
)
from omnillm.protocols.dialects import ConverseDialect
from omnillm.protocols.loss import ConversionReport
from omnillm.protocols.transcode import emit_request, parse_request

FEATURES = (*REQUESTS, *RARE_REQUESTS)
SEARCH = ToolDefinition(name="search", description="Search.", input_schema={"type": "object", "properties": {"q": {"type": "string"}}})
OWN = Issuer(protocol="bedrock_converse", provider="aws")


def emit(request: LlmRequest, **dialect: Any) -> ConversionReport[bytes]:
    return emit_request("bedrock_converse", request, dialect=ConverseDialect(provider="aws", **dialect))


def body(request: LlmRequest, **dialect: Any) -> dict[str, Any]:
    written = json.loads(emit(request, **dialect).value)
    assert problems(written) == ""
    return written


def asked(*items: Any, model: str = CLAUDE, **members: Any) -> LlmRequest:
    return LlmRequest(model=model, input=items or (user("hi"),), **members)


def losses(request: LlmRequest, **dialect: Any) -> set[str]:
    return {f"{reason.kind}:{reason.path}" for reason in emit(request, **dialect).loss_reasons}


@in_turn("case", FEATURES, ids=[case.feature for case in FEATURES])
def test_every_feature_is_written_as_the_service_accepts_it(case: RequestCase) -> None:
    """Whatever can be asked, botocore's validator finds nothing wrong with what is sent."""
    try:
        report = emit(case.request)
    except ProtocolError:
        return
    assert problems(json.loads(report.value)) == ""


@settings(max_examples=20, deadline=None)
@given(requests())
def test_any_conversation_is_written_as_the_service_accepts_it(request: LlmRequest) -> None:
    """Roles alternate, no content is empty, and botocore's validator finds nothing wrong."""
    try:
        report = emit(request)
    except ProtocolError:
        return
    written = json.loads(report.value)
    assert problems(written) == ""
    roles = [message["role"] for message in written["messages"]]
    assert all(one != other for one, other in pairwise(roles))
    assert all(message["content"] for message in written["messages"])


def test_conversation_is_said_in_blocks() -> None:
    """System text, both roles, a call, its result and signed reasoning stand where Converse wants them."""
    request = asked(
        Message.text(MessageRole.SYSTEM, "Be brief."),
        user("How deep?"),
        Message(
            role=MessageRole.ASSISTANT,
            parts=(
                Reasoning(text="Look it up.", opaque=Opaque(value="c2ln", issuer=OWN)),
                Reasoning(opaque=Opaque(value="cmVk", issuer=OWN), is_redacted=True),
                ToolCall(call_id="t1", name="search", arguments='{"q":"depth"}'),
            ),
        ),
        ToolResult(call_id="t1", content=(Text(text="9 m"), Json(value={"depth": 9})), is_error=False),
        user("Thanks."),
        capabilities=CapabilitySet(tools=(SEARCH,)),
        generation=GenerationConfig(max_output_tokens=99, temperature=0.5, stop=("END",)),
        is_stream=True,
    )
    assert body(request) == {
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "How deep?"}]},
            {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "Look it up.", "signature": "c2ln"}}},
                    {"reasoningContent": {"redactedContent": "cmVk"}},
                    {"toolUse": {"toolUseId": "t1", "name": "search", "input": {"q": "depth"}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "t1", "content": [{"text": "9 m"}, {"json": {"depth": 9}}], "status": "success"}},
                    {"text": "Thanks."},
                ],
            },
        ],
        "inferenceConfig": {"maxTokens": 99, "temperature": 0.5, "stopSequences": ["END"]},
        "toolConfig": {"tools": [{"toolSpec": {"name": "search", "description": "Search.", "inputSchema": {"json": SEARCH.input_schema}}}]},
    }
    assert losses(request) == set()


def test_media_go_inline_or_by_s3() -> None:
    """Images, documents, videos and sounds; an address that Bedrock cannot fetch is a loss."""
    request = asked(
        Message(
            role=MessageRole.USER,
            parts=(
                ImageBase64(data=b"\x89PNG", media_type="image/png"),
                ImageUrl(url="s3://bucket/lake.jpg"),
                ImageUrl(url="https://example.com/lake.png"),
                File(source=InlineSource(data=b"%PDF", media_type="application/pdf"), filename="depths_2026.pdf"),
                File(source=InlineSource(data=b"%PDF", media_type="application/pdf"), filename="depths_2026.pdf"),
                Video(source=UrlSource(url="s3://bucket/lake.mp4")),
                Audio(source=InlineSource(data=b"RIFF", media_type="audio/wav"), format="wav"),
                Text(text="What is this?"),
            ),
        )
    )
    [message] = body(request)["messages"]
    assert message["content"] == [
        {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
        {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/lake.jpg"}}}},
        {"document": {"format": "pdf", "source": {"bytes": "JVBERg=="}, "name": "depths-2026-pdf"}},
        {"document": {"format": "pdf", "source": {"bytes": "JVBERg=="}, "name": "depths-2026-pdf 2"}},
        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/lake.mp4"}}}},
        {"audio": {"format": "wav", "source": {"bytes": "UklGRg=="}}},
        {"text": "What is this?"},
    ]
    assert "dropped:input[0].parts[2]" in losses(request)


def shown(part: Any, *, role: MessageRole = MessageRole.USER) -> LlmRequest:
    """A part between two texts, at `input[1].parts[1]`."""
    return asked(user("hi"), Message(role=role, parts=(Text(text="a"), part, Text(text="b"))), user("go on"))


def inline(media_type: str, data: bytes = b"data", **members: Any) -> File:
    return File(source=InlineSource(data=data, media_type=media_type), filename="f", **members)


DATA = {"bytes": "ZGF0YQ=="}
FOREIGN = Opaque(value="x", issuer=Issuer(protocol="gemini_generate_content"))
PART = "input[1].parts[1]"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@in_turn(
    ("part", "block", "lost"),
    [
        (ImageBase64(data=b"data", media_type="image/webp"), {"image": {"format": "webp", "source": DATA}}, ""),
        (ImageBase64(data=b"GIF89a", media_type=""), {"image": {"format": "gif", "source": {"bytes": "R0lGODlh"}}}, "defaulted:media_type"),
        (ImageBase64(data=b"data", media_type="image/tiff"), None, "dropped:"),
        (
            ImageBase64(data=b"data", media_type="image/png", signature=FOREIGN),
            {"image": {"format": "png", "source": DATA}},
            "dropped:signature",
        ),
        (ImageUrl(url="s3://b/a", media_type="image/gif"), {"image": {"format": "gif", "source": {"s3Location": {"uri": "s3://b/a"}}}}, ""),
        (inline(WORD), {"document": {"format": "docx", "source": DATA, "name": "f"}}, ""),
        (
            inline("application/pdf", title="Depths", context="Of lakes.", has_citations=True),
            {"document": {"format": "pdf", "source": DATA, "name": "Depths", "context": "Of lakes.", "citations": {"enabled": True}}},
            "dropped:filename",
        ),
        (inline("text/x-python"), {"document": {"format": "txt", "source": DATA, "name": "f"}}, "approximated:source.media_type"),
        (
            inline("", b"%PDF"),
            {"document": {"format": "pdf", "source": {"bytes": "JVBERg=="}, "name": "f"}},
            "defaulted:source.media_type",
        ),
        (inline("image/png"), {"image": {"format": "png", "source": DATA}}, "approximated:"),
        (inline("application/zip"), None, "dropped:"),
        (
            File(source=TextSource(text="data", media_type="text/x-rst"), filename="f"),
            {"document": {"format": "txt", "source": DATA, "name": "f"}},
            "approximated:source.media_type",
        ),
        (
            File(source=UrlSource(url="s3://b/a.pdf")),
            {"document": {"format": "pdf", "source": {"s3Location": {"uri": "s3://b/a.pdf"}}, "name": "document"}},
            "defaulted:filename",
        ),
        (File(source=UrlSource(url="https://example.com/a.pdf")), None, "dropped:"),
        (File(source=FileSource(file_id="file-1")), None, "dropped:"),
        (ImageFile(file_id="file-1"), None, "dropped:"),
        (Audio(source=InlineSource(data=b"data", media_type="audio/mpeg")), {"audio": {"format": "mp3", "source": DATA}}, ""),
        (Audio(source=InlineSource(data=b"data"), format="flac"), {"audio": {"format": "flac", "source": DATA}}, ""),
        (Audio(source=InlineSource(data=b"data", media_type="audio/amr")), None, "dropped:"),
        (Audio(audio_id="audio_1", transcript="Nine."), {"text": "Nine."}, "approximated:"),
        (Video(source=InlineSource(data=b"data", media_type="video/3gpp")), {"video": {"format": "three_gp", "source": DATA}}, ""),
        (
            Video(source=UrlSource(url="s3://b/a", media_type="video/webm"), metadata={"fps": 1}),
            {"video": {"format": "webm", "source": {"s3Location": {"uri": "s3://b/a"}}}},
            "dropped:metadata",
        ),
        (Video(source=UrlSource(url="s3://b/a.avi")), None, "dropped:"),
        (Json(value={"depth": 9}), {"text": '{"depth":9}'}, "approximated:value"),
        (Refusal(text="No."), {"text": "No."}, "approximated:"),
        (Refusal(text=""), None, "dropped:"),
        (Text(text=" \n"), None, "dropped:"),
        (Text(text="Nine.", signature=FOREIGN), {"text": "Nine."}, "dropped:signature"),
        (Native(protocol="openai_chat", kind="video_url", value={"type": "video_url"}), None, "dropped:"),
        (
            Native(protocol="bedrock_converse", kind="guardContent", value={"guardContent": {"text": {"text": "hm"}}}),
            {"guardContent": {"text": {"text": "hm"}}},
            "",
        ),
    ],
)
def test_each_kind_of_part_has_its_block_or_a_reason(part: Any, block: dict[str, Any] | None, lost: str) -> None:
    """In the formats that the service names; what it has no place for is left out, and the rest of the message said."""
    request = shown(part)
    [message] = body(request)["messages"]
    assert message["content"][2:-2] == ([] if block is None else [block])
    kind, _, member = lost.partition(":")
    told = {each for each in losses(request) if PART in each}
    assert told == ({f"{kind}:{PART}{'.' if member else ''}{member}"} if lost else set())


@in_turn(
    ("part", "content", "lost"),
    [
        (Audio(source=InlineSource(data=b"RIFF", media_type="audio/wav")), [], {"dropped:input[2].content[0]"}),
        (
            Audio(source=InlineSource(data=b"RIFF", media_type="audio/wav"), transcript="Nine."),
            [{"text": "Nine."}],
            {"approximated:input[2].content[0]"},
        ),
        (Video(source=InlineSource(data=b"data", media_type="video/mp4")), [{"video": {"format": "mp4", "source": DATA}}], set()),
        (Json(value=[9]), [{"text": "[9]"}], {"approximated:input[2].content[0].value"}),
    ],
)
def test_result_of_a_tool_holds_what_converse_lets_it(part: Any, content: list[Any], lost: set[str]) -> None:
    """Text, JSON objects, images, documents and videos, but no sound, for which the service would refuse the whole call."""
    call = Message(role=MessageRole.ASSISTANT, parts=(ToolCall(call_id="t1", name="search", arguments="{}"),))
    request = asked(user("hi"), call, ToolResult(call_id="t1", content=(part,)), capabilities=CapabilitySet(tools=(SEARCH,)))
    assert body(request)["messages"][2]["content"] == [{"toolResult": {"toolUseId": "t1", "content": content}}]
    assert losses(request) == lost


@in_turn(
    ("choice", "expected", "lost"),
    [
        (ToolChoice(mode="auto"), {"auto": {}}, set()),
        (ToolChoice(mode="required"), {"any": {}}, set()),
        (ToolChoice(mode="named", names=("search",)), {"tool": {"name": "search"}}, set()),
        (ToolChoice(mode="allowed", names=("search",), is_required=True), {"any": {}}, {"approximated:capabilities.tool_choice"}),
    ],
)
def test_tool_choice_is_said(choice: ToolChoice, expected: dict[str, Any], lost: set[str]) -> None:
    """Every choice has its word, or the nearest one and a reason."""
    request = asked(capabilities=CapabilitySet(tools=(SEARCH,), tool_choice=choice))
    assert body(request)["toolConfig"]["toolChoice"] == expected
    assert losses(request) == lost


def test_newest_models_are_not_forced_to_call() -> None:
    """They refuse it, thinking or not."""
    request = asked(capabilities=CapabilitySet(tools=(SEARCH,), tool_choice=ToolChoice(mode="required")))
    assert body(request, forces_calls=False)["toolConfig"]["toolChoice"] == {"auto": {}}
    assert losses(request, forces_calls=False) == {"approximated:capabilities.tool_choice"}


def said(*parts: Any) -> Message:
    return Message(role=MessageRole.ASSISTANT, parts=parts)


CALL = ToolCall(call_id="t1", name="search", arguments="{}")
TOOLS = CapabilitySet(tools=(SEARCH,))
LONG_ID = "call." + "x" * 70


@in_turn(
    ("request", "system", "messages", "lost"),
    [
        (
            asked(Message.text(MessageRole.SYSTEM, "Be brief."), Message.text(MessageRole.SYSTEM, "Be kind.")),
            None,
            [{"role": "user", "content": [{"text": "Be brief."}, {"text": "Be kind."}]}],
            {"moved:input[1]"},
        ),
        (
            asked(user("hi"), instructions="Be brief."),
            [{"text": "Be brief."}],
            [{"role": "user", "content": [{"text": "hi"}]}],
            {"moved:instructions"},
        ),
        (asked(user("hi"), instructions=" "), None, [{"role": "user", "content": [{"text": "hi"}]}], {"dropped:instructions"}),
        (
            asked(Message(role=MessageRole.SYSTEM, parts=(Text(text=" "), Text(text="Be kind."))), user("hi")),
            [{"text": "Be kind."}],
            [{"role": "user", "content": [{"text": "hi"}]}],
            {"dropped:input[0].parts[0]"},
        ),
        (
            asked(user("hi"), said(Reasoning(summary=("One.", "Two."), opaque=Opaque(value="s", issuer=OWN))), user("go on")),
            None,
            [{"reasoningContent": {"reasoningText": {"text": "One.\n\nTwo.", "signature": "s"}}}],
            {"approximated:input[1].parts[0].summary"},
        ),
        (
            asked(user("hi"), said(Reasoning(text="Hm.", opaque=Opaque(value="s", issuer=OWN), cache_control=CacheControl())), user("ok")),
            None,
            [{"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}}],
            {"dropped:input[1].parts[0].cache_control"},
        ),
        (
            asked(user("hi"), said(replace(CALL, signature=FOREIGN)), ToolResult(call_id="t1", name="other"), capabilities=TOOLS),
            None,
            [{"toolUse": {"toolUseId": "t1", "name": "search", "input": {}}}],
            {"dropped:input[1].parts[0].signature", "dropped:input[2].name"},
        ),
        (
            asked(user("hi"), said(replace(CALL, call_id=LONG_ID)), ToolResult(call_id=LONG_ID), capabilities=TOOLS),
            None,
            None,
            {"approximated:input[1].parts[0].call_id", "approximated:input[2].call_id"},
        ),
    ],
)
def test_what_is_said_differently_is_told(
    request: LlmRequest, system: list[Any] | None, messages: list[Any] | None, lost: set[str]
) -> None:
    """The first or second message, as the case is about the user or the assistant; ids of a call and its result stay the same."""
    written = body(request)
    assert written.get("system") == system
    assert losses(request) == lost
    if messages is None:
        [call], [result] = written["messages"][1]["content"], written["messages"][2]["content"]
        assert call["toolUse"]["toolUseId"] == result["toolResult"]["toolUseId"]
        assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", call["toolUse"]["toolUseId"])
    elif "role" in messages[0]:
        assert written["messages"] == messages
    else:
        assert written["messages"][1]["content"] == messages


THINKING = CapabilitySet(reasoning=ReasoningCapability(mode="enabled", budget_tokens=2000), tools=(SEARCH,))
MARKED = Message(role=MessageRole.USER, parts=(Text(text="hi", cache_control=CacheControl(ttl="5m")),))
NOVA = "us.amazon.nova-2-lite-v1:0"


@in_turn(
    ("request", "dialect", "expected", "lost"),
    [
        (
            asked(generation=GenerationConfig(temperature=0.5, top_p=0.5, top_k=5)),
            {"accepts_sampling": False},
            {},
            {"dropped:generation.temperature", "dropped:generation.top_p", "dropped:generation.top_k"},
        ),
        (
            asked(generation=GenerationConfig(temperature=1.5, top_k=5, stop=("END", "\n"))),
            {},
            {"inferenceConfig": {"temperature": 1.0, "stopSequences": ["END"]}, "additionalModelRequestFields": {"top_k": 5}},
            {"approximated:generation.temperature", "dropped:generation.stop"},
        ),
        (
            asked(
                capabilities=replace(THINKING, tool_choice=ToolChoice(mode="required")), generation=GenerationConfig(max_output_tokens=4000)
            ),
            {},
            {"toolChoice": {"auto": {}}},
            {"approximated:capabilities.tool_choice"},
        ),
        (
            asked(capabilities=CapabilitySet(structured_output=StructuredOutputConfig(name="d", schema={"type": "string"}, strict=False))),
            {},
            {},
            {"approximated:capabilities.structured_output.strict"},
        ),
        (
            asked(metadata={"team": "water"}, vendor_extensions={"requestMetadata": {"team": "air", "run": "7"}}),
            {},
            {"requestMetadata": {"team": "water", "run": "7"}},
            set(),
        ),
        (
            asked(model=NOVA, capabilities=CapabilitySet(reasoning=ReasoningCapability(effort="none"))),
            {},
            {"additionalModelRequestFields": {"reasoningConfig": {"type": "disabled"}}},
            set(),
        ),
        (
            asked(MARKED, capabilities=CapabilitySet(prompt_cache=PromptCachePolicy(breakpoint=EndOfMessage(index=0)))),
            {},
            {"messages": [{"role": "user", "content": [{"text": "hi"}, {"cachePoint": {"type": "default", "ttl": "5m"}}]}]},
            set(),
        ),
        (
            asked(MARKED, model=NOVA),
            {},
            {"messages": [{"role": "user", "content": [{"text": "hi"}, {"cachePoint": {"type": "default"}}]}]},
            set(),
        ),
    ],
)
def test_option_that_cannot_be_had_is_told(request: LlmRequest, dialect: dict[str, Any], expected: dict[str, Any], lost: set[str]) -> None:
    """And what can be had beside it stays."""
    written = body(request, **dialect)
    written |= written.get("toolConfig", {})
    assert {name: written.get(name) for name in expected} == expected
    assert losses(request, **dialect) == lost


@in_turn("model", [CLAUDE, NOVA])
def test_claude_takes_one_way_to_sample(model: str) -> None:
    """Its newer models refuse a call with both a temperature and a top_p."""
    request = asked(model=model, generation=GenerationConfig(temperature=0.5, top_p=0.5))
    only = model == CLAUDE
    assert body(request)["inferenceConfig"] == ({"temperature": 0.5} if only else {"temperature": 0.5, "topP": 0.5})
    assert losses(request) == ({"dropped:generation.top_p"} if only else set())
    alone = asked(model=model, generation=GenerationConfig(top_p=0.5))
    assert body(alone)["inferenceConfig"] == {"topP": 0.5}


@in_turn("model", [CLAUDE, NOVA])
def test_conversation_begins_with_the_user(model: str) -> None:
    """Or all but Claude refuse it: an application's greeting was asked for."""
    greeting = Message(role=MessageRole.ASSISTANT, parts=(Text(text="Welcome."),))
    request = asked(Message(role=MessageRole.SYSTEM, parts=(Text(text="Be kind."),)), greeting, user("hi"), model=model)
    begun = [] if model == CLAUDE else [[{"text": "Begin."}]]
    assert [message["content"] for message in body(request)["messages"]] == [*begun, [{"text": "Welcome."}], [{"text": "hi"}]]
    assert losses(request) == (set() if model == CLAUDE else {"approximated:input[1]"})


def test_model_that_holds_to_no_schema_is_asked_in_words() -> None:
    """It would refuse the call for a schema of its answer, or a strict tool."""
    output = StructuredOutputConfig(name="d", schema={"type": "string"})
    tools = (replace(SEARCH, strict=True), replace(SEARCH, name="other", strict=False))
    request = asked(model=NOVA, capabilities=CapabilitySet(structured_output=output, tools=tools))
    written = body(request, takes_schemas=False)
    assert ("outputConfig" in written, written["system"][0]["text"].splitlines()[1]) == (False, '{"type":"string"}')
    assert [tool["toolSpec"].keys() & {"strict"} for tool in written["toolConfig"]["tools"]] == [set(), set()]
    told = {"approximated:capabilities.structured_output.kind", "dropped:capabilities.tools[0].strict"}
    assert losses(request, takes_schemas=False) == told


def test_lone_document_is_named() -> None:
    """Converse refuses a message with a document and no text, and Claude's own API takes it."""
    pdf = File(source=InlineSource(data=b"%PDF", media_type="application/pdf"), filename="depths")
    request = asked(Message(role=MessageRole.USER, parts=(pdf,)))
    document = {"document": {"format": "pdf", "source": {"bytes": "JVBERg=="}, "name": "depths"}}
    assert body(request)["messages"][0]["content"] == [document, {"text": "depths"}]
    assert losses(request) == {"defaulted:input[*]"}
    beside = asked(Message(role=MessageRole.USER, parts=(pdf, Text(text="How deep?"))))
    assert (body(beside)["messages"][0]["content"], losses(beside)) == ([document, {"text": "How deep?"}], set())


def test_results_stand_alone_where_the_model_wants_that() -> None:
    """Llama's, Mistral's and Writer's refuse a user's words beside them, and Mistral's an id of other than nine letters and digits."""
    call = Message(role=MessageRole.ASSISTANT, parts=(ToolCall(call_id="call_1", name="search", arguments="{}"),))
    turns = (user("hi"), call, ToolResult(call_id="call_1", content=(Text(text="9"),)), user("be brief"))
    request = asked(*turns, model="us.mistral.pixtral-large-2502-v1:0", capabilities=CapabilitySet(tools=(SEARCH,)))
    [_, called, *answered] = [message["content"] for message in body(request)["messages"]]
    called_id = called[0]["toolUse"]["toolUseId"]
    assert (len(called_id), called_id.isalnum()) == (9, True)
    result = {"toolResult": {"toolUseId": called_id, "content": [{"text": "9"}]}}
    assert answered == [[result], [{"text": "OK."}], [{"text": "be brief"}]]
    told = {"approximated:input[*]", "approximated:input[1].parts[0].call_id", "approximated:input[2].call_id"}
    assert losses(request) == told
    together = body(replace(request, model="us.meta.llama4-maverick-17b-instruct-v1:0"))["messages"]
    assert [len(message["content"]) for message in together] == [1, 1, 1, 1, 1]
    assert [len(message["content"]) for message in body(replace(request, model=CLAUDE))["messages"]] == [1, 1, 2]


def test_no_document_stands_beside_results() -> None:
    """Claude takes texts and images there alone. A mark stays behind its result, and Nova, which takes anything there, cites nothing."""
    call = Message(role=MessageRole.ASSISTANT, parts=(ToolCall(call_id="t1", name="search", arguments="{}"),))
    pdf = File(source=InlineSource(data=b"%PDF", media_type="application/pdf"), filename="depths", has_citations=True)
    said = Message(role=MessageRole.USER, parts=(Text(text="Read it."), pdf))
    result = ToolResult(call_id="t1", content=(Text(text="9"),), cache_control=CacheControl())
    request = asked(user("hi"), call, result, said, capabilities=CapabilitySet(tools=(SEARCH,)))
    turns = [[next(iter(block)) for block in message["content"]] for message in body(request)["messages"]]
    assert turns == [["text"], ["toolUse"], ["toolResult", "cachePoint"], ["text"], ["text", "document"]]
    assert losses(request) == {"approximated:input[*]"}
    unmarked = asked(user("hi"), call, replace(result, cache_control=None), said, model=NOVA, capabilities=CapabilitySet(tools=(SEARCH,)))
    answered = body(unmarked)["messages"][2]["content"]
    assert ([next(iter(block)) for block in answered], "citations" in answered[2]["document"]) == (
        ["toolResult", "text", "document"],
        False,
    )
    assert losses(unmarked) == {"dropped:input[3].parts[1].has_citations"}


def test_error_without_words_says_that_it_is_one() -> None:
    """Converse refuses it otherwise."""
    call = Message(role=MessageRole.ASSISTANT, parts=(ToolCall(call_id="t1", name="search", arguments="{}"),))
    request = asked(user("hi"), call, ToolResult(call_id="t1", is_error=True), capabilities=CapabilitySet(tools=(SEARCH,)))
    told = {"toolResult": {"toolUseId": "t1", "content": [{"text": "Error"}], "status": "error"}}
    assert body(request)["messages"][2]["content"] == [told]
    assert losses(request) == {"defaulted:input[2].content"}


def test_no_call_is_wanted() -> None:
    """Converse has no word for it: without earlier calls the tools are left out, and with them the report says so."""
    capabilities = CapabilitySet(tools=(SEARCH,), tool_choice=ToolChoice(mode="none"))
    assert "toolConfig" not in body(asked(capabilities=capabilities))
    called = (
        user("hi"),
        Message(role=MessageRole.ASSISTANT, parts=(ToolCall(call_id="t1", name="search", arguments="{}"),)),
        ToolResult(call_id="t1"),
    )
    assert "toolConfig" in body(asked(*called, capabilities=capabilities))
    assert "dropped:capabilities.tool_choice" in losses(asked(*called, capabilities=capabilities))
    bare = body(asked(*called))
    assert [tool["toolSpec"]["name"] for tool in bare["toolConfig"]["tools"]] == ["search"]
    assert "defaulted:capabilities.tools" in losses(asked(*called))


def test_thinking_of_claude_goes_beside_converses_own_members() -> None:
    """A budget, an effort where the model thinks adaptively, and no sampling that thinking forbids."""
    reasoning = CapabilitySet(reasoning=ReasoningCapability(mode="enabled", budget_tokens=2000))
    request = asked(capabilities=reasoning, generation=GenerationConfig(max_output_tokens=4000, temperature=0.5, top_k=5))
    written = body(request)
    assert written["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    assert written["inferenceConfig"] == {"maxTokens": 4000}
    assert losses(request) == {"dropped:generation.temperature", "dropped:generation.top_k"}
    effort = asked(capabilities=CapabilitySet(reasoning=ReasoningCapability(mode="adaptive", effort="high")))
    adaptive = body(effort, thinks_adaptively=True)
    assert adaptive["additionalModelRequestFields"] == {"thinking": {"type": "adaptive"}}
    assert adaptive["outputConfig"] == {"effort": "high"}
    uncapped = body(asked(capabilities=reasoning), default_max_tokens=3000)
    assert uncapped["inferenceConfig"] == {"maxTokens": 3000}


def test_models_without_a_known_way_to_think_say_so() -> None:
    """Nova takes an effort and a topK of its own; of others nothing is known."""
    request = asked(
        model="us.amazon.nova-2-lite-v1:0",
        capabilities=CapabilitySet(reasoning=ReasoningCapability(effort="high")),
        generation=GenerationConfig(top_k=5),
    )
    fields = body(request)["additionalModelRequestFields"]
    assert fields == {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}, "inferenceConfig": {"topK": 5}}
    other = asked(model="meta.llama3-70b-instruct-v1:0", capabilities=request.capabilities, generation=request.generation)
    assert losses(other) == {"dropped:capabilities.reasoning", "dropped:generation.top_k"}


def test_marks_become_cache_points() -> None:
    """After the marked part, the marked tool and the marked result; at most four, the last ones."""
    mark = CacheControl(ttl="1h")
    request = asked(
        Message(role=MessageRole.SYSTEM, parts=(Text(text="Long rules.", cache_control=mark),)),
        *[Message(role=MessageRole.USER, parts=(Text(text=f"{number}", cache_control=CacheControl()),)) for number in range(4)],
        capabilities=CapabilitySet(tools=(ToolDefinition(name="t", cache_control=mark),)),
    )
    written = body(request)
    assert written["toolConfig"]["tools"] == [{"toolSpec": {"name": "t", "inputSchema": {"json": {"type": "object", "properties": {}}}}}]
    assert written["system"] == [{"text": "Long rules."}]
    assert [block for block in written["messages"][0]["content"] if "cachePoint" in block] == [{"cachePoint": {"type": "default"}}] * 4
    few = asked(*request.input[:2], capabilities=request.capabilities)
    assert body(few)["system"] == [{"text": "Long rules."}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert body(few)["toolConfig"]["tools"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    llama = asked(*request.input[:2], model="meta.llama3-70b-instruct-v1:0")
    assert losses(llama) == {"dropped:input[0].parts[0].cache_control", "dropped:input[1].parts[0].cache_control"}


def test_nova_takes_no_cache_points_of_tools() -> None:
    """It refuses the whole call for one after a tool or its result, and knows no term; a policy that may choose takes the system text."""
    mark = CacheControl(ttl="1h")
    marked = asked(
        Message(role=MessageRole.SYSTEM, parts=(Text(text="Long rules.", cache_control=mark),)),
        user("hi"),
        Message(role=MessageRole.ASSISTANT, parts=(ToolCall(call_id="c1", name="search", arguments="{}"),)),
        ToolResult(call_id="c1", content=(Text(text="found"),), cache_control=mark),
        model="us.amazon.nova-2-lite-v1:0",
        capabilities=CapabilitySet(tools=(replace(SEARCH, cache_control=mark),)),
    )
    written = body(marked)
    assert written["system"] == [{"text": "Long rules."}, {"cachePoint": {"type": "default"}}]
    assert "cachePoint" not in json.dumps([written["messages"], written["toolConfig"]])
    assert losses(marked) >= {
        "approximated:input[0].parts[0].cache_control.ttl",
        "dropped:capabilities.tools[0].cache_control",
        "dropped:input[3].cache_control",
    }
    policy = CapabilitySet(tools=(SEARCH,), prompt_cache=PromptCachePolicy.required())
    chosen = body(
        asked(Message(role=MessageRole.SYSTEM, parts=(Text(text="Rules."),)), user("hi"), model="amazon.nova-pro-v1:0", capabilities=policy)
    )
    assert (chosen["system"][-1], len(chosen["toolConfig"]["tools"])) == ({"cachePoint": {"type": "default"}}, 1)
    with pytest.raises(ProtocolError, match="cache"):
        emit(replace(marked, capabilities=CapabilitySet(prompt_cache=replace(policy.prompt_cache, breakpoint=EndOfMessage(index=3)))))


def test_key_that_is_required_is_refused() -> None:
    """As by the Messages API: there is no place for one."""
    policy = PromptCachePolicy(mode="required", key=ExplicitKey(value="k"), breakpoint=EndOfMessage(index=0))
    with pytest.raises(ProtocolError, match="without a key"):
        body(asked(capabilities=CapabilitySet(prompt_cache=policy)))


def test_cache_policy_is_kept_or_refused() -> None:
    """A required cache that the model cannot have is refused before anything is sent; a disabled one takes the marks off."""
    required = PromptCachePolicy(mode="required", retention=PromptCacheRetention.LONG, breakpoint=EndOfMessage(index=0))
    written = body(asked(capabilities=CapabilitySet(prompt_cache=required)))
    assert written["messages"][0]["content"] == [{"text": "hi"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    for request in (
        asked(model="meta.llama3-70b-instruct-v1:0", capabilities=CapabilitySet(prompt_cache=required)),
        asked(capabilities=CapabilitySet(prompt_cache=PromptCachePolicy.required())),
        asked(previous_response_id="resp_1"),
    ):
        with pytest.raises(ProtocolError):
            emit(request)
    marked = Message(role=MessageRole.USER, parts=(Text(text="hi", cache_control=CacheControl()),))
    disabled = asked(marked, capabilities=CapabilitySet(prompt_cache=PromptCachePolicy.disabled()))
    assert body(disabled)["messages"][0]["content"] == [{"text": "hi"}]


def test_structured_output_tier_and_metadata_are_said() -> None:
    """In outputConfig, serviceTier and requestMetadata."""
    schema = {"type": "object", "properties": {"depth": {"type": "number"}}}
    request = asked(
        capabilities=CapabilitySet(structured_output=StructuredOutputConfig(name="depth", schema=schema)),
        generation=GenerationConfig(service_tier="flex"),
        metadata={"team": "water", "odd": "ü"},
    )
    written = body(request)
    assert json.loads(written["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]) == {
        **schema,
        "additionalProperties": False,
    }
    assert written["serviceTier"] == {"type": "flex"}
    assert written["requestMetadata"] == {"team": "water"}
    assert losses(request) == {"dropped:metadata.odd", "approximated:capabilities.structured_output.schema"}


def test_clients_of_any_protocol_may_add_a_guardrail_but_no_model_fields() -> None:
    """What could raise the output cap behind the budget's back does not pass."""
    guardrail = {"guardrailIdentifier": "gr-1", "guardrailVersion": "1"}
    sent = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "guardrailConfig": guardrail,
        "performanceConfig": {"latency": "optimized"},
        "additionalModelRequestFields": {"max_tokens": 10**6},
    }
    request = parse_request("openai_chat", json.dumps(sent).encode(), model=CLAUDE).value
    written = body(request)
    assert written["guardrailConfig"] == guardrail
    assert written["performanceConfig"] == {"latency": "optimized"}
    assert "additionalModelRequestFields" not in written
    assert "dropped:vendor_extensions.additionalModelRequestFields" in losses(request)


def test_reasoning_of_others_is_left_out() -> None:
    """A signature that this provider did not make would be refused."""
    foreign = Opaque(value="x", issuer=Issuer(protocol="gemini_generate_content"))
    turn = Message(role=MessageRole.ASSISTANT, parts=(Reasoning(text="hm", opaque=foreign), Text(text="Nine.")))
    request = asked(user("hi"), turn, user("sure?"))
    assert body(request)["messages"][1]["content"] == [{"text": "Nine."}]
    assert losses(request) == {"dropped:input[1].parts[0]"}


def test_result_without_its_call_is_the_users_word() -> None:
    """Converse refuses it otherwise."""
    request = asked(user("hi"), ToolResult(call_id="gone", name="search", content=(Text(text="9"),), is_error=True))
    [message] = body(request)["messages"]
    assert [block["text"] for block in message["content"]] == ["hi", '<tool_result name="search" is_error="true">', "9", "</tool_result>"]


def test_no_client_speaks_it() -> None:
    """What would read a client's Converse body refuses, by name."""
    with pytest.raises(ProtocolError, match="not by clients"):
        parse_request("bedrock_converse", b"{}")
