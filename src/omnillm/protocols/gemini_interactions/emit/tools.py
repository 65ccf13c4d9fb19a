"""Tools and the choice among them, written for Interactions."""

from typing import Any

from omnillm.model.capabilities import BuiltinTool, CapabilitySet, ToolChoice, ToolDefinition
from omnillm.protocols.differences.custom_tools import ARGUMENTS
from omnillm.protocols.differences.tool_choice import NOT_THERE, PATH, among_declared
from omnillm.protocols.differences.tool_options import drop_options
from omnillm.protocols.gemini_interactions.parse.tools import KINDS
from omnillm.protocols.gemini_interactions.place import NAME, Place

_WORDS = {kind: word for word, kind in KINDS.items()} | {"mcp": "mcp_server"}
_FIELDS = ("max_uses", "allowed_domains", "blocked_domains", "user_location", "search_context_size", "server_label", "server_url")
_MEMBERS = {"mcp_server": {"server_label": "name", "server_url": "url"}}
"""What a tool calls the fields that it knows."""
_MODES = {"auto": "auto", "none": "none", "required": "any"}


def emit_tools(capabilities: CapabilitySet, place: Place) -> list[dict[str, Any]]:
    written = [_function(tool, f"capabilities.tools[{number}]", place) for number, tool in enumerate(capabilities.tools)]
    is_refused = bool(written) and not place.is_own and not place.dialect.joins_tools
    for number, builtin in enumerate(capabilities.builtin_tools):
        path = f"capabilities.builtin_tools[{number}]"
        if is_refused:
            place.losses.drop(path, "Gemini before 3 has functions, or tools of its own")
        elif (tool := _builtin(builtin, path, place)) is not None:
            written.append(tool)
    if capabilities.parallel_tool_calls is False:
        place.losses.drop("capabilities.parallel_tool_calls", "Gemini may always call several")
    if capabilities.max_tool_calls is not None:
        place.losses.drop("capabilities.max_tool_calls", "Gemini has no max_tool_calls")
    return written


def _function(tool: ToolDefinition, path: str, place: Place) -> dict[str, Any]:
    written: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description:
        written["description"] = tool.description
    if tool.kind == "custom":
        written["parameters"] = ARGUMENTS
        place.losses.approximate(f"{path}.kind", "free text is the one argument of a function")
        if tool.format is not None:
            place.losses.drop(f"{path}.format", "Gemini has no grammar")
    elif tool.input_schema is not None:
        written["parameters"] = tool.input_schema
    if tool.strict:
        place.losses.drop(f"{path}.strict", "Gemini has no strict")
    if tool.cache_control is not None:
        place.losses.drop(f"{path}.cache_control", "Gemini caches by itself")
    place.extend(written, tool.vendor_extensions, lambda member: f"{path}{member}")
    return written


def _builtin(tool: BuiltinTool, path: str, place: Place) -> dict[str, Any] | None:
    if tool.cache_control is not None:
        place.losses.drop(f"{path}.cache_control", "Gemini caches by itself")
    if tool.protocol == NAME and type(tool.native) is dict:
        return tool.native
    word = _WORDS.get(tool.kind)
    if word is None:
        place.losses.drop(path, "Gemini has no such tool, or needs more to run it")
        return None
    if tool.native is not None:
        place.losses.approximate(path, f"said as {word}")
    known = _MEMBERS.get(word, {})
    written = {"type": word}
    for name in _FIELDS:
        if not (said := getattr(tool, name)):
            continue
        if name in known:
            written[known[name]] = said
        else:
            place.losses.drop(f"{path}.{name}", f"{word} does not know it")
    drop_options(tool, path, place.losses)
    return written


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
