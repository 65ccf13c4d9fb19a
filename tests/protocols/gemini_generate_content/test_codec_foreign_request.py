"""Canonical requests of every origin, written for Gemini."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.protocols.gemini_generate_content.asking import FOREIGN, QUESTION, P, can, emit, parse, parts_of, request, said
from tests.protocols.gemini_generate_content.bodies import (
    HI,
    PNG,
    SIGNATURE,
    UNCHECKED,
    answers,
    asks,
    call,
    inline,
    result,
    signed,
)

from omnillm.errors import ProtocolError
from omnillm.model import (
    Audio,
    BuiltinTool,
    CacheControl,
    CapabilitySet,
    Citation,
    EndOfTools,
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
from omnillm.protocols.dialects import GeminiDialect
from omnillm.protocols.transcode import emit_request
from omnillm.providers.dialects import dialect_of
from omnillm.providers.kinds import endpoint


def test_system_text() -> None:
    """At the start it is the systemInstruction, later a word of the user's."""
    system = Message.text(MessageRole.SYSTEM, "Be brief.")
    body, lost = emit(request(system, QUESTION, said(Text(text="Hello.")), Message.text(MessageRole.DEVELOPER, "In German."), user("Now?")))
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"][-1] == answers({"text": "<system>\nIn German.\n</system>"}, {"text": "Now?"})
    assert lost == {"input[3]": "moved", "input[3].role": "approximated", "input[4]": "moved"}


def test_instructions_come_first() -> None:
    """Each message of the start is a part."""
    body, lost = emit(request(Message.text(MessageRole.SYSTEM, "b"), Message.text(MessageRole.SYSTEM, "c"), QUESTION, instructions="a"))
    assert body["systemInstruction"]["parts"] == [{"text": "a"}, {"text": "b"}, {"text": "c"}]
    assert lost == {"instructions": "moved", "input[1]": "moved"}


def test_system_text_alone_is_said_by_the_user() -> None:
    """Gemini refuses a request without contents."""
    body, lost = emit(request(Message.text(MessageRole.SYSTEM, "Write a poem.")))
    assert body == {"contents": [answers({"text": "Write a poem."})]}
    assert lost == {"input[0]": "moved"}


def test_first_call_of_a_step_is_not_checked() -> None:
    """Where no signature of Gemini's is known; the calls beside it need none."""
    foreign = ToolCall(call_id="a", name="f", arguments="{}", signature=FOREIGN)
    calls = (ToolCall(call_id="b", name="f", arguments=""), foreign)
    parts, lost = parts_of(*calls, role=MessageRole.ASSISTANT)
    assert parts == [signed(call("f", {}, id="b"), UNCHECKED), call("f", {}, id="a")]
    assert lost == {"input[1].parts[1].signature": "dropped"}
    parts, lost = parts_of(foreign, role=MessageRole.ASSISTANT)
    assert parts == [signed(call("f", {}, id="a"), UNCHECKED)]
    assert lost == {"input[1].parts[0].signature": "approximated"}


@pytest.mark.parametrize(("provider", "is_told"), [("google", True), ("", True), ("vertex", False)])
def test_signature_returns_to_its_provider_alone(provider: str, is_told: bool) -> None:
    """Others of the same protocol cannot read it."""
    own = Opaque(value=SIGNATURE, issuer=Issuer(protocol=P, provider="google"))
    body, lost = emit(request(QUESTION, said(Text(text="a", signature=own))), GeminiDialect(provider=provider))
    assert body["contents"][1]["parts"] == [signed({"text": "a"}) if is_told else {"text": "a"}]
    assert bool(lost) is not is_told


def test_reasoning_of_others_is_a_thought_without_signature() -> None:
    """It never becomes an answer; what has no text is left out."""
    parts, lost = parts_of(
        Reasoning(text="Hm.", opaque=FOREIGN),
        Reasoning(opaque=FOREIGN, is_redacted=True),
        Reasoning(summary=("a", "b")),
        Reasoning(),
        role=MessageRole.ASSISTANT,
    )
    assert parts == [{"text": "Hm.", "thought": True}, {"text": "a\n\nb", "thought": True}]
    assert lost == {
        "input[1].parts[0].opaque": "dropped",
        "input[1].parts[1]": "dropped",
        "input[1].parts[2].summary": "approximated",
        "input[1].parts[3]": "dropped",
    }


