"""Requests of the Messages API, read to the canonical model and written again."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn
from tests.protocols.anthropic_messages.asking import PNG, P, b64, emit, opaque, parse, said, user_of

from omnillm.model.message import ImageBase64, Message, MessageRole, Native, Reasoning, Text, ToolCall, ToolResult
from omnillm.model.request import user
from omnillm.protocols.anthropic_messages import CODEC
from omnillm.protocols.envelope import seal
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit
from omnillm.protocols.transcode import parse_request, transcode_request

MARK = {"type": "ephemeral"}


def body_of(*content: Any, role: str = "user", **members: Any) -> dict:
    return {"model": "m", "max_tokens": 100, "messages": [{"role": role, "content": list(content)}], **members}


MEMBERS = [
    {"system": "Be brief."},
    {"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, {"type": "text", "text": "b"}]},
    {"stream": True},
    {"temperature": 0.5, "top_p": 0.9, "top_k": 5},
    {"stop_sequences": ["\n", "END"]},
    {"metadata": {"user_id": "u-1"}},
    {"metadata": {"user_id": "u-1", "session": "s"}},
    {"service_tier": "standard_only"},
    {"cache_control": {"type": "ephemeral", "ttl": "5m"}},
    {"container": {"id": "c", "skills": [{"type": "anthropic", "skill_id": "pptx", "version": "latest"}]}},
    {"diagnostics": {"previous_message_id": "msg_0"}},
    {"inference_geo": "us"},
    {"speed": "fast"},
    {"user_profile_id": "p", "workspace_id": "w"},
    {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
    {"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}], "tools": [{"type": "mcp_toolset", "mcp_server_name": "x"}]},
    {"output_config": {"effort": "low"}},
    {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}, "task_budget": {"type": "tokens", "total": 9}}},
    {"output_config": {"format": {"type": "grammar", "grammar": "x"}}},
    {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}},
    {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}},
    {"thinking": {"type": "adaptive", "display": "full"}},
    {"thinking": {"type": "between_tools"}},
    {"thinking": {"type": "disabled"}},
    {"thinking": {"type": "dreaming", "depth": 3}},
]


@in_turn("members", MEMBERS, ids=lambda members: json.dumps(members)[:50])
def test_every_member_of_the_body_comes_back(members):
    """What the SDK's type knows, and what it does not, returns to its own protocol without a loss."""
    body = body_of({"type": "text", "text": "Hi", "cache_control": MARK}, **members)
    request, losses = parse(body)
    assert emit(request) == (body, {})
    assert not losses


def test_output_format_is_read_as_the_format_that_took_its_place():
    """Programs still write what the beta of structured outputs called it; another form of it stays as it is."""
    text, form = {"type": "text", "text": "Hi"}, {"type": "json_schema", "schema": {"type": "object"}}
    request, losses = parse(body_of(text, output_format=form))
    assert (request.capabilities.structured_output.schema, request.vendor_extensions) == ({"type": "object"}, {})
    assert not losses
    assert emit(request)[0]["output_config"] == {"format": form}
    other = {"type": "grammar"}
    assert emit(parse(body_of(text, output_format=other))[0])[0]["output_format"] == other


TOOLS = [
    {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}, "strict": True},
    {"name": "f", "input_schema": {"type": "object", "properties": {}}},
    {"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral", "scope": "global"}},
    {"name": "f", "input_schema": {"type": "object"}, "defer_loading": True, "eager_input_streaming": True, "allowed_callers": ["direct"]},
    {"name": "f", "input_schema": {"type": "object"}, "input_examples": [{"a": 1}]},
    {
        "type": "web_search_20250305",
        "name": "web_search",
        "max_uses": 3,
        "allowed_domains": ["a.org"],
        "user_location": {"type": "approximate", "city": "Rome"},
        "cache_control": MARK,
    },
    {
        "type": "web_fetch_20260309",
        "name": "web_fetch",
        "blocked_domains": ["b.org"],
        "citations": {"enabled": True},
        "max_content_tokens": 9,
    },
    {"type": "code_execution_20250522", "name": "code_execution"},
    {"type": "bash_20250124", "name": "bash"},
    {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
]


@in_turn("tool", TOOLS, ids=lambda tool: json.dumps(tool)[:60])
def test_every_tool_comes_back(tool):
    """Read and written again, member for member."""
    body = body_of({"type": "text", "text": "Hi", "cache_control": MARK}, tools=[tool])
    assert emit(parse(body)[0]) == (body, {})


