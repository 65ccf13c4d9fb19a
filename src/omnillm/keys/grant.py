"""A lease that is out: what it holds of the key and of its group's windows, until it is closed, once."""

from typing import TYPE_CHECKING

from omnillm.keys.charge import CHARGES
from omnillm.keys.circuit import CLOSED, HALF_OPEN, Circuit
from omnillm.keys.demand import Demand, Wish
from omnillm.keys.key import Key
from omnillm.limits.window import Window
from omnillm.outcome import Headroom, Outcome, Verdict

if TYPE_CHECKING:
    from omnillm.keys.pool import Pool

UNSENT = -1.0
NEVER_LEFT = frozenset({Verdict.NOT_SENT, Verdict.ABORTED, Verdict.CALLER_FAULT})
"""Verdicts that leave a grant unsent when `send` was not called; any other tells that the provider was reached."""


class Grant:
    """Made when a key is leased: takes the slot and the tokens. The windows are those of that moment, whatever is configured later."""

    __slots__ = (
        "_request_windows",
        "_requests_mark",
        "_token_windows",
        "_tokens_mark",
        "case_id",
        "key",
        "lease_id",
        "model",
        "model_class",
        "pool",
        "probes",
        "sent_at",
        "tokens",
    )

    def __init__(self, lease_id: int, wish: Wish, demand: Demand, key: Key, pool: "Pool", *, now: float) -> None:
        self.lease_id = lease_id
        self.case_id = wish.case_id
        self.key = key
        self.pool = pool
        self.model = model = demand.model
        self.tokens = tokens = demand.tokens
        self.sent_at = UNSENT
        group = key.group
        self.model_class = model_class = group.class_by_model.get(model) or group.class_of(model, now)
        self._request_windows = request_windows = model_class.request_windows
        self._token_windows = token_windows = model_class.token_windows
        for window in request_windows:
            window.used += 1
        for window in token_windows:
            window.used += tokens
        model_class.requests_granted += 1
        model_class.tokens_granted += tokens
        key.slots.in_use += 1
        key.tokens_in_flight += tokens
        self.probes: tuple[Circuit, ...] = ()
        if not (key.is_ready and model_class.circuit.state is CLOSED and pool.outage.circuit.state is CLOSED) or key.denials:
            self._probe()

    def _probe(self) -> None:
        circuits = [*self.key.circuits(self.model, self.model_class), self.pool.outage.circuit]
        self.probes = tuple(circuit for circuit in circuits if circuit.state is HALF_OPEN and circuit.probe is None)
        for circuit in self.probes:
            circuit.probe = self

    def send(self, now: float) -> None:
        """Its slot and tokens count from now. Sent again, after a stale connection, they move here."""
        if self.sent_at != UNSENT:
            self._unsend(now)
        self.sent_at = now
        model_class = self.model_class
        self._requests_mark = model_class.requests_granted
        self._tokens_mark = model_class.tokens_granted
        for window in self._request_windows:
            window.stamp(1, now)
        for window in self._token_windows:
            window.stamp(self.tokens, now)

    def _unsend(self, now: float) -> None:
        for window, amount in self._charges():
            window.correct(-amount, at=self.sent_at, now=now)
            window.reserve(amount)

    def close(self, outcome: Outcome, now: float) -> bool:
        """Gives back what the verdict does not keep, and corrects the tokens. True: there is more room than before."""
        key, slots, verdict = self.key, self.key.slots, outcome.verdict
        is_roomier = 0 < slots.limit <= slots.in_use
        slots.in_use -= 1
        key.tokens_in_flight -= self.tokens
        if self.sent_at == UNSENT and not self._has_left(verdict, now):
            return True
        if outcome.headroom is not None:
            is_roomier = self._hear(outcome.headroom, outcome, now) or is_roomier
        charge = CHARGES[verdict]
        if not charge.slot:
            for window in self._request_windows:
                window.correct(-1, at=self.sent_at, now=now)
            is_roomier = True
        if outcome.is_usage_known or not charge.tokens:
            surplus = (outcome.usage.total_tokens if charge.tokens else 0) - self.tokens
            if surplus:
                for window in self._token_windows:
                    window.correct(surplus, at=self.sent_at, now=now)
                    is_roomier = is_roomier or surplus < 0
        return is_roomier

    def _has_left(self, verdict: Verdict, now: float) -> bool:
        """Closed before it was sent: gives all back, unless the verdict tells that it was sent after all."""
        if verdict not in NEVER_LEFT:
            self.send(now)
            return True
        for window, amount in self._charges():
            window.give_back(amount)
        return False

    def _charges(self) -> list[tuple[Window, int]]:
        return [(window, 1) for window in self._request_windows] + [(window, self.tokens) for window in self._token_windows]

    def _hear(self, headroom: Headroom, outcome: Outcome, now: float) -> bool:
        """Headers tell of the moment of the first byte; whatever was granted since this one was sent comes off what was left then."""
        at = now if outcome.first_byte_s is None else min(now, self.sent_at + outcome.first_byte_s)
        return self.model_class.hear(headroom, requests_mark=self._requests_mark, tokens_mark=self._tokens_mark, at=at)
