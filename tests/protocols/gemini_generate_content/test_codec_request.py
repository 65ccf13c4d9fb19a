"""Requests of generateContent, read to the canonical model and written again: this protocol's own, then everybody's."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.protocols.gemini_generate_content.bodies import (
    HI,
    MEMBERS,
    NEAR,
    PNG,
    SAME,
    SIGNATURE,
    UNCHECKED,
    answers,
    asks,
    call,
    config,
    inline,
    members_of,
    result,
    says,
    sdk_accepts,
    signed,
    turns,
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
from omnillm.protocols.codec import Dialect
from omnillm.protocols.envelope import seal
from omnillm.protocols.gemini_generate_content import CODEC
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit

P = "gemini_generate_content"
FOREIGN = Opaque(value="c2ln", issuer=Issuer(protocol="anthropic_messages"))
QUESTION = user("Hi")


def parse(body: dict) -> tuple[LlmRequest, dict[str, str]]:
    losses = Losses()
    return CODEC.parse_request(body, losses), {reason.path: reason.kind for reason in losses.reasons}


def emit(request: LlmRequest, dialect: Dialect = Dialect()) -> tuple[dict, dict[str, str]]:  # noqa: B008 - frozen
    """The body, which the SDK accepts, and what was lost: paths to kinds."""
    losses = Losses()
    body = CODEC.emit_request(request, dialect, losses)
    sdk_accepts(body)
    return body, {reason.path: reason.kind for reason in losses.reasons}


def request(*items: Any, **members: Any) -> LlmRequest:
    return LlmRequest(model="gemini", input=items or (QUESTION,), **members)


def can(**members: Any) -> LlmRequest:
    return request(capabilities=CapabilitySet(**members))


def said(*parts: Any, role: MessageRole = MessageRole.ASSISTANT) -> Message:
    return Message(role=role, parts=parts)


def parts_of(*parts: Any, role: MessageRole = MessageRole.USER, **members: Any) -> tuple[list, dict[str, str]]:
    """What becomes of the parts of one message."""
    body, lost = emit(
        request(QUESTION, said(*parts, role=role), **members) if role is MessageRole.ASSISTANT else request(said(*parts), **members)
    )
    return body["contents"][-1]["parts"] if role is MessageRole.USER else body["contents"][1]["parts"], lost


@pytest.mark.parametrize("name", SAME)
def test_native_request_comes_back_as_it_was(name: str) -> None:
    """Nothing is lost on the way through the canonical model."""
    parsed, lost = parse(SAME[name])
    losses = Losses()
    assert CODEC.emit_request(parsed, Dialect(), losses) == SAME[name]
    assert (lost, losses.reasons) == ({}, ())


@pytest.mark.parametrize("name", NEAR)
def test_native_request_comes_back_in_other_words(name: str) -> None:
    """And what was written once is written so again."""
    given_body, written = NEAR[name]
    body, lost = emit(parse(given_body)[0])
    assert (body, lost) == (written, {})
    assert emit(parse(written)[0])[0] == written


def test_every_member_of_the_sdks_types_is_in_a_case() -> None:
    """Members that only other requests have are known by name."""
    said_members = {member for body in [*SAME.values(), *(near for near, _ in NEAR.values())] for member in members_of(body)}
    known = {(word, field.alias) for word, kind in MEMBERS.items() for field in kind.model_fields.values()}  # type: ignore[attr-defined]
    assert known - said_members == set()


def test_parsed_request_names_neither_model_nor_stream() -> None:
    """The URL does."""
    parsed, _ = parse(asks(model="models/gemini"))
    assert (parsed.model, parsed.is_stream, parsed.protocol) == ("", False, P)


def test_normal_form() -> None:
    """Calls are parts of the assistant's message, results are items, and made-up ids match them."""
    contents = (
        says(signed(call()), call("now", {}), call()),
        answers(result({"result": "a"}), result({"x": 1}, "now"), result({"error": "b"})),
    )
    question, answer, first, second, third = parse(turns(*contents))[0].input
    assert question == QUESTION
    assert isinstance(answer, Message)
    ids = [made.call_id for made in answer.tool_calls]
    assert ids == ["call_gemini_0_search", "call_gemini_1_now", "call_gemini_2_search"]
    assert answer.tool_calls[0].arguments == '{"query":"lake"}'
    assert first == ToolResult(call_id=ids[0], name="search", content=(Text(text="a"),))
    assert second == ToolResult(call_id=ids[1], name="now", content=(Json(value={"x": 1}),))
    assert third == ToolResult(call_id=ids[2], name="search", content=(Text(text="b"),), is_error=True)


