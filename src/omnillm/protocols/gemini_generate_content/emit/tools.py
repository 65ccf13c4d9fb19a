"""Tools and the choice among them, written for Gemini."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from msgspec.structs import replace

from omnillm.model.capabilities import BuiltinTool, CapabilitySet, ToolChoice, ToolDefinition
from omnillm.protocols.differences.custom_tools import ARGUMENTS
from omnillm.protocols.differences.tool_options import drop_options
from omnillm.protocols.gemini_generate_content.parse.tools import KINDS
from omnillm.protocols.gemini_generate_content.place import NAME, Place

_WORDS = {kind: word for word, kind in KINDS.items()}
_FIELDS = ("max_uses", "allowed_domains", "blocked_domains", "user_location", "search_context_size", "server_label", "server_url")
_NO_CHOICE = ToolChoice(mode="auto")
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}


def emit_tools(capabilities: CapabilitySet, place: Place) -> list[dict[str, Any]]:
    functions = [
        function({"name": tool.name}, tool, f"capabilities.tools[{number}]", place, schema="parametersJsonSchema")
        for number, tool in enumerate(capabilities.tools)
    ]
    builtins = emit_builtins(capabilities, place, _WORDS, lambda word, tool, path: _builtin(word, tool, path, place))
    return [{"functionDeclarations": functions}, *builtins] if functions else builtins


def function(written: dict[str, Any], tool: ToolDefinition, path: str, place: Place, *, schema: str) -> dict[str, Any]:
    """Write what any function has to a tool; `schema`: what the member for that of its arguments is called."""
    if tool.description:
        written["description"] = tool.description
    if tool.kind == "custom":
        written[schema] = ARGUMENTS
        place.losses.approximate(f"{path}.kind", "free text is the one argument of a function")
        if tool.format is not None:
            place.losses.drop(f"{path}.format", "Gemini has no grammar")
    elif tool.input_schema is not None:
        written[schema] = tool.input_schema
    if tool.strict:
        place.losses.drop(f"{path}.strict", "Gemini has no strict")
    if tool.cache_control is not None:
        place.losses.drop(f"{path}.cache_control", "Gemini caches by itself")
    if tool.vendor_extensions:
        place.extend(written, tool.vendor_extensions, lambda member: f"{path}{member}")
    return written


def emit_builtins(
    capabilities: CapabilitySet, place: Place, words: Mapping[str, str], write: Callable[[str, BuiltinTool, str], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Write the provider's tools. `words`: what each kind is called; `write`: writes one, given its word and its path."""
    written: list[dict[str, Any]] = []
    is_refused = bool(capabilities.tools) and not place.is_own and not place.dialect.joins_tools
    for number, tool in enumerate(capabilities.builtin_tools):
        path = f"capabilities.builtin_tools[{number}]"
        if is_refused:
            place.losses.drop(path, "Gemini before 3 has functions, or tools of its own")
            continue
        if tool.cache_control is not None:
            place.losses.drop(f"{path}.cache_control", "Gemini caches by itself")
        word = words.get(tool.kind)
        if tool.protocol == place.own_protocol and type(tool.native) is dict:
            written.append(tool.native)
        elif word is None:
            place.losses.drop(path, "Gemini has no such tool, or needs more to run it")
        else:
            if tool.native is not None:
                place.losses.approximate(path, f"said as {word}")
            written.append(write(word, tool, path))
            drop_options(tool, path, place.losses)
    return written


def drop_fields(tool: BuiltinTool, word: str, path: str, place: Place, known: Collection[str] = ()) -> None:
    """Note what a tool says that the one of this word does not know."""
    place.losses.drop_said(tool, [name for name in _FIELDS if name not in known], f"{path}.", f"{word} does not know it")


def _builtin(word: str, tool: BuiltinTool, path: str, place: Place) -> dict[str, Any]:
    drop_fields(tool, word, path, place)
    return {word: {}}


def emit_tool_config(capabilities: CapabilitySet, tools: list[dict[str, Any]], place: Place) -> dict[str, Any]:
    """Write `toolConfig`; `tools`: as they are written."""
    config: dict[str, Any] = {}
    choice = _calling(capabilities, place)
    if choice is not None:
        config["functionCallingConfig"] = choice
    if capabilities.tools and len(tools) > 1 and not place.is_own and not place.dialect.is_vertex:
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
