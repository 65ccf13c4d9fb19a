"""Tools and the choice among them, read to the canonical model."""

from itertools import chain
from typing import Any

from omnillm.model.capabilities import BuiltinTool, ToolChoice, ToolDefinition
from omnillm.model.message import VendorExtensions
from omnillm.protocols.differences.tool_options import told_apart
from omnillm.protocols.gemini_generate_content.parse.schema import json_schema
from omnillm.protocols.gemini_generate_content.place import NAME
from omnillm.protocols.gemini_generate_content.spelling import camel
from omnillm.protocols.shapes import array, each, mapping, optional_mapping, optional_text, optional_texts, rest, text

_DECLARATION = frozenset({"name", "description", "parameters", "parametersJsonSchema"})
_TOOL_CONFIG = frozenset({"functionCallingConfig"})
_CALLING = frozenset({"mode", "allowedFunctionNames"})
KINDS = {"googleSearch": "web_search", "urlContext": "web_fetch", "codeExecution": "code_execution"}
"""The tools that other protocols have too. The rest keep their own words."""


def parse_tools(body: dict[str, Any]) -> tuple[tuple[ToolDefinition, ...], tuple[BuiltinTool, ...]]:
    value = body.get("tools")
    if value is None:
        return (), ()
    return told_apart(chain.from_iterable(each([value] if type(value) is dict else array(value, "tools"), "tools", _tools)))


def _tools(tool: Any) -> list[ToolDefinition | BuiltinTool]:
    """Read one element of `tools`: what each of its members says."""
    found: list[ToolDefinition | BuiltinTool] = []
    for name, value in camel(mapping(tool, "")).items():
        if value is not None:
            found += each(array(value, name), name, _function) if name == "functionDeclarations" else [_builtin(name, value)]
    return found


def _function(value: Any) -> ToolDefinition:
    declaration = camel(mapping(value, ""))
    schema = optional_mapping(declaration, "parametersJsonSchema")
    if schema is None and declaration.get("parameters") is not None:
        schema = json_schema(declaration["parameters"], "parameters")
    return ToolDefinition(
        name=text(declaration.get("name"), "name"),
        description=optional_text(declaration, "description"),
        input_schema=schema,
        vendor_extensions=rest(declaration, _DECLARATION),
    )


def _builtin(name: str, value: Any) -> BuiltinTool:
    blocked: tuple[str, ...] = ()
    if name == "googleSearch":
        blocked = optional_texts(camel(mapping(value, name)), "excludeDomains", name)
    return BuiltinTool(kind=KINDS.get(name, name), blocked_domains=blocked, protocol=NAME, native={name: value})


def parse_tool_choice(body: dict[str, Any], extensions: VendorExtensions) -> ToolChoice | None:
    """Read `toolConfig`; what has no canonical home goes to `extensions`."""
    given = optional_mapping(body, "toolConfig")
    if not given:
        return None
    config = camel(given)
    more = rest(config, _TOOL_CONFIG)
    calling = camel(optional_mapping(config, "functionCallingConfig", "toolConfig") or {})
    if not _CALLING.issuperset(calling) and (inner := rest(calling, _CALLING)):
        more["functionCallingConfig"] = inner
    if more:
        extensions["toolConfig"] = more
    return _choice(calling)


def _choice(calling: dict[str, Any]) -> ToolChoice | None:
    path = "toolConfig.functionCallingConfig"
    mode = optional_text(calling, "mode", path).upper()
    names = optional_texts(calling, "allowedFunctionNames", path)
    if mode in {"", "MODE_UNSPECIFIED"} and not names:
        return None
    if mode == "ANY":
        if len(names) == 1:
            return ToolChoice(mode="named", names=names)
        return ToolChoice(mode="allowed", names=names, is_required=True) if names else ToolChoice(mode="required")
    if mode == "VALIDATED" and names:
        return ToolChoice(mode="allowed", names=names)
    if mode in {"AUTO", "NONE"} and not names:
        return ToolChoice(mode="auto" if mode == "AUTO" else "none")
    native: dict[str, Any] = {"mode": mode} if mode else {}
    return ToolChoice(mode="named", protocol=NAME, native={**native, "allowedFunctionNames": list(names)} if names else native)
