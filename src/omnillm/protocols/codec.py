"""What every protocol supplies for translation, as a record of pure functions between JSON values and the canonical model.

Values come decoded from JSON (dict, list, str, int, float, bool, None), or as a struct if the codec has a decoder of its own. They leave
ready to be encoded. Only `transcode.py` decodes and encodes. If a value is not allowed in its protocol, a function raises `shapes.Unfit`;
if something required cannot be said, ProtocolError. Nothing else is ever raised.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar
from typing import Protocol as Interface

import msgspec

from omnillm.framing.sse import Frame, FrameReader, SseReader
from omnillm.model.events import LlmStreamEvent
from omnillm.model.message import Issuer
from omnillm.model.request import LlmRequest
from omnillm.model.response import LlmResponse
from omnillm.protocols.dialects import Dialect
from omnillm.protocols.loss import Losses
from omnillm.usage import Usage

NO_NAMES: Mapping[str, str] = {}
Own = TypeVar("Own", bound=Dialect)
"""The dialect of a protocol."""


class ReplyContext(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an emitter of replies must know about the request that it answers."""

    id: str
    """Ours, for a reply whose provider gave none; without a prefix."""
    created: int
    """Unix seconds now."""
    model: str
    """As the client asked for it."""
    request: LlmRequest | None = None
    """Responses repeats tools, tool choice and others in its reply."""
    wants_usage: bool = True
    """Chat streams: whether the client asked for the usage chunk."""
    names: Mapping[str, str] = NO_NAMES
    """Functions that had to be renamed for the provider: the name that it knows -> the client's own."""


class StreamDecoder(Interface):
    def feed(self, frame: Frame) -> Sequence[LlmStreamEvent]:
        """Events of one frame; a frame without data, or of an unknown kind, has none."""
        ...

    def finish(self) -> Sequence[LlmStreamEvent]:
        """Events at the end of the stream. Raises Unfit("stream", ...) when it is not complete."""
        ...


class StreamEncoder(Interface):
    """Writes whole SSE frames. After `Completed` or `Failed` it is done."""

    @property
    def next_sequence(self) -> int:
        """The sequence number that the next event would bear, in a protocol that numbers its events; else 0."""
        ...

    @property
    def response_id(self) -> str:
        """The id that the stream's last words must repeat, in a protocol that has one; else ""."""
        ...

    def feed(self, event: LlmStreamEvent) -> bytes: ...


class Codec(msgspec.Struct, Generic[Own], frozen=True, kw_only=True):
    name: str
    parse_request: Callable[[Any, Losses], LlmRequest]
    """`model` and `is_stream` are members of the body in every protocol but Gemini, where the path says them: the caller replaces both."""
    emit_request: Callable[[LlmRequest, Own, Losses], dict[str, Any]]
    dialect: Own
    """What is spoken to a host of which nothing is known."""
    parse_reply: Callable[[Any, Issuer, Losses, Usage | None], LlmResponse]
    """The Issuer: who answers; opaque values of the reply are tagged with it. The Usage: what `Protocol.peek_reply` read of it already."""
    emit_reply: Callable[[LlmResponse, ReplyContext, Losses], dict[str, Any]]
    decoder: Callable[[Issuer, Losses], StreamDecoder]
    encoder: Callable[[ReplyContext, Losses], StreamEncoder]
    own_request: msgspec.json.Decoder[Any] | None = None
    """Decodes a request in one step if it has only members of the protocol's own clients. Any other request it refuses; that is given to
    `parse_request` as a JSON object. None: `parse_request` takes only objects."""
    own_reply: msgspec.json.Decoder[Any] | None = None
    """The same for a reply with only the members of the protocol's own provider."""
    reader: Callable[[], FrameReader] = SseReader
    """What cuts a provider's stream into frames."""
