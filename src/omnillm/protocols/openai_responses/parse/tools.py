"""Tools and the choice between them, read."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from omnillm.model.capabilities import BuiltinTool, ToolChoice, ToolDefinition
from omnillm.protocols.differences.tool_options import CODE_CONTAINER, told_apart
from omnillm.protocols.openai_responses.namespaces import NAMESPACE, flattened
from omnillm.protocols.openai_responses.place import NAME
from omnillm.protocols.shapes import Unfit, array, each, mapping, optional_flag, optional_mapping, optional_text, optional_texts, rest, text

APPROVAL = "never"
_FUNCTION_MEMBERS = frozenset({"type", "name", "description", "parameters", "strict"})
_CUSTOM_MEMBERS = frozenset({"type", "name", "description", "format"})
_SEARCH_MEMBERS = frozenset({"type", "filters", "user_location", "search_context_size"})
_MCP_MEMBERS = frozenset({"type", "server_label", "server_url", "require_approval"})
_SEARCH_OF_A_CACHE = "cached_web_search"
"""A search that must not leave OpenAI's own pages: elsewhere it would be a live one, and paid for."""
_MODES = frozenset({"auto", "none", "required"})


def read_tools(tools: Any) -> tuple[tuple[ToolDefinition, ...], tuple[BuiltinTool, ...]]:
    return told_apart(chain.from_iterable(each(array(tools, "tools"), "tools", _read_tool)))


def _read_tool(tool: Any) -> Sequence[ToolDefinition | BuiltinTool]:
    """Read one tool, or all that a namespace holds."""
    kind = text(mapping(tool, "").get("type"), "type")
    if kind == "function":
        return (_read_function(tool),)
    if kind == "custom":
        return (_read_custom(tool),)
    if kind == NAMESPACE and _is_flat(tool):
        return flattened(tool, read_tools(tool["tools"])[0])
    return (_read_builtin(kind, tool),)


def _is_flat(space: dict[str, Any]) -> bool:
    """Tell whether other protocols can have the tools of a namespace, too."""
    tools = space.get("tools")
    if not tools or type(tools) is not list or not space.get("name") or type(space["name"]) is not str:
        return False
    return all(type(tool) is dict and tool.get("type") in ("function", "custom") for tool in tools)


def _read_function(tool: dict[str, Any]) -> ToolDefinition:
    return ToolDefinition(
        name=text(tool.get("name"), "name"),
        description=optional_text(tool, "description"),
        input_schema=optional_mapping(tool, "parameters"),
        strict=optional_flag(tool, "strict"),
        vendor_extensions=rest(tool, _FUNCTION_MEMBERS),
    )


def _read_custom(tool: dict[str, Any]) -> ToolDefinition:
    return ToolDefinition(
        name=text(tool.get("name"), "name"),
        description=optional_text(tool, "description"),
        kind="custom",
        format=optional_mapping(tool, "format"),
        vendor_extensions=rest(tool, _CUSTOM_MEMBERS),
    )


def _read_builtin(kind: str, tool: dict[str, Any]) -> BuiltinTool:
    """`native` only where the typed members do not say it all."""
    if kind.startswith("web_search"):
        return _read_search(tool)
    if kind == "code_interpreter":
        is_plain = tool.keys() == {"type", "container"} and tool["container"] == CODE_CONTAINER
        return BuiltinTool(kind="code_execution") if is_plain else BuiltinTool(kind="code_execution", protocol=NAME, native=tool)
    if kind == "mcp":
        return _read_mcp(tool)
    return BuiltinTool(kind=kind, protocol=NAME, native=tool)


def _read_search(tool: dict[str, Any]) -> BuiltinTool:
    filters = optional_mapping(tool, "filters") or {}
    allowed = optional_texts(filters, "allowed_domains", "filters")
    if tool.get("external_web_access") is False:
        return BuiltinTool(kind=_SEARCH_OF_A_CACHE, protocol=NAME, native=tool)
    is_plain = tool["type"] == "web_search" and _SEARCH_MEMBERS.issuperset(tool) and filters.keys() <= {"allowed_domains"}
    return BuiltinTool(
        kind="web_search",
        allowed_domains=allowed,
        user_location=optional_mapping(tool, "user_location"),
        search_context_size=optional_text(tool, "search_context_size"),
        protocol="" if is_plain else NAME,
        native=None if is_plain else tool,
    )


def _read_mcp(tool: dict[str, Any]) -> BuiltinTool:
    is_plain = _MCP_MEMBERS.issuperset(tool) and tool.get("require_approval") == APPROVAL
    return BuiltinTool(
        kind="mcp",
        server_label=text(tool.get("server_label"), "server_label"),
        server_url=optional_text(tool, "server_url"),
        protocol="" if is_plain else NAME,
        native=None if is_plain else tool,
    )


def read_choice(choice: Any, path: str) -> ToolChoice:
    if type(choice) is str:
        if choice not in _MODES:
            raise Unfit(path, '"auto", "none", "required" or an object')
        return ToolChoice(mode=choice)  # type: ignore[arg-type]  # checked above
    kind = text(mapping(choice, path).get("type"), f"{path}.type")
    if kind in {"function", "custom"} and choice.keys() == {"type", "name"}:
        return ToolChoice(mode="named", names=(text(choice["name"], f"{path}.name"),), kind=kind)  # type: ignore[arg-type]  # checked above
    if kind == "allowed_tools":
        return _read_allowed(choice)
    return ToolChoice(mode="named", protocol=NAME, native=choice)


def _read_allowed(choice: dict[str, Any]) -> ToolChoice:
    mode = text(choice.get("mode"), "tool_choice.mode")
    if mode not in {"auto", "required"}:
        raise Unfit("tool_choice.mode", '"auto" or "required"')
    names, kinds = [], set()
    for number, tool in enumerate(array(choice.get("tools"), "tool_choice.tools")):
        path = f"tool_choice.tools[{number}]"
        kind, name = mapping(tool, path).get("type"), tool.get("name")
        if kind not in ("function", "custom") or type(name) is not str or len(tool) > 2:
            return ToolChoice(mode="named", protocol=NAME, native=choice)
        names.append(name)
        kinds.add(kind)
    kind = "custom" if kinds == {"custom"} else "function"
    return ToolChoice(mode="allowed", names=tuple(names), is_required=mode == "required", kind=kind)  # type: ignore[arg-type]  # checked above
