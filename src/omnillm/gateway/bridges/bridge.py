"""A call whose client and provider speak different protocols. Its request is parsed once, and emitted for each target in its protocol.

A bridge is also used if the body holds an envelope of ours (`protocols/envelope.py`): the provider must get what is inside it, or nothing.
Whatever can be refused is refused here, before anything is reserved or sent.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec.structs import replace

from omnillm.admission.asks import Lease
from omnillm.errors import BadRequest, ProtocolError
from omnillm.gateway.bindings import Pin, pinned
from omnillm.gateway.bound_reasoning import has_bound, issuer_of, issuers_in, known, pin_of, proven, ticket, without_bound
from omnillm.gateway.call import Call
from omnillm.model.message import Issuer
from omnillm.model.request import LlmRequest
from omnillm.protocols import canonical, transcode
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.codecs import CODECS
from omnillm.protocols.dialects import Dialect
from omnillm.protocols.envelope import MARK
from omnillm.protocols.loss import LossReason, joined
from omnillm.protocols.members import emit, read_members, spelling
from omnillm.protocols.protocol import Members, Protocol, RequestPeek
from omnillm.protocols.registry import PROTOCOLS
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.token_counts import count_request
from omnillm.protocols.tool_caps import tool_caps
from omnillm.providers.paths import GENERATE
from omnillm.routing.target import Plan, Target
from omnillm.usage import Usage

DialectOf = Callable[[Target], tuple[Dialect, bool]]
"""Of a target: its dialect, and whether its streams must be asked for usage."""
HELD = "generateContentRequest"
_ESCAPE = b"\\u"
"""Without such an escape no body can hide the mark of an envelope."""
_BACKSLASH = ord("\\")
"""One byte is found fifty times as fast as two."""
_BETAS = frozenset({b"anthropic-beta", b"openai-beta"})


class Bridged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The request in one target's words."""

    protocol: Protocol
    body: bytes
    members: Members
    peek: RequestPeek
    """What the body says of output and number of answers, by the target's own reading: money rests on it."""
    reasons: tuple[LossReason, ...]
    names: Mapping[str, str]
    """Functions that had to be renamed: the provider's name -> the client's."""

    def __repr__(self) -> str:
        """Without what was asked."""
        return f"Bridged({self.protocol.name})"


