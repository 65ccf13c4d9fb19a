"""Proves the cost of each attempt: it is computed again from the row's usage and the price that the row names."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from omnillm.pricing.reference import TOLD, Reference
from omnillm.records import BATCH_SETTLEMENT, BATCHES
from omnillm.stores.connection import Connection
from omnillm.stores.orphans import OUTCOME
from omnillm.stores.tables import decode_usage
from omnillm.stores.verification import MAX_PROBLEMS

PAGE: Final = 2_000
METERED: Final = ";metered"
"""In the error of a live session that cost more than its usage tells: turns with their own rates, transcriptions, turns cut short."""
UNNUMBERED: Final = "configured"
"""What the oldest ledgers say of any price of the configuration, and of any bound by it."""
Row = Sequence[Any]
"""request_id, attempt, usage as JSON, whether it is known, cost, version of the price, error; and the operation of the request."""
_ROWS: Final = f"""SELECT a.request_id, a.attempt, a.usage, a.is_usage_known, a.cost_nanousd, a.price_version, a.error, r.operation
    FROM attempts AS a LEFT JOIN requests AS r ON r.request_id = a.request_id
    WHERE (a.request_id, a.attempt) > (?, ?) ORDER BY a.request_id, a.attempt LIMIT {PAGE}"""


class Costs(msgspec.Struct):
    """What the proof found."""

    problems: list[str]
    proven: int = 0
    """Attempts whose cost is the one that was computed."""
    unknown: int = 0
    """Attempts whose price is no longer known."""
    apart: int = 0
    """Attempts whose cost is not made of one price and one usage: batches, live sessions by the turn, calls of a run that was killed."""

    @property
    def extent(self) -> str:
        told = f"{self.proven:,} costs computed again"
        if self.unknown:
            told += f", {self.unknown:,} not: their prices are not at hand"
        return told if not self.apart else f"{told}, {self.apart:,} not: of batches, sessions by the turn, or lost processes"


def check_costs(rows: Iterable[Row], reference: Reference) -> Costs:
    """At most `MAX_PROBLEMS` are told; all rows are read."""
    costs = Costs(problems=[])
    for row in rows:
        request_id, attempt, _, _, booked, version, error, operation = row
        if operation == BATCH_SETTLEMENT or (booked and (operation == BATCHES or error == OUTCOME)):
            costs.apart += 1
            continue
        try:
            problem = _problem(row, reference)
        except LookupError:
            costs.unknown += 1
            continue
        if problem:
            if len(costs.problems) < MAX_PROBLEMS:
                costs.problems.append(f"request {request_id}, attempt {attempt}: {problem}")
        elif version.endswith(METERED):
            costs.apart += 1
        else:
            costs.proven += 1
    return costs


def _problem(row: Row, reference: Reference) -> str:
    """What is wrong with an attempt's cost; "": nothing that its row can tell. LookupError: its price is no longer known."""
    _, _, usage, is_known, booked, version, _, _ = row
    if version == UNNUMBERED:
        raise LookupError(version)
    priced, is_metered = version.removesuffix(METERED), version.endswith(METERED)
    try:
        used = decode_usage(usage)
        computed = reference.least(priced, used) if is_metered else reference.cost(priced, used if is_known or TOLD in priced else None)
    except msgspec.DecodeError:
        return "has a usage that is none"
    except ValueError:
        return f"has a price version that is none: {version!r}"
    if computed == booked or (is_metered and computed < booked):
        return ""
    by = f"by {version!r} and its usage" if version else "without a price"
    return f"cost {booked} nano-USD, {by} it is {'at least ' if is_metered else ''}{computed}"


def cost_rows(connection: Connection) -> Iterator[Row]:
    """A page at a time: not every database gives its rows one by one."""
    place: tuple[str, int] = ("", -1)
    while page := connection.execute(_ROWS, place).fetchall():
        yield from page
        place = page[-1][0], page[-1][1]
