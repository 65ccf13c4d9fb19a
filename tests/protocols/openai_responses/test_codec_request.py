"""Requests of the Responses API, read to the canonical model and written from it."""

import base64
from typing import Any

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from tests.in_turn import in_turn
from tests.protocols.openai_responses.asking import FUNCTION, LOCATION, OWN, PDF, PNG, SCHEMA, emit, items_of, parse
from typing_extensions import get_type_hints

from omnillm.model import (
    ExplicitKey,
    File,
    FileSource,
    GenerationConfig,
    ImageBase64,
    ImageFile,
    ImageUrl,
    InlineSource,
    Message,
    MessageRole,
    PromptCacheRetention,
    Reasoning,
    ReasoningCapability,
    Text,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
)
from omnillm.protocols.shapes import Unfit

MEMBERS: dict[str, list[Any]] = {
    "access_programs": [{"cyber": "standard"}],
    "background": [True],
    "background_options": [{"completion_window": "2h"}],
    "context_management": [[{"type": "compaction", "compact_threshold": 1000}]],
    "conversation": ["conv_1", {"id": "conv_1"}],
    "image": [{"context_compression": "auto"}],
    "include": [
        ["reasoning.encrypted_content"],
        ["message.output_text.logprobs"],
        ["file_search_call.results", "message.output_text.logprobs"],
    ],
    "instructions": ["Be brief.", ""],
    "max_output_tokens": [200],
    "max_tool_calls": [3],
    "metadata": [{"run": "7"}],
    "moderation": [{"model": "omni-moderation-latest"}],
    "parallel_tool_calls": [False],
    "previous_response_id": ["resp_1"],
    "prompt": [{"id": "pmpt_1", "variables": {"city": "Oslo"}}],
    "prompt_cache_key": ["k1"],
    "prompt_cache_options": [{"mode": "explicit", "ttl": "12h", "prewarm": True}],
    "prompt_cache_retention": ["24h", "in_memory"],
    "reasoning": [
        {"effort": "low"},
        {"effort": "none"},
        {"effort": "high", "summary": "auto", "context": "all_turns", "mode": "pro"},
        {"generate_summary": "concise"},
    ],
    "safety_identifier": ["user-1"],
    "service_tier": ["flex", "ultrafast"],
    "store": [False, True],
    "stream_options": [{"include_obfuscation": False}],
    "temperature": [0.5, 1],
    "text": [
        {"format": {"type": "json_schema", "name": "depth", "schema": SCHEMA, "strict": True, "description": "How deep."}},
        {"format": {"type": "json_object"}, "verbosity": "low"},
        {"format": {"type": "grammar", "syntax": "lark"}, "verbosity": "high"},
    ],
    "tool_choice": [
        "auto",
        "none",
        "required",
        {"type": "function", "name": "search"},
        {"type": "custom", "name": "shell"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "search"}]},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "x"}, {"type": "function", "name": "search"}]},
        {"type": "mcp", "server_label": "x", "name": "find"},
        {"type": "file_search"},
        {"type": "programmatic_tool_calling"},
        {"type": "apply_patch"},
        {"type": "shell"},
    ],
    "tools": [
        [FUNCTION],
        [{**FUNCTION, "strict": False, "description": "Search."}],
        [{**FUNCTION, "strict": True, "defer_loading": True, "output_schema": SCHEMA, "async": True, "allowed_callers": ["direct"]}],
        [{"type": "custom", "name": "shell", "description": "Run.", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}}],
        [{"type": "web_search"}],
        [{"type": "web_search", "filters": {"allowed_domains": ["example.com"]}, "user_location": LOCATION}],
        [{"type": "web_search_preview", "search_context_size": "low"}],
        [{"type": "code_interpreter", "container": {"type": "auto"}}],
        [{"type": "code_interpreter", "container": "cntr_1"}],
        [{"type": "mcp", "server_label": "x", "server_url": "https://example.com", "require_approval": "never"}],
        [{"type": "mcp", "server_label": "x", "connector_id": "connector_gmail", "headers": {"a": "b"}}],
        [{"type": "file_search", "vector_store_ids": ["vs_1"]}, {"type": "image_generation"}, {"type": "local_shell"}],
        [{"type": "namespace", "name": "mail", "description": "Mail.", "tools": [FUNCTION]}],
    ],
    "top_logprobs": [3],
    "top_p": [0.5],
    "truncation": ["auto"],
    "user": ["user-1"],
    "stream": [True],
    "client_metadata": [{"origin": "codex"}],
}
"""Every member that the SDK's request has, and two beside it, with values that each must survive."""


def test_every_member_of_the_sdk_has_a_case() -> None:
    """A new member of the SDK asks for a decision."""
    assert set(get_type_hints(ResponseCreateParamsBase)) - {"input", "model"} <= MEMBERS.keys()