def test_tool_results() -> None:
    """Consecutive results are one content; each has the name of its call."""
    made = ToolCall(call_id="c1", name="search", arguments="{lake")
    results = (
        ToolResult(call_id="c1", content=(Text(text="a"), ImageBase64(data=PNG, media_type="image/png")), is_error=True),
        ToolResult(call_id="c2", content=(Json(value={"error": 5}),)),
        ToolResult(call_id="c3", content=(Json(value=[1]), Text(text="b")), kind="custom"),
    )
    others = (ToolCall(call_id="c2", name="c2", arguments="null"), ToolCall(call_id="c3", name="c3"))
    body, lost = emit(request(QUESTION, said(made, *others), *results))
    assert [part["functionCall"]["args"] for part in body["contents"][1]["parts"]] == [{"_raw": "{lake"}, {}, {}]
    assert body["contents"][2:] == [
        answers(
            result({"error": "a"}, id="c1", parts=[inline("image/png", PNG)]),
            result({"result": {"error": 5}}, "c2", id="c2"),
            result({"result": "[1]\n\nb"}, "c3", id="c3"),
        )
    ]
    assert lost == {"input[1].parts[0].arguments": "approximated", "input[4].content": "approximated", "input[4].kind": "approximated"}
    back = parse(body)[0].input
    assert isinstance(back[1], Message)
    assert back[1].tool_calls[0].arguments == "{lake"
    assert back[3].content == (Json(value={"error": 5}),)  # type: ignore[union-attr]


def calls(*call_ids: str) -> Message:
    return said(*(ToolCall(call_id=call_id, name="f", arguments="{}") for call_id in call_ids))


def answer(call_id: str, *content: Any, **members: Any) -> ToolResult:
    return ToolResult(call_id=call_id, content=content or (Text(text=call_id),), **members)


def written(*items: Any, dialect: GeminiDialect = GeminiDialect()) -> tuple[list[list[str]], dict[str, str]]:  # noqa: B008 - frozen
    """Each content in short: its role, and the texts, calls and results of its parts."""
    body, lost = emit(request(*items), dialect)
    short = [[content["role"], *map(in_short, content["parts"])] for content in body["contents"]]
    return short, lost


def in_short(part: dict) -> str:
    [kind] = [name for name in part if name != "thoughtSignature"]
    inner = part[kind]
    return (
        str(inner)
        if kind == "text"
        else kind
        if kind == "inlineData"
        else f"{kind} {inner.get('id') or inner.get('response', {}).get('result')}"
    )


def test_what_is_lost_inside_a_result_is_told_by_its_place() -> None:
    """Each part of it by its own number; what follows a picture comes before it."""
    call = ToolCall(call_id="c", name="f", arguments="{}")
    content = (
        ImageBase64(data=b"\x89PNG", media_type="image/png", detail="low"),
        Text(text="149 m."),
        ImageFile(file_id="file-1", protocol="openai_responses"),
    )
    tools = CapabilitySet(tools=(ToolDefinition(name="f"),))
    body, lost = emit(request(QUESTION, said(call), ToolResult(call_id="c", content=content), capabilities=tools))
    [part] = body["contents"][2]["parts"]
    assert part["functionResponse"]["response"] == {"result": "149 m."}
    assert [each["inlineData"]["mimeType"] for each in part["functionResponse"]["parts"]] == ["image/png"]
    assert lost == {"input[2].content": "moved", "input[2].content[0].detail": "dropped", "input[2].content[2]": "dropped"}


