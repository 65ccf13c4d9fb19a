"""Tools and the choice among them, read from a request of the Messages API."""

from typing import Any

from omnillm.model.capabilities import BuiltinTool, ToolChoice, ToolDefinition
from omnillm.protocols.anthropic_messages.parse.parts import parse_cache_control
from omnillm.protocols.anthropic_messages.place import NAME
from omnillm.protocols.differences.arguments import NO_ARGUMENTS
from omnillm.protocols.differences.tool_options import told_apart
from omnillm.protocols.shapes import (
    each_with,
    mapping,
    optional_array,
    optional_flag,
    optional_integer,
    optional_mapping,
    optional_text,
    optional_texts,
    rest,
    text,
)

_TOOL = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
_CHOICE = frozenset({"type", "name", "disable_parallel_tool_use"})
_MODES = {"auto": "auto", "any": "required", "none": "none", "tool": "named"}
_SERVER_KINDS = (("web_search_", "web_search"), ("web_fetch_", "web_fetch"), ("code_execution_", "code_execution"), ("mcp_toolset", "mcp"))


def parse_tools(body: dict[str, Any]) -> tuple[tuple[ToolDefinition, ...], tuple[BuiltinTool, ...]]:
    """Read both sorts: those that the application runs, and all that have a type of the API's own."""
    return told_apart(each_with(body, optional_array(body, "tools"), "tools", _tool))


def _tool(tool: Any, body: dict[str, Any]) -> ToolDefinition | BuiltinTool:
    kind = optional_text(mapping(tool, ""), "type")
    return _function(tool) if kind in {"", "custom"} else _builtin(tool, kind, body)


def _function(tool: dict[str, Any]) -> ToolDefinition:
    extensions = rest(tool, _TOOL)
    schema = optional_mapping(tool, "input_schema")
    return ToolDefinition(
        name=text(tool.get("name"), "name"),
        description=optional_text(tool, "description"),
        input_schema=None if schema == NO_ARGUMENTS else schema,
        strict=optional_flag(tool, "strict"),
        cache_control=parse_cache_control(tool, extensions),
        vendor_extensions=extensions,
    )


def _builtin(tool: dict[str, Any], kind: str, body: dict[str, Any]) -> BuiltinTool:
    label = optional_text(tool, "mcp_server_name")
    return BuiltinTool(
        kind=next((canonical for prefix, canonical in _SERVER_KINDS if kind.startswith(prefix)), kind),
        max_uses=optional_integer(tool, "max_uses"),
        allowed_domains=optional_texts(tool, "allowed_domains"),
        blocked_domains=optional_texts(tool, "blocked_domains"),
        user_location=optional_mapping(tool, "user_location"),
        server_label=label,
        server_url=_server_url(label, body) if label else "",
        protocol=NAME,
        native=tool,
        cache_control=parse_cache_control(tool, {}),
    )


def _server_url(label: str, body: dict[str, Any]) -> str:
    for server in optional_array(body, "mcp_servers"):
        if type(server) is dict and server.get("name") == label and type(server.get("url")) is str:
            return str(server["url"])
    return ""


def parse_tool_choice(body: dict[str, Any]) -> tuple[ToolChoice | None, bool | None]:
    """Read the choice, and whether calls may be parallel."""
    choice = optional_mapping(body, "tool_choice")
    if choice is None:
        return None, None
    kind = text(choice.get("type"), "tool_choice.type")
    mode: Any = _MODES.get(kind)
    if mode is None or not _CHOICE.issuperset(choice):
        return ToolChoice(mode="named", protocol=NAME, native=choice), None
    names = (text(choice.get("name"), "tool_choice.name"),) if mode == "named" else ()
    serial = optional_flag(choice, "disable_parallel_tool_use", "tool_choice")
    return ToolChoice(mode=mode, names=names), None if serial is None else not serial
