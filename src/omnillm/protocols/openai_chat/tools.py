"""Tools and the choice between them."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.capabilities import BuiltinTool, CapabilitySet, ToolChoice, ToolDefinition
from omnillm.model.message import CacheControl
from omnillm.protocols.differences.custom_tools import ARGUMENTS, flat_format, nested_format
from omnillm.protocols.differences.tool_choice import NOT_THERE, PATH, among_declared
from omnillm.protocols.differences.tool_options import drop_options
from omnillm.protocols.openai_chat.place import NAME, Place
from omnillm.protocols.openai_chat.prompt_cache import mark_of
from omnillm.protocols.shapes import Unfit, array, inside, mapping, optional_flag, optional_mapping, optional_text, rest, text

WEB_SEARCH = "web_search"
_SEARCH_OPTIONS = "web_search_options"
"""Where Chat has its web search; kept under this name when it says more than the model can."""
_TOOL_MEMBERS = frozenset({"type", "function", "custom", "cache_control", "prompt_cache_breakpoint"})
_FUNCTION_MEMBERS = frozenset({"name", "description", "parameters", "strict"})
_CUSTOM_MEMBERS = frozenset({"name", "description", "format"})
_SEARCH_MEMBERS = {"user_location", "search_context_size"}
"""Of web_search_options, those that another protocol can say too."""
_PLACE_MEMBERS = ("city", "region", "country", "timezone")
_LOCATION_MEMBERS = frozenset({"type", "approximate"})
_MODES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}
"""`any` is Mistral's."""


def read_tools(tools: Any, member: str) -> tuple[tuple[ToolDefinition, ...], tuple[BuiltinTool, ...]]:
    """Read `tools`, or the deprecated `functions`."""
    own: list[ToolDefinition] = []
    builtin: list[BuiltinTool] = []
    for number, tool in enumerate(array(tools, member)):
        try:
            read = _read_tool(mapping(tool, "")) if member == "tools" else _read_function(mapping(tool, ""), {})
        except Unfit as error:
            raise inside(error, f"{member}[{number}]") from error
        (own if type(read) is ToolDefinition else builtin).append(read)  # type: ignore[arg-type]  # checked above
    return tuple(own), tuple(builtin)


def _read_tool(tool: dict[str, Any]) -> ToolDefinition | BuiltinTool:
    kind = text(tool.get("type"), "type")
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
    path = _SEARCH_OPTIONS
    location = optional_mapping(mapping(options, path), "user_location", path)
    is_known = _SEARCH_MEMBERS.issuperset(options)
    if location is not None:
        approximate = optional_mapping(location, "approximate", f"{path}.user_location") or {}
        is_known = is_known and _LOCATION_MEMBERS.issuperset(location) and approximate.keys() <= {*_PLACE_MEMBERS}
        location = {"type": "approximate", **approximate}
    size = optional_text(options, "search_context_size", path)
    if is_known:
        return BuiltinTool(kind=WEB_SEARCH, user_location=location, search_context_size=size)
    return BuiltinTool(kind=WEB_SEARCH, user_location=location, search_context_size=size, protocol=NAME, native={_SEARCH_OPTIONS: options})


def read_choice(choice: Any) -> ToolChoice:
    path = "tool_choice"
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


def write_tools(capabilities: CapabilitySet, body: dict[str, Any], place: Place) -> None:
    tools = [_write_tool(_known_kind(tool, number, place), number, place) for number, tool in enumerate(capabilities.tools)]
    for number, builtin in enumerate(capabilities.builtin_tools):
        _write_builtin(builtin, number, (tools, body), place)
    if tools:
        body["tools"] = tools
    choice, is_parallel = capabilities.tool_choice, capabilities.parallel_tool_calls
    if not tools and not place.is_native:
        # Without tools OpenAI refuses both.
        if choice is not None:
            place.losses.drop("capabilities.tool_choice", "no tool is left to choose")
        if is_parallel is not None:
            place.losses.drop("capabilities.parallel_tool_calls", "no tool is left to call")
        return
    if choice is not None:
        _write_choice(choice, capabilities, body, place)
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
    for name, value in tool.vendor_extensions.items():
        if place.has_own_extensions and name not in inner:
            inner[name] = value
        else:
            place.losses.drop(f"capabilities.tools[{number}].vendor_extensions.{name}", "Chat's tools have no such member")
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
    if place.is_native and not place.is_openai and place.takes_marks:
        written["cache_control"] = {"type": "ephemeral", "ttl": mark.ttl} if mark.ttl else {"type": "ephemeral"}
    else:
        place.losses.drop(f"capabilities.tools[{number}].cache_control", "Chat's tools bear no mark")


_TOOL_FIELDS = (("parameters", "input_schema", "function"), ("strict", "strict", "function"), ("format", "format", "custom"))


def _write_builtin(tool: BuiltinTool, number: int, out: tuple[list[dict[str, Any]], dict[str, Any]], place: Place) -> None:
    tools, body = out
    path = f"capabilities.builtin_tools[{number}]"
    native = tool.native if tool.protocol == NAME and type(tool.native) is dict else {}
    if native and _SEARCH_OPTIONS not in native:
        tools.append(native)
    elif tool.kind != WEB_SEARCH:
        place.losses.drop(path, "a tool that only its own protocol knows")
    elif not native and not place.is_native and place.dialect is not None and not place.dialect.has_web_search:
        place.losses.drop(path, "in Chat, OpenAI's search models alone search the web")
    elif _SEARCH_OPTIONS in body:
        place.losses.drop(path, "Chat searches by one set of options")
    else:
        body[_SEARCH_OPTIONS] = native.get(_SEARCH_OPTIONS) or _search_options(tool, path, place)


def _search_options(tool: BuiltinTool, path: str, place: Place) -> dict[str, Any]:
    for name in ("max_uses", "allowed_domains", "blocked_domains", "cache_control"):
        if getattr(tool, name):
            place.losses.drop(f"{path}.{name}", "Chat's web search has no such option")
    if tool.native is not None:
        place.losses.approximate(path, "said as web_search_options")
    drop_options(tool, path, place.losses)
    options: dict[str, Any] = {}
    location = tool.user_location
    if type(location) is dict:
        said = {name: location[name] for name in _PLACE_MEMBERS if location.get(name) is not None}
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
    elif not (choice := choice if place.is_native else among_declared(choice, capabilities, place.losses)).names:
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
