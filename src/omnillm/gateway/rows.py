"""What the ledger keeps of a case: the row of its request, and the entries of money. The row of an attempt is `Attempt.row`."""

from typing import TYPE_CHECKING

from omnillm.gateway.attempts.attempt import Attempt
from omnillm.protocols.loss import long_form
from omnillm.records import Entry, EntryKind, RequestRow

if TYPE_CHECKING:
    from omnillm.gateway.case import Case


def request_row(case: "Case", status: int, outcome: str, now: float) -> RequestRow:
    call, settlement = case.call, case.settlement
    lease = case.last_lease
    wall = call.wall
    return RequestRow(
        case.request_id,
        int(wall * 1000),
        settlement.day_of(wall),
        int((now - call.started_at) * 1000),
        call.caller.name,
        call.protocol.name,
        call.operation,
        call.model,
        lease.provider,
        lease.model,
        lease.key,
        status,
        outcome,
        call.is_stream,
        attempts=case.attempts,
        usage=case.usage,
        cost_nanousd=case.cost_nanousd,
        is_estimated=case.is_estimated,
        tags=call.tags and settlement.tags_of(call),
        session=call.session,
        loss=long_form(case.losses) if case.losses else "",
        epoch=settlement.journal.epoch,
    )


def entries_of(
    case: "Case", attempt: Attempt, kind: EntryKind, amount_nanousd: int, slices: int = 0, *, is_estimated: bool = False
) -> tuple[Entry, ...]:
    """An amount of an attempt, or of its slice of that number, in every budget that the case draws on."""
    entries: tuple[Entry, ...] = ()
    for budget, period in case.periods:
        entries += (
            Entry(
                request_id=case.request_id,
                attempt=attempt.number + slices,
                kind=kind,
                budget=budget,
                period=period,
                amount_nanousd=amount_nanousd,
                wall_ms=attempt.wall_ms,
                epoch=case.settlement.journal.epoch,
                is_estimated=is_estimated,
            ),
        )
    return entries
