"""Finds a key for a call, target by target; and if there is none, says why, or when it is worth trying again."""

from math import isfinite

from msgspec.structs import replace

from omnillm.admission.asks import Lease, Refusal
from omnillm.admission.earmarks import Earmarks
from omnillm.admission.holdings import Holdings, Tried, bare, labels_of
from omnillm.keys.circuit import CLOSED
from omnillm.keys.grant import Grant
from omnillm.keys.outlook import Outlook
from omnillm.keys.pool import Pool
from omnillm.keys.terms import Dice, Need, PoolConfigured

NONE: frozenset[str] = frozenset()
RETRY_AFTER_S = 1.0
"""Told if only the end of another call can make room: nobody knows when that will be."""


class Leasing:
    """All pools, and the grants that are out. Each lease is noted in the holdings of its case; `holdings` is the controller's dict."""

    def __init__(self, holdings: dict[str, Holdings], dice: Dice) -> None:
        self._holdings = holdings
        self._dice = dice
        self._last_id = 0
        self.pools: dict[str, Pool] = {}
        self.grants: dict[int, Grant] = {}
        self.earmarks = Earmarks(self.pools)

    def configure(self, pools: tuple[PoolConfigured, ...], now: float) -> None:
        """State is kept by provider and label."""
        self.earmarks.drop_all()
        for terms in pools:
            pool = self.pools.get(terms.provider)
            if pool is None:
                self.pools[terms.provider] = Pool(terms, self._dice)
            else:
                pool.configure(terms, now, self.grants.values())
        configured = {terms.provider for terms in pools}
        for pool in [pool for provider, pool in self.pools.items() if provider not in configured]:
            pool.configure(PoolConfigured(provider=pool.provider, keys=()), now)
            self.forget(pool)

    def forget(self, pool: Pool) -> None:
        """Drops a pool that has neither keys nor leases, unless another has taken its place."""
        if pool.is_empty and self.pools.get(pool.provider) is pool:
            del self.pools[pool.provider]

    def find(self, need: Need, now: float) -> Lease | Refusal | float:
        """A lease on the first target that has a key; if none has one, what `_wait_or_refuse` says."""
        asked, need = need, self.affordable(need, now) if need.retry_of else need
        is_any_set_aside = False
        tried = need.tried
        for provider, model in need.targets:
            pool = self.pools.get(provider)
            if pool is None:
                continue
            circuit = pool.outage.circuit
            if circuit.state is not CLOSED and not circuit.admits(now):
                is_any_set_aside = True
                continue
            grant = pool.lease(need, model, labels_of(tried, provider) if tried else NONE, now)
            if grant is not None:
                return self._lease(grant, need, now)
        if is_any_set_aside or need.retry_of:
            grant = self._last_resort(need, now)
            if grant is not None:
                return self._lease(grant, need, now)
        return self._wait_or_refuse(need, now) if need is asked else _no_retry(need)

    def find_again(self, need: Need, now: float) -> Lease | Refusal | float:
        """As `find`, for a call that waits: the room that is kept for it is there for it."""
        earmark = self.earmarks.lift(need.case_id)
        answer = self.find(need, now)
        if earmark is not None and isinstance(answer, float):
            earmark.renew(now)
        return answer

    def refuse(self, need: Need, now: float) -> Refusal | None:
        """Why `need` would be refused even if nobody stood before it; None: it may wait."""
        answer = self._wait_or_refuse(need, now)
        return answer if isinstance(answer, Refusal) else None

    def _failed_over(self, need: Need) -> Tried:
        """The keys that this call left for good."""
        held = self._holdings.get(need.case_id)
        return () if held is None else held.failed_over

    def _wait_or_refuse(self, need: Need, now: float) -> Refusal | float:
        """No target has a key: the refusal that says why, or, if waiting is worth it, the moment before which a try is useless."""
        if need.retry_of and not need.targets:
            return _no_retry(need)
        view = self._outlook(need, now, is_bound_enough=True)
        if _may_wait(need, view, now):
            return view.wakes_at
        view = self._outlook(need, now, is_bound_enough=False)
        return _refusal(need, view, self._wait_s(need, view, now))

    def _wait_s(self, need: Need, view: Outlook, now: float) -> float:
        """How long until a new call may get a key. For a new call the keys that this one has tried count as well."""
        if need.tried:
            view = self._outlook(replace(need, tried=()), now, is_bound_enough=False)
        moment = view.wakes_at if isfinite(view.wakes_at) else view.possible_at
        return moment - now if moment > now else RETRY_AFTER_S

    def affordable(self, need: Need, now: float) -> Need:
        """The need of a retry, without targets whose retry budget is used up. Each provider has its own.

        The controller calls this before a retry is queued, so that it waits only for the targets that are left.
        """
        pools = self.pools
        targets = tuple([each for each in need.targets if each[0] not in pools or pools[each[0]].outage.has_retry(now)])
        return need if len(targets) == len(need.targets) else replace(need, targets=targets)

    def _last_resort(self, need: Need, now: float) -> Grant | None:
        """Rather than no key at all: one of a provider that was set aside; then, for a retry, the key that has failed."""
        for passed_by in (need.tried, self._failed_over(need)) if need.retry_of else (need.tried,):
            for provider, model in need.targets:
                pool = self.pools.get(provider)
                if pool is None or (passed_by is not need.tried and provider != need.retry_of):
                    continue
                grant = pool.lease(need, model, labels_of(passed_by, provider), now)
                if grant is not None:
                    return grant
        return None

    def _lease(self, grant: Grant, need: Need, now: float) -> Lease:
        self._last_id = lease_id = self._last_id + 1
        self.grants[lease_id] = grant
        held = self._holdings.get(need.case_id)
        if held is None:
            held = self._holdings[need.case_id] = bare(need.case_id)
        held.leases.append(lease_id)
        grant.caller = held.ask.caller
        pool = grant.pool
        if need.retry_of:
            pool.outage.retry(now)
        else:
            pool.outage.call(now)
        return Lease(lease_id=lease_id, case_id=grant.case_id, provider=pool.provider, key=grant.key.label, model=grant.model)

    def _outlook(self, need: Need, now: float, *, is_bound_enough: bool) -> Outlook:
        """Over all targets. A retry may also get keys of the failed provider that it has tried, except those it left for good."""
        view, failed_over = Outlook(), self._failed_over(need)
        for provider, model in need.targets:
            pool = self.pools.get(provider)
            if pool is not None:
                tried = [one for one in need.tried if one in failed_over] if provider == need.retry_of else need.tried
                passed = labels_of(tried, provider) if tried else NONE
                view.merge(pool.outlook(need, model, passed, now, is_bound_enough=is_bound_enough))
        return view


def _no_retry(need: Need) -> Refusal:
    return Refusal(case_id=need.case_id, code="retry_budget", status=503, scope=need.retry_of)


def _may_wait(need: Need, view: Outlook, now: float) -> bool:
    """A key may be free within the queue time."""
    return (view.is_limited or view.is_broken) and now < need.queue_until and view.possible_at <= need.queue_until


def _refusal(need: Need, view: Outlook, wait_s: float) -> Refusal:
    if not (view.is_limited or view.is_broken):
        if view.is_tried:
            return Refusal(case_id=need.case_id, code="all_keys_tried", status=503, retry_after_s=wait_s)
        if view.is_too_large:
            return Refusal(case_id=need.case_id, code="call_too_large", status=400, needed=need.tokens)
        return Refusal(case_id=need.case_id, code="no_key_serves_model", status=503)
    if not view.is_known:
        return Refusal(case_id=need.case_id, code="model_not_found", status=404, retry_after_s=wait_s)
    return Refusal(
        case_id=need.case_id,
        code="all_keys_limited" if view.is_limited else "all_keys_broken",
        status=429 if view.is_limited else 503,
        retry_after_s=wait_s,
    )
