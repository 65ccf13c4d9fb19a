"""Reasoning that only the key that issued it can read: who issued it, and what is left out if a request goes to another key.

A call that is not translated brings it back as the provider gave it, a translated call in an envelope. A client can write any envelope.
Therefore the provider and the key that an envelope names count only with a ticket, which is a keyed digest of both and of the caller.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from msgspec.structs import replace

from omnillm.admission.asks import Lease
from omnillm.gateway.bindings import Pin
from omnillm.gateway.call import Call
from omnillm.model.message import Audio, ImageBase64, Issuer, Message, Opaque, Reasoning, RequestItem, Text, ToolCall
from omnillm.model.request import LlmRequest
from omnillm.protocols.bound import KEY_BOUND, without_reasoning
from omnillm.protocols.loss import LossReason
from omnillm.protocols.members import emit
from omnillm.routing.target import Plan

NOBODY = Issuer(protocol="omnillm")
ISSUERS_ONLY = "only the key that issued it can read it"
_OPAQUE_IN: dict[type, str] = {
    Reasoning: "opaque",
    Text: "signature",
    ToolCall: "signature",
    ImageBase64: "signature",
    Audio: "signature",
}
"""The parts that can hold an opaque value, each with the field in which it does."""


@lru_cache(maxsize=1024)
def ticket(pepper: bytes, caller: str, provider: str, key: str) -> str:
    """Prove that the gateway has answered this caller by this provider key."""
    return blake2b(f"{caller}\0{provider}\0{key}".encode(), key=pepper[:64], digest_size=12, person=b"envelope").hexdigest()


@lru_cache(maxsize=1024)
def issuer_of(pepper: bytes, caller: str, protocol: str, provider: str, key: str, model: str) -> Issuer:
    """Who answers this caller, with the proof of it."""
    return Issuer(protocol=protocol, provider=provider, key=key, model=model, ticket=ticket(pepper, caller, provider, key))


def proven(request: LlmRequest, ticket_of: Callable[[Issuer], str]) -> LlmRequest:
    """Return the request without the issuers that an envelope claims and no ticket proves: their values are nobody's, and are left out."""

    def checked(opaque: Opaque | None) -> Opaque | None:
        if opaque is None or not opaque.issuer.provider or opaque.issuer.ticket == ticket_of(opaque.issuer):
            return opaque
        return replace(opaque, issuer=NOBODY)

    return replace(request, input=tuple(_checked(item, checked) for item in request.input))


def _checked(item: RequestItem, checked: Callable[[Opaque | None], Opaque | None]) -> RequestItem:
    if type(item) is not Message:
        return item
    parts: list[Any] = []
    for part in item.parts:
        field = _OPAQUE_IN.get(type(part))
        parts.append(part if field is None else replace(part, **{field: checked(getattr(part, field))}))
    return replace(item, parts=tuple(parts))


def known(request: LlmRequest, issuers: Mapping[str, tuple[str, str]]) -> LlmRequest:
    """Return the request with the issuers, (provider, key) by item, of reasoning that came without an envelope."""

    def named(part: Any) -> Any:
        issuer = issuers.get(part.item_id) if type(part) is Reasoning and part.opaque is not None else None
        if issuer is None or part.opaque.issuer.provider:
            return part
        return replace(part, opaque=replace(part.opaque, issuer=replace(part.opaque.issuer, provider=issuer[0], key=issuer[1])))

    kept = (replace(item, parts=tuple(map(named, item.parts))) if type(item) is Message else item for item in request.input)
    return replace(request, input=tuple(kept))


def pin_of(issuers: Sequence[Issuer], plan: Plan) -> Pin | None:
    """Where the newest opaque value was issued, if the plan goes there at all."""
    providers = {target.provider for target in plan.targets} if issuers else ()
    for issuer in issuers:
        if issuer.provider in providers and issuer.key:
            return Pin(provider=issuer.provider, key=issuer.key, is_must=False)
    return None


def issuers_in(request: LlmRequest) -> tuple[Issuer, ...]:
    """Of the opaque values in it, the newest first."""
    found: list[Issuer] = []
    for part in request.parts:
        field = _OPAQUE_IN.get(type(part))
        opaque: Opaque | None = None if field is None else getattr(part, field)
        if opaque is not None:
            found.append(opaque.issuer)
    return tuple(reversed(found))


def readable(call: Call, pin: Pin | None, lease: Lease) -> tuple[Call, tuple[LossReason, ...]]:
    """A call that is sent on as it stands: without the encrypted reasoning that this key cannot read, and what was left out."""
    unreadable = pin.unreadable(lease) if pin is not None and pin.reasoning else None
    if not unreadable:
        return call, ()
    members, places = without_reasoning(call.members, unreadable)
    lost = tuple(LossReason(path=f"input[{place}]", kind="dropped", detail=ISSUERS_ONLY) for place in places)
    return (replace(call, members=members, body=emit(members, {})), lost) if lost else (call, ())


def has_bound(issuers: Sequence[Issuer], lease: Lease) -> bool:
    """Whether something can be read with another key of the same provider only."""
    return bool(issuers) and any(_is_bound(issuer, lease) for issuer in issuers)


def _is_bound(issuer: Issuer, lease: Lease) -> bool:
    return issuer.protocol in KEY_BOUND and issuer.provider == lease.provider and bool(issuer.key) and issuer.key != lease.key


def without_bound(request: LlmRequest, lease: Lease) -> tuple[LlmRequest, tuple[LossReason, ...]]:
    """Leave such reasoning out, and say so: its provider would refuse the whole call."""
    lost: list[LossReason] = []
    kept = tuple(_without(item, f"input[{number}]", lease, lost) for number, item in enumerate(request.input))
    return replace(request, input=kept), tuple(lost)


def _without(item: RequestItem, path: str, lease: Lease, lost: list[LossReason]) -> RequestItem:
    if type(item) is not Message:
        return item
    kept = []
    for number, part in enumerate(item.parts):
        if type(part) is Reasoning and part.opaque is not None and _is_bound(part.opaque.issuer, lease):
            lost.append(LossReason(path=f"{path}.parts[{number}]", kind="dropped", detail=ISSUERS_ONLY))
        else:
            kept.append(part)
    return replace(item, parts=tuple(kept))