def test_results_directly_follow_their_calls() -> None:
    """What else was said between them comes after."""
    short, lost = written(
        QUESTION, calls("a", "b"), user("Wait."), answer("b"), Message.text(MessageRole.SYSTEM, "Now."), answer("a"), user("Go on.")
    )
    results = ["functionResponse b", "functionResponse a"]
    assert short == [
        ["user", "Hi"],
        ["model", "functionCall a", "functionCall b"],
        ["user", *results, "Wait.", "<system>\nNow.\n</system>", "Go on."],
    ]
    assert {path: kind for path, kind in lost.items() if kind == "moved"} == {f"input[{number}]": "moved" for number in (3, 4, 5, 6)}


def test_results_of_an_earlier_step_go_back_to_it() -> None:
    """Also over a word of the model's; an id that is used again means the last call."""
    short, lost = written(QUESTION, calls("a"), user("And?"), calls("b"), answer("a"), said(Text(text="So.")), answer("b"))
    assert short[1:] == [
        ["model", "functionCall a"],
        ["user", "functionResponse a", "And?"],
        ["model", "functionCall b", "So."],
        ["user", "functionResponse b"],
    ]
    assert lost["input[4]"] == "moved"
    assert "input[6]" not in lost
    short, lost = written(QUESTION, calls("a"), answer("a"), calls("a"), answer("a"))
    assert [content[0] for content in short] == ["user", "model", "user", "model", "user"]
    assert lost == {}


def test_result_without_a_call_is_said_by_the_user() -> None:
    """Its call was another provider's own, or was cut off; the second answer to one call is one too."""
    native = Native(protocol="openai_responses", kind="shell_call", value={"type": "shell_call"})
    picture = ImageBase64(data=PNG, media_type="image/png")
    short, lost = written(
        QUESTION, said(Text(text="I look."), native), answer("x", Text(text="149 m"), picture), answer("y", Json(value=[1]), is_error=True)
    )
    assert short == [
        ["user", "Hi"],
        ["model", "I look."],
        ["user", "<tool_result>\n149 m\n</tool_result>", "inlineData", "<tool_error>\n[1]\n</tool_error>"],
    ]
    assert lost == {"input[1].parts[1]": "dropped", "input[2]": "approximated", "input[3]": "approximated"}
    short, lost = written(QUESTION, calls("a"), answer("a"), answer("a"))
    assert short[2] == ["user", "functionResponse a", "<tool_result>\na\n</tool_result>"]
    assert lost == {"input[3]": "approximated"}


def test_before_gemini_3_results_have_no_ids_and_pictures_stand_after_them() -> None:
    """Which takes both: results are told apart by the order of their calls, whatever the client's own is."""
    picture = ImageBase64(data=PNG, media_type="image/png")
    items = (QUESTION, calls("a", "b"), answer("b"), answer("a", Text(text="a"), picture), user("Go on."))
    older = GeminiDialect(joins_tools=False)
    short, lost = written(*items, dialect=older)
    body, _ = emit(request(*items), older)
    assert [next(iter(part.values())).keys() for part in body["contents"][1]["parts"]] == [{"name", "args"}] * 2
    assert short[2] == ["user", "functionResponse a", "functionResponse b", "inlineData", "Go on."]
    assert lost == {"input[3].content": "moved"}
    assert written(*items)[0][2] == ["user", "functionResponse b", "functionResponse a", "Go on."]


@in_turn("value", [{}, {"result": "a"}, {"output": 5}, {"error": {}}, {"a": 1}, {"result": {"a": 1}}, {"result": {}}, [], 5, None])
@in_turn("is_error", [None, True])
def test_json_result_comes_back(value: Any, is_error: bool | None) -> None:
    """Whatever it looks like."""
    answer = ToolResult(call_id="c1", name="f", content=(Json(value=value),), is_error=is_error)
    made = said(ToolCall(call_id="c1", name="f", arguments="{}"))
    body, lost = emit(request(QUESTION, made, answer))
    assert parse(body)[0].input[2] == answer
    assert lost == {}


