"""What a request to Anthropic asks for besides the tokens in its body."""

from typing import Any, Final

from omnillm.protocols.extras import UNCAPPED_TOOL, Asked, is_count
from omnillm.protocols.protocol import Members

ANTHROPIC_TURNS: Final = 11
"""Anthropic's loop of server tools ends after ten rounds (`pause_turn`), and a last one writes the answer."""
MESSAGES_SEARCH: Final = "web_search_"
MCP_TOOLSET: Final = "mcp_toolset"
MESSAGES_FREE: Final = ("web_fetch_", "code_execution_", MCP_TOOLSET, "browser_toolset")
"""Tools without a fee: they cost the further turns that they cause."""
MESSAGES_PAID: Final = ("advisor_", "openrouter:")


def read_tools(asked: Asked, value: Any, _: Members) -> None:
    for tool in value or ():
        kind = tool.get("type") or ""
        if kind.startswith(MESSAGES_SEARCH):
            asked.tools.add("web_search")
            if is_count(tool.get("max_uses")):
                asked.calls += tool["max_uses"]
            else:
                asked.refuse(f"the tool {kind}", "max_uses bounds it")
        elif not kind.startswith(MESSAGES_FREE):
            if kind.startswith(MESSAGES_PAID):
                asked.refuse(f"the tool {kind}", UNCAPPED_TOOL)
            continue
        asked.turns = asked.output_turns = ANTHROPIC_TURNS
        asked.has_unseen_input = asked.has_unseen_input or kind == MCP_TOOLSET


def read_edits(asked: Asked, value: Any, _: Members) -> None:
    """What is cleared from a prompt only shortens it; Claude Code asks for that in every call. Any other edit may be a compaction."""
    if value and not (value.keys() == {"edits"} and all(edit["type"].startswith("clear_") for edit in value["edits"])):
        asked.compact()


def read_mcp_servers(asked: Asked, value: Any, _: Members) -> None:
    """Their tools are described in the prompt, and called without a fee: only the further turns cost."""
    if value:
        asked.turns = asked.output_turns = ANTHROPIC_TURNS
        asked.has_unseen_input = True


def read_thread(asked: Asked, value: Any, _: Members) -> None:
    """A thread keeps the conversation, and tools that the provider runs."""
    if value is not None and value["type"] != "create":
        asked.refuse("thread", "send the whole conversation without it")
        asked.unbounded_code = asked.unbounded_code or THREAD_REFUSED


THREAD_REFUSED: Final = "thread_unsupported_request"
"""The code by which Anthropic's SDK knows that it must send the whole conversation."""
