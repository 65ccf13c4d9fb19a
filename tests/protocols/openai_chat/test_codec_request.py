"""Requests of Chat Completions to the canonical model and back: every member that the SDK knows, whole or mistaken."""

from typing import get_type_hints

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from tests.in_turn import in_turn
from tests.protocols.openai_chat.asking import ANSWERED, CALL, CALLING, PNG, QUESTION, SCHEMA, TOOL, asks, converses, emitted, parsed

from omnillm.model import File, ImageBase64, InlineSource, Message, MessageRole, Refusal, Text, ToolCall, ToolResult
from omnillm.protocols.shapes import Unfit

SAME = [
    pytest.param(asks(), id="least"),
    pytest.param(asks(max_completion_tokens=100), id="max_completion_tokens"),
    pytest.param(
        asks(temperature=0.7, top_p=0.9, presence_penalty=1, frequency_penalty=-1, seed=7, n=2, stop=["END", "STOP"]), id="generation"
    ),
    pytest.param(asks(logprobs=True, top_logprobs=3, logit_bias={"50256": -100}), id="log probabilities"),
    pytest.param(asks(reasoning_effort="xhigh", verbosity="low"), id="effort"),
    pytest.param(asks(reasoning_effort="none"), id="no effort"),
    pytest.param(asks(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}), id="sound"),
    pytest.param(asks(service_tier="flex", store=True, metadata={"run": "7"}, safety_identifier="u1"), id="owner"),
    pytest.param(asks(safety_identifier="u1", user="u2"), id="two owners"),
    pytest.param(asks(prompt_cache_key="k", prompt_cache_retention="24h"), id="cache key"),
    pytest.param(asks(prompt_cache_options={"mode": "explicit", "ttl": "30m"}, prompt_cache_retention="in_memory"), id="cache options"),
    pytest.param(asks(prediction={"type": "content", "content": "149"}, moderation={"model": "omni"}), id="members without a field"),
    pytest.param(asks(stream=True, stream_options={"include_usage": True, "include_obfuscation": False}), id="stream"),
    pytest.param(asks(stream=True), id="stream without usage"),
    pytest.param(asks(response_format={"type": "json_object"}), id="JSON mode"),
    pytest.param(
        asks(
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "depth", "schema": SCHEMA, "strict": True, "description": "How deep."},
            }
        ),
        id="schema",
    ),
    pytest.param(asks(response_format={"type": "grammar", "grammar": "x"}), id="a format of the host's own"),
    pytest.param(asks(tools=[TOOL], tool_choice="auto", parallel_tool_calls=False), id="tools"),
    pytest.param(
        asks(
            tools=[{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": False, "x": 1}}],
            tool_choice={"type": "function", "function": {"name": "f"}},
        ),
        id="tool chosen by name",
    ),
    pytest.param(
        asks(
            tools=[
                {
                    "type": "custom",
                    "custom": {
                        "name": "sh",
                        "description": "d",
                        "format": {"type": "grammar", "grammar": {"definition": "x", "syntax": "lark"}},
                    },
                }
            ],
            tool_choice={"type": "custom", "custom": {"name": "sh"}},
        ),
        id="custom tool",
    ),
    pytest.param(
        asks(
            tools=[TOOL, {"type": "custom", "custom": {"name": "sh"}}],
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "search"}}, {"type": "custom", "custom": {"name": "sh"}}],
                },
            },
        ),
        id="subset of tools",
    ),
    pytest.param(asks(tools=[{"type": "browser_search"}], tool_choice={"type": "browser_search"}), id="a host's own tool"),
    pytest.param(
        asks(
            web_search_options={
                "user_location": {"type": "approximate", "approximate": {"city": "Bled", "country": "SI"}},
                "search_context_size": "low",
            }
        ),
        id="web search",
    ),
    pytest.param(
        converses(
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "ops"},
            {"role": "user", "content": "Hi", "name": "ada"},
            {"role": "assistant", "content": "Hello.", "name": "bot"},
        ),
        id="roles",
    ),
    pytest.param(
        converses(
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look.", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                    {"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}},
                    {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PNG}", "filename": "a.pdf"}},
                    {"type": "file", "file": {"file_id": "file-1"}, "prompt_cache_breakpoint": {"mode": "explicit"}},
                    {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
                ],
            }
        ),
        id="parts",
    ),
    pytest.param(
        converses(
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "No."}, {"type": "text", "text": "b"}],
            },
            {"role": "assistant", "content": None, "refusal": "No."},
            {"role": "assistant", "content": None, "audio": {"id": "audio_1"}},
        ),
        id="assistant's parts",
    ),
    pytest.param(converses(CALLING, ANSWERED, QUESTION), id="call and result"),
    pytest.param(
        converses(
            {"role": "assistant", "content": "I look.", "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
            ANSWERED,
            {
                "role": "tool",
                "tool_call_id": "call_2",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            },
        ),
        id="parallel calls",
    ),
    pytest.param(
        converses(
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "a b"},
        ),
        id="custom call",
    ),
    pytest.param(
        converses(
            QUESTION,
            {
                "role": "assistant",
                "content": "149 m",
                "annotations": [
                    {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 5, "title": "Lake", "url": "https://e.com"}}
                ],
            },
        ),
        id="an answer brought back with its annotations",
    ),
    pytest.param(
        converses(
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "https://e.com/a.png", "detail": "low", "x": 1}},
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav", "x": 1}},
                    {"type": "file", "file": {"file_data": "AAAA", "filename": "a", "x": 1}, "y": 2},
                    {"type": "text", "text": "Hi", "y": 2},
                ],
            }
        ),
        id="members of parts without a field",
    ),
    pytest.param(
        converses(
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "mcp", "mcp": {"x": 1}}]},
            {"role": "tool", "tool_call_id": "c", "content": "a"},
        ),
        id="a call of a kind without a field",
    ),
    pytest.param(asks(web_search_options={"search_context_size": "low", "x": 1}), id="members of a search without a field"),
    pytest.param(
        asks(web_search_options={"user_location": {"type": "approximate", "approximate": {"city": "Bern"}, "x": 1}}),
        id="members of a place without a field",
    ),
    pytest.param(
        asks(
            tools=[{"type": "function", "function": {"name": "f"}}],
            tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "mcp", "mcp": {"x": 1}}]}},
        ),
        id="a choice of tools of a kind without a field",
    ),
    pytest.param({"safety_identifier": "u1", **asks(user="u2")}, id="two owners, the other way about"),
]


