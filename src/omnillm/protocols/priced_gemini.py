"""What a request to Gemini asks for besides the tokens in its body: for generateContent, and for the Interactions API."""

from typing import Any, Final

from omnillm.protocols.extras import UNCAPPED_TOOL, Asked
from omnillm.protocols.protocol import Members

GEMINI_CALLS: Final = 10
"""Searches in one request. Gemini has no maximum: so many are reserved, and what was reported is settled."""
_PAID: Final = {"googlesearch": "web_search", "googlesearchretrieval": "web_search", "googlemaps": "google_maps"}
_READING: Final = frozenset({"urlcontext", "codeexecution", "filesearch", "toolsearch"})
"""Tools without a fee: they cost the further turn that they cause."""
_OWN: Final = frozenset({"functiondeclarations", "function", "computeruse"})
"""Tools that the client runs."""


def read_generate_content_tools(asked: Asked, value: Any, _: Members) -> None:
    """A tool is named by its member."""
    for tool in value or ():
        for kind in tool:
            _read_tool(asked, kind)


def read_interaction_tools(asked: Asked, value: Any, _: Members) -> None:
    """A tool is named by its type. How often the servers of others are asked, and what retrieval costs, nothing bounds."""
    for tool in value or ():
        _read_tool(asked, tool["type"])


def _read_tool(asked: Asked, kind: str) -> None:
    name = kind.replace("_", "").lower()
    if name in _PAID:
        asked.tools.add(_PAID[name])
        asked.calls = GEMINI_CALLS
    elif name in _READING:
        asked.has_unseen_input = True
        asked.turns = asked.output_turns = 2
    elif name not in _OWN:
        asked.refuse(f"the tool {kind}", UNCAPPED_TOOL)


def read_agent(asked: Asked, value: Any, _: Members) -> None:
    if value:
        asked.refuse("agent", "it works, searches and reads for as long as it likes: ask a model")


def read_environment(asked: Asked, value: Any, _: Members) -> None:
    if value is not None:
        asked.refuse("environment", "what runs there is paid apart: leave it out")
