"""Tools and the choice among them, read to the canonical model."""

from typing import Any

from omnillm.model.capabilities import BuiltinTool, ToolChoice, ToolDefinition
from omnillm.protocols.differences.tool_options import told_apart
from omnillm.protocols.gemini_interactions.place import NAME
from omnillm.protocols.shapes import each, mapping, optional_array, optional_mapping, optional_text, optional_texts, rest, text

_FUNCTION = frozenset({"type", "name", "description", "parameters"})
_MCP = frozenset({"type", "name", "url"})
KINDS = {"google_search": "web_search", "url_context": "web_fetch", "code_execution": "code_execution"}
"""The tools that other protocols have too, beside servers of MCP. The rest keep their own words."""
_CHOICE = "generation_config.tool_choice"
_MODES = {"auto": "auto", "any": "required", "none": "none"}


def parse_tools(body: dict[str, Any]) -> tuple[tuple[ToolDefinition, ...], tuple[BuiltinTool, ...]]:
    return told_apart(each(optional_array(body, "tools"), "tools", _tool))


def _tool(tool: Any) -> ToolDefinition | BuiltinTool:
    kind = text(mapping(tool, "").get("type"), "type")
    return _function(tool) if kind == "function" else _builtin(kind, tool)


def _function(tool: dict[str, Any]) -> ToolDefinition:
    return ToolDefinition(
        name=text(tool.get("name"), "name"),
        description=optional_text(tool, "description"),
        input_schema=optional_mapping(tool, "parameters"),
        vendor_extensions=rest(tool, _FUNCTION),
    )


def _builtin(kind: str, tool: dict[str, Any]) -> BuiltinTool:
    """`native` only where the typed members do not say it all."""
    if kind == "mcp_server":
        label, url = optional_text(tool, "name"), optional_text(tool, "url")
        is_plain = _MCP.issuperset(tool)
        return BuiltinTool(
            kind="mcp", server_label=label, server_url=url, protocol="" if is_plain else NAME, native=None if is_plain else tool
        )
    if kind in KINDS and len(tool) == 1:
        return BuiltinTool(kind=KINDS[kind])
    return BuiltinTool(kind=KINDS.get(kind, kind), protocol=NAME, native=tool)


def parse_tool_choice(config: dict[str, Any]) -> ToolChoice | None:
    value = config.get("tool_choice")
    if value is None:
        return None
    if type(value) is str:
        mode = _MODES.get(value)
        return _native(value) if mode is None else ToolChoice(mode=mode)  # type: ignore[arg-type]  # one of the canonical words
    allowed = optional_mapping(mapping(value, _CHOICE), "allowed_tools", _CHOICE) or {}
    mode = optional_text(allowed, "mode", _CHOICE)
    names = optional_texts(allowed, "tools", _CHOICE)
    if not names or mode not in {"", "auto", "any", "validated"}:
        return _native(value)
    if mode == "any":
        return ToolChoice(mode="named", names=names) if len(names) == 1 else ToolChoice(mode="allowed", names=names, is_required=True)
    return ToolChoice(mode="allowed", names=names)


def _native(value: Any) -> ToolChoice:
    """Keep a choice that has no canonical home ("validated" among all, or an object without names)."""
    return ToolChoice(mode="named", protocol=NAME, native=value)
