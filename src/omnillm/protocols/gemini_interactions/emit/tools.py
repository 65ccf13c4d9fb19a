"""Tools and the choice among them, written for Interactions."""

from typing import Any

from omnillm.model.capabilities import BuiltinTool, CapabilitySet, ToolChoice
from omnillm.protocols.differences.tool_choice import NOT_THERE, PATH, among_declared
from omnillm.protocols.gemini_generate_content.emit.tools import drop_fields, emit_builtins, function
from omnillm.protocols.gemini_interactions.parse.tools import KINDS
from omnillm.protocols.gemini_interactions.place import NAME, Place

_WORDS = {kind: word for word, kind in KINDS.items()} | {"mcp": "mcp_server"}
_SERVER = {"server_label": "name", "server_url": "url"}
"""What a server of MCP calls the fields that it knows."""
_MODES = {"auto": "auto", "none": "none", "required": "any"}


def emit_tools(capabilities: CapabilitySet, place: Place) -> list[dict[str, Any]]:
    functions = [
        function({"type": "function", "name": tool.name}, tool, f"capabilities.tools[{number}]", place, schema="parameters")
        for number, tool in enumerate(capabilities.tools)
    ]
    builtins = emit_builtins(capabilities, place, _WORDS, lambda word, tool, path: _builtin(word, tool, path, place))
    if capabilities.parallel_tool_calls is False:
        place.losses.drop("capabilities.parallel_tool_calls", "Gemini may always call several")
    if capabilities.max_tool_calls is not None:
        place.losses.drop("capabilities.max_tool_calls", "Gemini has no max_tool_calls")
    return functions + builtins


def _builtin(word: str, tool: BuiltinTool, path: str, place: Place) -> dict[str, Any]:
    known = _SERVER if word == "mcp_server" else {}
    drop_fields(tool, word, path, place, known)
    return {"type": word} | {member: said for name, member in known.items() if (said := getattr(tool, name))}


def emit_tool_choice(capabilities: CapabilitySet, place: Place) -> Any:
    """Return the choice; None: there is nothing to say, or to choose: Gemini refuses a choice where there is no function."""
    choice = capabilities.tool_choice
    if choice is None:
        return None
    if choice.native is not None and choice.protocol == NAME:
        return choice.native
    if choice.native is not None:
        place.losses.drop(PATH, "only its own protocol knows it")
    elif place.is_own:
        return _choice(choice, place)
    elif capabilities.tools:
        return _choice(among_declared(choice, capabilities, place.losses), place)
    elif choice.mode != "auto":
        place.losses.drop(PATH, "Gemini chooses among functions alone")
    return None


def _choice(choice: ToolChoice, place: Place) -> Any:
    mode = _MODES.get(choice.mode)
    if mode is not None:
        return mode
    if not choice.names:
        place.losses.drop(PATH, NOT_THERE)
        return None
    if choice.kind == "custom":
        place.losses.approximate(f"{PATH}.kind", "free text is the one argument of a function")
    must = choice.mode == "named" or choice.is_required
    if choice.mode == "allowed" and must and len(choice.names) == 1:
        place.losses.approximate(f"{PATH}.mode", "the only one that may be called is named")
    names = choice.names[:1] if choice.mode == "named" else choice.names
    return {"allowed_tools": {"mode": "any" if must else "validated", "tools": list(names)}}