def test_made_up_ids_never_collide() -> None:
    """Not even with one that a client brought, and a result whose call is unknown has one of its own."""
    body = turns(
        says(call(id="call_gemini_1_search"), call()), answers(result({"result": "a"}, "other"), result({"result": "b"}, id="call_x"))
    )
    _, answer, *results = parse(body)[0].input
    assert isinstance(answer, Message)
    ids = [made.call_id for made in answer.tool_calls]
    assert ids == ["call_gemini_1_search", "call_gemini_0_search"]
    assert results[0].call_id not in ids  # type: ignore[union-attr]
    assert results[1].call_id == ids[0]  # type: ignore[union-attr]  # the first call of its name that waits
    long = parse(turns(says(call("f" * 100), call("f" * 100))))[0].messages[-1].tool_calls
    assert len({each.call_id for each in long}) == 2
    assert all(len(each.call_id) <= 40 for each in long)


def test_results_without_ids_are_written_in_the_order_of_their_calls() -> None:
    """A client of another protocol may answer in any order."""
    calls = [ToolCall(call_id=f"call_gemini_{number}_f", name="f", arguments="{}") for number in range(2)]
    results = [ToolResult(call_id=f"call_gemini_{number}_f", content=(Text(text=str(number)),)) for number in (1, 0)]
    body, _ = emit(request(QUESTION, said(*calls), *results))
    assert [part["functionResponse"]["response"] for part in body["contents"][-1]["parts"]] == [{"result": "0"}, {"result": "1"}]
    assert not any("id" in part["functionCall"] for part in body["contents"][1]["parts"])


def test_envelopes_of_other_protocols_are_opened() -> None:
    """Redacted reasoning and summaries are what they were; pieces of a streamed thought are one again."""
    redacted = seal(Opaque(value="redacted c2ln", issuer=FOREIGN.issuer))
    summary = Opaque(value="summary c2ln", issuer=Issuer(protocol="openai_responses"))
    pieces = [{"text": "H", "thought": True}, {"text": "m.", "thought": True}]
    body = turns(
        says(*pieces, {"text": "", "thought": True, "thoughtSignature": seal(FOREIGN)}),
        says({"text": "", "thought": True, "thoughtSignature": redacted}),
        says({"text": "So.", "thought": True, "thoughtSignature": seal(summary)}, {"text": "Hello."}),
    )
    answer = parse(body)[0].messages[-1]
    assert answer.parts == (
        Reasoning(text="Hm.", opaque=FOREIGN),
        Reasoning(opaque=FOREIGN, is_redacted=True),
        Reasoning(summary=("So.",), opaque=Opaque(value="c2ln", issuer=summary.issuer)),
        Text(text="Hello."),
    )


UNFIT = {
    "contents": ({}, {"contents": "Hi"}, {"contents": None}),
    "contents[0]": ({"contents": ["Hi"]},),
    "contents[0].role": ({"contents": [{"role": "system", "parts": []}]}, {"contents": [{"role": 5}]}),
    "contents[0].parts": ({"contents": [{"parts": "Hi"}]},),
    "contents[0].parts[1].text": (asks({"text": "a"}, {"text": 5}),),
    "contents[0].parts[0].functionCall": (asks(call()),),
    "contents[0].parts[0].inlineData.data": (
        asks({"inlineData": {"mimeType": "image/png"}}),
        asks({"inlineData": {"mimeType": "image/png", "data": "###"}}),
    ),
    "contents[0].parts[0].fileData.fileUri": (asks({"fileData": {}}),),
    "contents[0].parts[0].functionResponse.name": (asks({"functionResponse": {}}),),
    "contents[0].parts[0].functionResponse.parts[0].text": (asks(result({}, parts=[{"text": 1}])),),
    "contents[0].parts[0].functionResponse.parts": (asks(result({}, parts=[call()])),),
    "contents[0].parts[0].thoughtSignature": (asks({"text": "a", "thoughtSignature": 1}),),
    "systemInstruction[0].text": (asks(systemInstruction=[{"text": 1}]),),
    "tools[0].functionDeclarations[1].name": (asks(tools=[{"functionDeclarations": [{"name": "a"}, {}]}]),),
    "tools[0].functionDeclarations[0].parameters": (asks(tools=[{"functionDeclarations": [{"name": "a", "parameters": []}]}]),),
    "toolConfig.functionCallingConfig.mode": (asks(toolConfig={"functionCallingConfig": {"mode": 1}}),),
    "generationConfig.seed": (config(seed="a"), config(seed=0.5)),
    "generationConfig.stopSequences[0]": (config(stopSequences=[1]),),
    "generationConfig.thinkingConfig.thinkingBudget": (config(thinkingConfig={"thinkingBudget": "a"}),),
    "generationConfig": (asks(generationConfig=[]), {**config(seed=1), "generation_config": {}}),
    "labels.a": (asks(labels={"a": 1}),),
    "safetySettings[0]": (asks(safetySettings=[1]),),
}