MEDIA: tuple[tuple[Any, dict | None, dict[str, str]], ...] = (
    (
        ImageUrl(url="https://a.b/c.jpg?x=1", detail="low"),
        {"mimeType": "image/jpeg", "fileUri": "https://a.b/c.jpg?x=1"},
        {".detail": "dropped"},
    ),
    (ImageUrl(url="https://a.b/c"), {"mimeType": "image/jpeg", "fileUri": "https://a.b/c"}, {".media_type": "defaulted"}),
    (ImageFile(file_id="file-1", protocol="openai_responses"), None, {"": "dropped"}),
    (File(source=FileSource(file_id="file-1", protocol="openai_chat")), None, {"": "dropped"}),
    (
        File(source=UrlSource(url="https://a.b/c.pdf")),
        {"mimeType": "application/pdf", "fileUri": "https://a.b/c.pdf"},
        {".source.media_type": "defaulted"},
    ),
    (Video(source=UrlSource(url="https://youtu.be/1")), {"fileUri": "https://youtu.be/1"}, {}),
    (Audio(audio_id="a1"), None, {"": "dropped", ".audio_id": "dropped"}),
)


@in_turn(("part", "written", "lost"), MEDIA)
def test_media_by_address(part: Any, written: dict | None, lost: dict[str, str]) -> None:
    """A file's id crosses to no other provider; a media type that nobody said is guessed."""
    parts, found = parts_of(Text(text="a"), part)
    assert parts[1:] == ([] if written is None else [{"fileData": written}])
    assert found == {f"input[0].parts[1]{member}": kind for member, kind in lost.items()}


def test_media_inline() -> None:
    """Names and titles of documents have no place."""
    document = File(source=TextSource(text="149 m"), title="Lake", has_citations=True)
    named = File(source=InlineSource(data=b"%PDF", media_type="application/pdf"), filename="a.pdf")
    sound = Audio(source=InlineSource(data=b"RIFF"), format="mp3")
    parts, lost = parts_of(document, named, sound, ImageBase64(data=PNG))
    assert parts == [
        inline("text/plain", b"149 m"),
        inline("application/pdf", b"%PDF"),
        inline("audio/mp3", b"RIFF"),
        inline("image/jpeg", PNG),
    ]
    assert lost == {
        "input[0].parts[0].title": "dropped",
        "input[0].parts[0].has_citations": "dropped",
        "input[0].parts[1].filename": "dropped",
        "input[0].parts[3].media_type": "defaulted",
    }


def test_parts_that_gemini_does_not_have() -> None:
    """Each is told."""
    native = Native(protocol="openai_responses", kind="web_search_call", value={"type": "web_search_call"})
    marked = Text(text="b", cache_control=CacheControl(), citations=(Citation(url="u"),), vendor_extensions={"x": 1})
    parts, lost = parts_of(Refusal(text="No."), Json(value=[1]), native, Text(text=""), marked)
    assert parts == [{"text": "No."}, {"text": "[1]"}, {"text": "b"}]
    assert lost == {
        "input[0].parts[0]": "approximated",
        "input[0].parts[1].value": "approximated",
        "input[0].parts[2]": "dropped",
        "input[0].parts[3]": "dropped",
        "input[0].parts[4].cache_control": "dropped",
        "input[0].parts[4].citations": "dropped",
        "input[0].parts[4].vendor_extensions.x": "dropped",
    }


def test_tools() -> None:
    """Free text is a function's one argument; the provider's tools are said in Gemini's words."""
    search = BuiltinTool(kind="web_search", max_uses=3, protocol="anthropic_messages", native={"type": "web_search_20250305"})
    body, lost = emit(
        can(
            tools=(
                ToolDefinition(name="a", kind="custom", format={}),
                ToolDefinition(name="b", strict=True, cache_control=CacheControl()),
            ),
            builtin_tools=(search, BuiltinTool(kind="mcp"), BuiltinTool(kind="web_fetch")),
            parallel_tool_calls=False,
            max_tool_calls=2,
        )
    )
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]["required"] == ["input"]
    assert body["tools"][1:] == [{"googleSearch": {}}, {"urlContext": {}}]
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert lost == {
        "capabilities.tools[0].kind": "approximated",
        "capabilities.tools[0].format": "dropped",
        "capabilities.tools[1].strict": "dropped",
        "capabilities.tools[1].cache_control": "dropped",
        "capabilities.builtin_tools[0]": "approximated",
        "capabilities.builtin_tools[0].max_uses": "dropped",
        "capabilities.builtin_tools[1]": "dropped",
        "capabilities.parallel_tool_calls": "dropped",
        "capabilities.max_tool_calls": "dropped",
    }