@in_turn(
    "choice",
    [
        {"type": "auto"},
        {"type": "any", "disable_parallel_tool_use": True},
        {"type": "auto", "disable_parallel_tool_use": False},
        {"type": "tool", "name": "f"},
        {"type": "none"},
        {"type": "toolset", "name": "browser"},
    ],
)
def test_every_tool_choice_comes_back(choice):
    """Read and written again, member for member."""
    body = body_of({"type": "text", "text": "Hi", "cache_control": MARK}, tools=[TOOLS[0]], tool_choice=choice)
    assert emit(parse(body)[0]) == (body, {})


LOCATION = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
USER_BLOCKS = [
    {"type": "text", "text": "a", "citations": [LOCATION]},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)}, "cache_control": MARK},
    {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}, "transformations": {"resize": "none"}},
    {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    {"type": "image", "source": {"type": "satellite", "id": "s"}},
    {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": b64(b"%PDF-1")},
        "title": "t",
        "context": "c",
    },
    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}, "citations": {"enabled": True}},
    {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}, "cache_control": MARK},
    {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}, "citations": {"enabled": True}},
    {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "a"}], "cache_control": MARK},
    {"type": "container_upload", "file_id": "file_1"},
    {"type": "tool_result", "tool_use_id": "toolu_1"},
    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "18", "is_error": False, "cache_control": MARK},
    {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "is_error": True,
        "toolset_name": "browser",
        "content": [
            {"type": "text", "text": "a", "cache_control": MARK},
            {"type": "image", "source": {"type": "url", "url": "https://x"}},
            {"type": "tool_reference", "tool_name": "f"},
        ],
    },
]
ASSISTANT_BLOCKS = [
    {"type": "thinking", "thinking": "hm", "signature": "sig"},
    {"type": "redacted_thinking", "data": "xyz"},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1, None, "ü"]}, "cache_control": MARK},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}, "caller": {"type": "direct"}},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "f", "server_name": "s", "input": {}},
    {"type": "compaction", "content": "summary", "cache_control": MARK},
]


@in_turn("block", USER_BLOCKS, ids=lambda block: json.dumps(block)[:60])
def test_every_block_of_a_user_comes_back(block):
    """Read and written again, member for member."""
    body = body_of(block, {"type": "text", "text": "Hi", "cache_control": MARK})
    assert emit(parse(body)[0]) == (body, {})


@in_turn("block", ASSISTANT_BLOCKS, ids=lambda block: json.dumps(block)[:60])
def test_every_block_of_the_model_comes_back(block):
    """Read and written again, member for member."""
    body = body_of(block, {"type": "text", "text": "Hi", "cache_control": MARK}, role="assistant")
    request, _ = parse(body)
    written, lost = emit(request)
    assert written == body
    assert lost == ({"input[0].parts[0].arguments": "approximated"} if "_raw" in json.dumps(block) else {})


def test_normal_form_of_a_conversation():
    """System blocks are one message, results are items, and what a turn says in several messages is one."""
    body = {
        "model": "m",
        "max_tokens": 5,
        "system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        "messages": [
            {"role": "user", "content": "c"},
            {"role": "assistant", "content": "d"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "e"}, {"type": "text", "text": "g"}]},
            {"role": "system", "content": "h"},
        ],
    }
    request, losses = parse(body)
    assert request.input == (
        said(Text(text="a"), Text(text="b"), role=MessageRole.SYSTEM),
        user("c"),
        said(Text(text="d"), ToolCall(call_id="1", name="f", arguments='{"x":1}')),
        ToolResult(call_id="1", content=(Text(text="e"),)),
        user("g"),
        said(Text(text="h"), role=MessageRole.SYSTEM),
    )
    assert not losses
    assert parse(emit(request)[0])[0] == request


def test_words_before_a_result_are_read_after_it():
    """In the canonical model a result is an item of its own."""
    request, losses = parse(body_of({"type": "text", "text": "a"}, {"type": "tool_result", "tool_use_id": "1", "content": "b"}))
    assert [type(item) for item in request.input] == [ToolResult, Message]
    assert [(reason.path, reason.kind) for reason in losses.reasons] == [("messages[0].content", "moved")]


