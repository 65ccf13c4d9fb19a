"""Tools in namespaces (Codex has those of each MCP server in one), flat for all other protocols.

`depth` of `mcp__heron` is the function `mcp__heron__depth`. What the namespace says beside its tools is kept with each of them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from omnillm.model.capabilities import ToolDefinition
from omnillm.model.message import ToolCall

NAMESPACE = "namespace"
"""Type of the tool that holds the others; among the extensions of these what it said, of a call its name; on the wire a call's member."""
Spaces = Mapping[str, tuple[str, str]]
"""Of each flat name the namespace and the name in it."""
NO_SPACES: Spaces = {}


def flat_name(space: str, name: str) -> str:
    return f"{space}__{name}"


def flattened(space: dict[str, Any], tools: Iterable[ToolDefinition]) -> list[ToolDefinition]:
    """Return the tools of a namespace, each with what it said."""
    about = {name: value for name, value in space.items() if name not in {"type", "tools"}}
    return [
        replace(tool, name=flat_name(space["name"], tool.name), vendor_extensions={**tool.vendor_extensions, NAMESPACE: about})
        for tool in tools
    ]


def space_of(tool: ToolDefinition) -> dict[str, Any] | None:
    """Return what the namespace of a tool says beside its tools; None: it stands in none."""
    about = tool.vendor_extensions.get(NAMESPACE)
    return about if type(about) is dict and type(about.get("name")) is str else None


def in_space(tool: ToolDefinition, about: dict[str, Any]) -> ToolDefinition:
    """Return the tool as its namespace has it."""
    more = {name: value for name, value in tool.vendor_extensions.items() if name != NAMESPACE}
    return replace(tool, name=tool.name.removeprefix(flat_name(about["name"], "")), vendor_extensions=more)


def spaces_of(tools: Iterable[ToolDefinition]) -> Spaces:
    found: dict[str, tuple[str, str]] = {}
    for tool in tools:
        about = space_of(tool) if tool.vendor_extensions else None
        if about is not None:
            found[tool.name] = (about["name"], tool.name.removeprefix(flat_name(about["name"], "")))
    return found


def flat_call(call: ToolCall, spaces: Spaces) -> ToolCall:
    """Return a call of the history by its flat name. The namespace goes without saying where the tools of the request tell it."""
    space = call.vendor_extensions.get(NAMESPACE)
    if type(space) is not str:
        return call
    name = flat_name(space, call.name)
    if name not in spaces:
        return replace(call, name=name)
    return replace(call, name=name, vendor_extensions={each: value for each, value in call.vendor_extensions.items() if each != NAMESPACE})


def called(name: str, spaces: Spaces) -> dict[str, str]:
    """Return the members that name a call's tool."""
    known = spaces.get(name)
    return {"name": name} if known is None else {"name": known[1], NAMESPACE: known[0]}


def called_in_history(call: ToolCall, spaces: Spaces) -> dict[str, str]:
    """As `called`; a tool that is no longer among those of the request has its namespace with the call."""
    space = call.vendor_extensions.get(NAMESPACE)
    return {"name": call.name.removeprefix(flat_name(space, ""))} if type(space) is str else called(call.name, spaces)
