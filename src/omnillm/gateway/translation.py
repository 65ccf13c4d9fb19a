"""The call as its provider is sent it.

Same protocol on both sides: the few members that must change are spliced, all else is verbatim. Different ones: what
`bridge.py` made of it.
"""

from collections.abc import Mapping
from typing import Protocol as Interface

import msgspec

from omnillm.clock import Clock
from omnillm.errors import BadRequest, NoAvailableKey
from omnillm.framing.sse import FrameReader
from omnillm.gateway.bridge import Bridged
from omnillm.gateway.call import COUNT_TOKENS, Call, emit, spelling
from omnillm.gateway.quote import Quote
from omnillm.protocols.protocol import Members, Protocol
from omnillm.protocols.registry import PROTOCOLS
from omnillm.protocols.sessions.session import SessionProtocol
from omnillm.protocols.token_counts import read_count, write_count
from omnillm.providers.endpoint import SSE, Counter, Endpoint
from omnillm.providers.heads import Sender
from omnillm.providers.url_rule import session_name
from omnillm.transport.client import Origin, Outgoing
from omnillm.transport.spool import Body
from omnillm.transport.timeouts import Timeouts

STREAM_OPTIONS = "stream_options"


class Credential(Interface):
    """What authenticates the requests of a key that is not sent as it stands: a signature, or a token that expires."""

    @property
    def version(self) -> int:
        """Changes with every refresh."""
        ...

    async def ready(self, longest_s: float) -> str:
        """Be able to authenticate, refreshed where that is due; say what stands in the way after so long, "" where nothing does."""
        ...

    def fields(self, head: bytes, body: bytes) -> bytes:
        """Return the header fields, each ended by CRLF, that authenticate this request."""
        ...

    def renew(self, version: int) -> bool:
        """Tell whether, after a refusal of what `version` authenticated, another try can succeed; the next `ready` refreshes."""
        ...

    def close(self) -> None:
        """Whatever is being refreshed is not waited for any more."""
        ...


class Rewording(msgspec.Struct, frozen=True, kw_only=True):
    """Members that a host knows otherwise, or not at all."""

    renamed: Mapping[str, str] = {}
    """A client's member -> the name that the host knows it by."""
    refused: frozenset[str] = frozenset()
    """Members that the host refuses, and that change nothing."""

    def of(self, members: Members) -> Members:
        """The members themselves, where the host knows them all."""
        if self.renamed.keys().isdisjoint(members) and self.refused.isdisjoint(members):
            return members
        renamed = self.renamed
        kept = {name: raw for name, raw in members.items() if name not in self.refused}
        # Where both names stand, the host's own is what it would have read.
        return {renamed.get(name, name): raw for name, raw in kept.items() if renamed.get(name) not in kept}


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """Where a host's words differ from its protocol's own."""

    output_cap_member: str
    asks_usage: bool = False
    """Streams report usage only when asked to."""
    rewording: Rewording | None = None
    """None: it knows every member."""


