"""Follows one stream of the Responses API."""

from collections.abc import Hashable
from typing import Any, ClassVar

import msgspec

from omnillm.framing.sse import Frame, are_named_objects
from omnillm.protocols.counts import UNREADABLE, decode_lenient
from omnillm.protocols.openai_chat.failure import failure_of
from omnillm.protocols.openai_responses.usage import usage_of_response
from omnillm.protocols.openai_responses.wire import OutputItem, Position, Response, ShownEvent, ShownItem, StreamEvent
from omnillm.protocols.protocol import MALFORMED_EVENT, Failure, Sight
from omnillm.usage import Usage

_EVENT = msgspec.json.Decoder(StreamEvent)
_SHOWN = msgspec.json.Decoder(ShownEvent)
_NO_ITEM = ShownItem()
_NO_CALLS = frozenset(
    {"", "message", "reasoning", "function_call", "custom_tool_call", "computer_call", "local_shell_call", "apply_patch_call"}
)
_POSITION = msgspec.json.Decoder(Position)
_BRACE = ord("{")
_END_BRACE = ord("}")
_NEWLINE = ord("\n")
_RETURN = ord("\r")
_BEGINNING, _BEYOND = b"event: ", b"event:!"
"""Between them lies, in the order of bytes, whatever begins with the first."""

_ENDS = frozenset({"response.completed", "response.incomplete"})
_OPENINGS = frozenset(
    {"response.created", "response.in_progress", "response.queued", "response.reasoning_summary_part.added", "keepalive", "ping"}
)
"""Events that show nothing yet. One that is not known counts as content: after it nothing is retried unseen."""


class ResponsesWatch:
    """Until the first content every event is decoded; from then on only one that carries a response or an error."""

    __slots__ = ("_has_content", "_is_complete", "_last", "failure", "response_id", "tier", "usage")
    opening: ClassVar = None

    def __init__(self, withholds: bool) -> None:  # noqa: ARG002, FBT001 - the signature of `Protocol.watch`; usage is never asked for
        self.usage: Usage | None = None
        self.failure: Failure | None = None
        self.tier: Any = None
        self.response_id = ""
        """The id that the provider gave to the response; a `response.failed` of the gateway's own must repeat it."""
        self._last = b""
        self._has_content = False
        self._is_complete = False

    def see(self, frame: Frame) -> int:
        data = frame.data
        if not data or self._is_complete:
            return Sight.NOTHING
        # rpartition is the fastest search that CPython has for a word.
        if self._has_content and data[0] == _BRACE and not data.rpartition(b'"response"')[1] and not data.rpartition(b'"error"')[1]:
            self._last = data
            return Sight.NOTHING
        return self._look(data)

    def skims(self, piece: bytes) -> bool:
        """Events of two lines each, `event: ...` and `data: {...}`: as many line ends as that makes, and none of the words of `see`."""
        lines, _, rest = piece.rpartition(b"\n\n")
        if (
            self._has_content
            and not rest
            and _BEGINNING <= lines < _BEYOND
            and lines[-1] == _END_BRACE
            and not lines.rpartition(b'"response"')[1]
            and not lines.rpartition(b'"error"')[1]
            and _RETURN not in lines
        ):
            before, _, data = lines.rpartition(b"\ndata: ")
            if data[0] == _BRACE and _NEWLINE not in data and (_NEWLINE not in before or are_named_objects(lines)):
                self._last = data
                return True
        return False

    def at_end_of_stream(self) -> bool:
        return self._is_complete

    @property
    def next_sequence(self) -> int:
        """The number after that of the last event that may be forwarded: a failed one is not."""
        try:
            last = _POSITION.decode(self._last).sequence_number
        except UNREADABLE:
            return 0
        return 0 if last is None else max(last, -1) + 1

    def _look(self, data: bytes) -> int:
        try:
            event = decode_lenient(_EVENT, data)
        except UNREADABLE:
            return self._fail(MALFORMED_EVENT)
        if event.response is not None:
            self._report(event.response)
        if event.type in _ENDS:
            self._last = data
            self._is_complete = True
            return Sight.END
        if event.type == "error" or event.error is not None:
            return self._fail(failure_of(200, event.error or {"code": event.code, "message": event.message}))
        if event.type == "response.failed":
            return self._fail(failure_of(200, event.response.error if event.response else None))
        self._last = data
        if self._has_content or not _has_content(event):
            return Sight.NOTHING
        self._has_content = True
        return Sight.CONTENT

    def _report(self, response: Response) -> None:
        self.response_id = self.response_id or response.id or ""
        self.usage = usage_of_response(response) or self.usage
        self.tier = response.service_tier or self.tier

    def _fail(self, failure: Failure) -> int:
        """The first failure stands: `error` says more than the `response.failed` after it."""
        usage = self.usage
        self.failure = msgspec.structs.replace(self.failure or failure, usage=usage)
        return Sight.FAILED


def shown_call(data: bytes) -> Hashable:
    """See `Protocol.shown_call`. Whatever is neither said nor thought nor the client's to do is a call of the provider's."""
    if b"_call." not in data and b"output_item." not in data:
        return None
    try:
        event = _SHOWN.decode(data)
    except UNREADABLE:
        return None
    item = event.item or _NO_ITEM
    is_shown = item.type not in _NO_CALLS if event.type.startswith("response.output_item.") else "_call." in event.type
    place = event.output_index if event.output_index is not None else event.item_id or item.id
    return (object() if place is None else place) if is_shown else None


def _has_content(event: StreamEvent) -> bool:
    if event.type in _OPENINGS:
        return False
    if event.type == "response.output_item.added":
        return event.item is not None and _item_has_content(event.item)
    if event.type == "response.content_part.added":
        return isinstance(event.part, dict) and bool(event.part.get("text") or event.part.get("refusal"))
    return True


def _item_has_content(item: OutputItem) -> bool:
    """A message or reasoning item opens empty; an item of any other kind (a tool call) is content by itself."""
    return item.type not in {"message", "reasoning"} or bool(item.content) or bool(item.summary)
