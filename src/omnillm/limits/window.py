"""A sliding window in buckets: never over a limit in any minute (or day), at most one bucket late to free.

It counts requests and their tokens together, because whatever limits the one limits the other, and both move on at the same moments.

What is granted but not yet sent is pending: it counts in the present, in no bucket, until `send` puts it into the bucket of that moment.
So nothing pending ever slides out. The current bucket is what of a total is neither pending nor in an older one.
"""

from math import inf

MINUTE_BUCKETS = 61
"""Of one second: the current one and the 60 before it. 60 would let the second half of one bucket meet the first half of its successor."""
DAY_BUCKETS = 97
DAY_BUCKET_S = 900.0


class Window:
    """At most `requests_limit` and `tokens_limit` in any span of `(buckets - 1) * width_s` seconds; inf: no limit, counted all the same.

    A correction may exceed a limit: debt blocks.
    """

    __slots__ = (
        "_head",
        "_requests_before",
        "_requests_ring",
        "_slot",
        "_tokens_before",
        "_tokens_ring",
        "_width_s",
        "ends",
        "requests",
        "requests_limit",
        "requests_pending",
        "tokens",
        "tokens_limit",
        "tokens_pending",
    )

    def __init__(self, requests_limit: float, tokens_limit: float, *, buckets: int = MINUTE_BUCKETS, width_s: float = 1.0) -> None:
        self.requests_limit = requests_limit
        self.tokens_limit = tokens_limit
        self.requests = 0
        self.tokens = 0
        self.requests_pending = 0
        self.tokens_pending = 0
        self._requests_ring = [0] * buckets
        self._tokens_ring = [0] * buckets
        self._requests_before = 0
        """What the rings hold, the buckets before the current one, all together; as `_tokens_before`."""
        self._tokens_before = 0
        self._width_s = width_s
        self._head = 0
        self._slot = 0
        """Where the current bucket will stand in the rings, empty until it is over; older ones stand before it, and wrap as negative
        indices do."""
        self.ends = width_s
        """When the current bucket is over: `advance` before the totals are read from then on."""

    def reserve(self, tokens: int) -> None:
        """Grants a request, not yet sent. The caller has seen that there is room."""
        self.requests += 1
        self.tokens += tokens
        self.requests_pending += 1
        self.tokens_pending += tokens

    def give_back(self, tokens: int) -> None:
        """Takes back a request that was reserved and never sent."""
        self.requests -= 1
        self.tokens -= tokens
        self.requests_pending -= 1
        self.tokens_pending -= tokens

    def send(self, tokens: int, now: float) -> None:
        """What was reserved is sent now."""
        if now >= self.ends:
            self.advance(now)
        self.requests_pending -= 1
        self.tokens_pending -= tokens

    def charge(self, tokens: int, now: float) -> None:
        """Reserved and sent at once."""
        if now >= self.ends:
            self.advance(now)
        self.requests += 1
        self.tokens += tokens

    def correct(self, tokens: int, at: float, now: float) -> None:
        """So many tokens more, or (negative) less, were in what was sent at `at`. Its bucket gone: more is charged now, less dropped."""
        if now >= self.ends:
            self.advance(now)
        age = 0 if at >= self.ends - self._width_s else self._head - int(at / self._width_s)
        if age >= len(self._tokens_ring):
            if tokens < 0:
                return
        elif age:
            self._tokens_ring[self._slot - age] += tokens
            self._tokens_before += tokens
        self.tokens += tokens

    def take_back(self, tokens: int, at: float, now: float) -> None:
        """What was sent at `at` was not: it counts no more. Its bucket gone: it does not anyway."""
        if now >= self.ends:
            self.advance(now)
        age = 0 if at >= self.ends - self._width_s else self._head - int(at / self._width_s)
        if age >= len(self._tokens_ring):
            return
        if age:
            self._requests_ring[self._slot - age] -= 1
            self._requests_before -= 1
            self._tokens_ring[self._slot - age] -= tokens
            self._tokens_before -= tokens
        self.requests -= 1
        self.tokens -= tokens

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
        return self._room_at(self._requests_ring, 1 - self.requests_left(now), now)

    def tokens_at(self, tokens: int, now: float) -> float:
        """When time alone makes room for so many tokens; what is pending is taken to be sent now. inf: more than the limit."""
        return inf if tokens > self.tokens_limit else self._room_at(self._tokens_ring, tokens - self.tokens_left(now), now)

    def _room_at(self, ring: list[int], excess: float, now: float) -> float:
        """When `excess` of what a ring holds has slid out."""
        if excess <= 0:
            return now
        oldest = len(ring) - 1
        for age in range(oldest, 0, -1):
            excess -= ring[self._slot - age]
            if excess <= 0:
                return (self._head - age + oldest + 1) * self._width_s
        return (self._head + oldest + 1) * self._width_s

    def advance(self, now: float) -> None:
        """Lets the buckets that have slid out go."""
        head = int(now / self._width_s)
        requests, tokens = self._requests_ring, self._tokens_ring
        count = len(requests)
        slot, gone = head % count, head - self._head
        if gone >= count:
            self._requests_ring, self._tokens_ring = [0] * count, [0] * count
            self.requests, self.tokens = self.requests_pending, self.tokens_pending
            self._requests_before = self._tokens_before = 0
        else:
            requests[self._slot] = self.requests - self.requests_pending - self._requests_before
            tokens[self._slot] = self.tokens - self.tokens_pending - self._tokens_before
            # From a negative index on, they wrap around the end of the ring. Most of them are empty.
            for number in range(slot - gone + 1, slot + 1):
                if requests[number] or tokens[number]:
                    self.requests -= requests[number]
                    self.tokens -= tokens[number]
                    requests[number] = tokens[number] = 0
            self._requests_before = self.requests - self.requests_pending
            self._tokens_before = self.tokens - self.tokens_pending
        self._head = head
        self._slot = slot
        self.ends = (head + 1) * self._width_s


def resized(window: Window | None, requests: int, tokens: int, *, buckets: int = MINUTE_BUCKETS, width_s: float = 1.0) -> Window | None:
    """The window under changed limits, 0 for none of that kind: its content stays. Without any limit it is taken away."""
    if not (requests or tokens):
        return None
    if window is None:
        return Window(requests or inf, tokens or inf, buckets=buckets, width_s=width_s)
    window.requests_limit, window.tokens_limit = requests or inf, tokens or inf
    return window
