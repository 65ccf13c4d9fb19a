"""The keys of one provider: which of them takes a call, and what the end of a call means for them.

Keys that are ready are kept in a list to draw from; keys that rest or wait for a probe are kept apart (`roster.py`). So however many keys
there are, a lease looks at only a few of them.
"""

from collections.abc import Collection, Iterable
from math import inf
from operator import itemgetter

from omnillm.keys.affinity import favourite
from omnillm.keys.circuit import CLOSED
from omnillm.keys.grant import Grant
from omnillm.keys.group import Group, group_name
from omnillm.keys.judgement import HARMLESS, JUDGEMENTS
from omnillm.keys.key import LATENCY_WEIGHT, Key
from omnillm.keys.model_class import Handover
from omnillm.keys.outage import Outage
from omnillm.keys.outlook import Outlook, outlook
from omnillm.keys.roster import Roster
from omnillm.keys.search import Search
from omnillm.keys.selection import SELECTIONS
from omnillm.keys.terms import Dice, KeyConfigured, Need, PoolConfigured
from omnillm.keys.witnesses import Witnesses
from omnillm.outcome import Outcome, Verdict

SUCCESS = Verdict.SUCCESS
PROBES_LOOKED_AT = 2
REMEMBERED_MOST = 1000
LOOKED_AT_MOST = 8
"""In a pool of at most so many keys a refused call is told its exact wait; in a larger one that of a smaller call has to do."""


