"""Custom tools take free text. For a protocol that has only functions they become a function with one argument; undone in the reply."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.model.events import LlmStreamEvent, PartEnded, PartStarted, ToolCallDelta
from omnillm.model.message import MessagePart, ToolCall
from omnillm.model.response import Candidate, LlmResponse
from omnillm.protocols.codec import ReplyContext

ARGUMENT = "input"
"""Of the function that stands for a custom tool."""
ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {ARGUMENT: {"type": "string"}}, "required": [ARGUMENT]}
"""The function's schema."""


class _Arguments(msgspec.Struct, forbid_unknown_fields=True):
    input: str


_decode = msgspec.json.Decoder(_Arguments).decode


def flat_format(format_: Any) -> Any:
    """Return a format as the model and Responses have it: Chat puts the members of a grammar into one of their own."""
    if type(format_) is dict and format_.keys() == _NESTED and type(inner := format_[_GRAMMAR]) is dict and "type" not in inner:
        return {"type": format_["type"], **inner}
    return format_


def nested_format(format_: Any) -> Any:
    """Return a format as Chat has it."""
    if type(format_) is dict and format_.get("type") == _GRAMMAR and _GRAMMAR not in format_:
        return {"type": _GRAMMAR, _GRAMMAR: {name: value for name, value in format_.items() if name != "type"}}
    return format_


_GRAMMAR = "grammar"
_NESTED = {"type", _GRAMMAR}


def custom_names(context: ReplyContext) -> frozenset[str]:
    """The client's custom tools, by the names that the provider knows."""
    tools = () if context.request is None else context.request.capabilities.tools
    if not tools:
        return frozenset()
    names = {tool.name for tool in tools if tool.kind == "custom"}
    return frozenset(names | {sent for sent, own in context.names.items() if own in names}) if names else frozenset()


def with_free_text(response: LlmResponse, names: frozenset[str]) -> LlmResponse:
    """Return the reply with calls of custom tools as the client asked for them."""
    return replace(response, candidates=tuple(_candidate(candidate, names) for candidate in response.candidates))


def _candidate(candidate: Candidate, names: frozenset[str]) -> Candidate:
    parts: tuple[MessagePart, ...] = tuple(
        _custom(part) if isinstance(part, ToolCall) and part.kind == "function" and part.name in names else part
        for part in candidate.message.parts
    )
    return replace(candidate, message=replace(candidate.message, parts=parts))


def _custom(call: ToolCall) -> ToolCall:
    """Undo the function, if it was called as it was declared."""
    try:
        return replace(call, kind="custom", arguments=_decode(call.arguments).input)
    except msgspec.DecodeError:
        return call


class FreeTextStream:
    """Holds a call of a custom tool back until it is whole: a piece of its JSON is no piece of the text."""

    __slots__ = ("_calls", "_held", "_names")

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._held: dict[tuple[int, int], list[str]] = {}
        self._calls: dict[tuple[int, int], PartStarted] = {}

    @property
    def is_holding(self) -> bool:
        """Whether a call waits until it is whole, so that what was written so far is not yet the answer."""
        return bool(self._held)

    def feed(self, events: Iterable[LlmStreamEvent]) -> Iterator[LlmStreamEvent]:
        for event in events:
            if isinstance(event, PartStarted) and self._is_custom(event.part):
                assert isinstance(event.part, ToolCall)
                self._calls[event.candidate, event.index] = event
                self._held[event.candidate, event.index] = [event.part.arguments]
            elif isinstance(event, ToolCallDelta) and (event.candidate, event.index) in self._held:
                self._held[event.candidate, event.index].append(event.arguments)
            elif isinstance(event, PartEnded) and (event.candidate, event.index) in self._held:
                yield self._whole(event)
                yield event
            else:
                yield event

    def _is_custom(self, part: MessagePart) -> bool:
        return isinstance(part, ToolCall) and part.kind == "function" and part.name in self._names

    def _whole(self, event: PartEnded) -> PartStarted:
        place = (event.candidate, event.index)
        started = self._calls.pop(place)
        assert isinstance(started.part, ToolCall)
        return replace(started, part=_custom(replace(started.part, arguments="".join(self._held.pop(place)))))