def test_names_that_gemini_refuses() -> None:
    """It allows dots and colons, but no digit at the start and no more than 128 characters; calls, results and choices follow."""
    long = "g" * 130
    names = ("2nd", "_2nd", "a.b:c-d", long, "a b")
    asked = request(
        QUESTION,
        said(ToolCall(call_id="c", name="2nd", arguments="{}")),
        ToolResult(call_id="c", name="2nd"),
        capabilities=CapabilitySet(
            tools=tuple(ToolDefinition(name=name) for name in names), tool_choice=ToolChoice(mode="named", names=("2nd",))
        ),
    )
    assert emit_request(P, asked).names == {"_2nd_2": "2nd", "g" * 128: long, "a_b": "a b"}
    body = msgspec.json.decode(emit_request(P, asked).value)
    declared = [function["name"] for function in body["tools"][0]["functionDeclarations"]]
    assert declared == ["_2nd_2", "_2nd", "a.b:c-d", "g" * 128, "a_b"]
    assert body["contents"][1]["parts"][0]["functionCall"]["name"] == "_2nd_2"
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == "_2nd_2"
    assert body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == ["_2nd_2"]


OLD = GeminiDialect(joins_tools=False, thinks_in_levels=False)
F = ToolDefinition(name="f")


def test_functions_alone_before_gemini_3() -> None:
    """It takes no tools of Google's own beside them; without functions it does."""
    search = BuiltinTool(kind="web_search")
    body, lost = emit(can(tools=(F,), builtin_tools=(search,)), OLD)
    assert body == {**asks(), "tools": [{"functionDeclarations": [{"name": "f"}]}]}
    assert lost == {"capabilities.builtin_tools[0]": "dropped"}
    body, lost = emit(can(builtin_tools=(search,)), OLD)
    assert body["tools"] == [{"googleSearch": {}}]
    assert "toolConfig" not in body
    assert lost == {}


@in_turn("tools", [{"tools": (F,)}, {"builtin_tools": (BuiltinTool(kind="web_search"),)}])
def test_json_is_asked_for_in_words_beside_tools_before_gemini_3(tools: dict[str, Any]) -> None:
    """It refuses the member that asks for JSON; what runs an agent waits for an answer of its schema all the same."""
    asked = can(structured_output=StructuredOutputConfig(schema={"type": "object"}), **tools)
    written = emit_request(P, asked, dialect=OLD)
    body = msgspec.json.decode(written.value)
    words = 'Answer with JSON of this schema and nothing else:\n{"type":"object"}'
    assert body["systemInstruction"] == {"parts": [{"text": words}]}
    assert "generationConfig" not in body
    assert [(reason.path, reason.kind) for reason in written.loss_reasons] == [("capabilities.structured_output", "approximated")]
    newer = emit_request(P, asked)
    assert b"systemInstruction" not in newer.value
    assert b"responseJsonSchema" in newer.value
    assert newer.loss_reasons == ()


UNKNOWN_CHOICES: tuple[tuple[ToolChoice, dict | None, dict[str, str]], ...] = (
    (ToolChoice(mode="named", names=("web_search",)), None, {"": "dropped"}),
    (ToolChoice(mode="allowed", names=("web_search",), is_required=True), None, {"": "dropped"}),
    (
        ToolChoice(mode="allowed", names=("web_search", "f"), is_required=True),
        {"mode": "ANY", "allowedFunctionNames": ["f"]},
        {".names": "approximated"},
    ),
)


