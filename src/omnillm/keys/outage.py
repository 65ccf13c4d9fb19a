"""Trouble of a whole provider: most of its keys fail. Then the provider is passed over, and retries on it are limited."""

from omnillm.keys.circuit import CLOSED, Backoff, Circuit
from omnillm.keys.key import Key
from omnillm.keys.terms import Dice

SPAN_S = 10.0
RETRY_SHARE = 0.2
RETRY_LEAST = 3
BACKOFF = Backoff(first_s=1.0, most_s=30.0, jitter=0.25)


class Outage:
    """Counts keys by their latest answer, in this and the previous ten seconds; and calls, retries and failures in these ten seconds."""

    __slots__ = ("_failing", "_failing_before", "_span", "_used", "_used_before", "calls", "circuit", "ends", "failures", "retries")

    def __init__(self) -> None:
        self.circuit = Circuit()
        self._span = self._used = self._failing = 0
        self._advance(0.0)

    def succeeded(self, key: Key, now: float) -> None:
        """A call has succeeded, so the provider is not set aside any more."""
        if now >= self.ends:
            self._advance(now)
        if key.seen_in != self._span:
            self._count(key)
        if key.is_failing:
            key.is_failing = False
            self._failing -= 1
        if self.circuit.state is not CLOSED:
            self.circuit.revive()

    def failed(self, key: Key, now: float) -> None:
        """Whatever the provider's own trouble is, `key` met it."""
        if now >= self.ends:
            self._advance(now)
        if key.seen_in != self._span:
            self._count(key)
        self.failures += 1
        key.breaker.sure_until = 0.0
        if not key.is_failing:
            key.is_failing = True
            self._failing += 1

    def call(self, now: float) -> None:
        """One more lease that is no retry."""
        if now >= self.ends:
            self._advance(now)
        self.calls += 1

    def retry(self, now: float) -> None:
        """One more retry of what failed here."""
        if now >= self.ends:
            self._advance(now)
        self.retries += 1

    def spans_most(self, now: float) -> bool:
        """Whether more than half of the keys that answered lately failed."""
        if now >= self.ends:
            self._advance(now)
        return 2 * (self._failing + self._failing_before) > self._used + self._used_before

    def has_retry(self, now: float) -> bool:
        """Whether one more retry is allowed. Retries are limited only while most keys and most attempts fail.

        One bad key limits none; nor do few keys that fail now and then, one of which has always failed last.
        """
        is_down = self.spans_most(now) and 2 * self.failures > self.calls + self.retries
        return not is_down or self.retries + 1 <= RETRY_SHARE * self.calls + RETRY_LEAST

    def consider(self, now: float, dice: Dice, *, grant: object, is_unreachable: bool) -> None:
        """After a failure: set the provider aside if most of its keys fail. One failing key is enough only if the host is unreachable."""
        circuit = self.circuit
        failing = self._failing + self._failing_before
        is_probe = grant in circuit.probes
        if is_probe or (circuit.state is CLOSED and self.spans_most(now) and (failing > 1 or is_unreachable)):
            circuit.fail(now + circuit.delay(BACKOFF, dice))

    def _count(self, key: Key) -> None:
        if key.seen_in == self._span - 1:
            self._used_before -= 1
            self._failing_before -= key.is_failing
            self._failing += key.is_failing
        else:
            key.is_failing = False
        self._used += 1
        key.seen_in = self._span

    def _advance(self, now: float) -> None:
        span = int(now / SPAN_S)
        is_next = span == self._span + 1
        self._used_before = self._used if is_next else 0
        self._failing_before = self._failing if is_next else 0
        self._used = self._failing = self.calls = self.retries = self.failures = 0
        self._span = span
        self.ends = (span + 1) * SPAN_S
        """When these ten seconds are over."""
