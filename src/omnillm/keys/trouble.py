"""Trouble of one model at one key: it fails while others do well, or it is refused (403, 404). Either may be one caller's own doing."""

from typing import Final

from omnillm.keys.breaker import JITTER, Breaker
from omnillm.keys.circuit import CLOSED, Backoff
from omnillm.keys.terms import BreakerConfigured, Dice
from omnillm.keys.witnesses import Witnesses
from omnillm.outcome import Outcome, Verdict

REFUSED: Final = Backoff(first_s=1.0, most_s=60.0, jitter=JITTER)
"""Short at first, for five refusals in a row may have been about the calls; long later, for what a key may not use it seldom may soon."""
PROVEN_S: Final = 600.0
"""For so long whoever did well with a model speaks for it. For ever, and a key that loses it would be tried by each call of the other."""


class Trouble(Breaker):
    """A breaker for key x model. Whoever fails with the model alone, while others do well with it, counts once."""

    __slots__ = ("_successes", "refusal", "witnesses")

    def __init__(self, terms: BreakerConfigured) -> None:
        super().__init__(terms)
        self.witnesses = Witnesses()
        """Callers of this model."""
        self._successes = 0
        """Since it last failed or was refused, whether that counted or not."""
        self.refusal: Verdict | None = None
        """The last that counted; None: that was a failure."""

    @property
    def is_sound(self) -> bool:
        """All calls of its window went well, and more than the probe; none was refused in between, as one caller's may be again."""
        return self.circuit.state is CLOSED and self.window.tokens == 0 and self._successes > 1

    def succeeded(self, grant: object, now: float) -> None:
        super().succeeded(grant, now)
        self._successes += 1

    def met(self, grant: object, caller: str, now: float, dice: Dice) -> None:
        """The model failed."""
        self._successes = 0
        if self.witnesses.is_believed(caller, now) or grant in self.circuit.probes:
            self._count(None, grant, now, dice)

    def refused(self, grant: object, caller: str, outcome: Outcome, now: float, dice: Dice) -> None:
        """The key may not use the model, or does not find it.

        One caller's in a row count once if they are doubtful, or another did well with the model not long ago.
        """
        self._successes = 0
        is_again, is_doubtful = self.witnesses.is_again(caller), outcome.is_doubtful
        is_own = is_again and (is_doubtful or self.witnesses.others_did_well(caller, now, PROVEN_S))
        if not is_own or (grant in self.circuit.probes and not is_doubtful):
            self._count(outcome.verdict, grant, now, dice)

    def _count(self, refusal: Verdict | None, grant: object, now: float, dice: Dice) -> None:
        """What comes while it rests, or beside its probe, does not tell for what."""
        if self.circuit.state is CLOSED or grant in self.circuit.probes:
            self.refusal = refusal
        self.failed(grant, now, dice, REFUSED if refusal else None)
