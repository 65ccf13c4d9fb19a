"""Sums for `/metrics`. Plain summable structs: those of several workers add up; `server/metrics.py` renders them."""

from bisect import bisect_left
from typing import Final

import msgspec

from omnillm.protocols.loss import LossReason
from omnillm.records import RequestRow

BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000)
MAX_SERIES = 2_000
"""Models may be asked for by pattern, so their names are the callers' to choose: above this many series they are counted as "other"."""
OTHER: Final = "other"

decode_losses: Final = msgspec.json.Decoder(tuple[LossReason, ...]).decode


class Series(msgspec.Struct, kw_only=True):
    """Calls that have their labels in common."""

    calls: int = 0
    attempts: int = 0
    cost_nanousd: int = 0
    duration_ms: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    input_audio: int = 0
    output_audio: int = 0
    images: int = 0
    tool_calls: int = 0
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
        self.input_audio += other.input_audio
        self.output_audio += other.output_audio
        self.images += other.images
        self.tool_calls += other.tool_calls
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]

    def observe(self, row: RequestRow) -> None:
        self.calls += 1
        self.attempts += row.attempts
        self.cost_nanousd += row.cost_nanousd
        self.duration_ms += row.duration_ms
        usage = row.usage
        self.input += usage.input
        self.cache_read += usage.cache_read
        self.cache_write += usage.cache_write_short + usage.cache_write_long
        self.output += usage.output
        self.reasoning += usage.reasoning
        self.input_audio += usage.input_audio
        self.output_audio += usage.output_audio
        self.images += usage.images
        self.tool_calls += usage.tool_calls
        self.buckets[bisect_left(BUCKETS_MS, row.duration_ms)] += 1


class Counters:
    def __init__(self) -> None:
        self.series: dict[tuple[str, str, str, str], Series] = {}
        """By protocol, provider, upstream model, outcome."""
        self.callers: dict[tuple[str, str, str], Series] = {}
        """By caller, provider, upstream model."""
        self.losses: dict[tuple[str, str, str], int] = {}
        """By protocol, provider, kind: what translations could not carry."""
        self.refusals: dict[str, int] = {}
        """By error code: calls that ended before any attempt."""

    def observe(self, row: RequestRow) -> None:
        key = (row.protocol, row.provider, row.upstream_model, row.outcome)
        series = self.series.get(key)
        if series is None:
            if len(self.series) >= MAX_SERIES:
                key = (row.protocol, row.provider, OTHER, row.outcome)
            series = self.series.setdefault(key, Series())
        series.observe(row)
        if row.attempts:
            caller = self.callers.get((row.caller, row.provider, row.upstream_model))
            (caller or self._new_caller(row)).observe(row)
        else:
            self.refuse(row.outcome)
        if row.loss:
            self._lose(row)

    def _new_caller(self, row: RequestRow) -> Series:
        """The first call of a caller to a model; beyond the most, models count together, then callers."""
        key = (row.caller, row.provider, row.upstream_model)
        if len(self.callers) >= MAX_SERIES:
            key = (row.caller, row.provider, OTHER)
        if key not in self.callers and len(self.callers) >= 2 * MAX_SERIES:
            key = (OTHER, row.provider, OTHER)
        return self.callers.setdefault(key, Series())

    def _lose(self, row: RequestRow) -> None:
        for reason in decode_losses(row.loss):
            key = (row.protocol, row.provider, reason.kind)
            self.losses[key] = self.losses.get(key, 0) + 1

    def refuse(self, code: str) -> None:
        self.refusals[code] = self.refusals.get(code, 0) + 1