class Bridge(msgspec.Struct, eq=False, gc=False):
    """One call, emitted for several targets. `plan` has those for which it can be."""

    _call: Call
    plan: Plan
    _request: LlmRequest
    _parsed: tuple[LossReason, ...]
    """What was lost when it was read."""
    _dialect_of: DialectOf
    _pepper: bytes
    _is_sealed: bool
    pin: Pin | None = None
    """Who issued the newest opaque value of the conversation: the one who can read it."""
    _issuers: tuple[Issuer, ...] = ()
    """Of the opaque values, the newest first."""
    _bridged: dict[tuple[str, str], Bridged] = {}
    _elsewhere: dict[tuple[str, str, str], Bridged] = {}
    """By provider, model and key: without what only another key of the provider can read."""
    bound: Pin | None = None
    """What the bindings say of the ids in the call: also whose reasoning without an envelope is."""
    _tool_calls: int = 0
    """At most so many calls of tools that are paid so, where the request has no cap of its own; 0: as it says."""

    def emit(self) -> None:
        """Emit the request for every target that needs it. Raises ProtocolError, or BadRequest, when it can be emitted for none."""
        call = self._call
        if self._is_sealed or call.protocol.name == canonical.NAME or _hides(call.body):
            self._issuers = self._find_issuers()
            self.pin = pin_of(self._issuers, self.plan)
            if self.pin is not None:
                self.plan = pinned(self.plan, self.pin, call)
        self._emit_to_targets()

    def __repr__(self) -> str:
        """Without what was asked."""
        return f"Bridge({self._call!r})"

    def _find_issuers(self) -> tuple[Issuer, ...]:
        """From envelopes, where a client can write anything: only those with proof count. The library's caller has the values anyway."""
        issuers = issuers_in(self._request)
        if not issuers or self._call.protocol.name == canonical.NAME:
            return issuers
        self._request = proven(self._request, self._ticket_of)
        if self.bound is not None:
            self._request = known(self._request, self.bound.reasoning)
        return issuers_in(self._request)

    def _emit_to_targets(self) -> None:
        """Leave out of the plan those for which it cannot be emitted. Raises the last one's error when none is left."""
        refused: dict[Target, ProtocolError | BadRequest] = {}
        for target in self.plan.targets:
            if target.protocol != self._call.protocol.name or self._is_sealed:
                try:
                    self._bridged[target.provider, target.model] = self._emit_for(target, self._request)
                except (ProtocolError, BadRequest) as error:
                    # With its traceback it would hold this frame, which holds it: nothing but the cycle collector would free the call.
                    refused[target] = error.with_traceback(None)
        if refused:
            kept = tuple(target for target in self.plan.targets if target not in refused)
            if not kept:
                raise refused.pop(self.plan.targets[-1])
            self.plan = replace(self.plan, targets=kept)

    def _emit_for(self, target: Target, request: LlmRequest) -> Bridged:
        dialect, asks_usage = self._dialect_of(target)
        request = replace(request, model=target.model, wants_stream_usage=asks_usage)
        call, protocol = self._call, PROTOCOLS[target.protocol]
        body, reasons, names = transcode.write_request(CODECS[target.protocol], request, dialect)
        members = read_members(body)
        reasons = joined(self._parsed, reasons)
        if protocol is not call.protocol and not _BETAS.isdisjoint(call.headers):
            reasons = joined(reasons, _betas_lost(call.headers))
        if call.operation == GENERATE:
            peek = protocol.peek_request(members)
        else:
            # A count of tokens takes fewer members than a generation, and makes nothing.
            peek = call.peek
            if protocol is call.protocol:
                members = {name: value for name, value in members.items() if name in call.members}
            else:
                members = count_request(protocol.name, members, model=target.model, dialect=dialect)
            body = msgspec.json.encode(members)
        bridged = Bridged(protocol=protocol, body=body, members=members, peek=peek, reasons=reasons, names=names)
        return _with_tool_caps(bridged, self._tool_calls) if self._tool_calls else bridged

    @property
    def rewrites_all(self) -> bool:
        """Whether every target is sent another protocol's words, which we have written: nobody else reads the client's own."""
        return not self._is_sealed and len(self._bridged) == len(self.plan.targets)

    def find(self, target: Target) -> Bridged | None:
        """None: the target is sent the client's own body."""
        return self._bridged.get((target.provider, target.model))

    def find_for(self, lease: Lease) -> Bridged | None:
        """As `find`; without what is bound to another key of the provider than the one that will be used."""
        bridged = self._bridged.get((lease.provider, lease.model))
        if bridged is None or not has_bound(self._issuers, lease):
            return bridged
        where = (lease.provider, lease.model, lease.key)
        if where not in self._elsewhere:
            target = next(target for target in self.plan.targets if (target.provider, target.model) == where[:2])
            request, lost = without_bound(self._request, lease)
            emitted = self._emit_for(target, request)
            self._elsewhere[where] = replace(emitted, reasons=joined(emitted.reasons, lost))
        return self._elsewhere[where]

    def cap(self, tokens: int) -> None:
        """Emit it anew with an output cap, because the call has none and a target's own maximum is not known."""
        generation = replace(self._request.generation, max_output_tokens=tokens)
        self._request = replace(self._request, generation=generation)
        self._emit_to_targets()

    def cap_tools(self, calls: int) -> None:
        """Let no target call tools that are paid so any oftener, where the request does not say how often it may."""
        self._tool_calls = calls
        self._bridged = {where: _with_tool_caps(bridged, calls) for where, bridged in self._bridged.items()}

    def context(self, bridged: Bridged, request_id: str) -> ReplyContext:
        call = self._call
        return ReplyContext(
            id=request_id,
            created=int(call.wall),
            model=call.model,
            request=self._request,
            wants_usage=call.peek.wants_usage,
            names=bridged.names,
        )

    def reply(
        self, bridged: Bridged, lease: Lease, request_id: str, body: bytes, counted: Usage | None
    ) -> tuple[bytes, tuple[LossReason, ...]]:
        """A whole reply for the client, and what was lost in it. `counted`: the usage that was peeked. UpstreamLost: it is garbled."""
        codec, own = CODECS[bridged.protocol.name], CODECS[self._call.protocol.name]
        return transcode.translate_reply(codec, own, body, self.context(bridged, request_id), self._issuer(bridged, lease), counted)

    def stream(self, bridged: Bridged, lease: Lease, request_id: str) -> StreamTranscoder:
        context, issuer = self.context(bridged, request_id), self._issuer(bridged, lease)
        return StreamTranscoder(bridged.protocol.name, self._call.protocol.name, context=context, issuer=issuer)

    def _issuer(self, bridged: Bridged, lease: Lease) -> Issuer:
        return issuer_of(self._pepper, self._call.caller.name, bridged.protocol.name, lease.provider, lease.key, lease.model)

    def _ticket_of(self, issuer: Issuer) -> str:
        return ticket(self._pepper, self._call.caller.name, issuer.provider, issuer.key)


