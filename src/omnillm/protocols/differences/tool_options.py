"""Tools that a provider runs, and what they have beyond the fields of `BuiltinTool`. Only its own protocol can read that."""

from collections.abc import Iterable
from typing import Any

from omnillm.model.capabilities import BuiltinTool, ToolDefinition
from omnillm.protocols.loss import Losses

CODE_CONTAINER = {"type": "auto"}
"""Of Responses' code_interpreter: what it runs in where nobody says."""
_FIELDS = frozenset(
    {
        *("type", "name", "max_uses", "allowed_domains", "blocked_domains", "user_location", "search_context_size", "cache_control"),
        *("mcp_server_name", "server_label", "server_url", "exclude_domains", "excludeDomains"),
    }
)
"""Members that the fields stand for, in whatever protocol."""
_WRAPPED = frozenset({"googleSearch", "codeExecution", "urlContext", "web_search_options", "filters"})
"""Members whose own members are options."""


def told_apart(tools: Iterable[ToolDefinition | BuiltinTool]) -> tuple[tuple[ToolDefinition, ...], tuple[BuiltinTool, ...]]:
    """Return the application's tools and those of the provider, each in their order."""
    own: list[ToolDefinition] = []
    builtin: list[BuiltinTool] = []
    for tool in tools:
        own.append(tool) if isinstance(tool, ToolDefinition) else builtin.append(tool)
    return tuple(own), tuple(builtin)


def drop_options(tool: BuiltinTool, path: str, losses: Losses) -> None:
    """Note every option that a tool of another protocol has and no field says."""
    if type(tool.native) is dict:
        _drop(tool.native, f"{path}.native", losses)


def _drop(options: dict[str, Any], path: str, losses: Losses) -> None:
    for name, value in options.items():
        if name in _FIELDS or value is None or (name == "container" and value == CODE_CONTAINER):
            continue
        if name in _WRAPPED and type(value) is dict:
            _drop(value, f"{path}.{name}", losses)
        else:
            losses.drop(f"{path}.{name}", "an option that only its own protocol knows")
