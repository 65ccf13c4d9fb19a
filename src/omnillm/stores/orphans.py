"""What a run of the program left open when it ended is settled in full, because nobody knows how much the provider will bill."""

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from omnillm.records import AttemptRow, Entry, EntryKind, Posting, RequestRow
from omnillm.usage import NO_USAGE, Usage

OUTCOME = "process_lost"


def open_reserves(entries: Iterable[Entry]) -> list[Entry]:
    """The RESERVE entries among `entries` that no SETTLE or VOID has closed."""
    known = list(entries)
    reserves = [e for e in known if e.kind is EntryKind.RESERVE]
    if not reserves:
        return []
    closed = {(e.request_id, e.attempt, e.budget) for e in known if e.kind in {EntryKind.SETTLE, EntryKind.VOID}}
    return [e for e in reserves if (e.request_id, e.attempt, e.budget) not in closed]


def voids(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """What gives every reservation among `entries` back."""
    return tuple(replace(entry, kind=EntryKind.VOID, amount_nanousd=0) for entry in entries if entry.kind is EntryKind.RESERVE)


def closing(entries: list[Entry], attempts: list[AttemptRow], *, has_request: bool, epoch: int, wall_ms: int) -> Posting:
    """The rows that are missing of one request, given all that stand: settlements, attempt rows, its own row."""
    settles = [
        Entry(
            request_id=reserve.request_id,
            attempt=reserve.attempt,
            kind=EntryKind.SETTLE,
            budget=reserve.budget,
            period=reserve.period,
            amount_nanousd=reserve.amount_nanousd,
            wall_ms=wall_ms,
            epoch=epoch,
            is_estimated=True,
        )
        for reserve in open_reserves(entries)
    ]
    if has_request:
        return Posting(entries=tuple(settles))
    recorded = {row.attempt for row in attempts}
    costs: dict[int, int] = {}
    for entry in (*entries, *settles):
        if entry.kind is EntryKind.SETTLE and entry.attempt not in recorded:
            costs[entry.attempt] = max(entry.amount_nanousd, costs.get(entry.attempt, 0))
    began_ms = min(entry.wall_ms for entry in entries)
    request_id = entries[0].request_id
    lost = [_lost_attempt(request_id, attempt, cost, wall_ms=began_ms, epoch=epoch) for attempt, cost in sorted(costs.items())]
    request = _lost_request(request_id, [*attempts, *lost], wall_ms=began_ms, epoch=epoch)
    return Posting(entries=tuple(settles), attempts=tuple(lost), request=request)


def _lost_attempt(request_id: str, attempt: int, cost_nanousd: int, *, wall_ms: int, epoch: int) -> AttemptRow:
    return AttemptRow(
        request_id=request_id,
        attempt=attempt,
        provider="",
        model="",
        key="",
        verdict="lost",
        status=0,
        wall_ms=wall_ms,
        duration_ms=0,
        first_byte_ms=-1,
        usage=NO_USAGE,
        is_usage_known=False,
        cost_nanousd=cost_nanousd,
        is_estimated=True,
        price_version="",
        error=OUTCOME,
        epoch=epoch,
    )


def _lost_request(request_id: str, attempts: list[AttemptRow], *, wall_ms: int, epoch: int) -> RequestRow:
    usage = sum((row.usage for row in attempts), start=Usage())
    return RequestRow(
        request_id=request_id,
        wall_ms=wall_ms,
        day=datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%d"),
        duration_ms=0,
        caller="",
        protocol="",
        operation="",
        model="",
        provider="",
        upstream_model="",
        key="",
        status=0,
        outcome=OUTCOME,
        is_stream=False,
        attempts=len(attempts),
        usage=usage,
        cost_nanousd=sum(row.cost_nanousd for row in attempts),
        is_estimated=True,
        tags="",
        session="",
        loss="",
        epoch=epoch,
    )