@pytest.mark.parametrize(("choice", "written", "lost"), UNKNOWN_CHOICES)
def test_choice_of_no_function(choice: ToolChoice, written: dict | None, lost: dict[str, str]) -> None:
    """Gemini refuses names that are not declared."""
    body, found = emit(can(tools=(F,), tool_choice=choice))
    assert body.get("toolConfig") == (None if written is None else {"functionCallingConfig": written})
    assert found == {f"capabilities.tool_choice{member}": kind for member, kind in lost.items()}


@pytest.mark.parametrize("mode", ["auto", "none", "required"])
def test_choice_without_functions(mode: Any) -> None:
    """There is nothing to choose; auto says nothing."""
    body, lost = emit(can(builtin_tools=(BuiltinTool(kind="web_search"),), tool_choice=ToolChoice(mode=mode)))
    assert "toolConfig" not in body
    assert lost == ({} if mode == "auto" else {"capabilities.tool_choice": "dropped"})


OLD_THINKING: tuple[tuple[ReasoningCapability, dict, dict[str, str]], ...] = (
    (ReasoningCapability(effort="low"), {"thinkingBudget": 2048}, {"effort": "approximated"}),
    (ReasoningCapability(effort="max"), {"thinkingBudget": 24576}, {"effort": "approximated"}),
    (ReasoningCapability(effort="high", budget_tokens=5), {"thinkingBudget": 5}, {"effort": "dropped"}),
    (ReasoningCapability(effort="none"), {"thinkingBudget": 0}, {}),
    (ReasoningCapability(budget_tokens=2048), {"thinkingBudget": 2048}, {}),
    (ReasoningCapability(mode="adaptive"), {"thinkingBudget": -1, "includeThoughts": True}, {"mode": "approximated"}),
)


@in_turn(("reasoning", "written", "lost"), OLD_THINKING)
def test_budget_before_gemini_3(reasoning: ReasoningCapability, written: dict, lost: dict[str, str]) -> None:
    """It knows no levels."""
    body, found = emit(can(reasoning=reasoning), OLD)
    assert body["generationConfig"]["thinkingConfig"] == written
    assert found == {f"capabilities.reasoning.{name}": kind for name, kind in lost.items()}


def test_model_that_always_reasons() -> None:
    """What asks it not to would be refused."""
    body, lost = emit(can(reasoning=ReasoningCapability(mode="disabled")), GeminiDialect(can_stop_thinking=False))
    assert body == asks()
    assert lost == {"capabilities.reasoning.mode": "dropped"}


