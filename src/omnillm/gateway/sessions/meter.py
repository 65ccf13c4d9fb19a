"""What a live session has cost so far, and how much must be reserved before it goes on. Pure.

The reservation always covers what was spent, every open turn, and one turn more. A provider begins turns by itself when it hears the end of
a sentence, and can be told to stop only after it has begun.
"""

from collections.abc import Callable
from typing import Final

from omnillm.gateway.attempts.attempt import UNSEEN_TOKENS_A_SECOND
from omnillm.gateway.sessions.turns import longest_output, prompt_bound, turn_bound
from omnillm.pricing.cost import MAX_COST_NANOUSD, Price, bound, cost
from omnillm.protocols.sessions.session import Report, Watch
from omnillm.usage import NO_USAGE, Usage

SLACK_TOKENS: Final = 16
"""What a provider may generate and bill between our closing and its noticing."""
TOKENS_A_SECOND: Final = 20
"""For audio that is billed by its duration: no provider counts more tokens in a second, or charges more for it than for them."""


class Meter:
    """The meter of one session on one target. `price` None: its cost is not known."""

    __slots__ = ("_beside", "_find", "_graded", "_price", "_unsent", "_watch", "has_estimates", "usage")

    def __init__(self, watch: Watch, price: Price | None, find: Callable[[str], Price | None]) -> None:
        """`find`: the price of another model of the same provider."""
        self._watch = watch
        self._price = price
        self._find = find
        self._unsent = 0
        """Turns that were asked for in messages which have not left."""
        self.usage: Usage = NO_USAGE
        """The usage of the session's own model, as reported."""
        self._graded = 0
        """nano-USD of the turns, where the length of each decides its rates."""
        self._beside = 0
        """nano-USD of other models, and of turns that reported nothing."""
        self.has_estimates = False

    @property
    def open_turns(self) -> int:
        return self._watch.open_turns

    @property
    def spent_nanousd(self) -> int:
        """Rounded up once, unless the rates depend on the length of a turn's prompt."""
        price = self._price
        if price is None:
            return 0
        own = self._graded if price.steps else cost(self.usage, price) if self.usage != NO_USAGE else 0
        return min(self._beside + own, MAX_COST_NANOUSD)

    @property
    def turn_nanousd(self) -> int:
        """What the next turn costs at most."""
        return 0 if self._price is None else turn_bound(self._watch, self._price)

    @property
    def needed_nanousd(self) -> int:
        return self.spent_nanousd + (self.open_turns + 1) * self.turn_nanousd

    @property
    def is_exact(self) -> bool:
        """Whether the usage of the session's own model tells the whole cost."""
        return not self._beside and not (self._price is not None and self._price.steps)

    @property
    def billable_turns(self) -> int:
        """The open turns that the provider knows of."""
        return max(self.open_turns - self._unsent, 0)

    def to_provider(self, message: bytes) -> None:
        """A message that is about to be sent to the provider; `sent` follows when it has left."""
        before = self.open_turns
        self._watch.to_provider(message)
        self._unsent += max(self.open_turns - before, 0)

    def sent(self) -> None:
        self._unsent = 0

    def from_provider(self, message: bytes) -> None:
        """A message of the provider."""
        for report in self._watch.from_provider(message):
            if report.model:
                self._add_beside(report)
            elif report.usage is None or report.usage.is_incredible:
                self._add_unreported()
            else:
                self.usage = self.usage + report.usage
                if self._price is not None and self._price.steps:
                    self._graded += cost(report.usage, self._price)

    def close(self, open_s: float = 0.0) -> None:
        """The session is over: turns that are still open are billed for their prompt, for what was generated, and for thoughts unseen.

        `open_s`: since when none of them was open.
        """
        turns, price = self.billable_turns, self._price
        if turns and price is not None:
            asked = turns * bound(prompt_bound(self._watch, price), SLACK_TOKENS, price)
            thoughts = min(int(open_s * UNSEEN_TOKENS_A_SECOND), longest_output(price)) if price.thinks else 0
            self._estimate(asked + bound(0, self._observed(turns), price) + turns * cost(Usage(reasoning=thoughts), price))

    def _add_beside(self, report: Report) -> None:
        """A transcription, at its own model's price; where nobody knows that, at the session's, which is dearer."""
        own = self._find(report.model)
        usage = report.usage
        if usage is None and own is not None and not own.input_audio:
            own = None  # billed by the second alone
        price = own or self._price
        if usage is None:
            usage = Usage(input_audio=int(report.audio_s * TOKENS_A_SECOND) + 1)
        if price is not None:
            self._beside += cost(usage, price)
        self.has_estimates = self.has_estimates or own is None or report.usage is None

    def _add_unreported(self) -> None:
        if self._price is not None:
            self._estimate(bound(prompt_bound(self._watch, self._price), self._observed(1) + SLACK_TOKENS, self._price))

    def _estimate(self, amount: int) -> None:
        self._beside += amount
        self.has_estimates = True

    def _observed(self, turns: int) -> int:
        assert self._price is not None
        return min(self._watch.observed_tokens, turns * longest_output(self._price))
