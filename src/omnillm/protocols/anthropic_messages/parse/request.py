"""A request of the Messages API, read to the canonical model."""

from collections.abc import Sequence
from typing import Any, Final, final

import msgspec
from msgspec.structs import replace

from omnillm.model.capabilities import NO_CAPABILITIES, CapabilitySet, StructuredOutputConfig
from omnillm.model.message import (
    Message,
    MessagePart,
    MessageRole,
    Opaque,
    Reasoning,
    RequestItem,
    Text,
    ToolResult,
    VendorExtensions,
    joined,
)
from omnillm.model.request import GenerationConfig, LlmRequest
from omnillm.protocols.anthropic_messages.parse.parts import TURN_BLOCKS, Known, parse_block, reunited
from omnillm.protocols.anthropic_messages.parse.tools import parse_tool_choice, parse_tools
from omnillm.protocols.anthropic_messages.place import NAME
from omnillm.protocols.anthropic_messages.thinking import parse_reasoning
from omnillm.protocols.envelope import unseal
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit, each_with, integer, optional_mapping, optional_text, rest, typed

_KNOWN = frozenset(
    {
        *("model", "max_tokens", "messages", "system", "stream", "tools", "tool_choice", "thinking"),
        *("output_config", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier"),
    }
)
_FORMER = "output_format"
"""What the beta of structured outputs called `output_config.format`: the API still takes it, and programs still write it."""
_CAPABLE = frozenset({"tools", "tool_choice", "thinking", "output_config", _FORMER})
"""What is asked of the model beside an answer."""
_MESSAGE = frozenset({"role", "content"})
_USER_ID = frozenset({"user_id"})
_OUTPUT_CONFIG = frozenset({"effort", "format"})
_FORMAT = frozenset({"type", "schema"})
_ROLES = {"user": MessageRole.USER, "assistant": MessageRole.ASSISTANT, "system": MessageRole.SYSTEM}
_SYSTEM: Final = MessageRole.SYSTEM
"""Bound once: CPython 3.11 looks a member up on its enum ten times as slowly as a name in a module."""


def parse_request(body: "dict[str, Any] | OwnRequest", losses: Losses) -> LlmRequest:
    asked: _Request
    turns: list[dict[str, Any]] | None = None
    if type(body) is OwnRequest:
        asked, extensions, capable = body, {}, body.capable
    else:
        asked, extensions = typed(body, _Request), rest(body, _KNOWN)
        capable, turns = {} if _CAPABLE.isdisjoint(body) else body, body["messages"]
    return LlmRequest(
        model=asked.model,
        input=_input(asked, turns, losses),
        capabilities=_capabilities(capable, extensions) if capable else NO_CAPABILITIES,
        generation=GenerationConfig(
            max_output_tokens=None if asked.max_tokens is None else integer(asked.max_tokens, "max_tokens", 0),
            temperature=asked.temperature,
            top_p=asked.top_p,
            top_k=None if asked.top_k is None else integer(asked.top_k, "top_k"),
            stop=asked.stop_sequences or (),
            service_tier=asked.service_tier or "",
        ),
        user_id=_user_id(asked.metadata, extensions) if asked.metadata else "",
        is_stream=asked.stream or False,
        protocol=NAME,
        vendor_extensions=extensions,
    )


def _capabilities(body: dict[str, Any], extensions: VendorExtensions) -> CapabilitySet:
    tools, builtins = parse_tools(body)
    choice, parallel = parse_tool_choice(body)
    return CapabilitySet(
        tools=tools,
        builtin_tools=builtins,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        structured_output=_output(body, extensions),
        reasoning=parse_reasoning(body, extensions),
    )


class _Turn(msgspec.Struct, gc=False):
    role: str
    content: str | list[Any] | None = None
    """None: a system message that only sets something from there on, by a member of its own (`output_config`)."""


class _Request(msgspec.Struct, gc=False):
    """The members whose types are fixed."""

    model: str
    messages: Sequence[_Turn]
    system: str | list[Any] | None = None
    max_tokens: int | float | None = None
    temperature: int | float | None = None
    top_p: int | float | None = None
    top_k: int | float | None = None
    stop_sequences: tuple[str, ...] | None = None
    stream: bool | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None


class _OwnTurn(_Turn, forbid_unknown_fields=True, gc=False):
    pass


@final
class OwnRequest(_Request, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A request that has no members but those which are read here, decoded in one step: nothing of it is left to look for."""

    messages: list[_OwnTurn]
    tools: Any = None
    tool_choice: Any = None
    thinking: Any = None
    output_config: Any = None

    @property
    def capable(self) -> dict[str, Any]:
        """What is asked of the model beside an answer."""
        if self.tools is None and self.tool_choice is None and self.thinking is None and self.output_config is None:
            return {}
        return {"tools": self.tools, "tool_choice": self.tool_choice, "thinking": self.thinking, "output_config": self.output_config}


def _user_id(metadata: dict[str, Any], extensions: VendorExtensions) -> str:
    if more := rest(metadata, _USER_ID):
        extensions["metadata"] = more
    return optional_text(metadata, "user_id", "metadata")


def _output(body: dict[str, Any], extensions: VendorExtensions) -> StructuredOutputConfig | None:
    config = optional_mapping(body, "output_config") or {}
    more = rest(config, _OUTPUT_CONFIG)
    wanted = optional_mapping(config, "format", "output_config")
    if wanted is not None and not _is_schema(wanted):
        more["format"] = wanted
    if more:
        extensions["output_config"] = more
    if wanted is None and _FORMER in extensions and _is_schema(former := optional_mapping(body, _FORMER)):
        del extensions[_FORMER]
        wanted = former
    if wanted is None or not _is_schema(wanted):
        return None
    return StructuredOutputConfig(schema=optional_mapping(wanted, "schema", "output_config.format"))


def _is_schema(form: dict[str, Any] | None) -> bool:
    return form is not None and form.get("type") == "json_schema" and _FORMAT.issuperset(form)


def _unsealed(value: str) -> Opaque:
    return unseal(value, NAME)


_KNOWN_IN_TURNS = Known(_unsealed, TURN_BLOCKS)


def _input(asked: _Request, turns: list[dict[str, Any]] | None, losses: Losses) -> tuple[RequestItem, ...]:
    """Items in the normal form; a turn said in several messages becomes one, as it is for the API itself.

    `turns`: the messages as they came, where they may have members beside role and content.
    """
    system = _system(asked.system)
    items: list[RequestItem] = []
    last: MessageRole | None = None  # of the message that the next one may go on
    goes_on = False
    for n, turn in enumerate(asked.messages):
        role, content = _ROLES.get(turn.role), turn.content
        if role is None:
            raise Unfit(f"messages[{n}].role", '"user", "assistant" or "system"')
        extensions = {} if turns is None or len(turns[n]) == 2 else rest(turns[n], _MESSAGE)
        parts: tuple[MessagePart, ...]
        if isinstance(content, str):
            parts = (Text(text=content),) if content else ()
        elif content is None:
            parts, extensions = (), _setting(role, n, turns)
        else:
            results, parts = _blocks(content, role, n, losses)
            if results:
                items += results
                last = None
                if not parts and not extensions:
                    continue
        goes_on = goes_on or last is role
        last = role
        items.append(Message(role=role, parts=parts, vendor_extensions=extensions))
    return (*system, *(map(_reunited, joined(items)) if goes_on else items))


def _reunited(item: RequestItem) -> RequestItem:
    """Give back a signature that stood in a message of its own, too, as programs split a turn."""
    if type(item) is not Message or item.role is not MessageRole.ASSISTANT:
        return item
    return replace(item, parts=tuple(reunited(list(item.parts))))


def _system(system: str | list[Any] | None) -> list[RequestItem]:
    """Read the system text as a message, if there is any."""
    if not system:
        return []
    parts: list[MessagePart] = [Text(text=system)] if isinstance(system, str) else each_with(_KNOWN_IN_TURNS, system, "system", parse_block)
    return [Message(role=_SYSTEM, parts=tuple(parts))] if parts else []


def _setting(role: MessageRole, n: int, turns: list[dict[str, Any]] | None) -> VendorExtensions:
    """Read a message without content: one of the system's may only set something from there on."""
    if role is not _SYSTEM or turns is None or "output_config" not in turns[n]:
        raise Unfit(f"messages[{n}].content", "given")
    return rest(turns[n], _MESSAGE)


def _blocks(content: list[Any], role: MessageRole, n: int, losses: Losses) -> tuple[list[ToolResult], tuple[MessagePart, ...]]:
    """Return the results of tools, and what stands beside them."""
    parts = each_with(_KNOWN_IN_TURNS, content, f"messages[{n}].content", parse_block)
    kinds = set(map(type, parts))
    if Reasoning in kinds and role is MessageRole.ASSISTANT:
        parts = reunited(parts)
    if ToolResult not in kinds:
        return [], tuple(parts)
    results = [part for part in parts if type(part) is ToolResult]
    if any(type(part) is not ToolResult for part in parts[: len(results)]):
        losses.move(f"messages[{n}].content", "the results of tools come first")
    return results, tuple(part for part in parts if type(part) is not ToolResult)
