"""A lease that is out: what it holds of its key and of the windows, until it is closed, once."""

from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from omnillm.keys.circuit import Circuit
from omnillm.keys.key import Key
from omnillm.keys.model_class import Handover, ModelClass
from omnillm.limits.window import Window
from omnillm.outcome import Outcome, Verdict

if TYPE_CHECKING:
    from omnillm.keys.pool import Pool

UNSENT = -1.0
NOT_SENT: Final = Verdict.NOT_SENT
"""Only after this verdict nothing stays charged. Providers also count requests that they refuse, and perhaps aborted ones."""
NEVER_LEFT = frozenset({Verdict.NOT_SENT, Verdict.ABORTED, Verdict.CALLER_FAULT})
"""With these verdicts a grant counts as unsent if `send` was not called. Any other verdict tells that the provider was reached."""


class Grant(Struct, kw_only=True, eq=False):
    """What `Pool.lease` took: a place at a key, and room in windows. If a reload replaces a window, it also counts in the new one."""

    case_id: str
    model: str
    tokens: int
    key: Key
    pool: "Pool"
    model_class: ModelClass
    windows: tuple[Window, ...]
    caller: str = ""
    """For whose call it is, once whoever leases says so."""
    probes: tuple[Circuit, ...] = ()
    """The circuits that it tries out."""
    sent_at: float = UNSENT
    requests_mark: int = 0
    """How far its class's running totals were when it was sent."""
    tokens_mark: int = 0

    def try_out(self, circuits: Iterable[Circuit], now: float) -> None:
        """Become the probe of each of them that needs one."""
        self.probes = tuple([circuit for circuit in circuits if circuit.take(self, now)])

    def probed_well(self) -> None:
        """Revive what it was the probe of; but for the breakers and the outage, which the pool tells."""
        key, model_class = self.key, self.model_class
        if self in key.dead.probes:
            key.dead.revive()
        model_class.let_in(self)
        self.end_probes()

    def end_probes(self) -> None:
        """It is no probe any more. If it has told nothing about a circuit, the next grant may probe that."""
        for circuit in self.probes:
            circuit.free(self)
        self.probes = ()

    def follow(self, handovers: Iterable[Handover]) -> None:
        """Count in the windows that count on from its own as well: when it is sent, and what it comes to."""
        own = self.windows
        for window in dict.fromkeys([into for left, into in handovers if left in own and into not in own]):
            self.windows += (window,)
            if self.sent_at == UNSENT:
                window.reserve(self.tokens)

    def send(self, now: float) -> None:
        """Its request and tokens count from now. If it is sent again, after a stale connection, they count from then."""
        tokens = self.tokens
        if self.sent_at != UNSENT:
            self._take_back()
            for window in self.windows:
                window.reserve(tokens)
        self.sent_at = now
        model_class = self.model_class
        self.requests_mark = model_class.requests_granted
        self.tokens_mark = model_class.tokens_granted
        for window in self.windows:
            window.send(tokens, now)

    def _take_back(self) -> None:
        for window in self.windows:
            window.take_back(self.tokens, self.sent_at)

    def close(self, outcome: Outcome, now: float) -> bool:
        """Gives back what the verdict does not keep, and corrects the tokens. True: there is more room than before."""
        key, tokens = self.key, self.tokens
        is_roomier = key.in_use == key.max_concurrency
        key.in_use -= 1
        key.tokens_in_flight -= tokens
        if self.sent_at == UNSENT and not self._has_left(outcome.verdict, now):
            return True
        headroom, first_byte_s = outcome.headroom, outcome.first_byte_s
        if headroom is not None:
            # The headers say what was left when the first byte came. What was granted after this request was sent is subtracted from it.
            at = now if first_byte_s is None else self.sent_at + first_byte_s
            if self.model_class.cap.update(headroom, self.requests_mark, self.tokens_mark, at if at < now else now):
                is_roomier = True
        if outcome.verdict is NOT_SENT:
            self._take_back()
            return True
        if outcome.tokens is not None:
            surplus = outcome.tokens - tokens
            if surplus:
                for window in self.windows:
                    window.correct(surplus, self.sent_at, now)
                    is_roomier = is_roomier or (surplus < 0 and window.tokens_limit < inf)
        return is_roomier

    def _has_left(self, verdict: Verdict, now: float) -> bool:
        """`send` was not called. Gives everything back, unless the verdict tells that the request was sent after all."""
        if verdict not in NEVER_LEFT:
            self.send(now)
            return True
        for window in self.windows:
            window.give_back(self.tokens)
        return False
