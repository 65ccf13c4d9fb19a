"""Tools and the choice among them, written as Converse's toolConfig."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.capabilities import ToolChoice
from omnillm.model.request import LlmRequest
from omnillm.protocols.anthropic_messages.emit.tools import chosen, function_of
from omnillm.protocols.bedrock_converse.place import Place
from omnillm.protocols.differences.arguments import NO_ARGUMENTS
from omnillm.protocols.differences.tool_choice import NOT_THERE, PATH, among_declared
from omnillm.protocols.differences.turns import Block


def emit_tools(request: LlmRequest, place: Place) -> list[Block]:
    """Write the tools that may be called."""
    capabilities = request.capabilities
    choice = capabilities.tool_choice
    allowed = frozenset(choice.names) if choice is not None and choice.mode == "allowed" else None
    tools: list[Block] = []
    for number, tool in enumerate(capabilities.tools):
        if allowed is not None and tool.name not in allowed:
            continue
        path = f"capabilities.tools[{number}]"
        if tool.strict is not None and not place.dialect.takes_schemas:
            if tool.strict:
                place.losses.drop(f"{path}.strict", "the model holds to no schema")
            tool = replace(tool, strict=None)  # noqa: PLW2901  which such models refuse
        spec = function_of(tool, number, place)
        place.losses.drop_extensions(tool.vendor_extensions, f"{path}.", place.unknown)
        tools.append({"toolSpec": {"name": spec.pop("name"), "inputSchema": {"json": spec.pop("input_schema")}, **spec}})
        if tool.cache_control is not None:
            place.mark(tools, tool.cache_control, path)
    for number in range(len(capabilities.builtin_tools)):
        place.losses.drop(f"capabilities.builtin_tools[{number}]", "Converse runs no tool of this kind")
    return tools


def tool_config(request: LlmRequest, tools: list[Block], place: Place, *, can_force: bool) -> dict[str, Any] | None:
    """Write the toolConfig; None: there is none. `can_force`: whether the model lets a call be forced."""
    capabilities, losses = request.capabilities, place.losses
    choice = capabilities.tool_choice
    if capabilities.parallel_tool_calls is False and tools:
        losses.drop("capabilities.parallel_tool_calls", "Converse cannot forbid several calls at once")
    if choice is not None and choice.mode == "none" and tools:
        if not place.calls:
            losses.approximate(PATH, "the tools are left out")
            return None
        losses.drop(PATH, "Converse cannot forbid calls, and a conversation with calls needs their tools")
        return {"tools": tools}
    if not tools:
        return _called_before(choice, place)
    written = None if choice is None else _choice(among_declared(choice, capabilities, losses), place)
    if not can_force and written is not None and "auto" not in written:
        losses.approximate(PATH, "a model that thinks cannot be forced to call a tool")
        written = {"auto": {}}
    return {"tools": tools} if written is None else {"tools": tools, "toolChoice": written}


def _called_before(choice: ToolChoice | None, place: Place) -> dict[str, Any] | None:
    """Converse refuses a conversation with calls unless their tools are there."""
    if choice is not None:
        place.losses.drop(PATH, NOT_THERE)
    if not place.calls:
        return None
    place.losses.default("capabilities.tools", "Converse wants the tools of earlier calls: named, without arguments")
    names = dict.fromkeys(place.calls.values())
    return {"tools": [{"toolSpec": {"name": name, "inputSchema": {"json": NO_ARGUMENTS}}} for name in names]}


def _choice(choice: ToolChoice, place: Place) -> dict[str, Any] | None:
    word, name = chosen(choice, NOT_THERE, place.losses)
    if not word:
        return None
    return {"tool": {"name": name}} if word == "tool" else {word: {}}
