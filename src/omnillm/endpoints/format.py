"""What each wire format of an endpoint family supplies: a `Protocol` for the gateway, and a codec for translation. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, NoReturn, TypeVar

import msgspec

from omnillm.endpoints.shapes import Shape
from omnillm.errors import ProtocolError
from omnillm.framing.sse import Frame
from omnillm.protocols.counts import UNREADABLE, USAGE
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.failure import failure_of as openai_failure_of
from omnillm.protocols.openai_chat.failure import read_failure as read_openai_failure
from omnillm.protocols.openai_chat.failure import read_headroom as read_openai_headroom
from omnillm.protocols.openai_chat.failure import write_fault as write_openai_fault
from omnillm.protocols.openai_chat.failure import write_stream_fault as write_openai_stream_fault
from omnillm.protocols.protocol import (
    MALFORMED_EVENT,
    NOT_A_REPLY,
    WEIGHTLESS,
    Failure,
    Members,
    Protocol,
    ReplyPeek,
    RequestPeek,
    Sight,
    Weigh,
)
from omnillm.usage import Usage

T = TypeVar("T", bound=msgspec.Struct)
ReadFailure = Callable[[int, Mapping[bytes, bytes], bytes, float], Failure]

ABSENT = msgspec.Raw(b"null")
"""The default of a member whose presence only is asked for."""
ABSENT_TEXT = b"null"
CONTAINERS = b"[{"
EMBEDDINGS = "embeddings"
MODERATIONS = "moderations"
RERANK = "rerank"
IMAGE_GENERATIONS = "image_generations"
IMAGE_EDITS = "image_edits"
IMAGE_VARIATIONS = "image_variations"
SPEECH = "speech"
TRANSCRIPTIONS = "transcriptions"
TRANSLATIONS = "translations"
FORM_OPERATIONS: Final = frozenset({IMAGE_EDITS, IMAGE_VARIATIONS, TRANSCRIPTIONS, TRANSLATIONS})
"""Families whose requests are multipart/form-data."""


def no_json(*_: Any, **__: Any) -> NoReturn:
    """`parse_request` of a format whose requests are forms."""
    raise ProtocolError("A form is no JSON: emit_transport_request writes it whole.", reason="unsupported_wire_format")


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format of one family. Between two sides with the same format nothing is translated."""

    protocol: Protocol
    """Its name is the format's."""
    operation: str
    """The family."""
    emit_request: Callable[[Any, Losses], dict[str, Any]]
    """ProtocolError: it cannot be said."""
    parse_response: Callable[[bytes], Any]
    """(JSON) -> the family's canonical reply. Raises ValueError, or what decoding raises."""
    emit_response: Callable[[Any, Any, Losses], dict[str, Any]]
    """(response, the request that it answers)."""
    parse_request: Callable[..., Any] = no_json
    """(members, model="") -> the family's canonical request. BadRequest names a member that does not fit; ProtocolError what only this
    format can say."""

    @property
    def name(self) -> str:
        return self.protocol.name


def is_there(raw: msgspec.Raw) -> bool:
    return len(raw) != len(ABSENT) or bytes(raw) != ABSENT_TEXT


class EventWatch:
    """Follows a stream of server-sent events whose `type` says what they are. The end is an event of type `...done` or `...completed`."""

    opening: ClassVar = None
    next_sequence: ClassVar = 0
    skims: ClassVar = None
    response_id: ClassVar = ""
    tier: ClassVar = None

    def __init__(self, read_usage: Callable[[Any], Usage | None]) -> None:
        self.usage: Usage | None = None
        self.failure: Failure | None = None
        self._read_usage = read_usage
        self._ends = 0

    def see(self, frame: Frame) -> int:
        if not frame.data or frame.data == b"[DONE]":
            return Sight.NOTHING
        try:
            event = _event(frame.data)
        except UNREADABLE:
            return self._fail(MALFORMED_EVENT)
        if is_there(event.error):
            return self._fail(openai_failure_of(200, msgspec.json.decode(event.error)))
        if event.type.endswith((".done", ".completed")):
            self._ends += 1
            found = None if not is_there(event.usage) else self._read_usage(msgspec.json.decode(event.usage))
            if found is not None:
                self.usage = found if self.usage is None else self.usage + found
        return Sight.CONTENT

    def _fail(self, failure: Failure) -> int:
        self.failure = failure
        return Sight.FAILED

    def at_end_of_stream(self) -> bool:
        return self._ends > 0


class _Event(msgspec.Struct, frozen=True):
    type: str = ""
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_event = msgspec.json.Decoder(_Event).decode


def nothing_reported(_: Any) -> Usage | None:
    return None


TOKENS_AROUND: Final = 16
"""The most tokens that a model adds to one text: markers, and words for the task."""


def utf8_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def text_weight(texts: Sequence[str]) -> int:
    """An upper bound of the tokens of texts, each read by itself."""
    return sum(map(utf8_bytes, texts)) + TOKENS_AROUND * len(texts)


def raw_weight(members: Members, name: str, texts: Sequence[str]) -> int:
    """The weight of texts in objects. A member that stands twice could hide one, so it is at least all that is written."""
    return max(text_weight(texts), len(members[name]) + TOKENS_AROUND * len(texts))


def text_alone(text_bytes: Callable[[Members], int]) -> Weigh:
    """`Protocol.weigh` of a format whose requests hold nothing but text."""
    return lambda members: (text_bytes(members), WEIGHTLESS)


def openai_protocol(name: str, **parts: Any) -> Protocol:
    """A format whose errors, limits and streams are OpenAI's."""
    defaults: dict[str, Any] = {
        "watch": lambda _: EventWatch(nothing_reported),
        "read_failure": read_openai_failure,
        "write_fault": write_openai_fault,
        "write_stream_fault": write_openai_stream_fault,
        "output_cap_member": "",
        "read_headroom": read_openai_headroom,
    }
    return Protocol(name=name, **(defaults | parts))


def request_peek(shape: Shape[T], **fixed: Any) -> Callable[[Members], RequestPeek]:
    """For families that write no tokens: the whole request is read, so that what does not fit is told before anything is reserved."""

    def peek(members: Members) -> RequestPeek:
        asked = shape.read(members)
        return RequestPeek(model=getattr(asked, "model", ""), output_cap=0, **fixed)

    return peek


def reply_reader(shape: type[T]) -> Callable[[bytes], T]:
    """What decodes a reply, or raises one of `UNREADABLE`. A usage of another shape is left out: unknown, and the reply still good."""
    decode = msgspec.json.Decoder(shape).decode

    def read(body: bytes) -> T:
        try:
            return decode(body)
        except msgspec.ValidationError:
            members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            return decode(msgspec.json.encode({name: raw for name, raw in members.items() if name not in USAGE}))

    return read


def reply_peek(
    shape: type[T], usage_of: Callable[[T], Usage | None], *, whole: tuple[str, ...], read_failure: ReadFailure = read_openai_failure
) -> Callable[[bytes], ReplyPeek]:
    """`shape` has an `error`; one of its fields `whole`, an array or an object, makes a reply of this format of it."""
    read = reply_reader(shape)

    def peek(body: bytes) -> ReplyPeek:
        try:
            seen = read(body)
            if is_there(getattr(seen, "error", ABSENT)):
                return ReplyPeek(usage=None, is_complete=False, failure=read_failure(200, {}, body, 0.0))
            if any(memoryview(getattr(seen, name))[0] in CONTAINERS for name in whole):
                return ReplyPeek(usage=usage_of(seen), is_complete=True)
        except UNREADABLE:
            pass  # it is none of this format
        return NOT_A_REPLY

    return peek
