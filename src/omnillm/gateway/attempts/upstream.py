"""`Upstream`: one provider key in one protocol. It makes the request that is sent there."""

from collections.abc import Mapping

import msgspec

from omnillm.credentials.refreshed import Credential
from omnillm.errors import NoAvailableKey, NotSent
from omnillm.framing.sse import FrameReader
from omnillm.gateway.attempts.wording import Wording, splice
from omnillm.gateway.bridges.bridge import Bridged
from omnillm.gateway.call import Call
from omnillm.gateway.quotes.quote import Quote
from omnillm.protocols.protocol import Failure, Protocol
from omnillm.protocols.registry import PROTOCOLS
from omnillm.protocols.sessions.session import SessionProtocol
from omnillm.protocols.token_counts import read_count, write_count
from omnillm.providers.endpoint import SSE, Counter, Endpoint
from omnillm.providers.heads import Sender
from omnillm.providers.paths import COUNT_TOKENS
from omnillm.providers.url_rule import session_name
from omnillm.transport.client import Exchange, Origin, Outgoing
from omnillm.transport.spool import Body
from omnillm.transport.timeouts import Timeouts


class Upstream:
    """One provider key, ready to be sent with, in one protocol."""

    # fmt: off
    __slots__ = (
        "_check_body", "_endpoint", "_has_own_bodies", "_own_body", "_plain_timeouts", "_stream_timeouts", "credential", "native_timeouts",
        "origin", "protocol", "sender", "streaming", "wording",
    )
    # fmt: on

    def __init__(  # noqa: PLR0913  the wiring of assemble/, once a key
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
        """Native bodies may have any size, so no limit on the whole: the reply's head must come in time, and each piece after it."""

    def outgoing(self, call: Call, quote: Quote, model: str, bridged: Bridged | None = None) -> Outgoing:
        """The request to send."""
        head = self.sender.head(
            call.headers,
            (self.protocol.name, call.operation, model, call.is_stream, call.version),
            is_translated=bridged is not None and bridged.protocol is not call.protocol,
        )
        body: Body
        if call.form is not None:
            head += b"content-type: %b\r\n" % call.form.content_type
            body = call.form.body(None if model == (call.peek.model or call.model) else model)
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
        """What asks a host to count tokens in its own way. None: the call asks for no count, or the host counts in the client's words."""
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
        return streaming.reader() if headers.get(b"content-type", b"").lower().startswith(streaming.content_type) else None

    def error_protocol(self, body: bytes) -> Protocol:
        """The protocol that an error is written in. A cloud's own errors have another form than those of the model that it serves."""
        tell = self._endpoint.error_protocol
        return self.protocol if tell is None else PROTOCOLS[tell(self.protocol.name, body)]

    def read_failure(self, protocol: Protocol, exchange: Exchange, body: bytes, wall: float) -> Failure:
        """What an error means whose body is written in that protocol."""
        failure = protocol.read_failure(exchange.status, exchange.headers, body, wall)
        verdict = self._endpoint.verdicts.get(failure.code.lower())
        return failure if verdict is None else msgspec.structs.replace(failure, verdict=verdict)

    def first_message(self, session: SessionProtocol, message: bytes, model: str) -> bytes:
        """The first message of a live session, for this model. BadRequest: it names something that a caller must not reach with our key."""
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


class KeyGone(NotSent):
    """A reload has taken the key out since it was leased."""


class Upstreams:
    """Every key of every provider, by the names that a lease has. A call that waited gets its key from the newest configuration."""

    def __init__(self) -> None:
        self._upstreams: Mapping[tuple[str, str, str], Upstream] = {}

    def replace(self, upstreams: Mapping[tuple[str, str, str], Upstream]) -> None:
        """`upstreams` by (provider, key label, protocol). Attempts under way keep theirs."""
        self._upstreams = upstreams

    def find(self, provider: str, key: str, protocol: str) -> Upstream:
        """Raises KeyGone, or NoAvailableKey where the key speaks another protocol now."""
        try:
            return self._upstreams[provider, key, protocol]
        except KeyError:
            if not any(known[:2] == (provider, key) for known in self._upstreams):
                raise KeyGone("The key was taken out by a reload before the call was sent.") from None
            raise NoAvailableKey(
                f"Provider {provider!r} was reconfigured while the call waited, and no longer speaks {protocol}."
            ) from None
