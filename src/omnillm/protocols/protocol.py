"""What every wire protocol supplies, as a record of plain functions from bytes to values. Nothing here waits or reads a clock."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, final
from typing import Protocol as Interface

import msgspec

from omnillm.framing.sse import Frame, FrameReader
from omnillm.outcome import Headroom, Verdict
from omnillm.protocols.extras import Asked
from omnillm.usage import Usage

Members = dict[str, msgspec.Raw]
"""The top level of a JSON body, its values verbatim: `msgspec.json.decode(body, type=dict[str, msgspec.Raw])`."""


Bound = tuple[str, str]
"""(kind, id) of something that only the provider key which made it knows: a response, a file, encrypted reasoning."""


def no_ids(members: Members, body: bytes) -> tuple[Bound, ...]:  # noqa: ARG001 - the signature of `Protocol.named_ids`
    """`named_ids` of a protocol whose requests name nothing."""
    return ()


class RequestPeek(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What routing, limits and money need of a request."""

    model: str
    """"" when the body names none (Gemini: it is in the path)."""
    is_stream: bool = False
    output_cap: int | None = None
    n: int = 1
    wants_usage: bool = True
    """False: a stream whose usage must be asked for (chat without `stream_options.include_usage`)."""
    price_members: tuple[str, ...] = ()
    """Names of the members in the body that decide the price: service_tier, speed, tools that the provider charges for."""


