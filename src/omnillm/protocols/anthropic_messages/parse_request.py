"""A request of the Messages API, read to the canonical model."""

from typing import Any

from omnillm.model.capabilities import CapabilitySet, StructuredOutputConfig
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
    mapping,
    optional_array,
    optional_flag,
    optional_integer,
    optional_mapping,
    optional_number,
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
_MESSAGE = frozenset({"role", "content"})
_USER_ID = frozenset({"user_id"})
_OUTPUT_CONFIG = frozenset({"effort", "format"})
_FORMAT = frozenset({"type", "schema"})
_ROLES = {"user": MessageRole.USER, "assistant": MessageRole.ASSISTANT, "system": MessageRole.SYSTEM}


def parse_request(body: dict[str, Any], losses: Losses) -> LlmRequest:
    extensions: VendorExtensions = {} if body.keys() <= _KNOWN else rest(body, _KNOWN)
    tools, builtins = parse_tools(body)
    choice, parallel = parse_tool_choice(body)
    return LlmRequest(
        model=text(body.get("model"), "model"),
        input=(*_system(body), *_conversation(array(body.get("messages"), "messages"), losses)),
        capabilities=CapabilitySet(
            tools=tools,
            builtin_tools=builtins,
            tool_choice=choice,
            parallel_tool_calls=parallel,
            structured_output=_output(body, extensions),
            reasoning=parse_reasoning(body, extensions),
        ),
        generation=_generation(body),
        user_id=_user_id(body, extensions),
        is_stream=optional_flag(body, "stream") or False,
        protocol=NAME,
        vendor_extensions=extensions,
    )


def _generation(body: dict[str, Any]) -> GenerationConfig:
    return GenerationConfig(
        max_output_tokens=optional_integer(body, "max_tokens", lowest=0),
        temperature=optional_number(body, "temperature"),
        top_p=optional_number(body, "top_p"),
        top_k=optional_integer(body, "top_k"),
        stop=tuple(text(word, f"stop_sequences[{number}]") for number, word in enumerate(optional_array(body, "stop_sequences"))),
        service_tier=optional_text(body, "service_tier"),
    )


def _user_id(body: dict[str, Any], extensions: VendorExtensions) -> str:
    metadata = optional_mapping(body, "metadata") or {}
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

    def add(self, number: int, message: dict[str, Any]) -> None:
        role = _ROLES.get(text(message.get("role"), f"messages[{number}].role"))
        if role is None:
            raise Unfit(f"messages[{number}].role", '"user", "assistant" or "system"')
        place = f"messages[{number}].content"
        parts = _parts(message.get("content"), place)
        if role is MessageRole.ASSISTANT:
            parts = tuple(reunited(list(parts)))
        extensions = {} if len(message) == 2 else rest(message, _MESSAGE)
        results = [part for part in parts if type(part) is ToolResult] if type(message["content"]) is list else []
        if results:
            self._add_results(results, parts, place)
            parts = tuple(part for part in parts if type(part) is not ToolResult)
        if parts or extensions or not results:
            self._add_message(Message(role=role, parts=parts, vendor_extensions=extensions))

    def _add_results(self, results: list[ToolResult], parts: tuple[MessagePart, ...], place: str) -> None:
        if any(type(part) is not ToolResult for part in parts[: len(results)]):
            self.losses.move(place, "the results of tools come first")
        self.items += results

    def _add_message(self, message: Message) -> None:
        last = self.items[-1] if self.items else None
        if type(last) is Message and last.role is message.role:
            message = Message(
                role=message.role,
                parts=last.parts + message.parts,
                vendor_extensions={**last.vendor_extensions, **message.vendor_extensions},
            )
            self.items.pop()
        self.items.append(message)


def _conversation(messages: list[Any], losses: Losses) -> list[RequestItem]:
    conversation = _Conversation(losses)
    for number, message in enumerate(messages):
        conversation.add(number, mapping(message, f"messages[{number}]"))
    return conversation.items