class Bridges:
    """Opens a bridge where a call needs one."""

    def __init__(self, dialect_of: DialectOf, *, pepper: bytes) -> None:
        self._dialect_of = dialect_of
        self._pepper = pepper

    @staticmethod
    def is_needed(call: Call, plan: Plan) -> bool:
        """Whether `open` may make one."""
        return plan.is_bridged or call.body.rfind(MARK) >= 0  # less than half as dear as `in`

    def open(self, call: Call, plan: Plan, bound: Pin | None = None) -> tuple[Plan, Bridge | None]:
        """The plan with the targets for which the call can be emitted, and the bridge, if it needs one. `bound`: what its ids say.

        A body that our own reading refuses still goes to the targets that speak the client's protocol: their provider reads it itself.
        """
        if call.protocol.is_native_only:
            return plan, None
        is_sealed = call.body.find(MARK) >= 0  # `in` raises and clears a TypeError first
        if not (is_sealed or plan.is_bridged):
            return plan, None
        body = call.body if call.operation == GENERATE else _generation_of(call)
        try:
            request, lost = transcode.read_request(CODECS[call.protocol.name], body, model=call.model, is_stream=call.is_stream)
        except BadRequest:
            native = tuple(target for target in plan.targets if target.protocol == call.protocol.name)
            if not native or (call.operation == GENERATE and is_sealed):
                raise
            return replace(plan, targets=native, is_bridged=False), None
        bridge = Bridge(call, plan, request, lost, self._dialect_of, self._pepper, is_sealed, bound=bound)
        bridge.emit()
        return bridge.plan, bridge


def _with_tool_caps(bridged: Bridged, calls: int) -> Bridged:
    caps = tool_caps(bridged.protocol.name, bridged.members, calls)
    return replace(bridged, members=bridged.members | caps, body=emit(bridged.members, caps)) if caps else bridged


def _hides(body: bytes) -> bool:
    """Whether an envelope's mark may be hidden in it, spelt with escapes."""
    return _BACKSLASH in body and body.find(_ESCAPE) >= 0


def _betas_lost(headers: Iterable[bytes]) -> tuple[LossReason, ...]:
    """A beta of the client's protocol means nothing to another."""
    return tuple(
        LossReason(path=f"headers.{name.decode()}", kind="dropped", detail="another protocol's beta")
        for name in sorted(_BETAS.intersection(headers))
    )


def _generation_of(call: Call) -> bytes:
    """The body of the generation whose tokens are counted, where a count (Gemini's) holds all of it in one member."""
    held = call.members.get(spelling(call.members, HELD))
    return call.body if held is None or bytes(held) == b"null" else bytes(held)
