"""A sliding window in buckets: never over a limit in any minute (or day), at most one bucket late to free.

It counts requests and their tokens together, because whatever limits the one limits the other, and both move on at the same moments.

What is granted but not yet sent is pending: it counts in the present, in no bucket, until `send` puts it into the bucket of that moment.
So nothing pending ever slides out. The current bucket is what of a total is neither pending nor in an older one.
"""

from array import array
from math import inf
from operator import sub
from typing import Final

from msgspec import Struct

MINUTE_BUCKETS = 61
"""Of one second: the current one and the 60 before it. 60 would let the second half of one bucket meet the first half of its successor."""
DAY_BUCKETS = 97
DAY_BUCKET_S = 900
REQUESTS: Final = 1
"""Offsets within a past bucket: when it was over, requests, tokens."""
TOKENS: Final = 2
STRIDE: Final = 3
NO_PARTS: Final[dict["Window", "Window"]] = {}
"""Of a window that has absorbed nothing; never changed."""
MOST_TOKENS: Final = 2**62
"""Of one bucket, which is above every limit: what a provider counts beyond that, in one second, is not counted here."""


Counted = dict[int, tuple[int, int]]
"""By the moment at which a bucket is over: its requests and tokens."""


class Window:
    """At most `requests_limit` and `tokens_limit` in any span of `(buckets - 1) * width_s` seconds; inf: no limit, counted all the same.

    A correction may exceed a limit: debt blocks.
    """

    __slots__ = (
        "_parts",
        "_past",
        "_requests_elsewhere",
        "_span_s",
        "_tokens_elsewhere",
        "_width_s",
        "ends",
        "requests",
        "requests_limit",
        "tokens",
        "tokens_limit",
    )

    def __init__(self, requests_limit: float, tokens_limit: float, *, buckets: int = MINUTE_BUCKETS, width_s: int = 1) -> None:
        self.requests_limit = requests_limit
        self.tokens_limit = tokens_limit
        self.requests = 0
        self.tokens = 0
        self._parts: dict[Window, Window] = NO_PARTS
        """What was absorbed, by the window that had counted it itself. It is contained in the totals."""
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

    def absorb(self, other: "Window", now: float) -> "Absorbed":
        """What was sent and counts in another window of the same width counts here, too, at the moments of sending.

        Once, even if it has come here before, from the other or from a third: what each window has counted itself is kept apart.
        What is pending there is not taken over: whoever holds it reserves it here as well, or it would never slide out.
        """
        own, parts = other.counted(now), dict[Window, Window | None]()
        self._parts = {origin: part for origin, part in self._parts.items() if part.counts_any(now)}
        for origin, theirs in other._parts.items():  # noqa: SLF001  another window's
            counted = theirs.counted(now)
            own = _above(own, counted)
            parts[theirs] = self._part(origin, counted, now)
        return Absorbed(window=other, into=self, own=self._part(other, own, now), parts=parts)

    def _part(self, origin: "Window", counted: Counted, now: float) -> "Window | None":
        """Adds what `origin` has counted and is not here yet. Returns all of it that is here; None: that is this one's own."""
        if origin is self:
            return None
        part = self._parts.get(origin)
        if part is None:
            part = self._parts[origin] = Window(inf, inf)
            part._span_s, part._width_s = self._span_s, self._width_s
        more = _above(counted, part.counted(now))
        part._add(more, now)
        self._add(more, now)
        return part

    def _add(self, counted: Counted, now: float) -> None:
        """Count what was sent already, bucket by bucket."""
        before, merged = self.past(now), dict[int, tuple[int, int]]()
        requests_here, tokens_here = counted.get(int(self.ends), (0, 0))
        for ends, requests, tokens in (*before, *[(ends, *figures) for ends, figures in counted.items() if ends < self.ends]):
            known = merged.get(ends, (0, 0))
            merged[ends] = known[0] + requests, min(known[1] + tokens, MOST_TOKENS)
        self._past = array("q", [figure for ends in sorted(merged) for figure in (ends, *merged[ends])])
        requests_past = sum([requests for requests, _ in merged.values()]) - sum([requests for _, requests, _ in before])
        tokens_past = sum([tokens for _, tokens in merged.values()]) - sum([tokens for _, _, tokens in before])
        self.requests += requests_past + requests_here
        self.tokens += tokens_past + tokens_here
        self._requests_elsewhere += requests_past
        self._tokens_elsewhere += tokens_past

    def counted(self, now: float) -> Counted:
        """What was sent and counts, the current bucket included."""
        counted = {ends: (requests, tokens) for ends, requests, tokens in self.past(now)}
        counted[int(self.ends)] = self.present()
        return counted

    def counts_any(self, now: float) -> bool:
        """Whether anything counts, sent or pending."""
        if now >= self.ends:
            self.advance(now)
        return bool(self.requests or self.tokens)

    def present(self) -> tuple[int, int]:
        """Requests and tokens of the current bucket."""
        return self.requests - self._requests_elsewhere, self.tokens - self._tokens_elsewhere

    def past(self, now: float) -> list[tuple[int, int, int]]:
        """The buckets before the current one: when each was over, its requests and tokens."""
        if now >= self.ends:
            self.advance(now)
        past = self._past
        return [(past[place], past[place + REQUESTS], past[place + TOKENS]) for place in range(0, len(past), STRIDE)]

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
        if tokens > MOST_TOKENS - past[place + TOKENS]:
            tokens = MOST_TOKENS - past[place + TOKENS]  # the rest counts as charged now
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
            if tokens_here > MOST_TOKENS:
                self.tokens = tokens = tokens - tokens_here + MOST_TOKENS
                tokens_here = MOST_TOKENS
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


class Absorbed(Struct, frozen=True, kw_only=True):
    """A window has absorbed another. Whoever counts in that counts in this one as well, and in its part of the same origin."""

    window: Window
    into: Window
    own: Window | None
    """The part of what the other has counted itself."""
    parts: dict[Window, Window | None]
    """Of what it had absorbed: its part, and the one here."""

    def part_of(self, windows: tuple[Window, ...]) -> Window | None:
        """The part here for somebody who counts in `windows`; None: it is no part, but this window's own."""
        return next((part for theirs, part in self.parts.items() if theirs in windows), self.own)


def _above(counted: Counted, known: Counted) -> Counted:
    """By how much each bucket is above the same one of another window."""
    nothing = (0, 0)
    rest = {ends: tuple(map(sub, figures, known.get(ends, nothing))) for ends, figures in counted.items()}
    return {ends: (max(requests, 0), max(tokens, 0)) for ends, (requests, tokens) in rest.items() if requests > 0 or tokens > 0}


def resized(window: Window | None, requests: int, tokens: int, *, buckets: int = MINUTE_BUCKETS, width_s: int = 1) -> Window | None:
    """The window under changed limits, 0 for none of that kind: its content stays. Without any limit it is taken away."""
    if not (requests or tokens):
        return None
    if window is None:
        return Window(requests or inf, tokens or inf, buckets=buckets, width_s=width_s)
    window.requests_limit, window.tokens_limit = requests or inf, tokens or inf
    return window
