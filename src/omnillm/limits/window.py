"""A sliding window in buckets: never over its limit in any minute (or day), at most one bucket late to free.

What is granted but not yet sent counts in the present: it is inside `used` and in no bucket, until `stamp` puts it into the bucket of
the moment of sending. So `used` minus the buckets is what is pending, and nothing pending ever slides out.
"""

from math import inf

MINUTE_BUCKETS = 61
"""Of one second: the current one and the 60 before it. 60 would let the second half of one bucket meet the first half of its successor."""
DAY_BUCKETS = 97
DAY_BUCKET_S = 900.0


class Window:
    """`limit` units in any span of `(buckets - 1) * width_s` seconds. Amortised O(1). A correction may exceed the limit: debt blocks."""

    __slots__ = ("_buckets", "_head", "_sent", "_slot", "_width_s", "ends", "limit", "used")

    def __init__(self, limit: int, *, buckets: int = MINUTE_BUCKETS, width_s: float = 1.0) -> None:
        self.limit = limit
        self.used = 0
        self._sent = 0
        """What the current bucket holds; the ring has the older ones."""
        self._buckets = [0] * buckets
        self._width_s = width_s
        self._head = 0
        self._slot = 0
        """Where the current bucket will stand in the ring, empty until it is over; older ones stand before it, and wrap as negative
        indices do."""
        self.ends = width_s
        """When the current bucket is over: `advance` before `used` is read from then on."""

    def left(self, now: float) -> int:
        """Units that may still be granted now; negative in debt."""
        if now >= self.ends:
            self.advance(now)
        return self.limit - self.used

    def reserve(self, amount: int) -> None:
        """Grants `amount`, not yet sent. The caller has asked `left`."""
        self.used += amount

    def give_back(self, amount: int) -> None:
        """Takes back what was reserved and never sent."""
        self.used -= amount

    def stamp(self, amount: int, now: float) -> None:
        """What was reserved is sent now."""
        if now >= self.ends:
            self.advance(now)
        self._sent += amount

    def charge(self, amount: int, now: float) -> None:
        """Reserved and sent at once."""
        if now >= self.ends:
            self.advance(now)
        self._sent += amount
        self.used += amount

    def correct(self, delta: int, at: float, now: float) -> None:
        """The truth about what was stamped at `at`. Its bucket gone: a surplus is charged now, a refund dropped."""
        if now >= self.ends:
            self.advance(now)
        age = 0 if at >= self.ends - self._width_s else self._head - int(at / self._width_s)
        if age >= len(self._buckets):
            if delta < 0:
                return
            age = 0
        if age:
            self._buckets[self._slot - age] += delta
        else:
            self._sent += delta
        self.used += delta

    def earliest(self, amount: int, now: float) -> float:
        """When time alone makes room for `amount`; what is pending is taken to be sent now. inf: larger than the limit."""
        if amount > self.limit:
            return inf
        excess = amount - self.left(now)
        if excess <= 0:
            return now
        oldest = len(self._buckets) - 1
        for age in range(oldest, 0, -1):
            excess -= self._buckets[self._slot - age]
            if excess <= 0:
                return (self._head - age + oldest + 1) * self._width_s
        return (self._head + oldest + 1) * self._width_s

    @property
    def pending(self) -> int:
        """Units granted and not yet sent."""
        return self.used - self._sent - sum(self._buckets)

    def forget(self) -> None:
        """Empties every bucket; what is pending stays."""
        self.used = self.pending
        self._sent = 0
        self._buckets = [0] * len(self._buckets)

    def advance(self, now: float) -> None:
        """Lets the buckets that have slid out go."""
        head = int(now / self._width_s)
        buckets = self._buckets
        count = len(buckets)
        slot, gone = head % count, head - self._head
        if gone >= count:
            self.forget()
        else:
            buckets[self._slot] = self._sent
            self._sent = 0
            # From a negative index on, they wrap around the end of the ring. Most of them are empty.
            for number in range(slot - gone + 1, slot + 1):
                if buckets[number]:
                    self.used -= buckets[number]
                    buckets[number] = 0
        self._head = head
        self._slot = slot
        self.ends = (head + 1) * self._width_s


def resized(window: Window | None, limit: int, *, buckets: int = MINUTE_BUCKETS, width_s: float = 1.0) -> Window | None:
    """The window under a changed limit: its content stays, 0 takes it away."""
    if not limit:
        return None
    if window is None:
        return Window(limit, buckets=buckets, width_s=width_s)
    window.limit = limit
    return window