CHOICES: tuple[tuple[ToolChoice, dict | None], ...] = (
    (ToolChoice(mode="auto"), {"mode": "AUTO"}),
    (ToolChoice(mode="none"), {"mode": "NONE"}),
    (ToolChoice(mode="required"), {"mode": "ANY"}),
    (ToolChoice(mode="named", names=("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    (ToolChoice(mode="allowed", names=("f", "g"), is_required=True), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
    (ToolChoice(mode="allowed", names=("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    (ToolChoice(mode="named", protocol="openai_responses", native={"type": "mcp"}), None),
)


@in_turn(("choice", "written"), CHOICES)
def test_tool_choice(choice: ToolChoice, written: dict | None) -> None:
    """And back; a choice that only another protocol knows is dropped."""
    functions = (ToolDefinition(name="f"), ToolDefinition(name="g"))
    body, lost = emit(can(tools=functions, tool_choice=choice))
    assert body.get("toolConfig") == (None if written is None else {"functionCallingConfig": written})
    assert lost == ({} if written else {"capabilities.tool_choice": "dropped"})
    assert not written or parse(body)[0].capabilities.tool_choice == choice


THINKING: tuple[tuple[ReasoningCapability, dict, dict[str, str]], ...] = (
    (ReasoningCapability(effort="low"), {"thinkingLevel": "LOW"}, {}),
    (ReasoningCapability(effort="max"), {"thinkingLevel": "XHIGH"}, {"effort": "approximated"}),
    (ReasoningCapability(effort="none"), {"thinkingBudget": 0}, {}),
    (ReasoningCapability(mode="disabled"), {"thinkingBudget": 0}, {}),
    (ReasoningCapability(budget_tokens=2048), {"thinkingBudget": 2048}, {}),
    (ReasoningCapability(mode="enabled", budget_tokens=2048), {"thinkingBudget": 2048, "includeThoughts": True}, {}),
    (
        ReasoningCapability(mode="adaptive", include_thoughts=False),
        {"thinkingBudget": -1, "includeThoughts": False},
        {"mode": "approximated"},
    ),
    (ReasoningCapability(effort="high", budget_tokens=5), {"thinkingLevel": "HIGH"}, {"budget_tokens": "dropped"}),
    (
        ReasoningCapability(effort="high", summary="auto"),
        {"thinkingLevel": "HIGH", "includeThoughts": True},
        {"summary": "approximated"},
    ),
)


@pytest.mark.parametrize(("reasoning", "written", "lost"), THINKING)
def test_reasoning(reasoning: ReasoningCapability, written: dict, lost: dict[str, str]) -> None:
    """A level or a budget."""
    body, found = emit(can(reasoning=reasoning))
    assert body["generationConfig"]["thinkingConfig"] == written
    assert found == {f"capabilities.reasoning.{name}": kind for name, kind in lost.items()}


@in_turn(
    ("model", "asked", "written", "lost"),
    [
        ("gemini-3-pro-preview", "minimal", {"thinkingLevel": "LOW"}, {"effort": "approximated"}),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "HIGH"}, {"effort": "approximated"}),
        ("gemini-3-pro-preview", "none", {"thinkingLevel": "LOW"}, {"effort": "approximated"}),
        ("gemini-3.7-flash", "xhigh", {"thinkingLevel": "HIGH"}, {"effort": "approximated"}),
        ("gemini-3.7-flash", "none", {"thinkingLevel": "LOW"}, {"effort": "approximated"}),
        ("gemini-3-flash-preview", "none", {"thinkingBudget": 0}, {}),
        ("gemini-2.5-pro", "none", None, {"effort": "dropped"}),
        ("gemini-2.5-flash-image", "low", None, {"": "dropped"}),
    ],
)
def test_effort_is_one_that_the_model_takes(model: str, asked: str, written: dict | None, lost: dict[str, str]) -> None:
    """Or the nearest; it refuses the others."""
    dialect = dialect_of(endpoint("gemini"), provider="p", protocol="gemini_generate_content", model=model, most_output=0, default_output=9)
    body, found = emit(can(reasoning=ReasoningCapability(effort=asked)), dialect)
    assert body.get("generationConfig", {}).get("thinkingConfig") == written
    assert found == {f"capabilities.reasoning.{name}".rstrip("."): kind for name, kind in lost.items()}


@in_turn(
    ("reasoning", "written", "lost"),
    [
        (ReasoningCapability(mode="enabled", budget_tokens=1024), {"thinkingLevel": "LOW", "includeThoughts": True}, "budget_tokens"),
        (ReasoningCapability(budget_tokens=9000), {"thinkingLevel": "HIGH"}, "budget_tokens"),
        (ReasoningCapability(budget_tokens=0), {"thinkingLevel": "LOW"}, "budget_tokens"),
        (ReasoningCapability(budget_tokens=-1), None, "budget_tokens"),
        (ReasoningCapability(mode="disabled"), {"thinkingLevel": "LOW"}, "mode"),
        (ReasoningCapability(mode="enabled"), {"includeThoughts": True}, "mode"),
    ],
)
def test_gemini_4_is_asked_for_no_budget_and_for_one_answer(reasoning: ReasoningCapability, written: dict | None, lost: str) -> None:
    """ "Thinking budget is not supported for this model. Use thinking level instead." is what it says, with a 400; also to several answers."""
    dialect = dialect_of(endpoint("gemini"), provider="p", protocol=P, model="gemini-4-argon", most_output=0, default_output=9)
    body, found = emit(replace(can(reasoning=reasoning), generation=GenerationConfig(n=3)), dialect)
    assert body["generationConfig"] == {"candidateCount": 1} | ({} if written is None else {"thinkingConfig": written})
    assert found == {f"capabilities.reasoning.{lost}": "approximated", "generation.n": "approximated"}


def test_result_holds_what_a_response_may() -> None:
    """The Gemini API refuses an address within it, and every type but five: these stand behind the results."""
    call = ToolCall(call_id="c", name="f", arguments="{}")
    content = (
        ImageUrl(url="https://example.com/a.png", media_type="image/png"),
        ImageBase64(data=b"GIF8", media_type="image/gif"),
        ImageBase64(data=b"\x89PNG", media_type="image/png"),
    )
    tools = CapabilitySet(tools=(ToolDefinition(name="f"),))
    body, lost = emit(request(QUESTION, said(call), ToolResult(call_id="c", content=content), capabilities=tools))
    [part, *behind] = body["contents"][2]["parts"]
    assert [each["inlineData"]["mimeType"] for each in part["functionResponse"]["parts"]] == ["image/png"]
    assert [next(iter(each)) for each in behind] == ["fileData", "inlineData"]
    assert lost == {"input[2].content": "moved"}


def test_structured_output() -> None:
    """Gemini holds to the schema, and has no names for it."""
    output = StructuredOutputConfig(name="a", description="b", schema={"type": "object"}, strict=False)
    body, lost = emit(can(structured_output=output))
    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}
    path = "capabilities.structured_output"
    assert lost == {f"{path}.name": "dropped", f"{path}.description": "dropped", f"{path}.strict": "approximated"}


def test_most_answers() -> None:
    """Gemini refuses more than eight."""
    body, lost = emit(request(generation=GenerationConfig(n=20)))
    assert body["generationConfig"] == {"candidateCount": 8}
    assert lost == {"generation.n": "approximated"}


def test_rest_that_gemini_cannot_say() -> None:
    """Every member by its name."""
    body, lost = emit(
        request(
            generation=GenerationConfig(logit_bias={"1": 1}, verbosity="low", service_tier="auto"),
            capabilities=CapabilitySet(audio={"voice": "alloy"}),
            metadata={"run": "7"},
            user_id="u",
            store=True,
            protocol="openai_chat",
            vendor_extensions={"prediction": {}},
        )
    )
    assert body == asks()
    members = ("generation.logit_bias", "generation.verbosity", "generation.service_tier", "capabilities.audio", "metadata.run")
    assert lost == dict.fromkeys((*members, "user_id", "store", "vendor_extensions.prediction"), "dropped")


def test_service_tier() -> None:
    """The words that are shared."""
    for tier, word in (("flex", "flex"), ("priority", "priority"), ("default", "standard"), ("standard", "standard")):
        assert emit(request(generation=GenerationConfig(service_tier=tier)))[0]["serviceTier"] == word


def test_prompt_cache() -> None:
    """Gemini caches by itself: what is more than that is dropped, and what must be is refused."""
    assert emit(can(prompt_cache=PromptCachePolicy()))[1] == {}
    assert emit(can(prompt_cache=PromptCachePolicy.disabled()))[1] == {}
    policy = PromptCachePolicy(key=ExplicitKey(value="k"), breakpoint=EndOfTools(), retention=PromptCacheRetention.LONG)
    path = "capabilities.prompt_cache"
    assert emit(can(prompt_cache=policy))[1] == dict.fromkeys((f"{path}.key", f"{path}.breakpoint", f"{path}.retention"), "dropped")
    with pytest.raises(ProtocolError):
        emit(can(prompt_cache=PromptCachePolicy.required()))


def test_state_of_another_provider_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(ProtocolError):
        emit(request(previous_response_id="resp_1"))


def test_typed_field_wins_over_an_extension() -> None:
    """What an extension adds stands beside it."""
    body, _ = emit(
        request(
            protocol=P,
            generation=GenerationConfig(seed=1),
            vendor_extensions={"generationConfig": {"seed": 2, "mediaResolution": "MEDIA_RESOLUTION_LOW"}, "contents": []},
        )
    )
    assert body == {"contents": [HI], "generationConfig": {"seed": 1, "mediaResolution": "MEDIA_RESOLUTION_LOW"}}
