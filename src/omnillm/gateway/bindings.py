"""Which provider key made the objects that a call names. The call goes back to that key; another caller's objects are not found."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from omnillm.admission.asks import Lease
from omnillm.clock import Clock
from omnillm.errors import BadRequest, CallerFault, LedgerUnavailable
from omnillm.gateway.call import Call
from omnillm.gateway.journal import Ledger
from omnillm.protocols.bound import COMPACTION, CONTAINER, ENVIRONMENT, INTERACTION, ITEM, MESSAGE, REASONING, RESPONSE
from omnillm.protocols.protocol import Bound
from omnillm.records import BATCH_BILL, Binding
from omnillm.routing.target import Plan

MOST_RECENT = 16_384
KEPT_S = 55 * 86_400
"""As long as Google keeps an interaction, of those who pay; OpenAI keeps a response for 30 days."""
OBJECT_KEPT_S = 10 * 365 * 86_400
"""Files and batches stay until somebody deletes them."""
LONGEST_ID = 2_048
"""Bytes that an index of PostgreSQL's surely takes. What has a longer id is not bound: the call's own rows must not fail for it."""
SHORT_LIVED = frozenset({RESPONSE, INTERACTION, MESSAGE, REASONING, COMPACTION, ITEM, CONTAINER, ENVIRONMENT, BATCH_BILL})


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """The provider key that should, or must, answer a call."""

    provider: str
    key: str
    is_must: bool
    """False: another key can answer, with a loss."""
    upstream_id: str = ""
    """What binds the call."""
    reasoning: Mapping[str, tuple[str, str]] = {}
    """Encrypted reasoning that the call brings back -> (provider, key) that can read it."""

    def unreadable(self, lease: Lease) -> frozenset[str]:
        """The reasoning that the key of a lease cannot read. Its provider would refuse the whole call because of it."""
        return frozenset([item for item, issuer in self.reasoning.items() if issuer != (lease.provider, lease.key)])


class Bindings:
    """The bindings made lately, in memory, and all others in the ledger."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._recent: OrderedDict[Bound, Binding] = OrderedDict()  # the oldest key of a plain dict is found by a search

    async def pin(self, call: Call, named: tuple[Bound, ...]) -> Pin | None:
        """The key that made the ids in a call; None if they were not made here. CallerFault 404: another caller made one of them."""
        must: Binding | None = None
        wish: Binding | None = None
        reasoning: dict[str, tuple[str, str]] = {}
        owners = {
            kind: await self.owners(kind, [each for of, each in named if of == kind]) for kind in dict.fromkeys(of for of, _ in named)
        }
        for kind, upstream_id in named:
            binding = owners[kind].get(upstream_id)
            if binding is None:
                continue
            if binding.caller != call.caller.name:
                raise CallerFault(f"There is no {kind.replace('_', ' ')} {upstream_id!r}.", code="not_found", status=404)
            if binding.kind == REASONING:
                wish = binding
                reasoning[binding.upstream_id] = (binding.provider, binding.key)
            elif must is not None and (must.provider, must.key) != (binding.provider, binding.key):
                raise BadRequest(
                    f"{must.upstream_id!r} and {binding.upstream_id!r} were made with two provider keys, and one call has one.",
                    code="bound_to_two_keys",
                )
            else:
                must = binding
        found = must or wish
        if found is None:
            return None
        return Pin(provider=found.provider, key=found.key, is_must=must is not None, upstream_id=found.upstream_id, reasoning=reasoning)

    async def owner(self, bound: Bound) -> Binding | None:
        """Who made it, with which key; None: nobody here."""
        kind, upstream_id = bound
        return (await self.owners(kind, (upstream_id,))).get(upstream_id)

    async def owners(self, kind: str, upstream_ids: Sequence[str]) -> dict[str, Binding]:
        """Who made these, by id, without those that nobody here made. However many they are, the ledger is asked once at most."""
        wall_ms = self._clock.wall() * 1000
        recent = ((each, self._recent.get((kind, each))) for each in upstream_ids)
        known = {each: found for each, found in recent if found is not None and found.expires_wall_ms > wall_ms}
        if unknown := [each for each in upstream_ids if each not in known]:
            try:
                known |= {found.upstream_id: found for found in await self._ledger.bindings(kind, unknown)}
            except LedgerUnavailable as error:
                if kind != REASONING:  # a wish is not worth the call
                    raise _unreadable(error) from error
        return known

    def make(self, call: Call, lease: Lease, made: tuple[Bound, ...], *, request_id: str = "") -> tuple[Binding, ...]:
        """Bindings for what a reply made. Known from now on, and to be posted with the call. `request_id`: the owner of a bill."""
        wall = self._clock.wall()
        bindings = tuple(
            Binding(
                kind=kind,
                upstream_id=upstream_id,
                provider=lease.provider,
                key=lease.key,
                caller=request_id if kind == BATCH_BILL else call.caller.name,
                expires_wall_ms=int((wall + (KEPT_S if kind in SHORT_LIVED else OBJECT_KEPT_S)) * 1000),
            )
            for kind, upstream_id in made
            if len(upstream_id) <= LONGEST_ID and len(upstream_id.encode()) <= LONGEST_ID
        )
        for binding in bindings:
            self.keep(binding)
        return bindings

    def keep(self, binding: Binding) -> None:
        """Known from now on. The first one stands, as in the ledger: nobody becomes the owner of an object because a reply mentions it."""
        known = self._recent.get((binding.kind, binding.upstream_id))
        if known is None or known.expires_wall_ms <= self._clock.wall() * 1000:
            self.renew(binding)

    def renew(self, binding: Binding) -> None:
        """Known from now on, whatever was: of what an object holds, and not of whose it is."""
        recent = self._recent
        recent[binding.kind, binding.upstream_id] = binding
        if len(recent) > MOST_RECENT:
            del recent[next(iter(recent))]


def _unreadable(error: LedgerUnavailable) -> LedgerUnavailable:
    """The error that a caller gets, who names an object which somebody has made."""
    return LedgerUnavailable(
        "The ledger cannot be read, and it alone knows who made what this call names; try again shortly.",
        retry_after_s=error.retry_after_s or 1.0,
    )


def pinned(plan: Plan, pin: Pin, call: Call) -> Plan:
    """The plan's targets at the provider of a pin: only those where that is a must, else those first. BadRequest: there is none."""
    theirs = tuple(target for target in plan.targets if target.provider == pin.provider)
    if not pin.is_must:
        return replace(plan, targets=theirs + tuple(target for target in plan.targets if target.provider != pin.provider))
    if not theirs:
        raise BadRequest(
            f"{pin.upstream_id!r} was made by provider {pin.provider!r}, which does not serve {plan.public_model!r}.",
            code="bound_to_another_provider",
        )
    return replace(plan, targets=theirs, is_bridged=any(target.protocol != call.protocol.name for target in theirs))
