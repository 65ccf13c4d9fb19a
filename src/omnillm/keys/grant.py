"""A lease that is out: what it holds of the key and of its group's windows, until it is closed, once."""

from typing import TYPE_CHECKING

from omnillm.keys.charge import CHARGES
from omnillm.keys.circuit import CLOSED, HALF_OPEN, Circuit
from omnillm.keys.demand import Demand, Wish
from omnillm.keys.key import Key
from omnillm.outcome import Headroom, Outcome, Verdict

if TYPE_CHECKING:
    from omnillm.keys.pool import Pool

UNSENT = -1.0
NEVER_LEFT = frozenset({Verdict.NOT_SENT, Verdict.ABORTED, Verdict.CALLER_FAULT})
"""Verdicts that leave a grant unsent when `send` was not called; any other tells that the provider was reached."""


class Grant:
    """Made when a key is leased: takes the slot and the tokens. The windows are those of that moment, whatever is configured later."""

    __slots__ = (
        "_requests_mark",
        "_tokens_mark",
        "_windows",
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
        self.model = demand.model
        self.tokens = tokens = demand.tokens
        self.sent_at = UNSENT
        self.model_class = model_class = key.group.class_of(demand.model, now)
        self._windows = windows = model_class.windows
        for window, is_of_tokens in windows:
            window.used += tokens if is_of_tokens else 1
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
        self._requests_mark = self.model_class.requests_granted
        self._tokens_mark = self.model_class.tokens_granted
        for window, is_of_tokens in self._windows:
            window.stamp(self.tokens if is_of_tokens else 1, now)

    def _unsend(self, now: float) -> None:
        for window, is_of_tokens in self._windows:
            amount = self.tokens if is_of_tokens else 1
            window.correct(-amount, at=self.sent_at, now=now)
            window.reserve(amount)

    def close(self, outcome: Outcome, now: float) -> bool:
        """Gives back what the verdict does not keep, and corrects the tokens. True: there is more room than before."""
        key, verdict = self.key, outcome.verdict
        slots = key.slots
        is_roomier = 0 < slots.limit <= slots.in_use
        slots.in_use -= 1
        key.tokens_in_flight -= self.tokens
        if self.sent_at == UNSENT:
            if verdict in NEVER_LEFT:
                self._give_back()
                return True
            self.send(now)
        if outcome.headroom is not None:
            is_roomier = self._hear(outcome.headroom, outcome, now) or is_roomier
        charge = CHARGES[verdict]
        requests = 0 if charge.slot else -1
        tokens = 0
        if outcome.is_usage_known or not charge.tokens:
            tokens = (outcome.usage.total_tokens if charge.tokens else 0) - self.tokens
        if requests or tokens:
            for window, is_of_tokens in self._windows:
                delta = tokens if is_of_tokens else requests
                if delta:
                    window.correct(delta, at=self.sent_at, now=now)
                    is_roomier = is_roomier or delta < 0
        return is_roomier

    def _give_back(self) -> None:
        for window, is_of_tokens in self._windows:
            window.give_back(self.tokens if is_of_tokens else 1)

    def _hear(self, headroom: Headroom, outcome: Outcome, now: float) -> bool:
        """Headers tell of the moment of the first byte; whatever was granted since this one was sent comes off what was left then."""
        at = now if outcome.first_byte_s is None else min(now, self.sent_at + outcome.first_byte_s)
        return self.model_class.hear(headroom, requests_mark=self._requests_mark, tokens_mark=self._tokens_mark, at=at)
