"""The daily roll-up: what usage reports are read from, added up as rows come in."""

from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from msgspec.structs import astuple

from omnillm.records import AttemptRow, RequestRow, UsageRow
from omnillm.usage import Usage

Key = tuple[str, str, str, str, str]
Line = tuple[int, ...]
Group = TypeVar("Group")

KEY_COLUMNS = ("day", "caller", "model", "provider", "key")
COUNT_COLUMNS = ("requests", "attempts", "cost_nanousd", *Usage.__struct_fields__)
NOTHING: Line = (0,) * len(COUNT_COLUMNS)
ONE_REQUEST: Line = (1, *NOTHING[1:])
FOLD: Final = 128
"""Lines of one group that are kept before they are added up: columns add up fastest many at a time."""


class Sums(Generic[Group]):
    """Lines of counts, added up by group."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: dict[Group, list[Line]] = {}

    def add(self, group: Group, counts: Line) -> None:
        parts = self._parts.get(group)
        if parts is None:
            self._parts[group] = [counts]
            return
        parts.append(counts)
        if len(parts) == FOLD:
            parts[:] = [_sum(parts)]

    def lines(self) -> dict[Group, Line]:
        return {group: _sum(parts) for group, parts in self._parts.items()}


def _sum(parts: list[Line]) -> Line:
    return parts[0] if len(parts) == 1 else tuple(map(sum, zip(*parts, strict=True)))


class Daily(Sums[Key]):
    """Counts by (day, caller, model as asked for, provider, key).

    A request counts for the provider and key that answered it; attempts, cost and usage for those that each attempt went to, so that a
    provider's column can be held against its bill.
    """

    __slots__ = ()

    def add_request(self, request: RequestRow) -> None:
        self.add((request.day, request.caller, request.model, request.provider, request.key), ONE_REQUEST)

    def add_attempt(self, request: RequestRow, attempt: AttemptRow) -> None:
        key = (request.day, request.caller, request.model, attempt.provider, attempt.key)
        self.add(key, (0, 1, attempt.cost_nanousd, *astuple(attempt.usage)))


def usage_row(group: str, counts: Iterable[int], *, day: str = "") -> UsageRow:
    """Counts in the order of `COUNT_COLUMNS` as one line of a report."""
    requests, attempts, cost_nanousd, *usage = counts
    fields = dict(zip(Usage.__struct_fields__, usage, strict=True))
    return UsageRow(day=day, group=group, requests=requests, attempts=attempts, cost_nanousd=cost_nanousd, usage=Usage(**fields))
