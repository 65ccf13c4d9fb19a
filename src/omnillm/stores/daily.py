"""The daily roll-up: what usage reports are read from, added up as rows come in."""

from collections.abc import Iterable
from operator import add
from typing import TypeVar

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


class Daily:
    """Lines of counts by (day, caller, model as asked for, provider, key).

    A request counts for the provider and key that answered it; attempts, cost and usage for those that each attempt went to, so that a
    provider's column can be held against its bill.
    """

    __slots__ = ("lines",)

    def __init__(self) -> None:
        self.lines: dict[Key, Line] = {}

    def add_request(self, request: RequestRow) -> None:
        add_up(self.lines, (request.day, request.caller, request.model, request.provider, request.key), ONE_REQUEST)

    def add_attempt(self, request: RequestRow, attempt: AttemptRow) -> None:
        key = (request.day, request.caller, request.model, attempt.provider, attempt.key)
        add_up(self.lines, key, (0, 1, attempt.cost_nanousd, *astuple(attempt.usage)))


def add_up(lines: dict[Group, Line], group: Group, counts: Line) -> None:
    line = lines.get(group)
    lines[group] = counts if line is None else tuple(map(add, line, counts))


def usage_row(group: str, counts: Iterable[int]) -> UsageRow:
    """Counts in the order of `COUNT_COLUMNS` as one line of a report."""
    requests, attempts, cost_nanousd, *usage = counts
    fields = dict(zip(Usage.__struct_fields__, usage, strict=True))
    return UsageRow(group=group, requests=requests, attempts=attempts, cost_nanousd=cost_nanousd, usage=Usage(**fields))