def test_envelope_that_a_client_brings_back_is_opened():
    """What another provider has signed returns to the part that it was signed for, in whatever messages a program splits its turn."""
    responses, gemini = opaque("enc", "openai_responses", "openai"), opaque("sig", "gemini_generate_content", "google")
    body = body_of(
        {"type": "thinking", "thinking": "a", "signature": seal(responses)},
        {"type": "redacted_thinking", "data": seal(gemini)},
        {"type": "text", "text": "b"},
        {"type": "redacted_thinking", "data": seal(gemini)},
        {"type": "tool_use", "id": "1", "name": "f", "input": {}},
        {"type": "tool_use", "id": "2", "name": "f", "input": {}},
        {"type": "text", "text": "c"},
        {"type": "thinking", "thinking": "", "signature": seal(gemini)},
        {"type": "redacted_thinking", "data": seal(gemini)},
        role="assistant",
    )
    assert parse(body)[0].input[0] == said(
        Reasoning(text="a", opaque=responses),
        Text(text="b", signature=gemini),
        ToolCall(call_id="1", name="f", arguments="{}", signature=gemini),
        ToolCall(call_id="2", name="f", arguments="{}"),
        Text(text="c", signature=gemini),
        Reasoning(opaque=gemini, is_redacted=True),
    )
    split = [{"role": "assistant", "content": [block]} for block in body["messages"][0]["content"]]
    assert parse({**body, "messages": split})[0].input == parse(body)[0].input


def test_data_at_an_address_is_read_as_bytes():
    """Other protocols have no `data:` addresses."""
    request, _ = parse(body_of({"type": "image", "source": {"type": "url", "url": f"data:image/png;base64,{b64(PNG)}"}}))
    assert request.input[0].parts == (ImageBase64(data=PNG, media_type="image/png"),)
    with pytest.raises(Unfit, match="base64 data"):
        parse(body_of({"type": "image", "source": {"type": "url", "url": "data:text/plain,abc"}}))


RETRIEVED = [
    (
        {"type": "search_result", "source": "https://x", "title": "Lake", "content": [{"type": "text", "text": "149 m."}]},
        "Lake\nhttps://x\n\n149 m.",
    ),
    (
        {
            "type": "document",
            "title": "Lake",
            "context": "A survey.",
            "source": {"type": "content", "content": [{"type": "text", "text": "149"}, {"type": "text", "text": "489"}]},
            "citations": {"enabled": True},
        },
        "Lake\nA survey.\n\n149\n\n489",
    ),
    ({"type": "document", "source": {"type": "content", "content": "149 m."}}, "149 m."),
]


@in_turn("target", ["openai_chat", "openai_responses", "gemini_generate_content"])
@in_turn(("block", "words"), RETRIEVED, ids=["search_result", "document", "text"])
def test_what_a_client_retrieved_is_text_for_other_protocols(block, words, target):
    """In a turn and in a tool's result. Its own protocol gets the block back, with its cache mark."""
    marked = {**block, "cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"}}
    call = {"type": "tool_use", "id": "call_1", "name": "f", "input": {}}
    body = body_of(marked)
    body["messages"] += [
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": [marked]}]},
    ]
    assert emit(parse(body)[0]) == (body, {})
    report = transcode_request(P, target, json.dumps(body).encode(), model="m")
    assert json.dumps(json.loads(report.value), ensure_ascii=False).count(json.dumps(words)[1:-1]) == 2
    assert {reason.path for reason in report.loss_reasons if "content_block" in reason.path}


def test_retrieved_block_without_text_is_known_to_its_own_protocol_alone():
    """What cannot be read is kept whole for whoever can."""
    for block in ({"type": "search_result", "content": [{"type": "image"}, 1]}, {"type": "document", "source": {"type": "content"}}):
        [message] = parse(body_of(block))[0].input
        assert message.parts == (Native(protocol=P, kind=block["type"], value=block),)


@in_turn("target", ["openai_chat", "openai_responses", "gemini_generate_content", "bedrock_converse"])
def test_system_message_that_only_sets_an_effort_is_told(target):
    """The API takes one without content; what it sets from there on no other protocol can say."""
    setting = {"role": "system", "output_config": {"effort": "low"}}
    body = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}, setting, {"role": "user", "content": "Ho"}]}
    report = transcode_request("anthropic_messages", target, json.dumps(body).encode())
    assert b"Hi" in report.value
    assert b"Ho" in report.value
    assert any(reason.kind == "dropped" and reason.path.startswith("input[1]") for reason in report.loss_reasons)