@in_turn(("name", "value"), [(name, value) for name, values in MEMBERS.items() for value in values])
def test_member_survives(name: str, value: Any) -> None:
    """Read and written again, it says the same, and nothing is reported."""
    body, losses = emit(parse({name: value}))
    said = {**body, "user": body["safety_identifier"]} if name == "user" else body
    assert said[name] == value
    assert not losses
    assert body.keys() - {name} <= {"model", "input", "safety_identifier"}


def test_typed_members_have_their_canonical_home() -> None:
    """What two protocols can say stands where each of them finds it."""
    request = parse({
        **{name: values[0] for name, values in MEMBERS.items() if name not in {"prompt", "tool_choice", "text"}},
        "include": ["message.output_text.logprobs"],
        "tool_choice": {"type": "function", "name": "search"},
        "text": MEMBERS["text"][0],
        "reasoning": {"effort": "none"},
    })  # fmt: skip
    capabilities, generation = request.capabilities, request.generation
    assert capabilities.tools == (ToolDefinition(name="search", input_schema=SCHEMA),)
    assert capabilities.tool_choice == ToolChoice(mode="named", names=("search",))
    assert capabilities.reasoning == ReasoningCapability(mode="disabled")
    assert capabilities.structured_output.name == "depth"
    assert capabilities.prompt_cache.key == ExplicitKey(value="k1")
    assert capabilities.prompt_cache.retention is PromptCacheRetention.LONG
    assert generation == GenerationConfig(
        max_output_tokens=200, temperature=0.5, top_p=0.5, logprobs=True, top_logprobs=3, service_tier="flex"
    )
    assert (request.user_id, request.store, request.is_stream, request.instructions) == ("user-1", False, True, "Be brief.")


def test_two_names_of_a_user_are_both_kept() -> None:
    """They may differ."""
    for names in ({"user": "a", "safety_identifier": "b"}, {"safety_identifier": "b", "user": "a"}):
        body, losses = emit(parse(names))
        assert (body["user"], body["safety_identifier"], losses) == ("a", "b", [])
    for empty in ("user", "safety_identifier"):
        assert parse({"user": "a", "safety_identifier": "a", empty: ""}) == parse({"safety_identifier": "a"})


def test_nulls_say_nothing() -> None:
    """As if they were absent."""
    assert parse(dict.fromkeys(MEMBERS)) == parse({})
    assert parse({"reasoning": {"effort": None, "summary": None}}) == parse({})
    assert parse({"text": {"format": {"type": "text"}}}) == parse({})


CONVERSATIONS: list[list[dict[str, Any]]] = [
    [{"role": "user", "content": "Hi"}],
    [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
    ],
    [{"role": "user", "content": [{"type": "input_text", "text": "Hi", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}]}],
    [
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": PNG, "detail": "low"},
                {"type": "input_image", "image_url": "https://a/b.png"},
            ],
        }
    ],
    [
        {
            "role": "user",
            "content": [{"type": "input_image", "file_id": "file-1", "detail": "auto"}, {"type": "input_file", "file_id": "file-2"}],
        }
    ],
    [{"role": "user", "content": [{"type": "input_file", "file_data": PDF, "filename": "a.pdf", "detail": "high"}]}],
    [{"role": "user", "content": [{"type": "input_file", "file_url": "https://a/b.pdf"}, {"type": "input_file", "file_data": "JVBERg=="}]}],
    [
        {
            "role": "user",
            "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}, {"type": "input_video", "x": 1}],
        }
    ],
    [
        {
            "role": "user",
            "content": [
                {"type": "input_image"},
                {"type": "input_file", "filename": "a"},
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav", "x": 1}},
            ],
        }
    ],
    [
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_3",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hear.", "annotations": []}, {"type": "output_audio", "x": 1}],
        }
    ],
    [{"role": "user", "content": "Hi", "id": "msg_9", "status": "incomplete"}],
    [{"role": "assistant", "content": "One."}, {"role": "assistant", "content": "Two."}],
    [
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "status": "completed",
            "phase": "commentary",
            "content": [
                {
                    "type": "output_text",
                    "text": "149 m",
                    "annotations": [
                        {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 3},
                        {"type": "file_citation", "file_id": "file-1", "filename": "a.pdf", "index": 2},
                    ],
                    "logprobs": [{"token": "149 m", "bytes": [49], "logprob": -0.1, "top_logprobs": []}],
                },
                {"type": "refusal", "refusal": "No."},
            ],
        },
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_2",
            "status": "incomplete",
            "content": [{"type": "output_text", "text": "More", "annotations": []}],
        },
    ],
    [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "gAAA"},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "a"}, {"type": "reasoning_text", "text": "b"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "search", "arguments": '{"q": 1 }', "namespace": "mail"},
        {"type": "function_call_output", "call_id": "call_1", "output": "149 m"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "shell", "input": "ls"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_image", "image_url": PNG}]},
    ],
    [
        {"type": "function_call_output", "call_id": "call_1", "output": ""},
        {"type": "function_call_output", "name": "search", "namespace": "mail", "output": "x", "id": "fco_1", "status": "incomplete"},
        {"type": "function_call_output", "output": "y", "caller": {"type": "program", "caller_id": "p_1"}},
        {
            "type": "function_call_output",
            "call_id": "call_3",
            "output": [{"type": "input_text", "text": "a"}, {"type": "input_file", "file_id": "f"}],
        },
    ],
    [
        {"id": "msg_7"},
        {"type": "item_reference", "id": "rs_7"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "lake"}},
        {"type": "mcp_call", "id": "mcp_1", "server_label": "x", "name": "find", "arguments": "{}", "output": "1"},
        {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "x", "name": "find", "arguments": "{}"},
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
        {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot", "file_id": "f"}},
        {"type": "compaction", "encrypted_content": "gAAA"},
        {"type": "message", "role": "assistant", "id": "msg_8", "content": []},
        {"type": "local_shell_call_output", "id": "lso_1"},
        {"type": "something_new", "value": [1]},
    ],
]


