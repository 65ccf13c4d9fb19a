"""What a provider's rate-limit headers said is left: an upper bound beside our own windows, until it resets."""

RESET_S = 60.0
"""When a header tells what is left and not until when: providers' windows are a minute."""
RESET_MOST_S = 3600.0


class Cap:
    """Counted on a running total of grants, so that what was granted after the header was made is subtracted from it.

    It only ever narrows: our own windows hold whatever it says. The latest header wins; one that was made earlier and read later, as at
    the end of a long stream, changes nothing.
    """

    __slots__ = ("_heard_at", "ceiling", "until")

    def __init__(self) -> None:
        self.ceiling = 0
        self.until = 0.0
        self._heard_at = -1.0

    def hear(self, ceiling: int, reset_s: float | None, at: float) -> bool:
        """At `at` the provider said that the running total may grow to `ceiling` until its reset. True: looser than what was in force."""
        if at < self._heard_at:
            return False
        until = at + (RESET_S if reset_s is None else min(max(reset_s, 0.0), RESET_MOST_S))
        is_looser = self.until > at and (ceiling > self.ceiling or until < self.until)
        self._heard_at = at
        self.ceiling = ceiling
        self.until = until
        return is_looser

    def blocks(self, total: int, now: float) -> bool:
        return total > self.ceiling and now < self.until
