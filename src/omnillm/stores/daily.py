"""The daily sums behind usage reports, added up as rows come in."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Generic, TypeVar

from msgspec.structs import astuple

from omnillm.records import AttemptRow, RequestRow, UsageRow
from omnillm.usage import Usage

Key = tuple[str, str, str, str, str]
TagKey = tuple[str, str]
Line = tuple[int, ...]
Group = TypeVar("Group")

KEY_COLUMNS = ("day", "caller", "model", "provider", "key")
TAG_COLUMNS = ("day", "tags")
COUNT_COLUMNS = ("requests", "attempts", "cost_nanousd", *Usage.__struct_fields__)
NOTHING: Line = (0,) * len(COUNT_COLUMNS)
FOLD: Final = 128
"""Lines of one group that are gathered before they are added up: many at a time are the fastest."""


class Sums(Generic[Group]):
    """Lines of counts, added up by group."""

    __slots__ = ("_parts", "_requests")

    def __init__(self) -> None:
        self._parts: dict[Group, list[Line]] = {}
        self._requests: Counter[Group] = Counter()

    def add_requests(self, groups: Iterable[Group]) -> None:
        """Count one request for each of these groups. Half of all lines are such, so they are counted and not added up."""
        self._requests.update(groups)

    def add(self, group: Group, counts: Line) -> None:
        parts = self._parts.get(group)
        if parts is None:
            self._parts[group] = [counts]
            return
        parts.append(counts)
        if len(parts) == FOLD:
            parts[:] = [summed(parts)]

    def lines(self) -> dict[Group, Line]:
        lines = {group: parts[0] if len(parts) == 1 else summed(parts) for group, parts in self._parts.items()}
        for group, requests in self._requests.items():
            first, *rest = lines.get(group, NOTHING)
            lines[group] = (first + requests, *rest)
        return lines


def summed(parts: list[Line]) -> Line:
    return parts[0] if len(parts) == 1 else tuple(map(sum, zip(*parts, strict=True)))


class Daily:
    """Counts by (day, caller, model as asked for, provider, key); and, of calls with tags, by (day, their text).

    A request counts for the provider and key that answered it; attempts, cost and usage for those that each attempt went to, so that a
    provider's column can be held against its bill.
    """

    __slots__ = ("keys", "tags")

    def __init__(self) -> None:
        self.keys = Sums[Key]()
        self.tags = Sums[TagKey]()

    def add_requests(self, requests: Iterable[RequestRow]) -> None:
        self.keys.add_requests([(row.day, row.caller, row.model, row.provider, row.key) for row in requests])
        self.tags.add_requests([(row.day, row.tags) for row in requests if row.tags])

    def add_attempts(self, requests: Mapping[str, RequestRow], attempts: Iterable[AttemptRow]) -> list[AttemptRow]:
        """`requests`: by id. Returns the attempts of other requests, which are not added."""
        strays = []
        for attempt in attempts:
            request = requests.get(attempt.request_id)
            if request is None:
                strays.append(attempt)
                continue
            counts = (0, 1, attempt.cost_nanousd, *astuple(attempt.usage))
            self.keys.add((request.day, request.caller, request.model, attempt.provider, attempt.key), counts)
            if request.tags:
                self.tags.add((request.day, request.tags), counts)
        return strays


def rest_of(totals: Iterable[UsageRow], rows: Iterable[UsageRow]) -> list[UsageRow]:
    """`rows`, and for each total a last group "" with what is in it and in none of them, so that the rows add up to the totals."""
    left, groups = Sums[tuple[str, ...]](), Sums[tuple[str, ...]]()
    for total in totals:
        left.add((*total.groups, ""), counts_of(total))
    for row in rows:
        groups.add(row.groups, counts_of(row))
        left.add((*row.groups[:-1], ""), tuple(-count for count in counts_of(row)))
    for key, counts in left.lines().items():
        if any(counts):
            groups.add(key, counts)
    return usage_rows(groups)


def total_of(rows: Iterable[UsageRow]) -> UsageRow:
    """What the rows of a report add up to."""
    sums = Sums[tuple[str, ...]]()
    sums.add((), NOTHING)
    for row in rows:
        sums.add((), counts_of(row))
    return usage_rows(sums)[0]


def counts_of(row: UsageRow) -> Line:
    return (row.requests, row.attempts, row.cost_nanousd, *astuple(row.usage))


def usage_rows(sums: Sums[tuple[str, ...]]) -> list[UsageRow]:
    """Lines of a report, in the order of their groups."""
    return [usage_row(groups, counts) for groups, counts in sorted(sums.lines().items())]


def usage_row(groups: tuple[str, ...], counts: Iterable[int]) -> UsageRow:
    """Counts in the order of `COUNT_COLUMNS` as one line of a report."""
    requests, attempts, cost_nanousd, *usage = counts
    fields = dict(zip(Usage.__struct_fields__, usage, strict=True))
    return UsageRow(groups=groups, requests=requests, attempts=attempts, cost_nanousd=cost_nanousd, usage=Usage(**fields))
