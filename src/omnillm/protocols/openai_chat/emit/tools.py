"""Tools and the choice between them, written."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.capabilities import BuiltinTool, CapabilitySet, ToolChoice, ToolDefinition
from omnillm.model.message import CacheControl
from omnillm.protocols.differences.custom_tools import ARGUMENTS, nested_format
from omnillm.protocols.differences.tool_choice import NOT_THERE, PATH, among_declared
from omnillm.protocols.differences.tool_options import drop_options
from omnillm.protocols.openai_chat.emit.effort import free_choice
from omnillm.protocols.openai_chat.parse.tools import PLACE_MEMBERS, SEARCH_OPTIONS, WEB_SEARCH
from omnillm.protocols.openai_chat.place import NAME, Place


def write_tools(capabilities: CapabilitySet, body: dict[str, Any], place: Place) -> None:
    tools = [_write_tool(_known_kind(tool, number, place), number, place) for number, tool in enumerate(capabilities.tools)]
    for number, builtin in enumerate(capabilities.builtin_tools):
        _write_builtin(builtin, number, (tools, body), place)
    if tools:
        body["tools"] = tools
    choice, is_parallel = capabilities.tool_choice, capabilities.parallel_tool_calls
    if not tools and not place.is_own:
        # Without tools OpenAI refuses both.
        if choice is not None:
            place.losses.drop("capabilities.tool_choice", "no tool is left to choose")
        if is_parallel is not None:
            place.losses.drop("capabilities.parallel_tool_calls", "no tool is left to call")
        return
    if choice is not None:
        _write_choice(choice, capabilities, body, place)
        free_choice(capabilities.reasoning, body, place)
    if is_parallel is not None:
        body["parallel_tool_calls"] = is_parallel


def _write_tool(tool: ToolDefinition, number: int, place: Place) -> dict[str, Any]:
    inner: dict[str, Any] = {"name": tool.name}
    if tool.description:
        inner["description"] = tool.description
    for member, field, kind in _TOOL_FIELDS:
        value = getattr(tool, field)
        if value is None:
            continue
        if kind == tool.kind:
            inner[member] = nested_format(value) if member == "format" else value
        else:
            place.losses.drop(f"capabilities.tools[{number}].{field}", f"a {tool.kind} tool has none")
    if tool.vendor_extensions:
        place.add_extensions(inner, tool.vendor_extensions, f"capabilities.tools[{number}].", "Chat's tools have no such member")
    written: dict[str, Any] = {"type": tool.kind, tool.kind: inner}
    if tool.cache_control is not None:
        _write_tool_mark(tool.cache_control, written, number, place)
    return written


def _known_kind(tool: ToolDefinition, number: int, place: Place) -> ToolDefinition:
    """Return a function in place of a custom tool that the host does not know; calls of it are undone for the client."""
    if tool.kind != "custom" or place.takes_free_text:
        return tool
    place.losses.approximate(f"capabilities.tools[{number}].kind", "free text is the one argument of a function")
    if tool.format is not None:
        place.losses.drop(f"capabilities.tools[{number}].format", "a function has no grammar")
    return replace(tool, kind="function", input_schema=ARGUMENTS, format=None)


def _write_tool_mark(mark: CacheControl, written: dict[str, Any], number: int, place: Place) -> None:
    if place.is_own and not place.is_openai and place.takes_marks:
        written["cache_control"] = {"type": "ephemeral", "ttl": mark.ttl} if mark.ttl else {"type": "ephemeral"}
    else:
        place.losses.drop(f"capabilities.tools[{number}].cache_control", "Chat's tools bear no mark")


_TOOL_FIELDS = (("parameters", "input_schema", "function"), ("strict", "strict", "function"), ("format", "format", "custom"))


def _write_builtin(tool: BuiltinTool, number: int, out: tuple[list[dict[str, Any]], dict[str, Any]], place: Place) -> None:
    tools, body = out
    path = f"capabilities.builtin_tools[{number}]"
    native = tool.native if tool.protocol == NAME and type(tool.native) is dict else {}
    if native and SEARCH_OPTIONS not in native:
        tools.append(native)
    elif tool.kind != WEB_SEARCH:
        place.losses.drop(path, "a tool that only its own protocol knows")
    elif not native and not place.is_own and not place.dialect.has_web_search:
        place.losses.drop(path, "in Chat, OpenAI's search models alone search the web")
    elif SEARCH_OPTIONS in body:
        place.losses.drop(path, "Chat searches by one set of options")
    else:
        body[SEARCH_OPTIONS] = native.get(SEARCH_OPTIONS) or _search_options(tool, path, place)


def _search_options(tool: BuiltinTool, path: str, place: Place) -> dict[str, Any]:
    unsaid = ("max_uses", "allowed_domains", "blocked_domains", "cache_control")
    place.losses.drop_said(tool, unsaid, f"{path}.", "Chat's web search has no such option")
    if tool.native is not None:
        place.losses.approximate(path, "said as web_search_options")
    drop_options(tool, path, place.losses)
    options: dict[str, Any] = {}
    location = tool.user_location
    if type(location) is dict:
        said = {name: location[name] for name in PLACE_MEMBERS if location.get(name) is not None}
        options["user_location"] = {"type": "approximate", "approximate": said}
    if tool.search_context_size:
        options["search_context_size"] = tool.search_context_size
    return options


def _write_choice(choice: ToolChoice, capabilities: CapabilitySet, body: dict[str, Any], place: Place) -> None:
    if choice.native is not None:
        if choice.protocol == NAME:
            body["tool_choice"] = choice.native
        else:
            place.losses.drop("capabilities.tool_choice", "a choice that only its own protocol knows")
    elif choice.mode not in {"named", "allowed"}:
        body["tool_choice"] = choice.mode
    elif not (choice := choice if place.is_own else among_declared(choice, capabilities, place.losses)).names:
        place.losses.drop(PATH, NOT_THERE)
    elif choice.mode == "named":
        kind = _chosen_kind(choice, place)
        body["tool_choice"] = {"type": kind, kind: {"name": choice.names[0]}}
    else:
        custom = {tool.name for tool in capabilities.tools if tool.kind == "custom"} if place.takes_free_text else set()
        chosen = _chosen_kind(choice, place)
        kinds = ["custom" if chosen == "custom" or name in custom else "function" for name in choice.names]
        named = [{"type": kind, kind: {"name": name}} for kind, name in zip(kinds, choice.names, strict=True)]
        mode = "required" if choice.is_required else "auto"
        body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}


def _chosen_kind(choice: ToolChoice, place: Place) -> str:
    if choice.kind == "custom" and not place.takes_free_text:
        place.losses.approximate("capabilities.tool_choice.kind", "free text is the one argument of a function")
        return "function"
    return choice.kind