class ReplyPeek(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a complete reply says. `failure` is set if it was an error under a success status."""

    usage: Usage | None
    is_complete: bool
    """False: not a reply of this protocol (HTML, truncated JSON, another shape)."""
    tier: Any = None
    """The service tier that it was served under, in the provider's words, or a `Served`. Any other value means nothing."""
    failure: "Failure | None" = None
    has_content: bool = False
    """The reply says something, even if its usage counts no output."""


NOT_A_REPLY: Final = ReplyPeek(usage=None, is_complete=False)


@final
class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's error, understood."""

    verdict: Verdict
    status: int
    code: str
    """A stable word: the provider's own code if it is a documented one, else its type. Never free text."""
    message: str
    """The provider's text, cut to 2,000 characters. If it is the caller's fault, only this caller may see it."""
    retry_after_s: float | None = None
    usage: Usage | None = None
    is_calls_own: bool = False
    """It is about this very call, though its verdict is about the key: others may do well with that."""


MALFORMED_EVENT: Final = Failure(
    verdict=Verdict.SERVER_FAULT, status=200, code="malformed_event", message="an event of the stream is not JSON of this protocol"
)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An error of the gateway itself, to be written in the client's protocol."""

    status: int
    code: str
    message: str
    request_id: str
    retry_after_s: float | None = None
    details: Mapping[str, str | int | None] = {}


def no_headroom(headers: Mapping[bytes, bytes], wall: float) -> Headroom | None:  # noqa: ARG001 - the signature of `Protocol.read_headroom`
    """`read_headroom` of a protocol whose providers say nothing of their limits until they are reached."""
    return None


def no_fields(fault: Fault) -> bytes:  # noqa: ARG001 - the signature of `Protocol.write_fault_fields`
    """`write_fault_fields` of a protocol whose errors are told by their bodies alone."""
    return b""


class Sight:
    """What a stream's watch saw in one frame, as bits of an int.

    Plain ints: a stream combines them for every event, and the operators of an enum's flags are Python functions.
    """

    NOTHING: Final = 0  # role-only chunks, pings, comments, message_start
    CONTENT: Final = 1  # the first content or tool delta: from here on no invisible retry
    END: Final = 2  # the protocol's own terminal event: the only way to success
    FAILED: Final = 4  # an error event: see `failure`
    WITHHOLD: Final = 8  # the usage-only frame that we asked for and the client did not


class StreamWatch(Interface):
    """Follows one stream: cheap, frame by frame; decodes only what can carry usage, an error or the end."""

    @property
    def usage(self) -> Usage | None: ...

    @property
    def opening(self) -> Usage | None:
        """The usage that was told before or with the first word, if the protocol's streams begin with it: of the prompt, perhaps more."""
        ...

    @property
    def tier(self) -> Any:
        """As `ReplyPeek.tier`."""
        ...

    @property
    def failure(self) -> Failure | None: ...
    @property
    def next_sequence(self) -> int:
        """The sequence number that the next event would bear, in a protocol that numbers its events; else 0."""
        ...

    @property
    def response_id(self) -> str:
        """The id that the stream's last words must repeat, in a protocol that has one; else ""."""
        ...

    def see(self, frame: Frame) -> int:
        """Bits of `Sight`."""
        ...

    @property
    def skims(self) -> Callable[[bytes], bool] | None:
        """A function that tells whether a piece can be forwarded without looking at each event in it.

        True: it is whole events, and `see` would say nothing new of them, that is `NOTHING`, or `CONTENT` after an earlier `CONTENT`. What
        `see` would have kept of them is kept. False: give them to `see`. It may be called only while no event is open. None: events of this
        protocol must be seen one by one.
        """
        ...

    def at_end_of_stream(self) -> bool:
        """Tell, at the end of the bytes, whether the reply is complete. (Gemini has no terminal event: a finishReason must have come.)"""
        ...


class Weight(msgspec.Struct, frozen=True, gc=False):
    """Tokens of media. Money is reserved for `most`, the token limits for `usual`; the reply's usage corrects both."""

    most: int = 0
    """By the provider's specification."""
    usual: int = 0

    def __add__(self, other: "Weight") -> "Weight":
        return Weight(self.most + other.most, self.usual + other.usual)


WEIGHTLESS = Weight()
Weigh = Callable[[Members], tuple[int, Weight]]


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """One wire protocol. `headers` are lower-cased names to values, bytes."""

    name: str
    peek_request: Callable[[Members], RequestPeek]
    """Raises BadRequest for wrong types, absurd or negative numbers."""
    peek_reply: Callable[[bytes], ReplyPeek]
    watch: Callable[[bool], StreamWatch]
    """The argument: withhold the usage frame (we asked for it, the client did not)."""
    read_failure: Callable[[int, Mapping[bytes, bytes], bytes, float], Failure]
    """(status, headers, body, wall seconds now) of an error reply, or of an error body under a 200 (status 200)."""
    write_fault: Callable[[Fault], bytes]
    """The body of an error reply, in the shape that makes the SDK raise its right class."""
    write_stream_fault: Callable[[Fault, int], bytes]
    """The error event(s) that end a stream already begun; the int: the sequence number that the next event bears."""
    output_cap_member: str
    """The member to inject when no cap was given."""
    weigh: Weigh
    """(UTF-8 bytes of the text that the model will read, an upper bound of its tokens; the weight of images, audio and files).

    Both come from one walk: what is weighed as media is not counted as text.
    """
    read_headroom: Callable[[Mapping[bytes, bytes], float], Headroom | None] = no_headroom
    """What the headers of a reply say is left of the key's limits."""
    request_id_field: str = "x-request-id"
    """The header field in which its SDKs look for a reply's request id."""
    overloaded_status: int = 503
    """The status that tells its clients of an overloaded provider."""
    named_ids: Callable[[Members, bytes], tuple[Bound, ...]] = no_ids
    """The ids in a request that are bound to a provider key. BadRequest: too many of them, or they cannot be read."""
    made_ids: Callable[[Members, bytes, StreamWatch | None], tuple[Bound, ...]] | None = None
    """What a reply made, by the client's request, a plain reply or a stream's last event, and the stream's watch; never raises.

    None: replies make nothing.
    """
    kept_as: str = "response"
    """The kind of object that a reply is kept as, if its provider goes on writing it after its stream has broken off."""
    is_native_only: bool = False
    """Clients speak it only at a provider's own paths, and their calls are not translated into another protocol."""
    reader: Callable[[Mapping[bytes, bytes]], FrameReader | None] | None = None
    """Makes the reader of a stream from its header fields. It returns None if the reply is no stream, so perhaps an error. Without
    `reader`: server-sent events, or the provider's own framing."""
    family: str = ""
    """The endpoint family that the format is of; "": a protocol of generations."""
    asks: Callable[[Members], Asked] | None = None
    """For an endpoint family: what a request asks for besides the tokens in its body. Never raises. None: `priced.py` reads that."""
    write_fault_fields: Callable[[Fault], bytes] = no_fields
    """Header fields of an error reply, each ended by CRLF, if clients cannot tell the error from its body alone."""
    shown_call: Callable[[bytes], Hashable] | None = None
    """Takes the data of a stream's event. Returns which call of a provider's own tool begins with it, or None.

    Without it: the protocol's streams do not show each call, or only after it is over.
    """
    shows_results: bool = False
    """Streams show what those tools gave the model to read, in at least as many bytes as it has tokens."""
    rename: Callable[[Members, str], dict[str, bytes]] | None = None
    """The members that name the model, with another name in them. Needed if that is not just `model` with the bare name (Gemini)."""