@in_turn("body", SAME)
def test_what_openai_knows_comes_back_as_it_was(body):
    """Member for member; nothing is lost on the way."""
    request, read_losses = parsed(body)
    again, losses = emitted(request)
    assert (read_losses, losses) == ([], [])
    assert again == body


def test_the_cases_cover_every_member_that_the_sdk_knows():
    """A member that a new SDK brings makes this fail."""
    known = set(get_type_hints(CompletionCreateParamsBase))
    seen = {name for case in SAME for name in case.values[0]}
    deprecated = {"functions", "function_call", "max_tokens"}  # see the tests below
    assert known - seen == deprecated


@in_turn(
    ("body", "modern"),
    [
        pytest.param(asks(max_tokens=5), asks(max_completion_tokens=5), id="max_tokens"),
        pytest.param(asks(stop="END"), asks(stop=["END"]), id="stop"),
        pytest.param(asks(user="u1"), asks(safety_identifier="u1"), id="user"),
        pytest.param(asks(response_format={"type": "text"}), asks(), id="text format"),
        pytest.param(asks(tools=[TOOL], tool_choice="any"), asks(tools=[TOOL], tool_choice="required"), id="Mistral's any"),
        pytest.param(asks(temperature=None, tools=None, stream_options=None), asks(), id="nulls"),
        pytest.param(
            converses({"role": "user", "content": [{"type": "text", "text": "Hi"}]}),
            converses({"role": "user", "content": "Hi"}),
            id="one text",
        ),
        pytest.param(
            converses({"role": "user", "content": [{"type": "image_url", "image_url": "https://e.com/a.png"}]}),
            converses({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://e.com/a.png"}}]}),
            id="image as a string",
        ),
        pytest.param(
            converses({"role": "assistant", "content": "", "refusal": None, "tool_calls": [{**CALL, "index": 0}], "function_call": None}),
            converses(CALLING),
            id="an answer as its SDK dumps it",
        ),
        pytest.param(
            converses({"role": "assistant", "content": "Hi", "tool_calls": [], "function_call": {}, "audio": {}, "images": []}),
            converses({"role": "assistant", "content": "Hi"}),
            id="an answer with empty members",
        ),
        pytest.param(
            converses({"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}),
            converses({"role": "user", "content": [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}]}),
            id="Anthropic's spelling of a mark",
        ),
    ],
)
def test_another_spelling_says_the_same(body, modern):
    """Deprecated members and the ways of other hosts are written as OpenAI has them now."""
    request, _ = parsed(body)
    assert emitted(request) == (modern, [])


def test_deprecated_functions_become_tools():
    """Their calls get ids, so that each result finds its own; that answers come as tool_calls is said."""
    call = {"name": "f", "arguments": "{}"}
    answer = {"role": "function", "name": "f", "content": "1"}
    calling = {"role": "assistant", "content": None, "function_call": call}
    body = converses(calling, answer, calling, answer) | {
        "functions": [{"name": "f", "parameters": SCHEMA}],
        "function_call": {"name": "f"},
    }
    request, losses = parsed(body)
    assert losses == ["approximated:functions"]
    assert [item.call_id for item in request.input if isinstance(item, ToolResult)] == ["call_legacy_1", "call_legacy_2"]
    again, losses = emitted(request)
    assert losses == []
    assert again["tools"] == [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    assert again["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert again["messages"][2]["tool_calls"][0]["id"] == again["messages"][3]["tool_call_id"] == "call_legacy_2"


def test_the_current_name_of_the_output_cap_wins():
    """Whichever comes first in the body; the other is told as lost."""
    for body in (asks(max_tokens=5, max_completion_tokens=9), asks(max_completion_tokens=9, max_tokens=5)):
        request, losses = parsed(body)
        assert request.generation.max_output_tokens == 9
        assert losses == ["dropped:max_tokens"]


def test_normal_form():
    """Data URLs become bytes, calls and refusals parts, results items, and the kind of a result is its call's."""
    request, _ = parsed(
        converses(
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]},
            {
                "role": "assistant",
                "content": "Hm.",
                "refusal": "No.",
                "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": ""},
        )
    )
    assert request.input == (
        Message(role=MessageRole.USER, parts=(ImageBase64(data=b"\x89PNG", media_type="image/png"),)),
        Message(
            role=MessageRole.ASSISTANT,
            parts=(Text(text="Hm."), Refusal(text="No."), ToolCall(call_id="c", name="sh", arguments="ls", kind="custom")),
        ),
        ToolResult(call_id="c", kind="custom"),
    )


@in_turn(
    ("stream", "options", "wants"),
    [(True, {"include_usage": True}, True), (True, {"include_usage": False}, False), (True, None, False), (None, None, True)],
)
def test_usage_of_a_stream_is_wanted_only_when_asked_for(stream, options, wants):
    """A plain reply always has it."""
    request, _ = parsed(asks(stream=stream, stream_options=options))
    assert request.wants_stream_usage is wants


def test_address_that_holds_the_data_itself_is_read():
    """In base64, or spelt out."""
    for data in ("data:text/plain,149%20m", "data:text/plain;base64,MTQ5IG0="):
        request, losses = parsed(converses({"role": "user", "content": [{"type": "file", "file": {"file_data": data, "filename": "a"}}]}))
        assert request.input[0].parts == (File(source=InlineSource(data=b"149 m", media_type="text/plain"), filename="a"),)
        assert losses == []


@in_turn(
    ("body", "path"),
    [
        ({"messages": []}, "model"),
        ({"model": "m"}, "messages"),
        (asks(temperature="hot"), "temperature"),
        (asks(n=1.5), "n"),
        (asks(stop=["a", 1]), "stop[1]"),
        (asks(modalities=["smell"]), "modalities[0]"),
        (asks(tool_choice="maybe"), "tool_choice"),
        (asks(tools=[{"type": "function", "function": {}}]), "tools[0].function.name"),
        (asks(metadata={"a": 1}), "metadata.a"),
        (asks(response_format={"type": "json_schema"}), "response_format.json_schema"),
        (
            asks(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": False}}),
            "response_format.json_schema.schema",
        ),
        (asks(prompt_cache_retention="a week"), "prompt_cache_retention"),
        (asks(max_tokens=0), "max_tokens"),
        (converses({"role": "robot"}), "messages[0].role"),
        (converses(QUESTION, {"role": "user", "content": [{"type": "text"}]}), "messages[1].content[0].text"),
        (converses({"role": "user", "content": 7}), "messages[0].content"),
        (converses({"role": "tool", "content": "x"}), "messages[0].tool_call_id"),
        (converses({"role": "assistant", "tool_calls": [{"id": "c", "type": "function"}]}), "messages[0].tool_calls[0].function"),
        (
            converses({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,###"}}]}),
            "messages[0].content[0].image_url.url",
        ),
        (converses({"role": "assistant", "thinking_blocks": [{"type": "x"}]}), "messages[0].thinking_blocks[0].type"),
        (converses({"role": "assistant", "images": [{"type": "image_url"}]}), "messages[0].images[0].image_url"),
        (converses({"role": "tool", "tool_call_id": "c", "content": [{"type": "refusal", "refusal": "No."}]}), "messages[0].content"),
        (
            converses({"role": "user", "content": [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "implicit"}}]}),
            "messages[0].content[0].prompt_cache_breakpoint.mode",
        ),
        (
            converses({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64"}}]}),
            "messages[0].content[0].image_url.url",
        ),
        (
            asks(tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "never", "tools": []}}),
            "tool_choice.allowed_tools.mode",
        ),
        (asks(functions=[{"name": "f"}], function_call="required"), "function_call"),
        (
            converses({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,\ud800"}}]}),
            "messages[0].content[0].image_url.url",
        ),
    ],
)
def test_a_mistake_is_named_by_its_path(body, path):
    """As the client wrote it."""
    with pytest.raises(Unfit) as caught:
        parsed(body)
    assert caught.value.path == path