class Pool:
    """Keys by label. A key that is no longer configured takes no more calls and is forgotten at its last release."""

    def __init__(self, terms: PoolConfigured, dice: Dice) -> None:
        self.provider = terms.provider
        self.dice = dice
        self.outage = Outage()
        self.witnesses = Witnesses()
        self.keys: dict[str, Key] = {}
        self.removed: list[Key] = []
        self._groups: dict[str, Group] = {}
        self._favourites: dict[tuple[int, str], Key] = {}
        self._breaker = terms.breaker
        self._searches: dict[str, Search] = {}
        """Searches that found no key, by model."""
        self.configure(terms, 0.0)

    # -- configuration

    def configure(self, terms: PoolConfigured, now: float, grants: Iterable[Grant] = ()) -> None:
        """State is kept by label; a changed secret is another key with the same label. `grants`: those that are out."""
        self.max_cooldown_s = terms.max_cooldown_s
        self._select = SELECTIONS[terms.selection]
        before, self.keys = self.keys, {}
        before_breaker, self._breaker = self._breaker, terms.breaker
        handovers = self._regroup(terms, before, now)
        for window, sent in [(into, left.sent(now)) for left, into in handovers]:
            window.absorb(sent, now)
        for grant in grants:
            grant.follow(handovers)
        for group in self._groups.values():
            group.keys.clear()
        for rank, key_terms in enumerate(terms.keys):
            group = self._groups[group_name(key_terms)]
            key = before.get(key_terms.label)
            if key is None or key.secret_id != key_terms.secret_id:
                key = Key(key_terms, terms.breaker, group, rank)
            else:
                del before[key.label]
                key.configure(key_terms, group, rank)
                if terms.breaker != before_breaker:
                    key.breaker.configure(terms.breaker)
                    for trouble in key.troubles.values():
                        trouble.configure(terms.breaker)
            self.keys[key.label] = key
            group.keys.append(key)
        self._retire(before)
        self._place_all()

    def _regroup(self, terms: PoolConfigured, before: dict[str, Key], now: float) -> list[Handover]:
        """Every group's limits, and what counts on from where, because keys have moved to another group."""
        members: dict[str, list[KeyConfigured]] = {}
        for key_terms in terms.keys:
            members.setdefault(group_name(key_terms), []).append(key_terms)
        self._groups = {name: self._groups.get(name) or Group(name) for name in members}
        for name, group in self._groups.items():
            group.configure(members[name])
        changed = [(before[each.label], each) for each in terms.keys if each.label in before]
        moved: dict[tuple[Group, Group], None] = {}
        for key, key_terms in changed:
            group = self._groups[group_name(key_terms)]
            if key.secret_id == key_terms.secret_id:
                moved[group, key.group] = None
            elif not key_terms.group:
                group.forget_health()
        return [handover for group, left in moved if group is not left for handover in group.take_over(left, now)]

    def _retire(self, keys: dict[str, Key]) -> None:
        for key in keys.values():
            key.is_removed = True
            key.breaker.sure_until = 0.0
            if key.in_use:
                self.removed.append(key)

    @property
    def is_empty(self) -> bool:
        return not self.keys and not self.removed

    def revive(self, label: str) -> None:
        """An administrator says that the key is well, for every model."""
        key = self.keys[label]
        key.revive()
        key.group.forget_health()
        self._place_all()

    # -- lease

    def lease(self, need: Need, model: str, passed: Collection[str], now: float) -> Grant | None:
        """Takes a key for `model` whose label is not in `passed`, and room in its windows. None: no key has room."""
        roster = self._roster
        if roster.resting and roster.resting[0][0] <= now:
            roster.wake(now)
        tokens = need.tokens
        if roster.awaiting or self._searches or need.pinned or need.affinity:
            key = self._pick(need, model, passed, now)
        else:
            key = self._select(roster.ready, model, tokens, passed, now, self.dice)
        if key is None:
            return None
        model_class = key.class_by_model[model]  # who picked the key has just looked there
        windows = model_class.windows
        for window in windows:
            window.reserve(tokens)
        model_class.requests_granted += 1
        model_class.tokens_granted += tokens
        key.in_use += 1
        key.tokens_in_flight += tokens
        grant = Grant(case_id=need.case_id, model=model, tokens=tokens, key=key, pool=self, model_class=model_class, windows=windows)
        if not (key.is_ready and model_class.is_well and self.outage.circuit.state is CLOSED) or (key.troubles and model in key.troubles):
            grant.try_out([*key.circuits(model, model_class), self.outage.circuit], now)
            if grant.probes:
                self._place(key)
        return grant

    def _pick(self, need: Need, model: str, passed: Collection[str], now: float) -> Key | None:
        """The key, where it is not simply the next of the ready ones."""
        if need.pinned or need.affinity:
            key = self.keys.get(need.pinned) if need.pinned else self._favourite(need.affinity, model)
            if key is not None and key.fits(model, need.tokens, passed, now):
                return key
            if need.pinned:
                return None
        search = self._searches.get(model)
        if search is not None and search.covers(need.tokens, now):
            return search.pick(need.tokens, passed, now)
        return self._pick_or_probe(need, model, passed, now)

    def _pick_or_probe(self, need: Need, model: str, passed: Collection[str], now: float) -> Key | None:
        """A key to probe, before the ready ones. But a call that has failed before probes a key only if no ready key has room."""
        roster = self._roster
        if not need.tried:
            key = roster.probe(model, need.tokens, passed, now, most=PROBES_LOOKED_AT)
            if key is not None:
                return key
        key = self._select(roster.ready, model, need.tokens, passed, now, self.dice)
        return key or roster.probe(model, need.tokens, passed, now, most=len(roster.awaiting))

    def outlook(self, need: Need, model: str, passed: Collection[str], now: float, *, is_bound_enough: bool = False) -> Outlook:
        """After `lease` found nothing: why, and when that may change. `is_bound_enough`: the moments may be too early."""
        tokens = need.tokens
        if need.pinned:
            key = self.keys.get(need.pinned)
            return outlook((key,) if key is not None else (), model, tokens, passed, now)
        search = None if passed else self._searches.get(model)
        is_remembered = search is not None and search.covers(tokens, now)
        if search is not None and is_remembered and (is_bound_enough or len(self.keys) > LOOKED_AT_MOST):
            return search.outlook_for(tokens, now)
        view = outlook(self.keys.values(), model, tokens, passed, now)
        if not (passed or is_remembered):
            if len(self._searches) >= REMEMBERED_MOST:
                self._searches.clear()
            self._searches[model] = Search(model, tokens, view)
        return view

    def soonest(self, need: Need, model: str, passed: Collection[str], now: float) -> tuple[float, Key | None]:
        """When time alone will have made room for a call, and on which ready key: the first. (inf, None): on none.

        Keys whose group has room kept already do not count: two calls would both wait for the same tokens to slide out.
        """
        ready = [key for key in self._roster.ready if key.label == need.pinned] if need.pinned else self._roster.ready[:LOOKED_AT_MOST]
        free = [key for key in ready if key.label not in passed and not key.group.is_earmarked and not key.is_full]
        moments = [(outlook((key,), model, need.tokens, (), now).wakes_at, key) for key in free]
        return min(moments, key=itemgetter(0), default=(inf, None))

    def stir(self, group: Group) -> None:
        """There may be more room in a group than its searches remember."""
        for search in self._searches.values():
            search.stirred[group] = None

    def _favourite(self, affinity: int, model: str) -> Key | None:
        known = self._favourites.get((affinity, model))
        if known is None:
            if len(self._favourites) >= REMEMBERED_MOST:
                self._favourites.clear()
            known = favourite((key for key in self.keys.values() if key.serves(model)), affinity)
            if known is not None:
                self._favourites[affinity, model] = known
        return known

    # -- release

    def release(self, grant: Grant, outcome: Outcome, now: float) -> bool:
        """Closes the grant and judges it. True: waiters may be better or worse off now."""
        is_stirring = grant.close(outcome, now)
        key, verdict, first_byte_s = grant.key, outcome.verdict, outcome.first_byte_s
        if first_byte_s is not None:
            before_s = key.latency_s
            key.latency_s = before_s + LATENCY_WEIGHT * (first_byte_s - before_s) if before_s else first_byte_s
        if (
            (verdict is SUCCESS and now < key.breaker.sure_until)
            and not (grant.probes or (key.troubles and grant.model in key.troubles))
            and self.outage.circuit.state is CLOSED
            and (grant.caller == key.witnesses.latest or key.witnesses.are_two)
            and (grant.model == key.well_models.latest or key.well_models.are_two)
        ):
            key.breaker.window.requests += 1
        else:
            is_stirring = self._judge(grant, outcome, now) or is_stirring
        if is_stirring and self._searches:
            self._stir(grant, verdict)
        return is_stirring

    def prove(self, grant: Grant, now: float) -> bool:
        """An attempt that may last long has begun well, so what it probes is well. True: there may be more room for waiting calls."""
        if not grant.probes:
            return False
        self._succeeded(grant, now)
        grant.probed_well()
        self._place(grant.key)
        self._searches.clear()
        return True

    def _stir(self, grant: Grant, verdict: Verdict) -> None:
        """There may be more room in the key's group. If its health has changed as well, all searches are forgotten."""
        group = grant.key.group
        if verdict in HARMLESS and not grant.key.is_removed and group.class_by_model.get(grant.model) is grant.model_class:
            self.stir(group)
        else:
            self._searches.clear()

    def _judge(self, grant: Grant, outcome: Outcome, now: float) -> bool:
        """Judges an end that is not one plain success among many. False: it was one after all."""
        if outcome.verdict is not SUCCESS:
            JUDGEMENTS[outcome.verdict](self, grant, outcome, now)
        else:
            self._succeeded(grant, now)
            if not grant.probes and not grant.key.is_removed:
                return False
            grant.probed_well()
        grant.end_probes()
        self._place(grant.key)
        return True

    def _succeeded(self, grant: Grant, now: float) -> None:
        """Tells the key's breaker and the outage. Further successes are only counted, until a new span begins or something fails."""
        key = grant.key
        key.did_well(grant, grant.caller, grant.model, now)
        self.witnesses.did_well(grant.caller, now)
        breaker = key.breaker
        self.outage.succeeded(key, now)
        if breaker.circuit.state is CLOSED and not key.is_removed:
            breaker.sure_until = min(breaker.window.ends, self.outage.ends)

    # -- places

    def _place_all(self) -> None:
        """From scratch: after a change of configuration or by an administrator."""
        self._roster = Roster(self.keys.values())
        self._searches.clear()
        self._favourites.clear()

    def _place(self, key: Key) -> None:
        """Puts the key where its circuits say. A removed key is forgotten when its last call ends."""
        if not key.is_removed:
            self._roster.place(key)
        elif not key.in_use and key in self.removed:
            self.removed.remove(key)
