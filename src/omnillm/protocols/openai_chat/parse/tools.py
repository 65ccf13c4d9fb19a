"""Tools and the choice between them, read."""

from typing import Any

from omnillm.model.capabilities import BuiltinTool, ToolChoice, ToolDefinition
from omnillm.protocols.differences.custom_tools import flat_format
from omnillm.protocols.differences.tool_options import told_apart
from omnillm.protocols.openai_chat.place import NAME
from omnillm.protocols.openai_chat.prompt_cache import mark_of
from omnillm.protocols.shapes import Unfit, array, each, inside, mapping, optional_flag, optional_mapping, optional_text, rest, text

WEB_SEARCH = "web_search"
SEARCH_OPTIONS = "web_search_options"
"""Where Chat has its web search; kept under this name when it says more than the model can."""
_TOOL_MEMBERS = frozenset({"type", "function", "custom", "cache_control", "prompt_cache_breakpoint"})
_FUNCTION_MEMBERS = frozenset({"name", "description", "parameters", "strict"})
_CUSTOM_MEMBERS = frozenset({"name", "description", "format"})
_SEARCH_MEMBERS = {"user_location", "search_context_size"}
"""Of web_search_options, those that another protocol can say too."""
PLACE_MEMBERS = ("city", "region", "country", "timezone")
_LOCATION_MEMBERS = frozenset({"type", "approximate"})
_MODES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}
"""`any` is Mistral's."""


def read_tools(tools: Any, member: str) -> tuple[tuple[ToolDefinition, ...], tuple[BuiltinTool, ...]]:
    """Read `tools`, or the deprecated `functions`."""
    return told_apart(each(array(tools, member), member, _read_tool if member == "tools" else _read_bare_function))


def _read_bare_function(function: Any) -> ToolDefinition:
    return _read_function(mapping(function, ""), {})


def _read_tool(tool: Any) -> ToolDefinition | BuiltinTool:
    kind = text(mapping(tool, "").get("type"), "type")
    if kind not in {"function", "custom"}:
        return BuiltinTool(kind=kind, protocol=NAME, native=tool)
    try:
        body = mapping(tool.get(kind), "")
        return _read_function(body, tool) if kind == "function" else _read_custom(body, tool)
    except Unfit as error:
        raise inside(error, kind) from error


def _read_function(function: dict[str, Any], tool: dict[str, Any]) -> ToolDefinition:
    return ToolDefinition(
        name=text(function.get("name"), "name"),
        description=optional_text(function, "description"),
        input_schema=optional_mapping(function, "parameters"),
        strict=optional_flag(function, "strict"),
        cache_control=mark_of(tool) if len(tool) > 2 else None,
        vendor_extensions=rest(function, _FUNCTION_MEMBERS) | (rest(tool, _TOOL_MEMBERS) if len(tool) > 2 else {}),
    )


def _read_custom(custom: dict[str, Any], tool: dict[str, Any]) -> ToolDefinition:
    return ToolDefinition(
        name=text(custom.get("name"), "name"),
        description=optional_text(custom, "description"),
        kind="custom",
        format=flat_format(optional_mapping(custom, "format")),
        cache_control=mark_of(tool) if len(tool) > 2 else None,
        vendor_extensions=rest(custom, _CUSTOM_MEMBERS) | (rest(tool, _TOOL_MEMBERS) if len(tool) > 2 else {}),
    )


def read_web_search(options: Any) -> BuiltinTool:
    path = SEARCH_OPTIONS
    location = optional_mapping(mapping(options, path), "user_location", path)
    is_known = _SEARCH_MEMBERS.issuperset(options)
    if location is not None:
        approximate = optional_mapping(location, "approximate", f"{path}.user_location") or {}
        is_known = is_known and _LOCATION_MEMBERS.issuperset(location) and approximate.keys() <= {*PLACE_MEMBERS}
        location = {"type": "approximate", **approximate}
    size = optional_text(options, "search_context_size", path)
    if is_known:
        return BuiltinTool(kind=WEB_SEARCH, user_location=location, search_context_size=size)
    return BuiltinTool(kind=WEB_SEARCH, user_location=location, search_context_size=size, protocol=NAME, native={SEARCH_OPTIONS: options})


def read_choice(choice: Any, path: str) -> ToolChoice:
    if type(choice) is str:
        if choice not in _MODES:
            raise Unfit(path, '"auto", "none", "required" or an object')
        return ToolChoice(mode=_MODES[choice])  # type: ignore[arg-type]  # checked above
    kind = optional_text(mapping(choice, path), "type", path) or "function"
    if kind in {"function", "custom"}:
        named = mapping(choice.get(kind), f"{path}.{kind}")
        return ToolChoice(mode="named", names=(text(named.get("name"), f"{path}.{kind}.name"),), kind=kind)  # type: ignore[arg-type]  # checked above
    if kind == "allowed_tools":
        return _read_allowed(choice, mapping(choice.get(kind), f"{path}.{kind}"))
    return ToolChoice(mode="named", protocol=NAME, native=choice)


def _read_allowed(choice: dict[str, Any], allowed: dict[str, Any]) -> ToolChoice:
    path = "tool_choice.allowed_tools"
    mode = text(allowed.get("mode"), f"{path}.mode")
    if mode not in {"auto", "required"}:
        raise Unfit(f"{path}.mode", '"auto" or "required"')
    names: list[str] = []
    kinds = set()
    for number, tool in enumerate(array(allowed.get("tools"), f"{path}.tools")):
        kind = text(mapping(tool, f"{path}.tools[{number}]").get("type"), f"{path}.tools[{number}].type")
        named = tool.get(kind)
        if kind not in {"function", "custom"} or type(named) is not dict:
            return ToolChoice(mode="named", protocol=NAME, native=choice)
        names.append(text(named.get("name"), f"{path}.tools[{number}].{kind}.name"))
        kinds.add(kind)
    kind = "custom" if kinds == {"custom"} else "function"
    return ToolChoice(mode="allowed", names=tuple(names), is_required=mode == "required", kind=kind)  # type: ignore[arg-type]  # checked above


def read_legacy_choice(choice: Any) -> ToolChoice:
    if type(choice) is str:
        if choice not in {"auto", "none"}:
            raise Unfit("function_call", '"auto", "none" or an object')
        return ToolChoice(mode=choice)  # type: ignore[arg-type]  # checked above
    return ToolChoice(mode="named", names=(text(mapping(choice, "function_call").get("name"), "function_call.name"),))