def test_unsigned_thinking_of_a_client_has_no_opaque_value():
    """An empty signature proves nothing."""
    assert parse(body_of({"type": "thinking", "thinking": "a", "signature": ""}))[0].input == (user_of(Reasoning(text="a")),)


@in_turn(
    ("body", "path"),
    [
        ({"messages": []}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": {}}, "messages"),
        ({"model": "m", "messages": [1]}, "messages[0]"),
        ({"model": "m", "messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        ({"model": "m", "messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": "m", "messages": [{"role": "user", "output_config": {"effort": "low"}}]}, "messages[0].content"),
        ({"model": "m", "messages": [{"role": "system", "clear_at": "never"}]}, "messages[0].content"),
        (body_of({"type": "text", "text": 1}), "messages[0].content[0].text"),
        (body_of({"type": "image", "source": {"type": "base64", "data": "a"}}), "messages[0].content[0].source.data"),
        (body_of({"type": "tool_result", "tool_use_id": "1", "content": [{"text": "a"}]}), "messages[0].content[0].content[0].type"),
        (body_of({"type": "tool_result", "tool_use_id": "1", "is_error": 1}), "messages[0].content[0].is_error"),
        (body_of({"type": "thinking", "thinking": "a", "signature": 1}), "messages[0].content[0].signature"),
        (body_of({"type": "redacted_thinking", "data": 1}), "messages[0].content[0].data"),
        (body_of(tools=[{"name": 1}]), "tools[0].name"),
        (body_of(system=[1]), "system[0]"),
        (body_of(thinking={}), "thinking.type"),
        (body_of(output_config={"format": {"type": "json_schema", "schema": 1}}), "output_config.format.schema"),
    ],
)
def test_wrong_shape_is_named_by_its_path(body, path):
    """So that a client knows which member to mend."""
    with pytest.raises(Unfit) as caught:
        parse(body)
    assert caught.value.path == path


@in_turn("members", [*MEMBERS, *({"tools": [tool]} for tool in TOOLS)], ids=lambda members: json.dumps(members)[:50])
def test_a_request_decoded_in_one_step_says_what_its_members_say(members):
    """Most are; those with members that are not read here come member by member, and so does what is of the wrong shape."""
    body = body_of({"type": "text", "text": "Hi"}, **members)
    assert parse_request(P, json.dumps(body).encode()).value == parse(body)[0]


def test_what_is_not_read_is_not_decoded_in_one_step():
    """Beside the body's members or a message's: it would be gone without a word."""
    assert CODEC.own_request is not None
    body = body_of({"type": "text", "text": "Hi"}, system="Be brief.", tools=TOOLS[:1], temperature=1, stream=True)
    assert CODEC.parse_request(CODEC.own_request.decode(json.dumps(body).encode()), Losses()) == parse(body)[0]
    for odd in (body | {"odd": 1}, body | {"messages": [{"role": "user", "content": "Hi", "odd": 1}]}):
        with pytest.raises(msgspec.ValidationError):
            CODEC.own_request.decode(json.dumps(odd).encode())


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**60) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "source", "content", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
WHOLE = {
    **body_of(*USER_BLOCKS, *ASSISTANT_BLOCKS, tools=TOOLS, tool_choice={"type": "auto"}),
    **{name: value for members in MEMBERS for name, value in members.items() if name != "tools"},
}


def places(value: Any, at: tuple = ()) -> list[tuple]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *[place for name, child in inner for place in places(child, (*at, name))]]


def put(owner: Any, place: tuple, value: Any) -> None:
    """Change what stands at a place, if an earlier change left it there."""
    try:
        for step in place[:-1]:
            owner = owner[step]
        owner[place[-1]] = value
    except (LookupError, TypeError):
        return


PLACES = places(WHOLE)[1:]


@given(st.lists(st.tuples(st.sampled_from(PLACES), ANY_JSON), min_size=1, max_size=3))
def test_whatever_the_client_sends_nothing_but_unfit_is_raised(changes):
    """And what can be read can be written."""
    body = json.loads(json.dumps(WHOLE))
    for place, value in changes:
        put(body, place, value)
    try:
        request, _ = parse(body)
    except Unfit:
        return
    json.dumps(emit(request)[0])
