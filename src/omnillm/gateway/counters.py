"""Sums for `/metrics`. Plain summable structs: those of several workers add up; `server/metrics.py` renders them."""

from bisect import bisect_left

import msgspec

from omnillm.records import RequestRow

BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000)
MAX_SERIES = 2_000
"""Models may be asked for by pattern, so their names are the callers' to choose: above this many series they are counted as "other"."""


class Series(msgspec.Struct, kw_only=True):
    """Calls of one (protocol, provider, upstream model, outcome)."""

    calls: int = 0
    attempts: int = 0
    cost_nanousd: int = 0
    duration_ms: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS_MS) + 1))

    def add(self, other: "Series") -> None:
        self.calls += other.calls
        self.attempts += other.attempts
        self.cost_nanousd += other.cost_nanousd
        self.duration_ms += other.duration_ms
        self.input += other.input
        self.cache_read += other.cache_read
        self.cache_write += other.cache_write
        self.output += other.output
        self.reasoning += other.reasoning
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]


class Counters:
    def __init__(self) -> None:
        self.series: dict[tuple[str, str, str, str], Series] = {}
        self.refusals: dict[str, int] = {}
        """By error code: calls that ended before any attempt."""

    def observe(self, row: RequestRow) -> None:
        key = (row.protocol, row.provider, row.upstream_model, row.outcome)
        series = self.series.get(key)
        if series is None:
            if len(self.series) >= MAX_SERIES:
                key = (row.protocol, row.provider, "other", row.outcome)
            series = self.series.setdefault(key, Series())
        series.calls += 1
        series.attempts += row.attempts
        series.cost_nanousd += row.cost_nanousd
        series.duration_ms += row.duration_ms
        usage = row.usage
        series.input += usage.input
        series.cache_read += usage.cache_read
        series.cache_write += usage.cache_write_short + usage.cache_write_long
        series.output += usage.output
        series.reasoning += usage.reasoning
        series.buckets[bisect_left(BUCKETS_MS, row.duration_ms)] += 1
        if not row.attempts:
            self.refuse(row.outcome)

    def refuse(self, code: str) -> None:
        self.refusals[code] = self.refusals.get(code, 0) + 1
