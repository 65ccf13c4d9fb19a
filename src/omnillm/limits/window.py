"""A sliding window made of buckets. In no minute (or day) more is granted than the limit; room returns at most one bucket late.

It counts requests together with their tokens, because both are limited at once and both slide out at the same moments.

What is granted but not yet sent is pending. It counts now and is in no bucket; `send` puts it into the bucket of that moment. So nothing
that is pending can slide out. The current bucket is not stored: it is the total without what is pending and without the older buckets.
"""

from array import array
from math import inf
from typing import Final

MINUTE_BUCKETS = 61
"""Of one second: the current one and the 60 before it. 60 would let the second half of one bucket meet the first half of its successor."""
DAY_BUCKETS = 97
DAY_BUCKET_S = 900
REQUESTS: Final = 1
"""Offsets within a past bucket: when it was over, requests, tokens."""
TOKENS: Final = 2
STRIDE: Final = 3
MOST: Final = 2**62
"""Of one bucket, which is above every limit: what a provider counts beyond that, in one second, is not counted here."""
Bucket = tuple[int, int, int]
"""When it is over, its requests and tokens."""


class Window:
    """At most `requests_limit` and `tokens_limit` in any span of `(buckets - 1) * width_s` seconds; inf: no limit, counted all the same.

    A correction may exceed a limit: debt blocks.
    """

    # fmt: off
    __slots__ = (
        "_past", "_requests_elsewhere", "_span_s", "_tokens_elsewhere", "_width_s", "ends", "requests", "requests_limit", "tokens",
        "tokens_limit",
    )
    # fmt: on

    def __init__(self, requests_limit: float, tokens_limit: float, *, buckets: int = MINUTE_BUCKETS, width_s: int = 1) -> None:
        self.requests_limit = requests_limit
        self.tokens_limit = tokens_limit
        self.requests = 0
        self.tokens = 0
        self._past = array("q")
        """The buckets before the current one, oldest first; no empty ones. Of each: when it was over, requests, tokens.

        Plain numbers side by side: there are ten thousand windows, and what one of them holds has gone cold when it is asked again.
        """
        self._requests_elsewhere = 0
        """Of the total, what is not in the current bucket: pending, or in an older one. As `_tokens_elsewhere`."""
        self._tokens_elsewhere = 0
        self._span_s = float((buckets - 1) * width_s)
        self._width_s = float(width_s)
        self.ends = float(width_s)
        """When the current bucket is over: `advance` before the totals are read from then on."""

    def reserve(self, tokens: int) -> None:
        """Grants a request, not yet sent. The caller has seen that there is room."""
        self.requests += 1
        self.tokens += tokens
        self._requests_elsewhere += 1
        self._tokens_elsewhere += tokens

    def give_back(self, tokens: int) -> None:
        """Takes back a request that was reserved and never sent."""
        self.requests -= 1
        self.tokens -= tokens
        self._requests_elsewhere -= 1
        self._tokens_elsewhere -= tokens

    def send(self, tokens: int, now: float) -> None:
        """What was reserved is sent now."""
        if now >= self.ends:
            self.advance(now)
        self._requests_elsewhere -= 1
        self._tokens_elsewhere -= tokens

    def take(self, tokens: int) -> None:
        """Granted and sent at once, by who has seen at this very moment that there is room."""
        self.requests += 1
        self.tokens += tokens

    def charge(self, tokens: int, now: float) -> None:
        """Granted and sent at once, whether there is room or not."""
        if now >= self.ends:
            self.advance(now)
        self.take(tokens)

    def correct(self, tokens: int, at: float, now: float) -> None:
        """What was sent at `at` had `tokens` more, or (negative) fewer. If its bucket is gone, more is charged now and fewer is ignored."""
        if now >= self.ends:
            self.advance(now)
        if at < self.ends - self._width_s and not self._amend(0, tokens, at) and tokens < 0:
            return
        self.tokens += tokens

    def take_back(self, tokens: int, at: float) -> None:
        """What seemed to be sent at `at` was not. If its bucket is gone it no longer counts anyway."""
        if at < self.ends - self._width_s and not self._amend(-1, -tokens, at):
            return
        self.requests -= 1
        self.tokens -= tokens

    def sent(self, now: float) -> list[Bucket]:
        """What counts and is not pending, the oldest first, the current bucket last."""
        if now >= self.ends:
            self.advance(now)
        here = int(self.ends), self.requests - self._requests_elsewhere, self.tokens - self._tokens_elsewhere
        past = self._past
        return [*zip(past[::STRIDE], past[REQUESTS::STRIDE], past[TOKENS::STRIDE], strict=True), here]

    def absorb(self, sent: list[Bucket], now: float) -> None:
        """Counts what another window of the same width has `sent` by now, at the moments of sending.

        What is pending there is not taken over: whoever holds it reserves it here as well, or it would never slide out.
        """
        buckets = {ends: (requests, tokens) for ends, requests, tokens in self.sent(now)}
        for ends, requests, tokens in sent:
            known = buckets.get(ends, (0, 0))
            buckets[ends] = both = min(known[0] + requests, MOST), min(known[1] + tokens, MOST)
            self.requests += both[0] - known[0]
            self.tokens += both[1] - known[1]
        here = buckets.pop(int(self.ends))
        self._requests_elsewhere, self._tokens_elsewhere = self.requests - here[0], self.tokens - here[1]
        self._past = array("q", [figure for ends in sorted(buckets) for figure in (ends, *buckets[ends])])

    def _amend(self, requests: int, tokens: int, at: float) -> bool:
        """Add to the past bucket of a moment. False: that bucket is gone."""
        past, width_s = self._past, self._width_s
        ends = (at // width_s + 1.0) * width_s
        # Where it is if none between it and now was empty. It can only stand behind that.
        place = max(len(past) - STRIDE * int((self.ends - ends) / width_s), 0)
        while place < len(past) and past[place] < ends:
            place += STRIDE
        if place == len(past) or past[place] != ends:
            return False
        if tokens > MOST - past[place + TOKENS]:
            tokens = MOST - past[place + TOKENS]  # the rest counts as charged now
        past[place + REQUESTS] += requests
        past[place + TOKENS] += tokens
        self._requests_elsewhere += requests
        self._tokens_elsewhere += tokens
        return True

    def requests_left(self, now: float) -> float:
        """That may still be granted now."""
        if now >= self.ends:
            self.advance(now)
        return self.requests_limit - self.requests

    def tokens_left(self, now: float) -> float:
        """That may still be granted now; negative in debt."""
        if now >= self.ends:
            self.advance(now)
        return self.tokens_limit - self.tokens

    def request_at(self, now: float) -> float:
        """When time alone makes room for a request; what is pending is taken to be sent now."""
        return self._room_at(REQUESTS, 1 - self.requests_left(now), now)

    def tokens_at(self, tokens: int, now: float) -> float:
        """When time alone makes room for so many tokens; what is pending is taken to be sent now. inf: more than the limit."""
        return inf if tokens > self.tokens_limit else self._room_at(TOKENS, tokens - self.tokens_left(now), now)

    def tokens_gone_by(self, moment: float, now: float) -> int:
        """Of what is in a past bucket: how much will have slid out at `moment`."""
        if now >= self.ends:
            self.advance(now)
        past, gone = self._past, 0
        for place in range(0, len(past), STRIDE):
            if past[place] + self._span_s > moment:
                break
            gone += past[place + TOKENS]
        return gone

    def _room_at(self, kind: int, excess: float, now: float) -> float:
        """When `excess` has slid out, of requests or tokens."""
        if excess <= 0:
            return now
        past = self._past
        for place in range(0, len(past), STRIDE):
            excess -= past[place + kind]
            if excess <= 0:
                return past[place] + self._span_s
        return self.ends + self._span_s

    def advance(self, now: float) -> None:
        """Begins the bucket of this moment, and lets those that have slid out go."""
        past, requests, tokens = self._past, self.requests, self.tokens
        requests_here, tokens_here = requests - self._requests_elsewhere, tokens - self._tokens_elsewhere
        if requests_here or tokens_here:
            if tokens_here > MOST:
                self.tokens = tokens = tokens - tokens_here + MOST
                tokens_here = MOST
            past.extend((int(self.ends), requests_here, tokens_here))
            self._requests_elsewhere, self._tokens_elsewhere = requests, tokens
        self.ends = (now // self._width_s + 1.0) * self._width_s
        while past and past[0] + self._span_s <= now:
            _, requests, tokens = past[:STRIDE]
            del past[:STRIDE]
            self.requests -= requests
            self.tokens -= tokens
            self._requests_elsewhere -= requests
            self._tokens_elsewhere -= tokens


def resized(window: Window | None, requests: int, tokens: int, *, buckets: int = MINUTE_BUCKETS, width_s: int = 1) -> Window | None:
    """The window under changed limits, 0 for none of that kind: its content stays. Without any limit it is taken away."""
    if not (requests or tokens):
        return None
    if window is None:
        return Window(requests or inf, tokens or inf, buckets=buckets, width_s=width_s)
    window.requests_limit, window.tokens_limit = requests or inf, tokens or inf
    return window
