"""A call whose client and provider speak different protocols: its request read once, and said again for each target in the target's words.

Also for a call whose body holds an envelope of ours (`protocols/envelope.py`): its provider must be given what is inside, or nothing.
Everything that can be refused is refused here, before anything is reserved or sent.
"""

from collections.abc import Callable, Mapping

import msgspec

from omnillm.admission.asks import Lease
from omnillm.errors import ProtocolError
from omnillm.gateway.bindings import pinned
from omnillm.gateway.bound_reasoning import has_bound, pin_of, without_bound
from omnillm.gateway.call import GENERATE, Call, read_members
from omnillm.model.message import Issuer
from omnillm.model.request import LlmRequest
from omnillm.protocols import transcode
from omnillm.protocols.codec import Dialect, ReplyContext
from omnillm.protocols.envelope import MARK
from omnillm.protocols.loss import LossReason
from omnillm.protocols.protocol import Members, Protocol
from omnillm.protocols.registry import PROTOCOLS
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.routing.target import Plan, Target

DialectOf = Callable[[Target], tuple[Dialect, bool]]
"""Of a target: its dialect, and whether its streams must be asked for usage."""


class Bridged(msgspec.Struct, frozen=True, kw_only=True):
    """The request in one target's words."""

    protocol: Protocol
    body: bytes
    members: Members
    reasons: tuple[LossReason, ...]
    names: Mapping[str, str]
    """Functions that had to be renamed: the provider's name -> the client's."""


class Bridge:
    """One call, said to several targets. `plan` has those to which it can be said."""

    __slots__ = ("_bridged", "_call", "_dialect_of", "_elsewhere", "_parsed", "_request", "pin", "plan")

    def __init__(self, call: Call, plan: Plan, dialect_of: DialectOf) -> None:
        self._call = call
        self._dialect_of = dialect_of
        self._bridged: dict[tuple[str, str], Bridged] = {}
        parsed = transcode.parse_request(call.protocol.name, call.body, model=call.model, is_stream=call.is_stream)
        self._request: LlmRequest = parsed.value
        self._parsed = parsed.loss_reasons
        self.pin = pin_of(self._request, plan)
        """Who issued the newest opaque value of the conversation: the one who can read it."""
        self._elsewhere: dict[tuple[str, str], Bridged] = {}
        self.plan = self._say_to(plan if self.pin is None else pinned(plan, self.pin, str))

    def _say_to(self, plan: Plan) -> Plan:
        """Raises ProtocolError when it can be said to none of the targets."""
        kept: list[Target] = []
        refused: ProtocolError | None = None
        is_sealed = MARK in self._call.body
        for target in plan.targets:
            if target.protocol != self._call.protocol.name or is_sealed:
                try:
                    self._bridged[target.provider, target.model] = self._say(target, self._request)
                except ProtocolError as error:
                    refused = error
                    continue
            kept.append(target)
        if refused is not None and not kept:
            raise refused
        return plan if len(kept) == len(plan.targets) else msgspec.structs.replace(plan, targets=tuple(kept))

    def _say(self, target: Target, request: LlmRequest) -> Bridged:
        dialect, asks_usage = self._dialect_of(target)
        request = msgspec.structs.replace(request, model=target.model, wants_stream_usage=asks_usage)
        emitted = transcode.emit_request(target.protocol, request, dialect=dialect)
        names = {sent: own for own, sent in transcode.renames(target.protocol, request).items()}
        return Bridged(
            protocol=PROTOCOLS[target.protocol],
            body=emitted.value,
            members=read_members(emitted.value),
            reasons=tuple(sorted({*self._parsed, *emitted.loss_reasons})),
            names=names,
        )

    def find(self, target: Target) -> Bridged | None:
        """None: the target is sent the client's own body."""
        return self._bridged.get((target.provider, target.model))

    def find_for(self, lease: Lease) -> Bridged | None:
        """As `find`; without what is bound to another key of the provider than the one that will be used."""
        where = (lease.provider, lease.model)
        bridged = self._bridged.get(where)
        if bridged is None or not has_bound(self._request, lease):
            return bridged
        if where not in self._elsewhere:
            target = next(target for target in self.plan.targets if (target.provider, target.model) == where)
            request, lost = without_bound(self._request, lease)
            said = self._say(target, request)
            self._elsewhere[where] = msgspec.structs.replace(said, reasons=tuple(sorted({*said.reasons, *lost})))
        return self._elsewhere[where]

    def cap(self, tokens: int) -> None:
        """Say it again with an output cap, because the call has none and a target's own maximum is not known."""
        generation = msgspec.structs.replace(self._request.generation, max_output_tokens=tokens)
        self._request = msgspec.structs.replace(self._request, generation=generation)
        self.plan = self._say_to(self.plan)

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

    def reply(self, bridged: Bridged, lease: Lease, request_id: str, body: bytes) -> tuple[bytes, tuple[LossReason, ...]]:
        """A whole reply for the client, and what was lost in it. UpstreamLost: it is garbled."""
        report = transcode.transcode_response(
            bridged.protocol.name,
            self._call.protocol.name,
            body,
            context=self.context(bridged, request_id),
            issuer=_issuer(bridged, lease),
        )
        return report.value, report.loss_reasons

    def stream(self, bridged: Bridged, lease: Lease, request_id: str) -> StreamTranscoder:
        context = self.context(bridged, request_id)
        return StreamTranscoder(bridged.protocol.name, self._call.protocol.name, context=context, issuer=_issuer(bridged, lease))


class Bridges:
    """Opens a bridge where a call needs one."""

    def __init__(self, dialect_of: DialectOf) -> None:
        self._dialect_of = dialect_of

    def open(self, call: Call, plan: Plan) -> Bridge | None:
        if call.operation == GENERATE and (plan.is_bridged or MARK in call.body):
            return Bridge(call, plan, self._dialect_of)
        return None


def _issuer(bridged: Bridged, lease: Lease) -> Issuer:
    return Issuer(protocol=bridged.protocol.name, provider=lease.provider, key=lease.key, model=lease.model)
