"""Options of tools that a provider runs: those that two protocols know are carried, each of the others is told by its name."""

import json
from typing import Any

from tests.in_turn import in_turn
from tests.protocols.differences.saying import CHAT, HI, MESSAGES, RESPONSES, messages, said

from omnillm.protocols.dialects import ChatDialect

SEARCH_MODEL = ChatDialect(has_web_search=True)


def tools_of(source: str, target: str, body: dict[str, Any]) -> tuple[Any, list[str]]:
    """The tools as they are written, and the paths of what is told as dropped."""
    written, lost = said(source, target, body, SEARCH_MODEL if target == CHAT else None)
    return written.get("tools", written.get("web_search_options")), [path for path, kind in lost.items() if kind == "dropped"]


def test_size_of_a_searchs_context_is_carried_between_openais_protocols() -> None:
    """Both have it, under the same name and with the same words."""
    chat = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "web_search_options": {"search_context_size": "low"}}
    assert tools_of("openai_chat", "openai_responses", chat) == ([{"type": "web_search", "search_context_size": "low"}], [])
    responses = {"model": "m", "input": "Hi", "tools": [{"type": "web_search", "search_context_size": "low"}]}
    assert tools_of("openai_responses", "openai_chat", responses) == ({"search_context_size": "low"}, [])


@in_turn("target", ["openai_responses", "gemini_generate_content"])
def test_options_that_only_one_protocol_knows_are_told_one_by_one(target: str) -> None:
    """Anthropic's search has more to set than the others', and not one of it is left out without a word."""
    search = {"type": "web_search_20260318", "name": "web_search", "response_inclusion": "full", "defer_loading": True, "strict": None}
    _, told = tools_of(MESSAGES, target, messages(tools=[search]))
    where = "capabilities.builtin_tools[0].native"
    assert told == [f"{where}.defer_loading", f"{where}.response_inclusion"]


def test_options_inside_a_tools_own_object_are_told_by_their_path() -> None:
    """Gemini's tools are objects in objects."""
    search = {"googleSearch": {"excludeDomains": ["a.example"], "timeRangeFilter": {"startTime": "2026-01-01T00:00:00Z"}}}
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "tools": [search]}
    tools, told = tools_of("gemini_generate_content", "anthropic_messages", body)
    assert tools[0]["blocked_domains"] == ["a.example"]
    assert told == ["capabilities.builtin_tools[0].native.googleSearch.timeRangeFilter"]


@in_turn("target", ["openai_chat", "openai_responses", "gemini_generate_content", "bedrock_converse"])
def test_what_a_tool_search_found_is_named(target: str) -> None:
    """Claude Code defers the tools of its MCP servers, and answers its model's search for one by its reference: an empty result found nothing."""
    found = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "tool_reference", "tool_name": "mcp__lakes__depth"}]}
    tools = [
        {"name": "ToolSearch", "input_schema": {"type": "object"}},
        {"name": "mcp__lakes__depth", "defer_loading": True, "input_schema": {"type": "object"}},
    ]
    calling = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "ToolSearch", "input": {}}]}
    turns = [HI, calling, {"role": "user", "content": [found, {"type": "text", "text": "Tool loaded."}]}]
    body, lost = said(MESSAGES, target, messages(tools=tools, messages=turns))
    written = json.dumps(body)
    assert "Tool: mcp__lakes__depth" in written
    assert lost["input[2].content[0]"] == "approximated"
    assert '"parts": [{"text": "Tool:' not in written  # of Gemini's results, these are media alone


def test_place_of_a_search_says_what_it_is() -> None:
    """Responses need not, the Messages API must."""
    body, _ = said(RESPONSES, MESSAGES, {"model": "m", "input": "Hi", "tools": [{"type": "web_search", "user_location": {"city": "Ulm"}}]})
    assert body["tools"][0]["user_location"] == {"type": "approximate", "city": "Ulm"}