@in_turn("items", CONVERSATIONS, ids=range(len(CONVERSATIONS)))
def test_conversation_survives(items: list[dict[str, Any]]) -> None:
    """Item by item, every id and every unknown member."""
    body, losses = emit(parse({"input": items}))
    assert body["input"] == items
    assert not losses


def test_adjacent_pieces_of_the_assistant_are_one_message() -> None:
    """Each keeps the id of its item; a result of a tool is an item of its own."""
    items = items_of(
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "id": "msg_1", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "search", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "call_1", "output": "149 m"},
    )
    assert items == (
        Message(
            role=MessageRole.ASSISTANT,
            parts=(
                Reasoning(item_id="rs_1"),
                Text(text="I look.", item_id="msg_1"),
                ToolCall(call_id="call_1", name="search", arguments="{}", item_id="fc_1"),
            ),
        ),
        ToolResult(call_id="call_1", content=(Text(text="149 m"),)),
    )


def test_parts_are_read_to_the_canonical_ones() -> None:
    """A data: URL is bytes; a file's id keeps whose it is."""
    [message] = items_of(
        {"role": "user", "content": CONVERSATIONS[3][0]["content"] + CONVERSATIONS[4][0]["content"] + CONVERSATIONS[5][0]["content"]}
    )
    assert message.parts == (
        ImageBase64(data=base64.b64decode("iVBORw=="), media_type="image/png", detail="low"),
        ImageUrl(url="https://a/b.png"),
        ImageFile(file_id="file-1", protocol=OWN, detail="auto"),
        File(source=FileSource(file_id="file-2", protocol=OWN)),
        File(source=InlineSource(data=b"%PDF", media_type="application/pdf"), filename="a.pdf", detail="high"),
    )


BAD: list[tuple[dict[str, Any], str]] = [
    ({"input": 5}, "input"),
    ({"input": [5]}, "input[0]"),
    ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user", "content": [{"type": "input_text", "text": 1}]}]}, "input[0].content[0].text"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,#"}]}]}, "input[0].content[0].image_url"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "x"}}]}]}, "input[0].content[0].prompt_cache_breakpoint.mode"),
    ({"input": [{}]}, "input[0].role"),
    ({"input": [{"type": "function_call", "name": "x", "arguments": "{}"}]}, "input[0].call_id"),
    ({"input": [{"type": "reasoning", "summary": ["x"]}]}, "input[0].summary[0]"),
    ({"input": [{"type": ["x"]}]}, "input[0].type"),
    ({"metadata": {"a": 1}}, "metadata.a"),
    ({"tools": [{"type": "function"}]}, "tools[0].name"),
    ({"tool_choice": "maybe"}, "tool_choice"),
    ({"tool_choice": {"type": "allowed_tools", "mode": "none", "tools": []}}, "tool_choice.mode"),
    ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
    ({"max_output_tokens": "many"}, "max_output_tokens"),
    ({"temperature": "hot"}, "temperature"),
    ({"include": "x"}, "include"),
    ({"prompt_cache_retention": "forever"}, "prompt_cache_retention"),
]  # fmt: skip


@in_turn(("body", "path"), BAD, ids=[path for _, path in BAD])
def test_mistake_is_named_by_its_path(body: dict[str, Any], path: str) -> None:
    """As the client finds it in what it sent."""
    with pytest.raises(Unfit) as raised:
        parse(body)
    assert raised.value.path == path