@pytest.mark.parametrize("path", UNFIT)
def test_unfit_value_is_named_by_its_path(path: str) -> None:
    """In the words of this protocol."""
    for body in UNFIT[path]:
        with pytest.raises(Unfit) as caught:
            parse(body)
        assert caught.value.path == path


def test_deep_values_are_no_accident() -> None:
    """Neither schemas nor results that never end."""
    schema: dict = {"type": "STRING"}
    response: dict = {"result": "a"}
    for _ in range(400):
        schema, response = {"type": "ARRAY", "items": schema}, {"result": response}
    with pytest.raises(Unfit):
        parse(config(responseSchema=schema))
    assert emit(parse(turns(says(signed(call(id="c"))), answers(result(response, id="c"))))[0])[1] == {}


BODIES = list(SAME.values())


@settings(max_examples=300)
@given(data=st.data())
def test_odd_request_is_read_or_named(data: st.DataObject) -> None:
    """Whatever stands in whatever place."""
    body = json.loads(json.dumps(data.draw(st.sampled_from(BODIES))))
    owner, at = body, data.draw(st.sampled_from(list(body)))
    while isinstance(owner[at], dict | list) and owner[at] and data.draw(st.booleans()):
        owner = owner[at]
        at = data.draw(st.sampled_from(list(owner) if isinstance(owner, dict) else range(len(owner))))
    owner[at] = data.draw(st.sampled_from([None, 5, 1.5, "x", "", [], {}, [None], [{}], True, {"a": {}}, [[1]]]))
    try:
        parsed, _ = parse(body)
    except Unfit:
        return
    CODEC.emit_request(parsed, Dialect(), Losses())


