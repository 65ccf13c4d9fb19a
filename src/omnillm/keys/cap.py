"""How much is left by the provider's rate-limit headers: an upper bound besides our own windows, until the provider resets it."""

from omnillm.outcome import Headroom

RESET_S = 60.0
"""When a header tells what is left and not until when: providers' windows are a minute."""
RESET_MOST_S = 3600.0


class Cap:
    """A ceiling for the running totals of grants: what was granted after the header was made counts against what it said was left.

    It can only narrow: our own windows hold, whatever it says. The latest header wins; one that was made earlier and is read later, as at
    the end of a long stream, changes nothing.
    """

    __slots__ = ("_requests_as_of", "_requests_until", "_tokens_as_of", "_tokens_until", "requests", "tokens", "until")

    def __init__(self) -> None:
        self.requests = 0
        """How far the running total of requests may grow, and `tokens` that of tokens."""
        self.tokens = 0
        self.until = 0.0
        """When neither holds any more."""
        self._requests_until = 0.0
        self._tokens_until = 0.0
        self._requests_as_of = -1.0
        self._tokens_as_of = -1.0

    def update(self, headroom: Headroom, requests_mark: int, tokens_mark: int, at: float) -> bool:
        """What the provider said at `at`, when the totals stood at the marks. True: looser than what was in force."""
        is_looser = False
        left = headroom.requests_left
        if left is not None and at >= self._requests_as_of:
            reset_s = headroom.requests_reset_s
            ceiling, until = requests_mark + left, at + (RESET_S if reset_s is None else _bounded(reset_s))
            is_looser = self._requests_until > at and (ceiling > self.requests or until < self._requests_until)
            self._requests_as_of, self.requests, self._requests_until = at, ceiling, until
        left = headroom.tokens_left
        if left is not None and at >= self._tokens_as_of:
            reset_s = headroom.tokens_reset_s
            ceiling, until = tokens_mark + left, at + (RESET_S if reset_s is None else _bounded(reset_s))
            is_looser = is_looser or (self._tokens_until > at and (ceiling > self.tokens or until < self._tokens_until))
            self._tokens_as_of, self.tokens, self._tokens_until = at, ceiling, until
        of_requests, of_tokens = self._requests_until, self._tokens_until
        self.until = of_requests if of_requests > of_tokens else of_tokens
        return is_looser

    def holds_until(self, requests: int, tokens: int, now: float) -> float:
        """Until when the running totals may not grow to these; 0: they may."""
        of_requests = self._requests_until if requests > self.requests and now < self._requests_until else 0.0
        of_tokens = self._tokens_until if tokens > self.tokens and now < self._tokens_until else 0.0
        return max(of_requests, of_tokens)


def _bounded(seconds: float) -> float:
    if seconds < 0.0:
        return 0.0
    return seconds if seconds < RESET_MOST_S else RESET_MOST_S
