"""Requests of generateContent, read to the canonical model and written again as they came."""

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.gemini_generate_content.asking import FOREIGN, QUESTION, P, emit, parse, request, said
from tests.protocols.gemini_generate_content.bodies import (
    MEMBERS,
    NEAR,
    SAME,
    answers,
    asks,
    call,
    config,
    members_of,
    result,
    says,
    signed,
    turns,
)

from omnillm.model import Issuer, Json, Message, Opaque, Reasoning, StructuredOutputConfig, Text, ToolCall, ToolResult
from omnillm.protocols.dialects import ChatDialect, GeminiDialect
from omnillm.protocols.envelope import seal
from omnillm.protocols.gemini_generate_content import CODEC
from omnillm.protocols.gemini_generate_content.peek import peek_request
from omnillm.protocols.gemini_generate_content.spelling import camel, snake
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit
from omnillm.protocols.transcode import transcode_request


@in_turn("name", SAME)
def test_native_request_comes_back_as_it_was(name: str) -> None:
    """Nothing is lost on the way through the canonical model."""
    parsed, lost = parse(SAME[name])
    losses = Losses()
    assert CODEC.emit_request(parsed, GeminiDialect(), losses) == SAME[name]
    assert (lost, losses.reasons) == ({}, ())


@in_turn("name", NEAR)
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


def test_pieces_of_an_unsigned_thought_are_one() -> None:
    """A client brings back what it got of a stream: a Chat provider reads its own reasoning_content again."""
    thoughts = [{"text": "H", "thought": True}, {"text": "m.", "thought": True}]
    body = turns(says(thoughts[0]), says(thoughts[1], {"text": "149 m."}), answers({"text": "And in feet?"}))
    answer = parse(body)[0].messages[1]
    assert answer.parts == (Reasoning(text="Hm."), Text(text="149 m."))
    report = transcode_request(P, "openai_chat", msgspec.json.encode(body), dialect=ChatDialect(is_openai=False))
    assert msgspec.json.decode(report.value)["messages"][1]["reasoning_content"] == "Hm."
    assert report.loss_reasons == ()


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
    "tools[0].functionDeclarations[0].parameters": tuple(
        asks(tools=[{"functionDeclarations": [{"name": "a", "parameters": schema}]}])
        for schema in ([], {"type": "OBJECT", "properties": []}, {"anyOf": {}})
    ),
    "toolConfig.functionCallingConfig.mode": (asks(toolConfig={"functionCallingConfig": {"mode": 1}}),),
    "generationConfig.seed": (config(seed="a"), config(seed=0.5)),
    "generationConfig.stopSequences[0]": (config(stopSequences=[1]),),
    "generationConfig.thinkingConfig.thinkingBudget": (config(thinkingConfig={"thinkingBudget": "a"}),),
    "generationConfig": (asks(generationConfig=[]), {**config(seed=1), "generation_config": {}}),
    "generationConfig.candidateCount": (
        config(candidateCount=0),
        config(candidateCount=9),
        config(candidate_count=9),
        config(candidateCount=1, candidate_count=8),
        config(candidateCount=None, candidate_count=8),
    ),
    "generationConfig.maxOutputTokens": (config(maxOutputTokens=0), config(max_output_tokens=-1)),
    "labels.a": (asks(labels={"a": 1}),),
    "safetySettings[0]": (asks(safetySettings=[1]),),
    "contents[0].parts[0].fileData.displayName": (
        asks({"fileData": {"fileUri": "files/a", "mimeType": "application/pdf", "displayName": 7}}),
    ),
}


def test_result_that_the_model_says_is_the_users() -> None:
    """Wherever it stands: nobody else can have run the function."""
    content = {"role": "model", "parts": [call(name="f", args={}), result({"a": 1}, "f")]}
    request, lost = parse({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}, content]})
    assert [type(item) for item in request.input] == [Message, Message, ToolResult]
    assert lost == {"contents[1].parts[1]": "moved"}


@in_turn("path", UNFIT)
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


@in_turn("name", ["candidate_Count", "candidate__count", "Candidate_count", "candidate_count_", "CandidateCount"])
def test_no_third_spelling_hides_a_member_from_the_budget(name: str) -> None:
    """The gateway counts what stands in the two spellings of protocol buffers: anything else is an unknown member."""
    parsed, _ = parse(config(**{name: 8}))
    assert parsed.generation.n is None
    assert parsed.vendor_extensions == {"generationConfig": {name: 8}}
    parsed, _ = parse({**asks(), "generation_Config": {"candidateCount": 8}})
    assert parsed.generation.n is None


def test_what_is_peeked_is_what_is_read() -> None:
    """In every spelling that one of the two knows."""
    for name in ("candidateCount", "candidate_count", "candidate_Count", "candidatecount"):
        for owner in ("generationConfig", "generation_config", "generation_Config"):
            body = {**asks(), owner: {name: 8}}
            peeked = peek_request({name: msgspec.Raw(msgspec.json.encode(value)) for name, value in body.items()})
            assert (parse(body)[0].generation.n or 1) == peeked.n


def test_every_member_of_the_sdks_types_is_read_in_both_spellings() -> None:
    """Such as have two."""
    names = {field.alias for kind in MEMBERS.values() for field in kind.model_fields.values() if field.alias}  # type: ignore[attr-defined]
    for name in names:
        assert camel({snake(name): 1}) == {name: 1}


def test_enum_is_json_elsewhere() -> None:
    """Its schema crosses; that it constrains a text is this protocol's own."""
    parsed, lost = parse(config(responseMimeType="text/x.enum", responseSchema={"type": "STRING", "enum": ["a", "b"]}))
    assert parsed.capabilities.structured_output == StructuredOutputConfig(schema={"type": "string", "enum": ["a", "b"]})
    assert lost == {}
    _, lost = emit(msgspec.structs.replace(parsed, protocol=""))
    assert lost == {"vendor_extensions.generationConfig": "dropped"}