class Upstream:
    """One provider key, ready to be sent with, in one protocol."""

    __slots__ = (
        "_check_body",
        "_endpoint",
        "_has_own_bodies",
        "_own_body",
        "_plain_timeouts",
        "_stream_timeouts",
        "credential",
        "native_timeouts",
        "origin",
        "protocol",
        "sender",
        "streaming",
        "wording",
    )

    def __init__(  # noqa: PLR0913  the wiring of assemble.py, once a key
        self,
        *,
        protocol: Protocol,
        endpoint: Endpoint,
        sender: Sender,
        origin: Origin,
        wording: Wording,
        plain_timeouts: Timeouts,
        stream_timeouts: Timeouts,
        credential: Credential | None = None,
    ) -> None:
        self.protocol = protocol
        self.credential = credential
        """None: the sender's heads authenticate."""
        self.streaming = endpoint.streams.get(protocol.name, SSE)
        self._endpoint = endpoint
        self._check_body = endpoint.checks.get(protocol.name)
        self._own_body = endpoint.bodies.get(protocol.name)
        self._has_own_bodies = (self._check_body, self._own_body, endpoint.counter) != (None, None, None)
        self.wording = wording
        self.sender = sender
        self.origin = origin
        self._plain_timeouts = plain_timeouts
        self._stream_timeouts = stream_timeouts
        self.native_timeouts = msgspec.structs.replace(stream_timeouts, first_byte_s=plain_timeouts.total_s)
        """A body of any size may be on its way: what must be there in time is the reply's head, and every piece after it."""

    def outgoing(self, call: Call, quote: Quote, model: str, bridged: Bridged | None = None) -> Outgoing:
        """The request to send."""
        head = self.sender.head(
            call.headers,
            (self.protocol.name, call.operation, model, call.is_stream, call.version),
            is_translated=bridged is not None and bridged.protocol is not call.protocol,
        )
        body: Body
        if call.upload is not None:
            head += b"content-type: %b\r\n" % call.upload.content_type
            body = call.upload.body(None if model == (call.peek.model or call.model) else model)
        else:
            body = splice(call, quote, model, self.wording) if bridged is None else bridged.body
            if self._has_own_bodies:
                body = self._fit(call, body, bridged)
        if self.credential is not None:
            head += self.credential.fields(head, body if isinstance(body, bytes) else b"")  # what is uploaded is not signed
        return Outgoing(
            origin=self.origin,
            method=b"POST",
            head=head,
            body=body,
            timeouts=self._stream_timeouts if call.is_stream else self._plain_timeouts,
            is_stream=call.is_stream,
            deadline=call.deadline,
        )

    def _fit(self, call: Call, body: bytes, bridged: Bridged | None) -> bytes:
        """The body as this host wants it. BadRequest: it names what its caller must not reach."""
        if self._own_body is not None:
            headers = call.headers if bridged is None or bridged.protocol is call.protocol else {}
            body = self._own_body.fit(body, operation=call.operation, headers=headers)
        counter = self._counter_for(call)
        if counter is not None:
            body = counter.ask(self.protocol.name, body)
        if self._check_body is not None:
            self._check_body(self._endpoint, body)
        return body

    def _counter_for(self, call: Call) -> Counter | None:
        """None: the call is none for a count of tokens, or the provider's words of it are the client's own."""
        if call.operation != COUNT_TOKENS or call.protocol.is_native_only:
            return None
        return self._endpoint.counter

    def count_for_client(self, call: Call, body: bytes) -> bytes | None:
        """A count of tokens, in the client's words; None: the reply is none."""
        counter = self._counter_for(call)
        if counter is None and self.protocol is call.protocol:
            return body
        tokens = read_count(self.protocol.name, body) if counter is None else counter.read(body)
        return None if tokens is None else write_count(call.protocol.name, tokens)

    def reader_of(self, headers: Mapping[bytes, bytes]) -> FrameReader | None:
        """Of a stream's reply; None: it is no stream."""
        if self.protocol.reader is not None:
            return self.protocol.reader(headers)
        streaming = self.streaming
        return streaming.reader() if headers.get(b"content-type", b"").startswith(streaming.content_type) else None

    def error_protocol(self, body: bytes) -> Protocol:
        """The protocol in whose words an error is: a cloud's own errors are not those of the model that it serves."""
        tell = self._endpoint.error_protocol
        return self.protocol if tell is None else PROTOCOLS[tell(self.protocol.name, body)]

    def first_message(self, session: SessionProtocol, message: bytes, model: str) -> bytes:
        """What a live session begins with, for this model. BadRequest: it names what these credentials reach and the caller must not."""
        message = session.with_model(message, session_name(self._endpoint, model))
        if self._check_body is not None:
            self._check_body(self._endpoint, message)
        return message

    def opening(self, call: Call, model: str) -> Outgoing:
        """The handshake of a live session; it must have begun by the call's deadline, and may last as long as a stream."""
        head = self.sender.head(call.headers, (self.protocol.name, call.operation, model, True, call.version))
        if self.credential is not None:
            head += self.credential.fields(head, b"")
        return Outgoing(
            origin=self.origin, method=b"GET", head=head, body=b"", timeouts=self._stream_timeouts, is_stream=True, deadline=call.deadline
        )


class Upstreams:
    """Every key of every provider, by the names that a lease holds: those of now, because a call that waited may get a key of now."""

    def __init__(self, clock: Clock) -> None:
        self._upstreams: Mapping[tuple[str, str, str], Upstream] = {}
        self.now = clock.now
        self.wall = clock.wall

    def replace(self, upstreams: Mapping[tuple[str, str, str], Upstream]) -> None:
        """`upstreams` by (provider, key label, protocol). Attempts under way keep theirs."""
        self._upstreams = upstreams

    def find(self, provider: str, key: str, protocol: str) -> Upstream:
        try:
            return self._upstreams[provider, key, protocol]
        except KeyError:
            raise NoAvailableKey(
                f"Provider {provider!r} was reconfigured while the call waited, and no longer speaks {protocol}."
            ) from None


def splice(call: Call, quote: Quote, model: str, wording: Wording) -> bytes:
    """The body for one target: untouched where nothing must change, else its members re-emitted in order, their values verbatim."""
    members = call.members if wording.rewording is None else wording.rewording.of(call.members)
    changes: dict[str, bytes] = {}
    asked = call.peek.model or call.model
    if model != asked:
        changes |= _renamed(call.protocol, members, model)
    if quote.injected_cap is not None:
        _inject_cap(changes, call, wording.output_cap_member, quote.injected_cap)
    if wording.asks_usage and call.is_stream and not call.peek.wants_usage:
        changes[STREAM_OPTIONS] = _with_usage(members.get(STREAM_OPTIONS))
    return emit(members, changes) if changes or members is not call.members else call.body


def _renamed(protocol: Protocol, members: Members, model: str) -> dict[str, bytes]:
    """The members that name the model, where the body does."""
    if protocol.rename is not None:
        return protocol.rename(members, model)
    return {"model": msgspec.json.encode(model)} if "model" in members else {}


def _inject_cap(changes: dict[str, bytes], call: Call, member: str, cap: int) -> None:
    outer, dot, inner = member.partition(".")
    if not dot:
        changes[outer] = b"%d" % cap
        return
    name = spelling(call.members, outer)
    raw = call.members.get(name)
    config = {} if raw is None or bytes(raw) == b"null" else _object(raw, name)
    changes[name] = msgspec.json.encode({**config, inner: cap})


def _with_usage(options: msgspec.Raw | None) -> bytes:
    if options is None or bytes(options) == b"null":
        return b'{"include_usage":true}'
    return msgspec.json.encode({**_object(options, STREAM_OPTIONS), "include_usage": True})


def _object(raw: msgspec.Raw, name: str) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"{name} must be an object.") from error
