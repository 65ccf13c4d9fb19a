"""Requests of Interactions, read to the canonical model, and written again."""

from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.gemini_interactions.asking import CLAUDE, GEMINI, PNG, P, emit, parse, steps

from omnillm.errors import ProtocolError
from omnillm.model import (
    Audio,
    BuiltinTool,
    File,
    FileSource,
    ImageBase64,
    ImageFile,
    ImageUrl,
    InlineSource,
    Issuer,
    Json,
    Message,
    MessageRole,
    Native,
    Opaque,
    OutputModality,
    Reasoning,
    ReasoningCapability,
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
from omnillm.protocols.carrier import pack
from omnillm.protocols.gemini_interactions.parse.request import parse_request
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit
from omnillm.protocols.transcode import transcode_request

OWN = Opaque(value="c2ln", issuer=Issuer(protocol=P))
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def typed(kind: str, **members: Any) -> dict[str, Any]:
    return {"type": kind, **members}


def words(text: str) -> dict[str, Any]:
    return typed("text", text=text)


def heard(*contents: dict[str, Any]) -> dict[str, Any]:
    return typed("user_input", content=list(contents))


CALL = typed("function_call", id="c1", name="weather", arguments={"city": "Oslo"})
RESULT = typed("function_result", call_id="c1", name="weather", result="Rain.")


@in_turn(
    "given",
    ["How deep?", words("How deep?"), [words("How deep?")], [heard(words("How deep?"))]],
)
def test_input_may_be_a_text_contents_or_steps(given: Any) -> None:
    """They ask the same."""
    assert parse(input=given).input == (user("How deep?"),)


def test_contents_that_stand_in_no_step_are_one_message() -> None:
    """A picture and what is asked of it."""
    [message] = parse(input=[words("What is this?"), typed("image", data=PNG, mime_type="image/png")]).input
    assert message.parts == (Text(text="What is this?"), ImageBase64(data=b"\x89PNG\r\n\x1a\n", media_type="image/png"))


def test_system_instruction_is_said_by_the_system() -> None:
    """Before everything else."""
    assert parse(system_instruction="Be brief.").input == (Message.text(MessageRole.SYSTEM, "Be brief."), user("Hi"))


def test_steps_of_the_model_are_one_message_and_results_stand_beside_it() -> None:
    """As the normal form has it; the thought keeps its signature, the call its id."""
    given = steps(heard(words("Is it raining?")), typed("thought", signature="c2ln", summary=[words("Hm."), words(" Oslo.")]), CALL, RESULT)
    assert given == (
        user("Is it raining?"),
        Message(
            role=MessageRole.ASSISTANT,
            parts=(
                Reasoning(text="Hm. Oslo.", opaque=OWN),
                ToolCall(call_id="c1", name="weather", arguments='{"city":"Oslo"}'),
            ),
        ),
        ToolResult(call_id="c1", name="weather", content=(Text(text="Rain."),)),
    )


@in_turn(
    ("result", "content"),
    [
        ("", ()),
        (None, ()),
        ("Rain.", (Text(text="Rain."),)),
        ({"rain": 1}, (Json(value={"rain": 1}),)),
        ([1, 2], (Json(value=[1, 2]),)),
        ([words("Rain.")], (Text(text="Rain."),)),
        ([typed("image", uri="https://example.com/a.png")], (ImageUrl(url="https://example.com/a.png"),)),
    ],
)
def test_result_is_a_text_an_object_or_contents(result: Any, content: tuple[Any, ...]) -> None:
    """Whatever else it is, it is JSON; an error is told."""
    assert steps({**RESULT, "result": result, "is_error": True}) == (
        ToolResult(call_id="c1", name="weather", content=content, is_error=True),
    )


def test_result_among_the_contents_of_a_user_is_a_result() -> None:
    """Where one of the clients puts it (the AI SDK)."""
    given = steps(CALL, heard(words("So:"), RESULT, words("And now?")))
    assert [type(item) for item in given] == [Message, Message, ToolResult, Message]


@in_turn(
    ("content", "part"),
    [
        (
            typed("image", data=PNG, mime_type="image/png", resolution="high"),
            ImageBase64(data=b"\x89PNG\r\n\x1a\n", media_type="image/png", detail="high"),
        ),
        (typed("image", uri="https://example.com/a", resolution="ultra_high"), ImageUrl(url="https://example.com/a", detail="original")),
        (
            typed("image", uri="https://example.com/a", resolution="medium"),
            ImageUrl(url="https://example.com/a", vendor_extensions={"resolution": "medium"}),
        ),
        (typed("image", uri="files/1", mime_type="image/png"), ImageFile(file_id="files/1", protocol=P, media_type="image/png")),
        (
            typed("audio", data="UklGRg==", mime_type="audio/l16", sample_rate=16000),
            Audio(source=InlineSource(data=b"RIFF", media_type="audio/l16"), format="pcm16", vendor_extensions={"sample_rate": 16000}),
        ),
        (typed("video", uri="https://youtu.be/x"), Video(source=UrlSource(url="https://youtu.be/x"))),
        (
            typed("document", uri="https://generativelanguage.googleapis.com/v1/files/1"),
            File(source=FileSource(file_id="https://generativelanguage.googleapis.com/v1/files/1", protocol=P)),
        ),
        (typed("document", data="MTQ5", mime_type="text/plain"), File(source=TextSource(text="149"))),
        (typed("document", data="/w==", mime_type="text/plain"), File(source=InlineSource(data=b"\xff", media_type="text/plain"))),
        (
            typed("image", data="AA==", mime_type="image/png", uri="https://example.com/a.png"),
            ImageBase64(data=b"\0", media_type="image/png", vendor_extensions={"uri": "https://example.com/a.png"}),
        ),
        (typed("image", uri="data:image/png;base64,AA=="), ImageBase64(data=b"\0", media_type="image/png")),
        (typed("hologram", x=1), Native(protocol=P, kind="content.hologram", value=typed("hologram", x=1))),
    ],
)
def test_content_is_a_part(content: dict[str, Any], part: Any) -> None:
    """Of every kind that there is, and of kinds to come."""
    assert steps(heard(content)) == (Message(role=MessageRole.USER, parts=(part,)),)


def test_tools_are_functions_or_googles_own() -> None:
    """What other protocols have too bears their word; the rest is kept as it is."""
    capabilities = parse(
        tools=[
            typed("function", name="weather", description="Tells it.", parameters=SCHEMA, defer_loading=True),
            typed("google_search"),
            typed("google_search", search_types=["image_search"]),
            typed("url_context"),
            typed("code_execution"),
            typed("mcp_server", name="docs", url="https://example.com/mcp"),
            typed("google_maps", latitude=1.5),
        ]
    ).capabilities
    [function] = capabilities.tools
    assert function == ToolDefinition(
        name="weather", description="Tells it.", input_schema=SCHEMA, vendor_extensions={"defer_loading": True}
    )
    images = typed("google_search", search_types=["image_search"])
    assert capabilities.builtin_tools == (
        BuiltinTool(kind="web_search"),
        BuiltinTool(kind="web_search", protocol=P, native=images),
        BuiltinTool(kind="web_fetch"),
        BuiltinTool(kind="code_execution"),
        BuiltinTool(kind="mcp", server_label="docs", server_url="https://example.com/mcp"),
        BuiltinTool(kind="google_maps", protocol=P, native=typed("google_maps", latitude=1.5)),
    )


def allowed(mode: str, *names: str) -> dict[str, Any]:
    return {"allowed_tools": {"mode": mode, "tools": list(names)}}


@in_turn(
    ("given", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("any", ToolChoice(mode="required")),
        ("none", ToolChoice(mode="none")),
        ("validated", ToolChoice(mode="named", protocol=P, native="validated")),
        (allowed("any", "a"), ToolChoice(mode="named", names=("a",))),
        (allowed("any", "a", "b"), ToolChoice(mode="allowed", names=("a", "b"), is_required=True)),
        (allowed("validated", "a"), ToolChoice(mode="allowed", names=("a",))),
        (allowed("none", "a"), ToolChoice(mode="named", protocol=P, native=allowed("none", "a"))),
    ],
)
def test_choice_of_a_tool_is_read_and_written_again(given: Any, choice: ToolChoice) -> None:
    """Each word of it."""
    request = parse(generation_config={"tool_choice": given}, tools=[typed("function", name="a"), typed("function", name="b")])
    assert request.capabilities.tool_choice == choice
    assert emit(request)[0]["generation_config"]["tool_choice"] == given


JSON = StructuredOutputConfig(kind="json_object")
OF_SCHEMA = StructuredOutputConfig(schema=SCHEMA)
TEXT, AUDIO, IMAGE = OutputModality.TEXT, OutputModality.AUDIO, OutputModality.IMAGE


@in_turn(
    ("members", "output", "modalities"),
    [
        ({"response_format": typed("text", mime_type="application/json", schema=SCHEMA)}, OF_SCHEMA, ()),
        ({"response_format": [typed("text", mime_type="application/json")]}, JSON, ()),
        ({"response_format": typed("text")}, None, (TEXT,)),
        ({"response_format": SCHEMA, "response_mime_type": "application/json"}, OF_SCHEMA, ()),
        ({"response_mime_type": "application/json"}, JSON, ()),
        ({"response_format": typed("image")}, None, (IMAGE,)),
        ({"response_format": [typed("text"), typed("audio")]}, None, (TEXT, AUDIO)),
        ({"response_format": [typed("text", mime_type="application/json"), typed("audio")]}, JSON, (TEXT, AUDIO)),
        ({"response_modalities": ["text", "image"]}, None, (TEXT, IMAGE)),
    ],
)
def test_form_of_the_answer_is_read(members: dict[str, Any], output: Any, modalities: tuple[Any, ...]) -> None:
    """Also as it was said before there were formats."""
    capabilities = parse(**members).capabilities
    assert (capabilities.structured_output, capabilities.modalities) == (output, modalities)


def test_options_of_a_format_stay_with_it() -> None:
    """A picture's size is Google's own to say; that a picture is asked for is not."""
    asked = typed("image", aspect_ratio="16:9")
    request = parse(response_format=[typed("text"), asked])
    assert request.capabilities.modalities == (TEXT, IMAGE)
    assert emit(request)[0]["response_format"] == [typed("text"), asked]


def test_format_of_tomorrow_with_an_odd_type_is_kept() -> None:
    """Whatever stands in its place."""
    odd = {"type": ["image"], "x": 1}
    assert emit(parse(response_format=[typed("text"), odd]))[0]["response_format"] == [typed("text"), odd]


def test_settings_are_read_and_written_again() -> None:
    """Everything of a request that has a home, and what has none."""
    body: dict[str, Any] = {
        "model": "m",
        "input": [heard(words("Hi"))],
        "system_instruction": "Be brief.",
        "generation_config": {
            "max_output_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 3,
            "seed": 7,
            "stop_sequences": ["END"],
            "thinking_level": "low",
            "thinking_summaries": "auto",
            "speech_config": [{"voice": "Kore"}],
        },
        "tools": [typed("function", name="a", parameters=SCHEMA), typed("code_execution")],
        "safety_settings": [{"type": "harassment", "threshold": "block_none", "method": "severity"}],
        "labels": {"run": "7"},
        "service_tier": "flex",
        "store": True,
        "stream": True,
        "previous_interaction_id": "v1_x",
        "response_format": typed("text", mime_type="application/json", schema=SCHEMA),
        "cached_content": "cachedContents/1",
    }
    request = parse(**body)
    assert emit(request) == (body, {})
    assert request.capabilities.reasoning == ReasoningCapability(effort="low", include_thoughts=True)
    assert request.capabilities.safety == ({"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE", "method": "SEVERITY"},)
    assert (request.previous_response_id, request.is_stream, request.store) == ("v1_x", True, True)


def test_history_is_written_as_it_was_read() -> None:
    """With the traces of Google's own tools, pictures in a thought, and an error beside what was said."""
    given = [
        heard(words("Hi")),
        typed("thought", signature="c2ln", summary=[words("Hm."), typed("image", data=PNG, mime_type="image/png")]),
        typed("google_search_call", id="g1", arguments={"queries": ["lake"]}, signature="c2ln"),
        typed("google_search_result", call_id="g1", result=[{"search_suggestions": "x"}]),
        typed("model_output", content=[words("149 m."), typed("hologram", x=1)]),
        {**CALL, "signature": "c2ln"},
        {**RESULT, "is_error": True},
        heard(words("And now?")),
    ]
    assert emit(parse(input=given))[0]["input"] == given


@in_turn(
    ("members", "path"),
    [
        ({"input": 7}, "input"),
        ({"input": [{"content": []}]}, "input[0].type"),
        ({"input": [heard({"type": "text"})]}, "input[0].content[0].text"),
        ({"input": [heard(typed("image"))]}, "input[0].content[0].data"),
        ({"input": [typed("function_call", name="a", arguments={})]}, "input[0].id"),
        ({"input": [typed("thought", summary=[7])]}, "input[0].summary[0]"),
        ({"tools": [{"name": "a"}]}, "tools[0].type"),
        ({"generation_config": {"max_output_tokens": 0}}, "generation_config.max_output_tokens"),
        ({"safety_settings": [{"type": "x"}]}, "safety_settings[0].threshold"),
        ({"response_format": 7}, "response_format"),
    ],
)
def test_what_is_not_of_the_protocol_is_named(members: dict[str, Any], path: str) -> None:
    """By where it stands."""
    with pytest.raises(Unfit) as found:
        parse_request({"model": "m", "input": "Hi", **members}, Losses())
    assert found.value.path == path


def carried(value: Opaque, purpose: Any, target: str = "") -> dict[str, Any]:
    return typed("thought", signature=pack(value, P, purpose, target))


def test_signature_that_a_thought_carries_is_the_calls_again() -> None:
    """Before the call, or behind it."""
    for given in ([carried(GEMINI, "call", "c1"), CALL], [CALL, carried(GEMINI, "call", "c1")]):
        [message] = steps(*given)
        assert message.parts == (ToolCall(call_id="c1", name="weather", arguments='{"city":"Oslo"}', signature=GEMINI),)


def test_signature_that_a_thought_carries_is_the_texts_again() -> None:
    """Of the text before it."""
    [message] = steps(typed("model_output", content=[words("149 m.")]), carried(GEMINI, "text"))
    assert message.parts == (Text(text="149 m.", signature=GEMINI),)


def test_signature_without_what_it_signs_is_told_as_lost() -> None:
    """A client may leave out what it likes."""
    losses = Losses()
    parse_request({"input": [carried(GEMINI, "call", "c9"), carried(GEMINI, "text")]}, losses)
    assert [reason.detail for reason in losses.reasons] == ["the text of a signature is gone", "the tool call of a signature is gone"]


def test_reasoning_of_another_provider_is_its_own_again() -> None:
    """Signed, redacted, or a summary in parts."""
    hm = [words("Hm."), words("Oslo.")]
    [message] = steps(
        {**carried(CLAUDE, ""), "summary": hm[:1]},
        carried(CLAUDE, "redacted"),
        {**carried(CLAUDE, "summary"), "summary": hm},
    )
    assert message.parts == (
        Reasoning(text="Hm.", opaque=CLAUDE),
        Reasoning(opaque=CLAUDE, is_redacted=True),
        Reasoning(summary=("Hm.", "Oslo."), opaque=CLAUDE),
    )


def test_stand_in_for_a_signature_signs_nothing() -> None:
    """Google's documented value says that there is none."""
    [message] = steps(typed("thought", signature="skip_thought_signature_validator"), CALL)
    assert message.parts == (ToolCall(call_id="c1", name="weather", arguments='{"city":"Oslo"}'),)


@in_turn(
    "member",
    [
        {"previous_interaction_id": "v1_x"},
        {"background": True},
        {"agent": "deep-research-preview-04-2026"},
        {"environment": "environments/1"},
        {"continuation_token": "t"},
        {"cached_content": "cachedContents/1"},
    ],
)
def test_what_google_keeps_or_runs_is_refused_elsewhere(member: dict[str, Any]) -> None:
    """Another provider would answer another question; the client is told which member it is."""
    [name] = member
    body = msgspec.json.encode({"model": "m", "input": "Hi", **member})
    for target in ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content", "bedrock_converse"):
        with pytest.raises(ProtocolError, match=f"`{name}` is about what only its own provider keeps"):
            transcode_request(P, target, body)
    assert transcode_request(P, P, body).loss_reasons == ()


def test_response_that_openai_keeps_is_refused_by_interactions() -> None:
    """An id means something to who gave it alone."""
    body = msgspec.json.encode({"model": "m", "input": "Hi", "previous_response_id": "resp_1"})
    with pytest.raises(ProtocolError, match="`previous_response_id` is about"):
        transcode_request("openai_responses", P, body)
