"""Tools and the choice among them, written for the Messages API."""

from typing import Any

from omnillm.model.capabilities import NO_CAPABILITIES, BuiltinTool, ToolChoice, ToolDefinition
from omnillm.model.request import LlmRequest
from omnillm.protocols.anthropic_messages.emit.schema import strict_schema
from omnillm.protocols.anthropic_messages.place import NAME, Place
from omnillm.protocols.differences.arguments import NO_ARGUMENTS
from omnillm.protocols.differences.custom_tools import ARGUMENTS
from omnillm.protocols.differences.tool_choice import PATH
from omnillm.protocols.differences.tool_options import drop_options
from omnillm.protocols.loss import Losses

_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_SERVER_TOOLS = {
    "web_search": ("web_search_20250305", frozenset({"max_uses", "allowed_domains", "blocked_domains", "user_location"})),
    "web_fetch": ("web_fetch_20250910", frozenset({"max_uses", "allowed_domains", "blocked_domains"})),
    "code_execution": ("code_execution_20250825", frozenset[str]()),
}
"""The dated tool for a kind that comes from another protocol, and what it can be told."""
_APPROXIMATE = {"type": "approximate"}
"""Of a place, which OpenAI need not say."""
_SERVER_WORDS = ("max_uses", "allowed_domains", "blocked_domains", "user_location", "search_context_size")


def emit_tools(request: LlmRequest, place: Place) -> list[dict[str, Any]]:
    capabilities = request.capabilities
    if capabilities is NO_CAPABILITIES:
        return []
    choice = capabilities.tool_choice
    allowed = frozenset(choice.names) if choice is not None and choice.mode == "allowed" else None
    written = [_function(tool, number, place) for number, tool in enumerate(capabilities.tools) if allowed is None or tool.name in allowed]
    for number, builtin in enumerate(capabilities.builtin_tools):
        tool = _builtin(builtin, f"capabilities.builtin_tools[{number}]", place) if allowed is None or builtin.kind in allowed else None
        written += [] if tool is None else [tool]
    return written


def _function(tool: ToolDefinition, number: int, place: Place) -> dict[str, Any]:
    written = function_of(tool, number, place)
    if tool.cache_control is not None:
        place.mark([written], tool.cache_control, f"capabilities.tools[{number}]")
    if tool.vendor_extensions:
        place.extend(written, tool.vendor_extensions, f"capabilities.tools[{number}].")
    return written


def function_of(tool: ToolDefinition, number: int, place: Place) -> dict[str, Any]:
    """Write what a tool says of itself, but for its mark and its extensions."""
    written: dict[str, Any] = {"name": tool.name, "input_schema": _input_schema(tool, number, place)}
    if tool.description:
        written["description"] = tool.description
    if tool.strict is not None:
        written["strict"] = tool.strict
    if tool.format is not None:
        place.losses.drop(f"capabilities.tools[{number}].format", f"{place.host} has no grammar")
    return written


def _input_schema(tool: ToolDefinition, number: int, place: Place) -> dict[str, Any]:
    """Return the schema as Claude takes it: that of one text if the tool is a custom one, closed if the tool is strict."""
    if tool.kind == "custom":
        place.losses.approximate(f"capabilities.tools[{number}].kind", "free text is the one argument of a function")
        return ARGUMENTS
    schema: dict[str, Any] = NO_ARGUMENTS if tool.input_schema is None else tool.input_schema
    if place.is_own or not tool.strict:
        return schema
    closed = strict_schema(schema)
    if closed != schema and tool.input_schema is not None:
        path = f"capabilities.tools[{number}].input_schema"
        place.losses.approximate(path, "what strict tools refuse of it is said in descriptions")
    return closed


def _builtin(tool: BuiltinTool, path: str, place: Place) -> dict[str, Any] | None:
    if tool.protocol == NAME and type(tool.native) is dict:
        written = dict(tool.native)
        if type(written.get("cache_control")) is dict:
            place.marks.append((written, path))
        return written
    known = _SERVER_TOOLS.get(tool.kind)
    if known is None:
        place.losses.drop(path, "the Messages API has no such tool, or needs more to run it")
        return None
    if tool.native is not None:
        place.losses.approximate(path, f"said as {known[0]}")
    drop_options(tool, path, place.losses)
    return _server_tool(tool, known, path, place)


def _server_tool(tool: BuiltinTool, known: tuple[str, frozenset[str]], path: str, place: Place) -> dict[str, Any]:
    kind, words = known
    written: dict[str, Any] = {"type": kind, "name": tool.kind}
    for word in _SERVER_WORDS:
        value = getattr(tool, word)
        if value is None or value in ((), ""):
            continue
        if word in words:
            written[word] = list(value) if type(value) is tuple else _APPROXIMATE | value if type(value) is dict else value
        else:
            place.losses.drop(f"{path}.{word}", f"{tool.kind} of the Messages API does not know it")
    if tool.cache_control is not None:
        place.mark([written], tool.cache_control, path)
    return written


def emit_tool_choice(request: LlmRequest, place: Place, *, has_tools: bool, can_force: bool) -> dict[str, Any] | None:
    """Write the choice. `can_force`: whether the model lets a call be forced."""
    capabilities, losses = request.capabilities, place.losses
    choice, parallel = capabilities.tool_choice, capabilities.parallel_tool_calls
    if not has_tools and not place.is_own:
        if choice is not None:
            losses.drop(PATH, "there is no tool to choose")
        return None
    written = None if choice is None else _choice(choice, place)
    if not can_force and written is not None and written["type"] in {"any", "tool"}:
        losses.approximate(PATH, "a model that thinks cannot be forced to call a tool")
        written = {"type": "auto"}
    if parallel is None or (written is None and parallel):
        return written
    written = {"type": "auto"} if written is None else written
    if written["type"] == "none":
        losses.drop("capabilities.parallel_tool_calls", "no tool is to be called")
        return written
    return {**written, "disable_parallel_tool_use": not parallel}


def _choice(choice: ToolChoice, place: Place) -> dict[str, Any] | None:
    native = choice.native
    if choice.protocol == NAME and type(native) is dict and type(native.get("type")) is str:
        return native
    word, name = chosen(choice, "it names no tool", place.losses)
    if not word:
        return None
    return {"type": word, "name": name} if word == "tool" else {"type": word}


def chosen(choice: ToolChoice, missing: str, losses: Losses) -> tuple[str, str]:
    """Return Claude's word for the choice, or "", and the name of a tool. `missing`: what is told of a choice that names none."""
    if choice.native is not None:
        losses.drop(PATH, "only its own protocol knows it")
        return "", ""
    if choice.mode == "allowed":
        losses.approximate(PATH, "the other tools are left out")
        return "any" if choice.is_required else "auto", ""
    if choice.mode != "named":
        return _CHOICES[choice.mode], ""
    if not choice.names:
        losses.drop(PATH, missing)
        return "", ""
    if choice.kind == "custom":
        losses.approximate(f"{PATH}.kind", "free text is the one argument of a function")
    return "tool", choice.names[0]
