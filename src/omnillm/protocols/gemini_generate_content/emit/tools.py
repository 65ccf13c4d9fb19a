"""Tools and the choice among them, written for Gemini."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.capabilities import BuiltinTool, CapabilitySet, ToolChoice, ToolDefinition
from omnillm.protocols.differences.custom_tools import ARGUMENTS
from omnillm.protocols.differences.tool_options import drop_options
from omnillm.protocols.gemini_generate_content.parse.tools import KINDS
from omnillm.protocols.gemini_generate_content.place import NAME, Place

_WORDS = {kind: word for word, kind in KINDS.items()}
_SERVER_WORDS = ("max_uses", "allowed_domains", "blocked_domains", "user_location", "search_context_size", "server_label", "server_url")
_NO_CHOICE = ToolChoice(mode="auto")
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}


def emit_tools(capabilities: CapabilitySet, place: Place) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = []
    if capabilities.tools:
        written.append({"functionDeclarations": [_function(tool, number, place) for number, tool in enumerate(capabilities.tools)]})
    is_refused = bool(written) and not place.is_own and not place.dialect.joins_tools
    for number, builtin in enumerate(capabilities.builtin_tools):
        path = f"capabilities.builtin_tools[{number}]"
        if is_refused:
            place.losses.drop(path, "Gemini before 3 has functions, or tools of its own")
        elif (tool := _builtin(builtin, path, place)) is not None:
            written.append(tool)
    return written


def _function(tool: ToolDefinition, number: int, place: Place) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    if tool.kind == "custom":
        written["parametersJsonSchema"] = ARGUMENTS
        place.losses.approximate(f"capabilities.tools[{number}].kind", "free text is the one argument of a function")
        if tool.format is not None:
            place.losses.drop(f"capabilities.tools[{number}].format", "Gemini has no grammar")
    elif tool.input_schema is not None:
        written["parametersJsonSchema"] = tool.input_schema
    if tool.strict:
        place.losses.drop(f"capabilities.tools[{number}].strict", "Gemini has no strict")
    if tool.cache_control is not None:
        place.losses.drop(f"capabilities.tools[{number}].cache_control", "Gemini caches by itself")
    if tool.vendor_extensions:
        place.extend(written, tool.vendor_extensions, lambda member: f"capabilities.tools[{number}]{member}")
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
    for name in _SERVER_WORDS:
        if getattr(tool, name):
            place.losses.drop(f"{path}.{name}", f"{word} does not know it")
    drop_options(tool, path, place.losses)
    return {word: {}}


def emit_tool_config(capabilities: CapabilitySet, tools: list[dict[str, Any]], place: Place) -> dict[str, Any]:
    """Write `toolConfig`; `tools`: as they are written."""
    config: dict[str, Any] = {}
    choice = _calling(capabilities, place)
    if choice is not None:
        config["functionCallingConfig"] = choice
    if capabilities.tools and len(tools) > 1 and not place.is_own:
        config["includeServerSideToolInvocations"] = True  # or Gemini refuses its own tools beside functions
    return config


def _calling(capabilities: CapabilitySet, place: Place) -> dict[str, Any] | None:
    if capabilities.parallel_tool_calls is False:
        place.losses.drop("capabilities.parallel_tool_calls", "Gemini may always call several")
    if capabilities.max_tool_calls is not None:
        place.losses.drop("capabilities.max_tool_calls", "Gemini has no max_tool_calls")
    choice = capabilities.tool_choice
    if choice is None:
        return None
    if choice.native is not None:
        if choice.protocol == NAME and type(choice.native) is dict:
            return choice.native
        place.losses.drop("capabilities.tool_choice", "only its own protocol knows it")
        return None
    return _choice(choice if place.is_own else _declared(choice, capabilities, place), place)


def _declared(choice: ToolChoice, capabilities: CapabilitySet, place: Place) -> ToolChoice:
    """Return the choice among the functions that there are: Gemini refuses any other, and any choice where there is none."""
    declared = {tool.name for tool in capabilities.tools}
    names = tuple(name for name in choice.names if name in declared)
    if declared and names == choice.names:
        return choice
    if names:
        place.losses.approximate("capabilities.tool_choice.names", "Gemini chooses among functions alone")
        return replace(choice, names=names)
    if choice.mode != "auto":
        place.losses.drop("capabilities.tool_choice", "Gemini chooses among functions alone")
    return _NO_CHOICE


def _choice(choice: ToolChoice, place: Place) -> dict[str, Any] | None:
    if choice is _NO_CHOICE:
        return None
    if choice.mode == "allowed":
        return {"mode": "ANY" if choice.is_required else "VALIDATED", "allowedFunctionNames": list(choice.names)}
    if choice.mode == "named":
        if not choice.names:
            place.losses.drop("capabilities.tool_choice", "it names no tool")
            return None
        if choice.kind == "custom":
            place.losses.approximate("capabilities.tool_choice.kind", "free text is the one argument of a function")
        return {"mode": "ANY", "allowedFunctionNames": [choice.names[0]]}
    return {"mode": _MODES[choice.mode]}
