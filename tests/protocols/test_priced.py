"""What a request asks for beside its tokens, as a bound for its budget: how often the context is read, and what is called."""

from typing import Any

import msgspec
from tests.in_turn import in_turn

from omnillm.protocols.extras import Asked
from omnillm.protocols.members import read_members
from omnillm.protocols.priced import read_asked
from omnillm.protocols.priced_gemini import GEMINI_CALLS
from omnillm.protocols.priced_messages import ANTHROPIC_TURNS
from omnillm.protocols.registry import PROTOCOLS

CHAT, RESPONSES, MESSAGES, GEMINI = "openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content"
INTERACTIONS = "gemini_interactions"
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
THREAD = {"type": "continue", "previous_message_id": "msg_1"}
COMPACTED = {"context_management": [{"type": "compaction", "compact_threshold": 1000}]}
SEARCHES = {"tools": [{"type": "web_search"}], "max_tool_calls": 3}
FETCHES = {"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}
EDITED = {"context_management": {"edits": [{"type": "compact_20260112"}]}}
CLEARED = {"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}, {"type": "clear_tool_uses_20250919"}]}}
CLEARED_AND_MORE = {"context_management": {"edits": [{"type": "clear_thinking_20251015"}, {"type": "of_tomorrow"}]}}
FREE = {"turns": 1, "output_turns": 1, "calls": 0, "tools": set(), "has_unseen_input": False, "tier": "", "place": "", "unbounded": ""}


def asked_of(protocol: str, body: dict[str, Any]) -> Asked:
    plain = {"model": "m", "max_tokens": 9, "messages": [], "input": "hi", "contents": []}
    members = read_members(msgspec.json.encode(plain | body))
    peek = PROTOCOLS[protocol].peek_request(members)
    return read_asked(protocol, members, peek.price_members, peek.n)


@in_turn(
    ("protocol", "body", "expected"),
    [
        (CHAT, {"web_search_options": None}, {}),
        (CHAT, {"web_search_options": {}}, {"calls": 1, "tools": {"web_search"}, "has_unseen_input": True}),
        (CHAT, {"web_search_options": {}, "n": 2}, {"calls": 2, "tools": {"web_search"}, "has_unseen_input": True}),
        (CHAT, {"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom"}], "enable_search": False}, {}),
        (CHAT, {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}, {}),
        *((CHAT, {"service_tier": usual}, {}) for usual in ("auto", "default", "on_demand", None)),  # the third is Groq's word for it
        (CHAT, {"service_tier": "flex"}, {"tier": "flex"}),
        (RESPONSES, {"prompt": None, "context_management": None}, {}),
        (RESPONSES, {"reasoning": {"effort": "high", "mode": "standard"}, "multi_agent": {"enabled": False}}, {}),
        (RESPONSES, {"service_tier": "priority"}, {"tier": "priority"}),
        (RESPONSES, {"previous_response_id": "resp_1"}, {"has_unseen_input": True}),
        (RESPONSES, {"prompt": {"id": "p"}, "max_tool_calls": 2}, {"turns": 3, "calls": 2, "has_unseen_input": True}),
        (RESPONSES, COMPACTED, {"turns": 2, "output_turns": 2, "has_unseen_input": True}),
        (RESPONSES, SEARCHES, {"turns": 4, "calls": 3, "tools": {"web_search"}}),
        (
            RESPONSES,
            SEARCHES | COMPACTED,
            {"turns": 5, "output_turns": 2, "calls": 3, "tools": {"web_search"}, "has_unseen_input": True},
        ),
        (
            RESPONSES,
            {"prompt": {"id": "p"}} | SEARCHES | COMPACTED,
            {"turns": 5, "output_turns": 2, "calls": 3, "tools": {"web_search"}, "has_unseen_input": True},
        ),
        (MESSAGES, {"mcp_servers": []}, {}),
        (MESSAGES, {"service_tier": "standard_only"}, {}),
        (MESSAGES, {"speed": "fast"}, {"tier": "fast"}),
        (MESSAGES, {"speed": "fast", "inference_geo": "us"}, {"tier": "fast", "place": "us"}),
        (MESSAGES, {"inference_geo": "global"}, {}),
        *((MESSAGES, {"thread": thread}, {}) for thread in ({"type": "create"}, None)),
        (MESSAGES, {"thread": THREAD}, {"unbounded": "thread (send the whole conversation without it)"}),
        *((MESSAGES, {"thread": odd}, {"unbounded": "thread"}) for odd in ({}, "continue")),
        (
            MESSAGES,
            {"tools": [SEARCH | {"max_uses": 3}]},
            {"turns": ANTHROPIC_TURNS, "output_turns": ANTHROPIC_TURNS, "calls": 3, "tools": {"web_search"}},
        ),
        (MESSAGES, EDITED, {"turns": 2, "output_turns": 2, "has_unseen_input": True}),
        (MESSAGES, CLEARED, {}),
        (MESSAGES, {"context_management": {"edits": []}}, {}),
        (MESSAGES, {"context_management": None}, {}),
        (MESSAGES, CLEARED_AND_MORE, {"turns": 2, "output_turns": 2, "has_unseen_input": True}),
        (MESSAGES, {"context_management": {"more": []}}, {"turns": 2, "output_turns": 2, "has_unseen_input": True}),
        (MESSAGES, {"context_management": {"edits": [5]}}, {"unbounded": "context_management"}),
        (MESSAGES, FETCHES, {"turns": ANTHROPIC_TURNS, "output_turns": ANTHROPIC_TURNS}),
        *(
            (MESSAGES, described, {"turns": ANTHROPIC_TURNS, "output_turns": ANTHROPIC_TURNS, "has_unseen_input": True})
            for described in ({"tools": [{"type": "mcp_toolset", "mcp_server_name": "m"}]}, {"mcp_servers": [{"type": "url", "name": "m"}]})
        ),
        (
            MESSAGES,
            FETCHES | EDITED,
            {"turns": ANTHROPIC_TURNS + 1, "output_turns": ANTHROPIC_TURNS + 1, "has_unseen_input": True},
        ),
        (GEMINI, {"serviceTier": "SERVICE_TIER_FLEX"}, {"tier": "flex"}),
        (GEMINI, {"service_tier": "standard"}, {}),
        *((GEMINI, {kept: "x"}, {"has_unseen_input": True}) for kept in ("cachedContent", "continuationToken", "continuation_token")),
        (GEMINI, {"generationConfig": {"responseModalities": ["AUDIO"]}}, {}),
        (GEMINI, {"tools": [{"googleSearch": {}}]}, {"calls": GEMINI_CALLS, "tools": {"web_search"}}),
        (
            GEMINI,
            {"tools": [{"google_search": {}}], "generationConfig": {"candidateCount": 2}},
            {"calls": 2 * GEMINI_CALLS, "tools": {"web_search"}},
        ),
        (GEMINI, {"tools": [{"functionDeclarations": []}, {"computerUse": {}}]}, {}),
        (GEMINI, {"tools": [{"urlContext": {}}]}, {"turns": 2, "output_turns": 2, "has_unseen_input": True}),
        (
            GEMINI,
            {"tools": [{"google_search": {}}, {"code_execution": {}}]},
            {"turns": 2, "output_turns": 2, "calls": GEMINI_CALLS, "tools": {"web_search"}, "has_unseen_input": True},
        ),
        (
            GEMINI,
            {"tools": [{"magic": {}}]},
            {"unbounded": "the tool magic (no member caps what it costs: leave it out)"},
        ),
        (INTERACTIONS, {"tools": [{"type": "function"}, {"type": "computer_use"}], "background": False}, {}),
        (INTERACTIONS, {"previous_interaction_id": "v1_a"}, {"has_unseen_input": True}),
        (INTERACTIONS, {"continuation_token": "t"}, {"has_unseen_input": True}),
        (INTERACTIONS, {"tools": [{"type": "google_maps"}]}, {"calls": GEMINI_CALLS, "tools": {"google_maps"}}),
        (
            INTERACTIONS,
            {"tools": [{"type": "google_search"}, {"type": "file_search"}]},
            {"turns": 2, "output_turns": 2, "calls": GEMINI_CALLS, "tools": {"web_search"}, "has_unseen_input": True},
        ),
        (
            INTERACTIONS,
            {"tools": [{"type": "mcp_server", "url": "https://h"}]},
            {"unbounded": "the tool mcp_server (no member caps what it costs: leave it out)"},
        ),
        (INTERACTIONS, {"tools": [{}]}, {"unbounded": "tools"}),
        (
            INTERACTIONS,
            {"environment": {"type": "remote"}},
            {"unbounded": "environment (what runs there is paid apart: leave it out)"},
        ),
        (INTERACTIONS, {"serviceTier": "flex"}, {"unbounded": "serviceTier"}),
        ("bedrock_converse", {"guardrailConfig": None}, {}),
        ("bedrock_converse", {"guardrailConfig": {"guardrailIdentifier": "g"}}, {"calls": 1, "tools": {"guardrail"}}),
    ],
)
def test_what_is_paid_beside_the_body_is_bounded(protocol: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    """By the request's own maximum, or what is documented. Compaction reads and writes once more than the calls of tools do."""
    asked = asked_of(protocol, body)
    assert {name: getattr(asked, name) for name in FREE} == FREE | expected


OPENROUTERS = ("models", "plugins", "provider", "stop_server_tools_when")
UNBOUNDED = [
    (MESSAGES, {"tools": [SEARCH | {"max_uses": -1}]}, "max_uses"),
    (MESSAGES, {"tools": [SEARCH | {"max_uses": "3"}]}, "max_uses"),
    (MESSAGES, {"fallbacks": ["claude-x"]}, "fallbacks"),
    (MESSAGES, {"tools": [{"type": "advisor_20260301", "name": "advisor"}]}, "advisor"),
    (RESPONSES, {"tools": [{"type": "web_search"}], "max_tool_calls": 1.5}, "max_tool_calls"),
    (RESPONSES, {"tools": [{"type": "mcp"}], "max_tool_calls": 1}, "mcp"),
    (RESPONSES, {"tools": [{"type": "image_generation"}], "max_tool_calls": 1}, "image_generation"),
    (RESPONSES, {"multi_agent": {"enabled": True}}, "multi_agent"),
    (CHAT, {"models": ["dear/model"]}, "models"),
    *((protocol, {"reasoning": {"effort": "low", "mode": "pro"}}, "reasoning") for protocol in (CHAT, RESPONSES)),
    *((protocol, {member: []}, member) for protocol in (RESPONSES, MESSAGES) for member in OPENROUTERS),
    (CHAT, {"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "openrouter:web_search"}]}, "openrouter:web_search"),
    (CHAT, {"tools": [{"type": "browser_search"}]}, "browser_search"),
    (CHAT, {"tools": [{"type": 5}]}, "tool"),
    (CHAT, {"enable_search": True}, "enable_search"),
    (CHAT, {"compound_custom": {"tools": {"enabled_tools": ["web_search"]}}}, "compound_custom"),
    (MESSAGES, {"tools": [{"type": "openrouter:web_search"}]}, "openrouter:web_search"),
    (CHAT, {"service_tier": 5}, "service_tier"),
    (GEMINI, {"tools": [{"something_new": {}}]}, "something_new"),
    (MESSAGES, {"tools": [SEARCH]}, "max_uses"),
    (RESPONSES, {"tools": [{"type": "web_search"}]}, "max_tool_calls"),
    (RESPONSES, {"tools": [{"type": "code_interpreter"}], "max_tool_calls": None}, "max_tool_calls"),
    (RESPONSES, {"prompt": {"id": "pmpt_1"}}, "max_tool_calls"),
]


@in_turn(("protocol", "body", "named"), UNBOUNDED)
def test_what_has_no_bound_is_named(protocol: str, body: dict[str, Any], named: str) -> None:
    """With the member that would give it one."""
    assert named in asked_of(protocol, body).unbounded


@in_turn(
    ("protocol", "member", "written"),
    [
        (MESSAGES, "tools", b'[{"type":"web_search_20250305","name":"web_search","max_uses":1000,"max_uses":1}]'),
        (RESPONSES, "tools", b'[{"type":"web_search","type":"function"},{"type":"file_search"}]'),
        (GEMINI, "tools", b'[{"googleSearch":{},"googleSearch":{}}]'),
        (RESPONSES, "reasoning", b'{"mode":"pro","m\\u006fde":"standard"}'),
    ],
)
def test_what_two_readers_may_read_twice_has_no_bound(protocol: str, member: str, written: bytes) -> None:
    """A member that stands twice within what decides the price: which of the two counts is the provider's affair."""
    assert "stands twice" in asked_of(protocol, {member: msgspec.Raw(written)}).unbounded