class TestEmitting:
    """Canonical requests of every origin."""

    def test_system_text(self) -> None:
        """At the start it is the systemInstruction, later a word of the user's."""
        system = Message.text(MessageRole.SYSTEM, "Be brief.")
        body, lost = emit(
            request(system, QUESTION, said(Text(text="Hello.")), Message.text(MessageRole.DEVELOPER, "In German."), user("Now?"))
        )
        assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
        assert body["contents"][-1] == answers({"text": "<system>\nIn German.\n</system>"}, {"text": "Now?"})
        assert lost == {"input[3]": "moved", "input[3].role": "approximated", "input[4]": "moved"}

    def test_instructions_come_first(self) -> None:
        """Each message of the start is a part."""
        body, lost = emit(request(Message.text(MessageRole.SYSTEM, "b"), Message.text(MessageRole.SYSTEM, "c"), QUESTION, instructions="a"))
        assert body["systemInstruction"]["parts"] == [{"text": "a"}, {"text": "b"}, {"text": "c"}]
        assert lost == {"instructions": "moved", "input[1]": "moved"}

    def test_system_text_alone_is_said_by_the_user(self) -> None:
        """Gemini refuses a request without contents."""
        body, lost = emit(request(Message.text(MessageRole.SYSTEM, "Write a poem.")))
        assert body == {"contents": [answers({"text": "Write a poem."})]}
        assert lost == {"input[0]": "moved"}

    def test_first_call_of_a_step_is_not_checked(self) -> None:
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
    def test_signature_returns_to_its_provider_alone(self, provider: str, is_told: bool) -> None:
        """Others of the same protocol cannot read it."""
        own = Opaque(value=SIGNATURE, issuer=Issuer(protocol=P, provider="google"))
        body, lost = emit(request(QUESTION, said(Text(text="a", signature=own))), Dialect(provider=provider))
        assert body["contents"][1]["parts"] == [signed({"text": "a"}) if is_told else {"text": "a"}]
        assert bool(lost) is not is_told

    def test_reasoning_of_others_is_a_thought_without_signature(self) -> None:
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

    def test_tool_results(self) -> None:
        """Consecutive results are one content; each has the name of its call."""
        made = ToolCall(call_id="c1", name="search", arguments="{lake")
        results = (
            ToolResult(call_id="c1", content=(Text(text="a"), ImageBase64(data=PNG, media_type="image/png")), is_error=True),
            ToolResult(call_id="c2", content=(Json(value={"error": 5}),)),
            ToolResult(call_id="c3", content=(Json(value=[1]), Text(text="b")), kind="custom"),
        )
        body, lost = emit(request(QUESTION, said(made), *results))
        assert body["contents"][1]["parts"][0]["functionCall"]["args"] == {"_raw": "{lake"}
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

    @pytest.mark.parametrize(
        "value", [{}, {"result": "a"}, {"output": 5}, {"error": {}}, {"a": 1}, {"result": {"a": 1}}, {"result": {}}, [], 5, None]
    )
    @pytest.mark.parametrize("is_error", [None, True])
    def test_json_result_comes_back(self, value: Any, is_error: bool | None) -> None:
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

    @pytest.mark.parametrize(("part", "written", "lost"), MEDIA)
    def test_media_by_address(self, part: Any, written: dict | None, lost: dict[str, str]) -> None:
        """A file's id crosses to no other provider; a media type that nobody said is guessed."""
        parts, found = parts_of(Text(text="a"), part)
        assert parts[1:] == ([] if written is None else [{"fileData": written}])
        assert found == {f"input[0].parts[1]{member}": kind for member, kind in lost.items()}

    def test_media_inline(self) -> None:
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

    def test_parts_that_gemini_does_not_have(self) -> None:
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

    def test_tools(self) -> None:
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

    CHOICES: tuple[tuple[ToolChoice, dict | None], ...] = (
        (ToolChoice(mode="auto"), {"mode": "AUTO"}),
        (ToolChoice(mode="none"), {"mode": "NONE"}),
        (ToolChoice(mode="required"), {"mode": "ANY"}),
        (ToolChoice(mode="named", names=("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice(mode="allowed", names=("f", "g"), is_required=True), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
        (ToolChoice(mode="allowed", names=("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        (ToolChoice(mode="named", protocol="openai_responses", native={"type": "mcp"}), None),
    )

    @pytest.mark.parametrize(("choice", "written"), CHOICES)
    def test_tool_choice(self, choice: ToolChoice, written: dict | None) -> None:
        """And back; a choice that only another protocol knows is dropped."""
        body, lost = emit(can(tool_choice=choice))
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
    def test_reasoning(self, reasoning: ReasoningCapability, written: dict, lost: dict[str, str]) -> None:
        """A level or a budget."""
        body, found = emit(can(reasoning=reasoning))
        assert body["generationConfig"]["thinkingConfig"] == written
        assert found == {f"capabilities.reasoning.{name}": kind for name, kind in lost.items()}

    def test_structured_output(self) -> None:
        """Gemini holds to the schema, and has no names for it."""
        output = StructuredOutputConfig(name="a", description="b", schema={"type": "object"}, strict=False)
        body, lost = emit(can(structured_output=output))
        assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}
        path = "capabilities.structured_output"
        assert lost == {f"{path}.name": "dropped", f"{path}.description": "dropped", f"{path}.strict": "approximated"}

    def test_rest_that_gemini_cannot_say(self) -> None:
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

    def test_service_tier(self) -> None:
        """The words that are shared."""
        for tier, word in (("flex", "flex"), ("priority", "priority"), ("default", "standard"), ("standard", "standard")):
            assert emit(request(generation=GenerationConfig(service_tier=tier)))[0]["serviceTier"] == word

    def test_prompt_cache(self) -> None:
        """Gemini caches by itself: what is more than that is dropped, and what must be is refused."""
        assert emit(can(prompt_cache=PromptCachePolicy()))[1] == {}
        assert emit(can(prompt_cache=PromptCachePolicy.disabled()))[1] == {}
        policy = PromptCachePolicy(key=ExplicitKey(value="k"), breakpoint=EndOfTools(), retention=PromptCacheRetention.LONG)
        path = "capabilities.prompt_cache"
        assert emit(can(prompt_cache=policy))[1] == dict.fromkeys((f"{path}.key", f"{path}.breakpoint", f"{path}.retention"), "dropped")
        with pytest.raises(ProtocolError):
            emit(can(prompt_cache=PromptCachePolicy.required()))

    def test_state_of_another_provider_is_refused(self) -> None:
        """Before anything is sent."""
        with pytest.raises(ProtocolError):
            emit(request(previous_response_id="resp_1"))

    def test_typed_field_wins_over_an_extension(self) -> None:
        """What an extension adds stands beside it."""
        body, _ = emit(
            request(
                protocol=P,
                generation=GenerationConfig(seed=1),
                vendor_extensions={"generationConfig": {"seed": 2, "mediaResolution": "MEDIA_RESOLUTION_LOW"}, "contents": []},
            )
        )
        assert body == {"contents": [HI], "generationConfig": {"seed": 1, "mediaResolution": "MEDIA_RESOLUTION_LOW"}}
