"""Sums for `/metrics`. Plain summable structs: those of several workers add up; `server/metrics.py` renders them."""

from bisect import bisect_left
from operator import add
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import astuple

from omnillm.protocols.loss import LossReason
from omnillm.records import RequestRow

BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000)
MAX_SERIES = 2_000
"""Models may be asked for by pattern, so their names are the callers' to choose: above this many series they are counted as "other"."""
OTHER: Final = "other"
MOST_WAITING: Final = 32
"""Calls that have ended and are not added up yet."""

decode_losses: Final = msgspec.json.Decoder(tuple[LossReason, ...]).decode


class Counts(NamedTuple):
    """What calls add up to. From `input` on the fields are those of `Usage`, in its order."""

    calls: int = 0
    attempts: int = 0
    cost_nanousd: int = 0
    duration_ms: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write_short: int = 0
    cache_write_long: int = 0
    input_audio: int = 0
    cache_read_audio: int = 0
    input_image: int = 0
    cache_read_image: int = 0
    input_video: int = 0
    output: int = 0
    reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    output_video: int = 0
    images: int = 0
    tool_calls: int = 0
    characters: int = 0
    audio_ms: int = 0


class Series:
    """Calls that have their labels in common: their counts, and how many took how long (`BUCKETS_MS`)."""

    __slots__ = ("_parts", "buckets")

    def __init__(self) -> None:
        self._parts: list[tuple[int, ...]] = [Counts()]
        self.buckets = [0] * (len(BUCKETS_MS) + 1)

    @property
    def counts(self) -> Counts:
        self.fold()
        return Counts._make(self._parts[0])

    def observe(self, counts: tuple[int, ...], duration_ms: int) -> None:
        """`counts`: of one call, in the order of `Counts`. They are kept until `fold`."""
        self._parts.append(counts)
        self.buckets[bisect_left(BUCKETS_MS, duration_ms)] += 1

    def fold(self) -> None:
        """Add them up: two as they are, more of them column by column."""
        parts = self._parts
        if len(parts) == 2:
            parts[:] = [tuple(map(add, *parts))]
        elif len(parts) > 2:
            parts[:] = [tuple(map(sum, zip(*parts, strict=True)))]

    def add(self, other: "Series") -> None:
        self._parts.append(other.counts)
        self.buckets = list(map(add, self.buckets, other.buckets))


class Counters:
    """`observe` is a settlement's observer; `fold` is called by the program's tick, and by whoever reads."""

    def __init__(self) -> None:
        self._rows: list[RequestRow] = []
        self._series: dict[tuple[str, str, str, str], Series] = {}
        self._callers: dict[tuple[str, str, str], Series] = {}
        self._losses: dict[tuple[str, str, str], int] = {}
        self._refusals: dict[str, int] = {}

    @property
    def series(self) -> dict[tuple[str, str, str, str], Series]:
        """By protocol, provider, upstream model, outcome."""
        self.fold()
        return self._series

    @property
    def callers(self) -> dict[tuple[str, str, str], Series]:
        """By caller, provider, upstream model."""
        self.fold()
        return self._callers

    @property
    def losses(self) -> dict[tuple[str, str, str], int]:
        """By protocol, provider, kind: what translations could not carry."""
        self.fold()
        return self._losses

    @property
    def refusals(self) -> dict[str, int]:
        """By error code: calls that ended before any attempt."""
        self.fold()
        return self._refusals

    def observe(self, row: RequestRow) -> None:
        # Many at once take half the time that they take one by one, each behind a call that has filled the caches.
        self._rows.append(row)
        if len(self._rows) == MOST_WAITING:
            self.fold()

    def fold(self) -> None:
        """Add up the calls that have ended since the last time."""
        rows, self._rows = self._rows, []
        for series in {series for row in rows for series in self._count(row)}:
            series.fold()

    def _count(self, row: RequestRow) -> tuple[Series, ...]:
        """Returns the series that the call belongs to."""
        key = (row.protocol, row.provider, row.upstream_model, row.outcome)
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= MAX_SERIES:
                key = (row.protocol, row.provider, OTHER, row.outcome)
            series = self._series.setdefault(key, Series())
        duration_ms = row.duration_ms
        counts = (1, row.attempts, row.cost_nanousd, duration_ms, *astuple(row.usage))
        series.observe(counts, duration_ms)
        if row.loss:
            self._lose(row)
        if not row.attempts:
            self.refuse(row.outcome)
            return (series,)
        caller = self._callers.get((row.caller, row.provider, row.upstream_model)) or self._new_caller(row)
        caller.observe(counts, duration_ms)
        return series, caller

    def _new_caller(self, row: RequestRow) -> Series:
        """The first call of a caller to a model; beyond the most, models count together, then callers."""
        key = (row.caller, row.provider, row.upstream_model)
        if len(self._callers) >= MAX_SERIES:
            key = (row.caller, row.provider, OTHER)
        if key not in self._callers and len(self._callers) >= 2 * MAX_SERIES:
            key = (OTHER, row.provider, OTHER)
        return self._callers.setdefault(key, Series())

    def _lose(self, row: RequestRow) -> None:
        for reason in decode_losses(row.loss):
            key = (row.protocol, row.provider, reason.kind)
            self._losses[key] = self._losses.get(key, 0) + 1

    def refuse(self, code: str) -> None:
        self._refusals[code] = self._refusals.get(code, 0) + 1
