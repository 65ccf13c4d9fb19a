"""Tools and the choice between them, written."""

from collections.abc import Callable
from typing import Any

from omnillm.model.capabilities import BuiltinTool, CapabilitySet, ToolChoice, ToolDefinition
from omnillm.protocols.differences.custom_tools import flat_format
from omnillm.protocols.differences.tool_options import CODE_CONTAINER, drop_options
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses.namespaces import NAMESPACE, called, in_space, space_of
from omnillm.protocols.openai_responses.parse.tools import APPROVAL
from omnillm.protocols.openai_responses.place import NAME, Place

_UNSAID = ("blocked_domains", "cache_control")


def write_tools(capabilities: CapabilitySet, body: dict[str, Any], place: Place) -> None:
    tools = _write_own(capabilities.tools, place)
    uses: dict[str, int | None] = {}
    for number, builtin in enumerate(capabilities.builtin_tools):
        path = f"capabilities.builtin_tools[{number}]"
        written = _write_builtin(builtin, path, place)
        if written is not None:
            tools.append(written)
            uses[f"{path}.max_uses"] = builtin.max_uses
    _write_uses(uses, capabilities, body, place)
    if tools:
        body["tools"] = tools
    if capabilities.tool_choice is not None:
        choice = _write_choice(capabilities.tool_choice, capabilities, place)
        if choice is not None:
            body["tool_choice"] = choice
    for name in ("parallel_tool_calls", "max_tool_calls"):
        value = getattr(capabilities, name)
        if value is not None:
            body[name] = value


def _write_uses(uses: dict[str, int | None], capabilities: CapabilitySet, body: dict[str, Any], place: Place) -> None:
    """Bound what the provider's tools may do together by what each of them may: Responses knows one figure for all."""
    bounds = [each for each in uses.values() if each is not None]
    is_bounded = bool(bounds) and len(bounds) == len(uses) and capabilities.max_tool_calls is None
    if is_bounded:
        body["max_tool_calls"] = sum(bounds)
    for path, most in uses.items():
        if most is None:
            continue
        if not is_bounded:
            place.losses.drop(path, "the tool has no such option in Responses")
        elif len(uses) == 1:
            place.losses.move(path, "said as max_tool_calls")
        else:
            place.losses.approximate(path, "said as max_tool_calls, of all tools together")


def _write_own(tools: tuple[ToolDefinition, ...], place: Place) -> list[dict[str, Any]]:
    """Write the application's tools, those of one namespace in it again."""
    written: list[dict[str, Any]] = []
    last: dict[str, Any] | None = None
    for number, tool in enumerate(tools):
        about = space_of(tool) if tool.vendor_extensions and place.has_own_extensions else None
        if about is None:
            written.append(_write_tool(tool, number, place))
        else:
            if about != last:
                written.append({"type": NAMESPACE, **about, "tools": []})
            written[-1]["tools"].append(_write_tool(in_space(tool, about), number, place))
        last = about
    return written


def _write_tool(tool: ToolDefinition, number: int, place: Place) -> dict[str, Any]:
    out: dict[str, Any] = {"type": tool.kind, "name": tool.name}
    if tool.description:
        out["description"] = tool.description
    if tool.kind == "function":
        _write_function(tool, out, number, place)
    else:
        _write_custom(tool, out, number, place)
    if tool.cache_control is not None:
        place.losses.drop(f"capabilities.tools[{number}].cache_control", "the tools of Responses bear no mark")
    if tool.vendor_extensions:
        place.add_extensions(out, tool.vendor_extensions, f"capabilities.tools[{number}].", "the tools of Responses have no such member")
    return out


def _write_function(tool: ToolDefinition, out: dict[str, Any], number: int, place: Place) -> None:
    out["parameters"] = tool.input_schema
    if tool.strict is not None:
        out["strict"] = tool.strict
    elif not place.is_own:
        # Responses takes a tool that says nothing as a strict one, and then refuses many schemas.
        out["strict"] = False
        place.losses.default(f"capabilities.tools[{number}].strict", "Responses would take it as strict")
    if tool.format is not None:
        place.losses.drop(f"capabilities.tools[{number}].format", "a function has no format")


