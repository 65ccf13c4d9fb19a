"""What a request asks for beside its tokens, as a bound for its budget: how often the context is read, and what is called."""

import json
from typing import Any

from tests.in_turn import in_turn

from omnillm.protocols.members import read_members
from omnillm.protocols.priced import read_asked
from omnillm.protocols.priced_gemini import GEMINI_CALLS
from omnillm.protocols.priced_messages import ANTHROPIC_TURNS
from omnillm.protocols.registry import PROTOCOLS

COMPACTED = {"context_management": [{"type": "compaction", "compact_threshold": 1000}]}
SEARCHES = {"tools": [{"type": "web_search"}], "max_tool_calls": 3}
FETCHES = {"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}
EDITED = {"context_management": {"edits": [{"type": "compact_20260112"}]}}
CLEARED = {"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}, {"type": "clear_tool_uses_20250919"}]}}
CLEARED_AND_MORE = {"context_management": {"edits": [{"type": "clear_thinking_20251015"}, {"type": "of_tomorrow"}]}}
FREE = {"turns": 1, "output_turns": 1, "calls": 0, "tools": set(), "has_unseen_input": False, "unbounded": ""}


@in_turn(
    ("protocol", "body", "expected"),
    [
        ("openai_chat", {"web_search_options": None}, {}),
        ("openai_chat", {"web_search_options": {}}, {"calls": 1, "tools": {"web_search"}, "has_unseen_input": True}),
        ("openai_chat", {"tools": [{"type": "function"}, {"type": "custom"}]}, {}),
        ("openai_responses", {"prompt": None, "context_management": None}, {}),
        ("openai_responses", {"prompt": {"id": "p"}, "max_tool_calls": 2}, {"turns": 3, "calls": 2, "has_unseen_input": True}),
        ("openai_responses", COMPACTED, {"turns": 2, "output_turns": 2, "has_unseen_input": True}),
        ("openai_responses", SEARCHES, {"turns": 4, "calls": 3, "tools": {"web_search"}}),
        (
            "openai_responses",
            SEARCHES | COMPACTED,
            {"turns": 5, "output_turns": 2, "calls": 3, "tools": {"web_search"}, "has_unseen_input": True},
        ),
        (
            "openai_responses",
            {"prompt": {"id": "p"}} | SEARCHES | COMPACTED,
            {"turns": 5, "output_turns": 2, "calls": 3, "tools": {"web_search"}, "has_unseen_input": True},
        ),
        ("anthropic_messages", {"mcp_servers": []}, {}),
        ("anthropic_messages", EDITED, {"turns": 2, "output_turns": 2, "has_unseen_input": True}),
        ("anthropic_messages", CLEARED, {}),
        ("anthropic_messages", {"context_management": {"edits": []}}, {}),
        ("anthropic_messages", {"context_management": None}, {}),
        ("anthropic_messages", CLEARED_AND_MORE, {"turns": 2, "output_turns": 2, "has_unseen_input": True}),
        ("anthropic_messages", {"context_management": {"more": []}}, {"turns": 2, "output_turns": 2, "has_unseen_input": True}),
        ("anthropic_messages", {"context_management": {"edits": [5]}}, {"unbounded": "context_management"}),
        ("anthropic_messages", FETCHES, {"turns": ANTHROPIC_TURNS, "output_turns": ANTHROPIC_TURNS}),
        *(
            ("anthropic_messages", described, {"turns": ANTHROPIC_TURNS, "output_turns": ANTHROPIC_TURNS, "has_unseen_input": True})
            for described in ({"tools": [{"type": "mcp_toolset", "mcp_server_name": "m"}]}, {"mcp_servers": [{"type": "url", "name": "m"}]})
        ),
        (
            "anthropic_messages",
            FETCHES | EDITED,
            {"turns": ANTHROPIC_TURNS + 1, "output_turns": ANTHROPIC_TURNS + 1, "has_unseen_input": True},
        ),
        ("gemini_generate_content", {"tools": [{"functionDeclarations": []}, {"computerUse": {}}]}, {}),
        ("gemini_generate_content", {"tools": [{"urlContext": {}}]}, {"turns": 2, "output_turns": 2, "has_unseen_input": True}),
        (
            "gemini_generate_content",
            {"tools": [{"google_search": {}}, {"code_execution": {}}]},
            {"turns": 2, "output_turns": 2, "calls": GEMINI_CALLS, "tools": {"web_search"}, "has_unseen_input": True},
        ),
        (
            "gemini_generate_content",
            {"tools": [{"magic": {}}]},
            {"unbounded": "the tool magic (no member caps what it costs: leave it out)"},
        ),
        ("gemini_interactions", {"tools": [{"type": "function"}, {"type": "computer_use"}], "background": False}, {}),
        ("gemini_interactions", {"previous_interaction_id": "v1_a"}, {"has_unseen_input": True}),
        ("gemini_interactions", {"continuation_token": "t"}, {"has_unseen_input": True}),
        ("gemini_interactions", {"tools": [{"type": "google_maps"}]}, {"calls": GEMINI_CALLS, "tools": {"google_maps"}}),
        (
            "gemini_interactions",
            {"tools": [{"type": "google_search"}, {"type": "file_search"}]},
            {"turns": 2, "output_turns": 2, "calls": GEMINI_CALLS, "tools": {"web_search"}, "has_unseen_input": True},
        ),
        (
            "gemini_interactions",
            {"tools": [{"type": "mcp_server", "url": "https://h"}]},
            {"unbounded": "the tool mcp_server (no member caps what it costs: leave it out)"},
        ),
        ("gemini_interactions", {"tools": [{}]}, {"unbounded": "tools"}),
        (
            "gemini_interactions",
            {"environment": {"type": "remote"}},
            {"unbounded": "environment (what runs there is paid apart: leave it out)"},
        ),
        ("gemini_interactions", {"serviceTier": "flex"}, {"unbounded": "serviceTier"}),
        ("bedrock_converse", {"guardrailConfig": None}, {}),
        ("bedrock_converse", {"guardrailConfig": {"guardrailIdentifier": "g"}}, {"calls": 1, "tools": {"guardrail"}}),
    ],
)
def test_what_is_paid_beside_the_body_is_bounded(protocol: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compaction reads and writes once more than the calls of tools do, whichever member comes first."""
    members = read_members(json.dumps({"model": "m", "max_tokens": 9, "messages": [], "input": "hi", "contents": []} | body).encode())
    asked = read_asked(protocol, members, PROTOCOLS[protocol].peek_request(members).price_members, 1)
    assert {name: getattr(asked, name) for name in FREE} == FREE | expected
