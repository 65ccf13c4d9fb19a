"""The sums behind `/metrics`, as plain structs that can be added up. `server/operations/metrics.py` renders them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from operator import add
from typing import Final, NamedTuple, TypeVar

from msgspec.structs import astuple

from omnillm.outcome import Verdict
from omnillm.protocols.loss import kinds_in
from omnillm.records import AttemptRow, RequestRow

LabelsT = TypeVar("LabelsT", bound=tuple[str, ...])
BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000)
MAX_SERIES = 2_000
"""Models may be asked for by pattern, so their names are the callers' to choose: above this many series they are counted as "other".

So are providers and keys of failures and losses: what no configuration names any more is counted on, as long as the process lives.
"""
OTHER: Final = "other"

Labels = tuple[str, str, str, str]
"""Protocol, provider, upstream model, outcome."""
Sender = tuple[str, str, str]
"""Caller, provider, upstream model."""
Alike = tuple[str, str, str, str, str, bool]
"""`Labels`, caller, and whether an attempt was sent: calls that agree in all of them are added up together."""
Line = tuple[int, ...]
"""The counts of one call, or the sums of some, in the order of `Counts`."""
MOST_LINES: Final = 8
"""Lines that a tally gathers before it adds them up. Adding up eight lines takes little longer than two."""


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


DURATION: Final = Counts._fields.index("duration_ms")


class Tally(list[Line]):
    """The sum over calls with the same labels."""

    __slots__ = ()

    @property
    def counts(self) -> Counts:
        return Counts._make(_sum(self)) if self else Counts()

    def add(self, line: Line) -> None:
        self.append(line)
        if len(self) > MOST_LINES:
            self[:] = [_sum(self)]


class Series:
    """Calls with the same labels: their sum, and how many of them took how long (`BUCKETS_MS`)."""

    __slots__ = ("buckets", "tally")

    def __init__(self) -> None:
        self.tally = Tally()
        self.buckets = [0] * (len(BUCKETS_MS) + 1)

    @property
    def counts(self) -> Counts:
        return self.tally.counts

    def count(self, sums: Line, lines: list[Line]) -> None:
        """Some calls: what they add up to, and each for itself."""
        self.tally.add(sums)
        buckets = self.buckets
        for line in lines:
            buckets[bisect_left(BUCKETS_MS, line[DURATION])] += 1

    def copied(self) -> "Series":
        copy = Series()
        copy.tally += self.tally
        copy.buckets = [*self.buckets]
        return copy

    def add(self, other: "Series") -> None:
        self.tally.add(other.counts)
        self.buckets = list(map(add, self.buckets, other.buckets))


def _sum(lines: list[Line]) -> Line:
    return tuple(map(sum, zip(*lines, strict=True)))


class Counters:
    """`observe` is an observer of the calls that have ended."""

    def __init__(self) -> None:
        self.series: dict[Labels, Series] = {}
        self.callers: dict[Sender, Tally] = {}
        """Of those calls that were sent."""
        self.losses: dict[tuple[str, str, str], int] = {}
        """By protocol, provider, kind: what translations could not carry."""
        self.refusals: dict[str, int] = {}
        """By error code: calls that ended before any attempt."""
        self.failures: dict[tuple[str, str, str], int] = {}
        """By provider, key, verdict: attempts that failed, also those that another one hid from the caller."""

    def copied(self) -> "Counters":
        """As they stand, for another thread to read: of 2,000 series in some milliseconds."""
        copy = Counters()
        copy.series = {labels: series.copied() for labels, series in self.series.items()}
        copy.callers = {sender: Tally(tally) for sender, tally in self.callers.items()}
        copy.losses, copy.refusals, copy.failures = {**self.losses}, {**self.refusals}, {**self.failures}
        return copy

    def count_failures(self, attempts: Iterable[AttemptRow]) -> None:
        """Of all attempts of a call those that did not succeed."""
        for attempt in attempts:
            if attempt.verdict != Verdict.SUCCESS:
                labels = (attempt.provider, attempt.key, attempt.verdict)
                if labels not in self.failures and len(self.failures) >= MAX_SERIES:
                    labels = (OTHER, OTHER, attempt.verdict)
                self.failures[labels] = self.failures.get(labels, 0) + 1

    def observe(self, rows: Iterable[RequestRow]) -> None:
        alike: defaultdict[Alike, list[Line]] = defaultdict(list)
        for row in rows:
            labels = (row.protocol, row.provider, row.upstream_model, row.outcome, row.caller, row.attempts > 0)
            alike[labels].append((1, row.attempts, row.cost_nanousd, row.duration_ms, *astuple(row.usage)))
            if row.loss:
                self._lose(row)
        for (protocol, provider, model, outcome, caller, is_sent), lines in alike.items():
            sums = lines[0] if len(lines) == 1 else _sum(lines)
            series = self.series.get((protocol, provider, model, outcome))
            if series is None:
                # An outcome may be a provider's own word, and come from a stranger, too.
                others = (protocol, provider, OTHER, outcome), (protocol, provider, OTHER, OTHER), (protocol, OTHER, OTHER, OTHER)
                series = self.series.setdefault(_bounded(self.series, (protocol, provider, model, outcome), *others), Series())
            series.count(sums, lines)
            if is_sent:
                tally = self.callers.get((caller, provider, model))
                if tally is None:
                    among = (caller, provider, OTHER), (OTHER, provider, OTHER), (OTHER, OTHER, OTHER)
                    tally = self.callers.setdefault(_bounded(self.callers, (caller, provider, model), *among), Tally())
                tally.add(sums)
            else:
                self.refuse(outcome, len(lines))

    def _lose(self, row: RequestRow) -> None:
        for kind in kinds_in(row.loss):
            key = (row.protocol, row.provider, kind)
            if key not in self.losses and len(self.losses) >= MAX_SERIES:
                key = (row.protocol, OTHER, kind)
            self.losses[key] = self.losses.get(key, 0) + 1

    def refuse(self, code: str, calls: int = 1) -> None:
        self.refusals[code] = self.refusals.get(code, 0) + calls


def _bounded(known: Mapping[LabelsT, object], *labels: LabelsT) -> LabelsT:
    """The labels under which the first calls of their kind are counted: their own, or coarser ones the more series there are."""
    for number, each in enumerate(labels, start=1):
        if len(known) < number * MAX_SERIES or each in known:
            return each
    return labels[-1]
