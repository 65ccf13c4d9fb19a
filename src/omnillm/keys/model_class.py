"""A model class: some models that share limits in a quota group, what is used of these limits, and whether the provider serves them now."""

from collections.abc import Iterable, Sequence
from math import inf

from omnillm.keys.cap import Cap
from omnillm.keys.circuit import CLOSED, Ramp
from omnillm.keys.terms import ModelLimits
from omnillm.limits.window import DAY_BUCKET_S, DAY_BUCKETS, Window, resized

Handover = tuple[Window, Window]
"""A window of the group that a key has left, and the one that counts on from it."""
FULL = inf
CONSENT_S = 3.0
"""Providers refuse for a limit at once. So a probe that has run for this long was let in, and other calls may follow; or for twice as long
as the last refusal took, if that is less. The least is `CONSENT_LEAST_S`."""
CONSENT_LEAST_S = 0.5


class ModelClass:
    """What a group may spend on the models of one class, and whether the provider lets it.

    Its windows are its own and the group's, so that room is asked for in one place.
    """

    # fmt: off
    __slots__ = (
        "cap", "circuit", "day", "is_exhausted", "is_well", "minute", "name", "requests_granted", "tokens_granted", "windows",
    )
    # fmt: on

    def __init__(self, name: str, group: Window | None) -> None:
        """Without limits of its own; `group`: the group's window."""
        self.name = name
        self.circuit = Ramp(CONSENT_S)
        self.is_well = True
        """Its circuit is closed."""
        self.is_exhausted = False
        self.minute: Window | None = None
        self.day: Window | None = None
        self.windows: tuple[Window, ...] = () if group is None else (group,)
        """All that bind it."""
        self.cap = Cap()
        self.requests_granted = 0
        self.tokens_granted = 0

    def configure(self, limits: Sequence[ModelLimits], group: Window | None) -> None:
        """The limits that the group's keys state for it, and the group's window."""
        self.minute = resized(self.minute, tightest([each.rpm for each in limits]), tightest([each.tpm for each in limits]))
        self.day = resized(self.day, tightest([each.rpd for each in limits]), 0, buckets=DAY_BUCKETS, width_s=DAY_BUCKET_S)
        self.windows = tuple([window for window in (group, self.minute, self.day) if window])

    def load(self, tokens: int, now: float) -> float:
        """Share of the tightest limit in use with one more request of `tokens`, 0 to 1; FULL: no room for it."""
        cap = self.cap
        is_in_doubt = not self.is_well or (
            now < cap.until and (self.requests_granted >= cap.requests or self.tokens_granted + tokens > cap.tokens)
        )
        if is_in_doubt and self._is_barred(tokens, now):
            return FULL
        load = 0.0
        for window in self.windows:
            if now >= window.ends:
                window.advance(now)
            share = (window.requests + 1) / window.requests_limit
            if share > load:
                load = share
            share = (window.tokens + tokens) / window.tokens_limit
            if share > load:
                load = share
        return load if load <= 1.0 else FULL

    def _is_barred(self, tokens: int, now: float) -> bool:
        self.circuit.heed_silence(now)
        self._look()
        return not self.circuit.admits(now) or self.held_until(tokens, now) > 0.0

    def held_until(self, tokens: int, now: float) -> float:
        """Until when the provider's headers say that there is no room; 0: they do not."""
        return self.cap.holds_until(self.requests_granted + 1, self.tokens_granted + tokens, now)

    def largest(self) -> float:
        """Tokens of the largest call that fits a whole limit; inf: any."""
        return min([window.tokens_limit for window in self.windows], default=inf)

    def take_over(self, other: "ModelClass", now: float) -> list[Handover]:
        """Take over what a class of the same account has used, and until when the provider lets nobody in."""
        if other.circuit.rest_s(now):
            self.cool(other.circuit.until)
            self.is_exhausted = self.is_exhausted or other.is_exhausted
        pairs = (other.minute, self.minute), (other.day, self.day)
        return [(theirs, own) for theirs, own in pairs if theirs is not None and own is not None]

    def is_idle(self, now: float) -> bool:
        """Nothing is lost when it is forgotten."""
        return self.is_well and now >= self.cap.until and not (self.minute or self.day)

    def cool(self, until: float, refused_after_s: float = CONSENT_S) -> None:
        """The provider lets nobody of the group use it before that moment, and took so long to say so."""
        self.circuit.patience_s = min(CONSENT_S, max(CONSENT_LEAST_S, 2 * refused_after_s))
        self.circuit.fail(until)
        self.is_well = False

    def let_in(self, grant: object) -> None:
        """It went well: if it was a probe, the next 429 is the first again."""
        if grant in self.circuit.probes:
            self.circuit.passed(grant)
            self.is_exhausted = False
            self._look()

    def _look(self) -> None:
        if self.circuit.state is CLOSED:
            self.is_well, self.is_exhausted = True, False

    def forget_health(self) -> None:
        self.circuit.revive()
        self._look()
        self.cap = Cap()


def tightest(limits: Iterable[int]) -> int:
    """Keys of one account should agree; where they do not, the smallest limit holds. 0: there is none."""
    return min([limit for limit in limits if limit], default=0)