def _write_custom(tool: ToolDefinition, out: dict[str, Any], number: int, place: Place) -> None:
    if tool.format is not None:
        out["format"] = flat_format(tool.format)
    for name in ("input_schema", "strict"):
        if getattr(tool, name) is not None:
            place.losses.drop(f"capabilities.tools[{number}].{name}", f"a custom tool has no {name}")


def _write_builtin(tool: BuiltinTool, path: str, place: Place) -> dict[str, Any] | None:
    if tool.protocol == NAME and type(tool.native) is dict:
        return tool.native
    write = _BUILTIN.get(tool.kind)
    if write is None:
        place.losses.drop(path, "a tool that only its own protocol knows")
        return None
    if tool.native is not None:
        place.losses.approximate(path, f"said as OpenAI's {tool.kind}")
    for name in _UNSAID:
        if getattr(tool, name):
            place.losses.drop(f"{path}.{name}", "the tool has no such option in Responses")
    drop_options(tool, path, place.losses)
    return write(tool, path, place)


def _write_search(tool: BuiltinTool) -> dict[str, Any]:
    out: dict[str, Any] = {"type": "web_search"}
    if tool.allowed_domains:
        out["filters"] = {"allowed_domains": list(tool.allowed_domains)}
    if tool.user_location is not None:
        out["user_location"] = tool.user_location
    if tool.search_context_size:
        out["search_context_size"] = tool.search_context_size
    return out


def _write_mcp(tool: BuiltinTool, path: str, place: Place) -> dict[str, Any]:
    if not tool.server_label:
        place.losses.default(f"{path}.server_label", "Responses needs one")
    out = {"type": "mcp", "server_label": tool.server_label or "server", "require_approval": APPROVAL}
    if tool.server_url:
        out["server_url"] = tool.server_url
    return out


_BUILTIN: dict[str, Callable[[BuiltinTool, str, Place], dict[str, Any]]] = {
    "web_search": lambda tool, _path, _place: _write_search(tool),
    "code_execution": lambda _tool, _path, _place: {"type": "code_interpreter", "container": CODE_CONTAINER},
    "mcp": _write_mcp,
}


def _write_named(choice: ToolChoice, capabilities: CapabilitySet, place: Place) -> Any:
    """Write the choice of one tool; other protocols have one namespace for the application's and the provider's."""
    name = choice.names[0]
    builtin = None
    if not any(tool.name == name for tool in capabilities.tools):
        builtin = next((tool for tool in capabilities.builtin_tools if name in _names_of(tool)), None)
    if builtin is None:
        return {"type": choice.kind, **called(name, place.spaces)}
    written = _write_builtin(builtin, "capabilities.tool_choice", Place(Losses(), protocol=place.protocol, is_own=place.is_own))
    if written is None:
        place.losses.drop("capabilities.tool_choice", "the tool is left out")
        return None
    return {name: written[name] for name in ("type", "server_label") if name in written}


def _names_of(tool: BuiltinTool) -> tuple[Any, ...]:
    return (tool.kind, tool.native.get("name")) if type(tool.native) is dict else (tool.kind,)


def _write_choice(choice: ToolChoice, capabilities: CapabilitySet, place: Place) -> Any:
    path = "capabilities.tool_choice"
    if not place.is_own and not capabilities.tools and not capabilities.builtin_tools and choice.mode != "none":
        place.losses.drop(path, "there is no tool to choose")
        return None
    if choice.native is not None:
        if choice.protocol == NAME:
            return choice.native
        place.losses.drop(path, "a choice that only its own protocol knows")
        return None
    if choice.mode not in {"named", "allowed"}:
        return choice.mode
    if not choice.names:
        place.losses.drop(path, "it names no tool")
        return None
    if choice.mode == "named":
        return _write_named(choice, capabilities, place)
    custom = {tool.name for tool in capabilities.tools if tool.kind == "custom"}
    named = [{"type": "custom" if choice.kind == "custom" or name in custom else "function", "name": name} for name in choice.names]
    return {"type": "allowed_tools", "mode": "required" if choice.is_required else "auto", "tools": named}
