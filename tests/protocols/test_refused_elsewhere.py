"""What one API takes and another refuses: said as the other takes it, and told where something is lost."""

import json
from typing import Any

import pytest
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, ProtocolError
from omnillm.model import CapabilitySet, LlmRequest, ToolDefinition, user
from omnillm.protocols.codecs import CODECS
from omnillm.protocols.dialects import ChatDialect, ConverseDialect, Dialect, GeminiDialect, ResponsesDialect
from omnillm.protocols.members import read_members
from omnillm.protocols.priced import read_asked
from omnillm.protocols.priced_messages import THREAD_REFUSED
from omnillm.protocols.registry import PROTOCOLS
from omnillm.protocols.transcode import emit_request, transcode_request
from omnillm.providers.dialects import dialect_of
from omnillm.providers.kinds import Quirks, endpoint
from omnillm.secret import Secret

CHAT, RESPONSES, MESSAGES, GEMINI = "openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content"
CONVERSE = "bedrock_converse"
HI = {"role": "user", "content": "Hi"}
GRAMMAR = {"definition": "start: /a+/", "syntax": "lark"}
MAP = {"type": "object", "properties": {"depths": {"type": "object", "additionalProperties": {"type": "number"}}}}


def said(source: str, target: str, body: dict[str, Any], dialect: Dialect | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """The body for the target, and the losses."""
    report = transcode_request(source, target, json.dumps(body).encode(), model="m", is_stream=False, dialect=dialect)
    return json.loads(report.value), {reason.path: reason.kind for reason in report.loss_reasons}


def chat(**members: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [HI], "max_completion_tokens": 100} | members


def messages(**members: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [HI], "max_tokens": 100} | members


def test_grammar_of_a_custom_tool_is_said_as_each_api_of_openai_says_it() -> None:
    """Chat nests its members, Responses does not, and each refuses the other's form."""
    nested = [{"type": "custom", "custom": {"name": "c", "format": {"type": "grammar", "grammar": GRAMMAR}}}]
    flat = [{"type": "custom", "name": "c", "format": {"type": "grammar", **GRAMMAR}}]
    body, lost = said(CHAT, RESPONSES, chat(tools=nested))
    assert (body["tools"], lost) == (flat, {})
    body, lost = said(RESPONSES, CHAT, {"model": "m", "input": "Hi", "tools": flat})
    assert (body["tools"], lost) == (nested, {})
    assert said(CHAT, CHAT, chat(tools=nested))[0]["tools"] == nested
    assert said(RESPONSES, RESPONSES, {"model": "m", "input": "Hi", "tools": flat})[0]["tools"] == flat


@pytest.mark.parametrize("odd", [{"type": "text"}, {"type": "grammar", "grammar": "lark"}, {"type": "grammar", "grammar": GRAMMAR, "x": 1}])
def test_format_of_another_form_stays_as_it_is(odd: dict[str, Any]) -> None:
    """Its host may know it."""
    tools = [{"type": "custom", "custom": {"name": "c", "format": odd}}]
    assert said(CHAT, CHAT, chat(tools=tools))[0]["tools"] == tools


CITY, ZIP = {"type": "string", "title": "City"}, {"type": "string", "title": "Zip"}
BY_CITY = {"type": "object", "properties": {"by": {"const": "city"}, "city": CITY}, "required": ["by", "city"]}
BY_ZIP = {"type": "object", "properties": {"by": {"const": "zip"}, "zip": ZIP}, "required": ["zip", "by"]}
BY_EITHER = {"by": {"anyOf": [{"const": "city"}, {"const": "zip"}]}, "city": CITY, "zip": ZIP}
DEFINED = {"City": BY_CITY, "Zip": BY_ZIP, "Loop": {"allOf": [{"$ref": "#/$defs/Loop"}, {"$ref": "#/$defs/Zip"}]}}


def referring(*names: str) -> list[dict[str, str]]:
    return [{"$ref": f"#/$defs/{name}"} for name in names]


@in_turn(
    ("schema", "members", "required"),
    [
        ({}, {}, None),
        ({"type": "string"}, {}, None),
        ({"type": ["object", "null"], "properties": {"city": CITY}}, {"city": CITY}, None),
        ({"anyOf": [BY_CITY, BY_ZIP]}, BY_EITHER, ["by"]),
        ({"type": "object", "oneOf": referring("City", "Zip"), "$defs": DEFINED}, BY_EITHER, ["by"]),
        ({"allOf": [BY_CITY, BY_ZIP], "required": ["id"]}, BY_EITHER, ["id", "by", "city", "zip"]),
        ({"$ref": "#/definitions/City", "definitions": DEFINED}, BY_CITY["properties"], ["by", "city"]),
        ({"anyOf": referring("Loop", "Nowhere"), "$defs": DEFINED}, BY_ZIP["properties"], None),
        ({"type": "object", "properties": {"zip": ZIP}, "anyOf": [{"required": ["zip"]}, True], "not": {}}, {"zip": ZIP}, None),
        ({"anyOf": {}, "$ref": 1, "properties": 2, "required": 3, "$defs": 4}, {}, None),
    ],
)
def test_function_takes_one_object(schema: dict[str, Any], members: dict[str, Any], required: list[str] | None) -> None:
    """Anthropic and OpenAI refuse anything else at the top of a schema, and with it the call; Gemini takes choices among objects, but a `$ref` alone."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    for target, path in ((RESPONSES, ("parameters",)), (MESSAGES, ("input_schema",)), (CONVERSE, ("toolSpec", "inputSchema", "json"))):
        body, lost = said(CHAT, target, chat(tools=tools))
        [tool] = body["tools"] if target != CONVERSE else body["toolConfig"]["tools"]
        for member in path:
            tool = tool[member]
        assert tool.keys() <= {"type", "properties", "required", "$defs", "definitions"}
        assert (tool["type"], tool["properties"], tool.get("required") or None) == ("object", members, required)
        assert lost.pop("capabilities.tools[0].input_schema") == "approximated"
    body, lost = said(CHAT, GEMINI, chat(tools=tools))
    written = body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    if "$ref" in schema:
        assert (written["properties"], written.keys() & {"$ref", "anyOf"}) == (members, set())
    else:
        assert written == {**schema, "type": "object"}
    assert ("capabilities.tools[0].input_schema" in lost) is (schema.get("type") != "object")


def test_function_that_is_nested_too_deeply_is_a_mistake() -> None:
    """Of whoever made it: also where what it chooses among is gathered first."""
    deep: dict[str, Any] = {}
    for _ in range(20_000):
        deep = {"a": deep}
    function = ToolDefinition(name="f", input_schema={"anyOf": [{"properties": deep}]})
    request = LlmRequest(model="m", input=(user("Hi"),), capabilities=CapabilitySet(tools=(function,)))
    with pytest.raises(BadRequest, match="less deeply"):
        emit_request(MESSAGES, request)


def test_function_of_openai_has_properties() -> None:
    """Without them OpenAI refuses the call; MCP lets a tool have none, and nothing is lost by saying so."""
    body, lost = said(MESSAGES, CHAT, messages(tools=[{"name": "f", "input_schema": {"type": "object"}}]))
    assert (body["tools"][0]["function"]["parameters"], lost) == ({"type": "object", "properties": {}}, {})
    own = chat(tools=[{"type": "function", "function": {"name": "f", "parameters": {"anyOf": [BY_CITY, BY_ZIP]}}}])
    assert said(CHAT, CHAT, own)[0]["tools"] == own["tools"]


@in_turn("target", [CHAT, CONVERSE])
@in_turn("tool", [{"type": "bash_20250124", "name": "bash"}, {"type": "web_search_20250305", "name": "web_search"}])
def test_choice_of_a_tool_that_is_left_out_is_left_out_too(target: str, tool: dict[str, Any]) -> None:
    """A choice that names a tool which is not there is refused."""
    own = {"name": "f", "input_schema": {"type": "object"}}
    choice = {"type": "tool", "name": tool["name"]}
    body, lost = said(MESSAGES, target, messages(tools=[tool, own], tool_choice=choice))
    assert choice["name"] not in json.dumps(body)
    assert lost == {"capabilities.builtin_tools[0]": "dropped", "capabilities.tool_choice": "dropped"}
    body, lost = said(MESSAGES, target, messages(tools=[own], tool_choice={"type": "tool", "name": "f"}))
    assert "toolChoice" in body.get("toolConfig", {}) or "tool_choice" in body
    assert not lost


def test_choice_among_tools_keeps_those_that_are_there() -> None:
    """And tells that the others are gone."""
    calling = {"mode": "ANY", "allowedFunctionNames": ["f", "g", "h"]}
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "h"}]}]
    contents = [{"role": "user", "parts": [{"text": "Hi"}]}]
    body, lost = said(GEMINI, CHAT, {"contents": contents, "tools": tools, "toolConfig": {"functionCallingConfig": calling}})
    assert [tool["function"]["name"] for tool in body["tool_choice"]["allowed_tools"]["tools"]] == ["f", "h"]
    assert lost["capabilities.tool_choice.names"] == "approximated"


@in_turn("name", ["cachedContent", "cached_content", "continuationToken"])
@in_turn("target", [CHAT, RESPONSES, MESSAGES, CONVERSE])
def test_what_google_keeps_is_not_left_out(name: str, target: str) -> None:
    """Without it the question would be another."""
    with pytest.raises(ProtocolError, match="only its own provider keeps"):
        said(GEMINI, target, {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], name: "cachedContents/a"})


@in_turn(("cap", "written"), [(1, 16), (15, 16), (16, 16), (100, 100)])
def test_smallest_cap_of_responses_is_sixteen(cap: int, written: int) -> None:
    """OpenAI refuses a smaller one; other hosts of Responses do not."""
    body, lost = said(MESSAGES, RESPONSES, messages(max_tokens=cap))
    assert body["max_output_tokens"] == written
    assert lost == ({} if cap == written else {"generation.max_output_tokens": "approximated"})
    assert said(MESSAGES, RESPONSES, messages(max_tokens=cap), ResponsesDialect(is_openai=False))[0]["max_output_tokens"] == cap
    own = {"model": "m", "input": "Hi", "max_output_tokens": cap}
    assert said(RESPONSES, RESPONSES, own)[0]["max_output_tokens"] == cap


@in_turn("target", [CHAT, RESPONSES, GEMINI, "gemini_interactions", CONVERSE])
def test_cap_is_no_more_than_the_model_writes(target: str) -> None:
    """Beyond it every provider refuses the call, and a client cannot know which model answers; what came in the protocol stays as it is."""
    model = type(CODECS[target].dialect)(most_output=64)
    for asked, lost in ((100, {"generation.max_output_tokens": "approximated"}), (64, {}), (63, {})):
        body, told = said(MESSAGES, target, messages(max_tokens=asked), model)
        cap = PROTOCOLS[target].peek_request(read_members(json.dumps(body).encode())).output_cap
        assert (cap, told) == (min(asked, 64), lost)
    assert said(CHAT, CHAT, chat(), ChatDialect(most_output=64)) == (chat(), {})


def test_gemini_takes_five_stop_sequences() -> None:
    """The others are dropped, and told."""
    body, lost = said(MESSAGES, GEMINI, messages(stop_sequences=list("abcdefg")))
    assert body["generationConfig"]["stopSequences"] == list("abcde")
    assert lost == {"generation.stop": "dropped"}
    assert said(MESSAGES, GEMINI, messages(stop_sequences=list("abcde")))[1] == {}


def test_ids_of_calls_are_as_long_as_responses_takes_them() -> None:
    """64 characters; a call and its result keep one id."""
    call = {"id": "c" * 65, "type": "function", "function": {"name": "f", "arguments": ""}}
    turns = [HI, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c" * 65, "content": "r"}]
    body, lost = said(CHAT, RESPONSES, chat(messages=turns))
    _, called, answered = body["input"]
    assert called["call_id"] == answered["call_id"]
    assert len(called["call_id"]) == 64
    assert called["arguments"] == "{}"
    assert set(lost.values()) == {"approximated"}
    turns[1]["tool_calls"] = [{**call, "id": "c" * 64}]
    turns[2]["tool_call_id"] = "c" * 64
    body, lost = said(CHAT, RESPONSES, chat(messages=turns))
    assert (body["input"][1]["call_id"], lost) == ("c" * 64, {})


def test_result_without_its_call_is_text_of_the_user_for_responses() -> None:
    """It refuses one that answers nothing, unless its provider keeps the call."""
    turns = [HI, result("gone", "149 m", name="depth"), HI]
    body, lost = said(CHAT, RESPONSES, chat(messages=turns))
    words = [part["text"] for part in body["input"][1]["content"]]
    assert (body["input"][1]["role"], words) == ("user", ['<tool_result name="depth">', "149 m", "</tool_result>"])
    assert lost == {"input[1]": "approximated"}
    kept = {"model": "m", "previous_response_id": "resp_1", "input": [{"type": "function_call_output", "call_id": "c", "output": "149 m"}]}
    assert said(RESPONSES, RESPONSES, kept)[0]["input"] == kept["input"]


def calls_of(body: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(id, name) of the calls, and (id, words) of the results, of a request for the Messages API."""
    blocks = [block for message in body["messages"] if type(message["content"]) is list for block in message["content"]]
    called = [(block["id"], block["name"]) for block in blocks if block["type"] == "tool_use"]
    return called, [(block["tool_use_id"], block["content"]) for block in blocks if block["type"] == "tool_result"]


def turn(*calls: tuple[str, str]) -> dict[str, Any]:
    """The assistant calls, by (id, name)."""
    functions = [{"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}} for call_id, name in calls]
    return {"role": "assistant", "content": None, "tool_calls": functions}


def result(call_id: str, words: str, **members: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": words, **members}


def test_calls_of_a_host_that_counts_anew_in_every_turn_are_told_apart() -> None:
    """Anthropic refuses two calls with one id; each result stays with its call, and an id that is there already is not given again."""
    turns = [HI, turn(("0", "f"), ("0_2", "g")), result("0_2", "b"), result("0", "a"), turn(("0", "f")), result("0", "c"), HI]
    body, lost = said(CHAT, MESSAGES, chat(messages=turns))
    called, results = calls_of(body)
    assert called == [("0", "f"), ("0_2", "g"), ("0_3", "f")]
    assert results == [("0_2", "b"), ("0", "a"), ("0_3", "c")]
    assert lost == {"input[4]": "approximated", "input[5]": "approximated"}


def test_calls_without_ids_are_told_apart_within_a_turn() -> None:
    """Results answer them in order, or by the name that they tell."""
    turns = [HI, turn(("", "f"), ("", "g")), result("", "of g", name="g"), result("", "of f"), HI]
    body, _ = said(CHAT, MESSAGES, chat(messages=turns))
    called, results = calls_of(body)
    ids = {name: call_id for call_id, name in called}
    assert len(set(ids.values())) == 2
    assert dict(results) == {ids["g"]: "of g", ids["f"]: "of f"}
    body, _ = said(CHAT, GEMINI, chat(messages=turns))
    answered = [part["functionResponse"] for part in body["contents"][2]["parts"] if "functionResponse" in part]
    assert [(each["name"], each["response"]) for each in answered] == [("f", {"result": "of f"}), ("g", {"result": "of g"})]


def test_calls_with_ids_of_their_own_are_left_alone() -> None:
    """No loss is told, also where one result comes twice."""
    turns = [HI, turn(("a", "f"), ("b", "g")), result("a", "1"), result("b", "2"), HI]
    body, lost = said(CHAT, MESSAGES, chat(messages=turns))
    assert (calls_of(body), lost) == (([("a", "f"), ("b", "g")], [("a", "1"), ("b", "2")]), {})


def test_nullable_enum_of_gemini_may_be_null_elsewhere() -> None:
    """In JSON Schema null must be among its values, or be a choice beside them."""
    kind = {"type": "STRING", "format": "enum", "enum": ["a", "b"], "nullable": True, "description": "Which."}
    config = {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT", "properties": {"kind": kind}}}
    body, _ = said(GEMINI, CHAT, {"contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": config})
    written = body["response_format"]["json_schema"]["schema"]["properties"]["kind"]
    assert written == {"description": "Which.", "anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]}


@pytest.mark.parametrize("target", [MESSAGES, CONVERSE])
def test_answer_with_a_map_is_asked_for_in_words(target: str) -> None:
    """Anthropic's closed schemas could hold an empty one only."""
    schema = {"name": "n", "schema": MAP, "strict": False}
    body, lost = said(CHAT, target, chat(response_format={"type": "json_schema", "json_schema": schema}))
    assert "output_config" not in body
    assert "outputConfig" not in body
    words = body["system"] if target == MESSAGES else body["system"][0]["text"]
    assert json.loads(words.partition("\n")[2]) == MAP
    assert lost["capabilities.structured_output.kind"] == "approximated"


@in_turn(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": True},
        {"type": ["object", "null"]},
        {"type": "array", "items": {"type": "object", "patternProperties": {"^a": {}}}},
        {"$defs": {"N": {"type": "object", "additionalProperties": {}}}, "$ref": "#/$defs/N"},
        {"anyOf": [{"type": "null"}, {"type": "object", "properties": {}}]},
    ],
)
def test_whatever_may_hold_unknown_members_is_a_map(schema: dict[str, Any]) -> None:
    """At any depth."""
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert "output_config" not in said(CHAT, MESSAGES, chat(response_format=wanted))[0]


@in_turn(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "object", "additionalProperties": False},
        {"type": "object", "properties": {"additionalProperties": {"type": "string"}, "type": {"enum": ["object"]}}},
        {"type": "string"},
    ],
)
def test_what_has_known_members_alone_is_held_to(schema: dict[str, Any]) -> None:
    """Also where a member has the name of a keyword."""
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert "output_config" in said(CHAT, MESSAGES, chat(response_format=wanted))[0]


def test_bedrock_gets_schemas_that_it_takes() -> None:
    """Closed ones, without limits, of answers and of strict tools; what is left out of them is told."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    closed = {
        "type": "object",
        "properties": {"n": {"type": "integer", "description": "{minimum: 1}"}},
        "additionalProperties": False,
        "required": ["n"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}]
    body, lost = said(CHAT, CONVERSE, chat(response_format=wanted, tools=tools))
    assert json.loads(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]) == closed
    assert body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"] == {"json": closed}
    assert lost == {"capabilities.structured_output.schema": "approximated", "capabilities.tools[0].input_schema": "approximated"}


def test_place_of_a_search_says_what_it_is() -> None:
    """Responses need not, the Messages API must."""
    body, _ = said(RESPONSES, MESSAGES, {"model": "m", "input": "Hi", "tools": [{"type": "web_search", "user_location": {"city": "Ulm"}}]})
    assert body["tools"][0]["user_location"] == {"type": "approximate", "city": "Ulm"}


THREAD = {"type": "continue", "previous_message_id": "msg_1"}
GOES_ON = [
    (MESSAGES, messages(thread=THREAD), THREAD_REFUSED),
    (GEMINI, {"contents": [{"parts": [{"text": "Hi"}]}], "continuationToken": "eA=="}, "unsupported_feature"),
    (GEMINI, {"contents": [{"parts": [{"text": "Hi"}]}], "continuation_token": "eA=="}, "unsupported_feature"),
]


@pytest.mark.parametrize(("source", "body", "code"), GOES_ON)
def test_what_another_provider_keeps_is_not_left_out(source: str, body: dict[str, Any], code: str) -> None:
    """The answer would be to another question; Anthropic's SDK knows by the code what to send instead."""
    for target in {CHAT, RESPONSES, MESSAGES, GEMINI, CONVERSE} - {source}:
        with pytest.raises(ProtocolError) as refused:
            said(source, target, body)
        assert refused.value.code == code
    assert said(source, source, body)[1] == {}


def test_thread_that_begins_is_left_out() -> None:
    """Its conversation is all there, and is only not kept."""
    assert said(MESSAGES, CHAT, messages(thread={"type": "create"}))[1] == {"vendor_extensions.thread": "dropped"}
    assert said(MESSAGES, CHAT, messages(thread=None))[1] == {}
    assert said(CHAT, MESSAGES, chat(thread=THREAD))[1]["vendor_extensions.thread"] == "dropped"


@in_turn(
    ("protocol", "body", "is_unseen", "unbounded"),
    [
        (MESSAGES, messages(thread={"type": "create"}), False, False),
        (MESSAGES, messages(thread=None), False, False),
        (MESSAGES, messages(thread=THREAD), False, True),
        (MESSAGES, messages(thread={}), False, True),
        (MESSAGES, messages(thread="continue"), False, True),
        (GEMINI, GOES_ON[1][1], True, False),
        (GEMINI, GOES_ON[2][1], True, False),
    ],
)
def test_what_a_provider_keeps_is_paid_for(protocol: str, body: dict[str, Any], is_unseen: bool, unbounded: bool) -> None:
    """A body that does not show it is no bound of its price."""
    members = read_members(json.dumps(body).encode())
    asked = read_asked(protocol, members, PROTOCOLS[protocol].peek_request(members).price_members, 1)
    assert (asked.has_unseen_input, bool(asked.unbounded)) == (is_unseen, unbounded)


PIECES = [{"text": "The la"}, {"text": "ke is "}, {"text": "deep."}, {"text": ""}]


def spoken(*parts: dict[str, Any]) -> dict[str, Any]:
    """A history of Gemini's, in which the model said these parts."""
    contents = [("user", [{"text": "How deep?"}]), ("model", list(parts)), ("user", [{"text": "And how wide?"}])]
    return {"contents": [{"role": role, "parts": said} for role, said in contents]}


@pytest.mark.parametrize("takes_parts", [True, False])
def test_pieces_of_a_stream_are_one_text_elsewhere(takes_parts: bool) -> None:
    """Gemini's clients bring each back as a part, which a host that takes strings alone would set apart by blank lines."""
    body, lost = said(GEMINI, CHAT, spoken(*PIECES), ChatDialect(is_openai=False, takes_parts=takes_parts))
    assert (body["messages"][1], lost) == ({"role": "assistant", "content": "The lake is deep."}, {})
    assert said(GEMINI, RESPONSES, spoken(*PIECES))[0]["input"][1] == {"role": "assistant", "content": "The lake is deep."}
    assert said(GEMINI, MESSAGES, spoken(*PIECES))[0]["messages"][1]["content"] == "The lake is deep."
    assert said(GEMINI, GEMINI, spoken(*PIECES))[0]["contents"][1]["parts"] == PIECES


def test_pieces_end_where_the_model_did_something_else() -> None:
    """And where a text was signed, or has members of its own."""
    call = {"functionCall": {"id": "c", "name": "f", "args": {}}}
    signed, marked = {"text": "", "thoughtSignature": "c2ln"}, {"text": "!", "partMetadata": {"a": 1}}
    body, lost = said(
        GEMINI, MESSAGES, spoken(*PIECES, signed, {"text": "So"}, {"text": "."}, marked, call, {"text": "Bye"}, {"text": "."})
    )
    texts = [block.get("text") for block in body["messages"][1]["content"]]
    assert texts == ["The lake is deep.", "So.", "!", None, "Bye."]
    assert lost["input[1].parts[0].signature"] == "dropped"


def test_piece_that_ends_a_stream_says_nothing_elsewhere() -> None:
    """Behind a call it would be a text, and an empty one."""
    call = {"functionCall": {"id": "c", "name": "f", "args": {}}}
    body, lost = said(GEMINI, CHAT, spoken(call, {"text": ""}))
    assert (body["messages"][1]["content"], lost) == (None, {})
    assert said(GEMINI, CHAT, spoken({"text": ""}))[0]["messages"][1]["content"] == [{"type": "text", "text": ""}]


def marked(words: str, ttl: str = "") -> dict[str, Any]:
    mark = {"mode": "explicit", "ttl": ttl} if ttl else {"mode": "explicit"}
    return {"type": "text", "text": words, "prompt_cache_breakpoint": mark}


def terms(target: str, body: dict[str, Any]) -> list[str]:
    """Of the marks of a request for Claude, in the order of the prompt."""
    member = "cache_control" if target == MESSAGES else "cachePoint"
    system, *turns = [body.get("system") or [], *(message["content"] for message in body["messages"])]
    return [block[member].get("ttl", "") for blocks in (system, *turns) for block in blocks if member in block]


@pytest.mark.parametrize("target", [MESSAGES, CONVERSE])
def test_no_mark_for_an_hour_comes_after_one_for_five_minutes(target: str) -> None:
    """Anthropic refuses that: those before it are made as long, and those behind it stay."""
    turns = [{"role": "system", "content": [marked("s")]}, {"role": "user", "content": [marked("a", "12h"), marked("b")]}]
    body = chat(model="claude", messages=turns)
    report = transcode_request(CHAT, target, json.dumps(body).encode(), model="anthropic.claude-sonnet-5", is_stream=False)
    assert terms(target, json.loads(report.value)) == ["1h", "1h", ""]
    lost = {reason.path: reason.kind for reason in report.loss_reasons}
    assert lost == {"input[0].parts[0].cache_control.ttl": "approximated", "input[1].parts[0].cache_control.ttl": "approximated"}
    body["messages"] = [turns[0], {"role": "user", "content": [marked("a"), marked("b")]}]
    report = transcode_request(CHAT, target, json.dumps(body).encode(), model="anthropic.claude-sonnet-5", is_stream=False)
    assert (terms(target, json.loads(report.value)), report.loss_reasons) == (["", "", ""], ())


def test_marks_in_results_and_of_tools_are_in_order_too() -> None:
    """Tools come first, and what a result holds before the result."""
    turns = [HI, turn(("a", "f")), {**result("a", ""), "content": [marked("r")]}, {"role": "user", "content": [marked("u", "12h")]}]
    body, _ = said(CHAT, MESSAGES, chat(messages=turns, prompt_cache_options={"mode": "explicit"}))
    blocks = body["messages"][-1]["content"]
    assert blocks[0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert blocks[1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


PREFILLED = [HI, {"role": "assistant", "content": [marked("The lake is ")]}]


@pytest.mark.parametrize("target", [MESSAGES, CONVERSE])
def test_user_has_the_last_word_where_the_model_needs_that(target: str) -> None:
    """Claude from 4.6 on refuses to go on from its own words; older ones do, without the blanks at their end."""
    body, lost = said(CHAT, target, chat(messages=PREFILLED), ConverseDialect(takes_last_word=False))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    asked = body["messages"][-1]["content"]
    assert (asked if target == MESSAGES else asked[0]["text"]) == "Continue."
    assert lost["input[1]"] == "approximated"
    body, _ = said(CHAT, target, chat(messages=PREFILLED))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant"]
    assert body["messages"][-1]["content"][0]["text"] == "The lake is"
    assert said(CHAT, target, chat(messages=[*PREFILLED, HI]), ConverseDialect(takes_last_word=False))[0]["messages"][-1]["role"] == "user"


@pytest.mark.parametrize("target", [GEMINI, "gemini_interactions"])
def test_newest_gemini_models_are_asked_to_go_on(target: str) -> None:
    """They refuse a conversation that ends with words of theirs; behind a call nothing but its result may stand."""
    newest = GeminiDialect(takes_last_word=False)
    body, lost = said(CHAT, target, chat(messages=PREFILLED), newest)
    assert "Continue." in json.dumps((body["contents"] if target == GEMINI else body["input"])[-1])
    assert lost["input[1]"] == "approximated"
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    called = [HI, {"role": "assistant", "content": "I look.", "tool_calls": [call]}]
    for turns, dialect in ((PREFILLED, None), ([*PREFILLED, HI], newest), (called, newest)):
        assert "Continue." not in json.dumps(said(CHAT, target, chat(messages=turns), dialect)[0])


def test_no_budget_of_thinking_where_the_assistant_has_begun() -> None:
    """Its turn would have to begin with signed thinking."""
    body, lost = said(CHAT, MESSAGES, chat(messages=PREFILLED, reasoning_effort="high", max_completion_tokens=9000))
    assert (body["thinking"], lost["capabilities.reasoning"]) == ({"type": "disabled"}, "approximated")
    body, _ = said(CHAT, MESSAGES, chat(reasoning_effort="high", max_completion_tokens=9000))
    assert body["thinking"]["type"] == "enabled"
    for turns, thinking in ((PREFILLED, "disabled"), ([HI], "enabled")):
        asked = chat(messages=turns, reasoning_effort="high", max_completion_tokens=9000)
        raw = transcode_request(CHAT, CONVERSE, json.dumps(asked).encode(), model="anthropic.claude-sonnet-4-5", is_stream=False).value
        assert json.loads(raw)["additionalModelRequestFields"]["thinking"]["type"] == thinking


def test_mistral_has_documents_and_knows_no_users() -> None:
    """It refuses `file` and `user`, and Claude Code always says who its user is."""
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    sources = [pdf, {"type": "url", "url": "https://example.com/a.pdf"}]
    body = messages(messages=[{"role": "user", "content": [{"type": "document", "source": source} for source in sources]}])
    dialect = dialect_of(endpoint("mistral"), provider="p", protocol=CHAT, model="m", most_output=0, default_output=9)
    written, lost = said(MESSAGES, CHAT, body | {"metadata": {"user_id": "u"}}, dialect)
    urls = ["data:application/pdf;base64,JVBERi0=", "https://example.com/a.pdf"]
    assert written["messages"][0]["content"] == [{"type": "document_url", "document_url": url} for url in urls]
    assert ("user" in written, lost) == (False, {"user_id": "dropped"})
    named = {"type": "input_file", "filename": "a.pdf", "file_data": urls[0]}
    written, _ = said(RESPONSES, CHAT, {"model": "m", "input": [{"role": "user", "content": [named]}]}, dialect)
    assert written["messages"][0]["content"] == [{"type": "document_url", "document_url": urls[0], "document_name": "a.pdf"}]
    named["file_data"] = pdf["data"]
    bare, lost = said(RESPONSES, CHAT, {"model": "m", "input": [{"role": "user", "content": [named]}]}, dialect)
    assert (bare, lost) == (written, {"input[0].parts[0].media_type": "defaulted"})
    strings = dialect_of(
        endpoint("mistral", quirks=Quirks(content="string")), provider="p", protocol=CHAT, model="m", most_output=0, default_output=9
    )
    written, _ = said(MESSAGES, CHAT, messages(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}] * 2}]), strings)
    assert written["messages"] == [{"role": "user", "content": "a\n\na"}]


@in_turn("media_type", ["image/PNG", "image/png;charset=utf-8", "image/png; name=a.png"])
def test_picture_is_known_whatever_its_url_says_beside_its_type(media_type: str) -> None:
    """OpenAI reads such a data: URL; Claude and Gemini take the plain type alone."""
    picture = {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,iVBORw0K"}}
    body, lost = said(CHAT, MESSAGES, chat(messages=[{"role": "user", "content": [picture]}]))
    assert body["messages"][0]["content"][0]["source"] == {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"}
    assert lost == {}
    picture["image_url"] = {"url": "data:image/jpg;base64,/9j/"}
    body, lost = said(CHAT, GEMINI, chat(messages=[{"role": "user", "content": [picture]}]))
    assert body["contents"][0]["parts"] == [{"inlineData": {"mimeType": "image/jpeg", "data": "/9j/"}}]
    assert lost == {"input[0].parts[0].media_type": "approximated"}


def test_mistral_gets_turns_that_it_takes() -> None:
    """A user speaks beside results (Claude Code reminds there), the system amid the conversation, and the answer has a beginning."""
    dialect = dialect_of(endpoint("mistral"), provider="p", protocol=CHAT, model="m", most_output=0, default_output=9)
    results = [{"type": "tool_result", "tool_use_id": "callcall1", "content": "9"}, {"type": "text", "text": "Be brief."}]
    turns = [
        HI,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "callcall1", "name": "f", "input": {}}]},
        {"role": "user", "content": results},
        {
            "role": "system",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}],
        },
        {"role": "assistant", "content": "It is"},
    ]
    body, lost = said(MESSAGES, CHAT, messages(system="s", messages=turns, service_tier="standard_only"), dialect)
    assert [message["role"] for message in body["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
        "user",
        "assistant",
    ]
    assert [message["content"] for message in body["messages"][4:7]] == ["OK.", "Be brief.", "<system>\na\n\nb\n</system>"]
    assert (body["messages"][-1], "service_tier" in body) == ({"role": "assistant", "content": "It is", "prefix": True}, False)
    assert (lost["input[*]"], lost["generation.service_tier"]) == ("moved", "dropped")
    body, lost = said(MESSAGES, CHAT, messages(messages=turns[:2], service_tier="auto"), dialect)
    assert ("prefix" in body["messages"][-1], lost) == (False, {})


def test_o_series_is_not_told_how_many_tools_to_call_at_once() -> None:
    """It refuses to be told so in Chat."""
    tools = [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]
    body = messages(tools=tools, tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    for model, is_told in (("o4-mini", False), ("gpt-4o", True)):
        dialect = dialect_of(endpoint("openai"), provider="p", protocol=CHAT, model=model, most_output=0, default_output=9)
        written, lost = said(MESSAGES, CHAT, body, dialect)
        assert ("parallel_tool_calls" in written) is is_told
        assert lost == ({} if is_told else {"capabilities.parallel_tool_calls": "dropped"})


@in_turn("kind", ["gemini", "vertex_ai"])
def test_vertex_gets_no_ids_of_calls_no_tier_and_no_word_of_googles_own_calls(kind: str) -> None:
    """The Gemini API refuses its own tools beside functions without a member that Vertex AI refuses, like the others."""
    address = Secret("https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1") if kind == "vertex_ai" else None
    dialect = dialect_of(
        endpoint(kind, base_url=address), provider="p", protocol=GEMINI, model="gemini-3-pro", most_output=0, default_output=9
    )
    tools = [{"type": "function", "name": "f", "strict": False}, {"type": "web_search"}]
    body, lost = said(RESPONSES, GEMINI, {"model": "m", "input": "Hi", "tools": tools, "service_tier": "flex"}, dialect)
    assert (body.get("serviceTier"), lost.get("generation.service_tier")) == (("flex", None) if kind == "gemini" else (None, "dropped"))
    assert [tool.keys() & {"functionDeclarations", "googleSearch"} for tool in body["tools"]] == [
        {"functionDeclarations"},
        {"googleSearch"},
    ]
    assert body.get("toolConfig") == ({"includeServerSideToolInvocations": True} if kind == "gemini" else None)
    body, _ = said(CHAT, GEMINI, chat(messages=[HI, turn(("1", "f")), result("1", "done"), HI]), dialect)
    called = [part.get(member) for turn in body["contents"] for part in turn["parts"] for member in ("functionCall", "functionResponse")]
    assert [each.get("id") for each in called if each] == (["1", "1"] if kind == "gemini" else [None, None])


def test_a_request_is_written_in_the_dialect_of_its_own_protocol() -> None:
    """Another one would be read as if nothing were known of the host."""
    with pytest.raises(TypeError, match="anthropic_messages is written in a ClaudeDialect, not in a ChatDialect"):
        said(CHAT, MESSAGES, chat(), ChatDialect())
