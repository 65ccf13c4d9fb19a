"""A request of the Messages API, read to the canonical model."""

from collections.abc import Callable
from typing import Any

from omnillm.model.capabilities import NO_CAPABILITIES, CapabilitySet, StructuredOutputConfig
from omnillm.model.message import Message, MessagePart, MessageRole, Opaque, RequestItem, Text, ToolResult, VendorExtensions
from omnillm.model.request import GenerationConfig, LlmRequest
from omnillm.protocols.anthropic_messages.parse_blocks import NAME, parse_blocks, reunited
from omnillm.protocols.anthropic_messages.parse_tools import parse_tool_choice, parse_tools
from omnillm.protocols.anthropic_messages.thinking import parse_reasoning
from omnillm.protocols.envelope import unseal
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import (
    Unfit,
    array,
    inside,
    integer,
    mapping,
    number,
    optional_flag,
    optional_mapping,
    optional_text,
    rest,
    text,
)

_KNOWN = frozenset(
    {
        "model",
        "max_tokens",
        "messages",
        "system",
        "stream",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "metadata",
        "service_tier",
    }
)
_CAPABLE = frozenset({"tools", "tool_choice", "thinking", "output_config"})
"""What is asked of the model beside an answer."""
_MESSAGE = frozenset({"role", "content"})
_USER_ID = frozenset({"user_id"})
_OUTPUT_CONFIG = frozenset({"effort", "format"})
_FORMAT = frozenset({"type", "schema"})
_ROLES = {"user": MessageRole.USER, "assistant": MessageRole.ASSISTANT, "system": MessageRole.SYSTEM}


def parse_request(body: dict[str, Any], losses: Losses) -> LlmRequest:
    extensions = rest(body, _KNOWN)
    return LlmRequest(
        model=text(body.get("model"), "model"),
        input=(*_system(body), *_conversation(array(body.get("messages"), "messages"), losses)),
        capabilities=NO_CAPABILITIES if _CAPABLE.isdisjoint(body) else _capabilities(body, extensions),
        generation=_generation(body),
        user_id=_user_id(body, extensions),
        is_stream=optional_flag(body, "stream") or False,
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


def _generation(body: dict[str, Any]) -> GenerationConfig:
    said: dict[str, Any] = {}
    for name in filter(_GENERATION.__contains__, body):
        field, read = _GENERATION[name]
        if (value := body[name]) is not None:
            said[field] = read(value, name)
    return GenerationConfig(**said)


def _cap(value: Any, path: str) -> int:
    return integer(value, path, 0)


def _words(value: Any, path: str) -> tuple[str, ...]:
    return tuple(text(word, f"{path}[{n}]") for n, word in enumerate(array(value, path)))


_GENERATION: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "max_tokens": ("max_output_tokens", _cap),
    "temperature": ("temperature", number),
    "top_p": ("top_p", number),
    "top_k": ("top_k", integer),
    "stop_sequences": ("stop", _words),
    "service_tier": ("service_tier", text),
}


def _user_id(body: dict[str, Any], extensions: VendorExtensions) -> str:
    metadata = optional_mapping(body, "metadata")
    if not metadata:
        return ""
    if more := rest(metadata, _USER_ID):
        extensions["metadata"] = more
    return optional_text(metadata, "user_id", "metadata")


def _output(body: dict[str, Any], extensions: VendorExtensions) -> StructuredOutputConfig | None:
    config = optional_mapping(body, "output_config") or {}
    more = rest(config, _OUTPUT_CONFIG)
    wanted = optional_mapping(config, "format", "output_config")
    is_known = wanted is not None and wanted.get("type") == "json_schema" and wanted.keys() <= _FORMAT
    if wanted is not None and not is_known:
        more["format"] = wanted
    if more:
        extensions["output_config"] = more
    if wanted is None or not is_known:
        return None
    return StructuredOutputConfig(schema=optional_mapping(wanted, "schema", "output_config.format"))


def _system(body: dict[str, Any]) -> tuple[Message, ...]:
    system = body.get("system")
    parts = () if system is None else _parts(system, "system")
    return (Message(role=MessageRole.SYSTEM, parts=parts),) if parts else ()


def _unsealed(value: str) -> Opaque:
    return unseal(value, NAME)


def _parts(content: Any, place: str) -> tuple[MessagePart, ...]:
    if type(content) is str:
        return (Text(text=content),) if content else ()
    if type(content) is not list:
        raise Unfit(place, "a string or an array")
    return tuple(parse_blocks(content, _unsealed, place))


class _Conversation:
    """Items in the normal form; a turn said in several messages becomes one, as it is for the API itself."""

    __slots__ = ("items", "losses")

    def __init__(self, losses: Losses) -> None:
        self.items: list[RequestItem] = []
        self.losses = losses

    def add(self, message: dict[str, Any], n: int) -> None:
        role = _ROLES.get(text(message.get("role"), "role"))
        if role is None:
            raise Unfit("role", '"user", "assistant" or "system"')
        content = message.get("content")
        parts = _parts(content, "content")
        if role is MessageRole.ASSISTANT and type(content) is list:
            parts = tuple(reunited(list(parts)))
        extensions = {} if len(message) == 2 else rest(message, _MESSAGE)
        if ToolResult in map(type, parts):
            parts = self._add_results(parts, n)
            if not parts and not extensions:
                return
        self._add_message(role, parts, extensions)

    def _add_results(self, parts: tuple[MessagePart, ...], n: int) -> tuple[MessagePart, ...]:
        """Return what stands beside them."""
        results = [part for part in parts if type(part) is ToolResult]
        if any(type(part) is not ToolResult for part in parts[: len(results)]):
            self.losses.move(f"messages[{n}].content", "the results of tools come first")
        self.items += results
        return tuple(part for part in parts if type(part) is not ToolResult)

    def _add_message(self, role: MessageRole, parts: tuple[MessagePart, ...], extensions: VendorExtensions) -> None:
        last = self.items[-1] if self.items else None
        if type(last) is Message and last.role is role:
            parts = last.parts + parts
            extensions = {**last.vendor_extensions, **extensions}
            self.items.pop()
        self.items.append(Message(role=role, parts=parts, vendor_extensions=extensions))


def _conversation(messages: list[Any], losses: Losses) -> list[RequestItem]:
    conversation = _Conversation(losses)
    for n, message in enumerate(messages):
        try:
            conversation.add(mapping(message, ""), n)
        except Unfit as error:
            raise inside(error, f"messages[{n}]") from error
    return conversation.items
