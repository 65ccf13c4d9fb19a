"""What people read from the ledger. Each function gets a connection that only reads, and sees one state of the ledger."""

from collections.abc import Sequence

from omnillm.records import BATCH_BILL, EVERY_REQUEST, AttemptRow, Binding, Entry, RequestFilter, RequestRow, UsageRow, first_id
from omnillm.stores.connection import Connection
from omnillm.stores.daily import COUNT_COLUMNS, Sums, counts_of, rest_of, usage_row, usage_rows
from omnillm.stores.grouping import Grouping, tag_value
from omnillm.stores.rollup import waiting
from omnillm.stores.tables import ATTEMPTS, BINDINGS, ENTRIES, REQUESTS

LAST_DAY = "9999-12-31"
PIECE = 512
"""Ids in one statement. A body may name a million, and SQLite takes 32,766 marks, PostgreSQL's driver 32,767."""

WRITTEN = {"virtual_key": "caller", "provider_key": "CASE WHEN provider = '' AND key = '' THEN '' ELSE provider || '/' || key END"}
"""Columns of a report whose SQL is not their name."""
LAST_DIGITS = " ".join(f"WHEN '{digit}' THEN '{int(digit, 16) ^ 1:x}'" for digit in "0123456789abcdef")
SETTLEMENT_ID = f"substr(bill.caller, 1, 31) || CASE substr(bill.caller, 32, 1) {LAST_DIGITS} END"
"""As `records.settlement_id`."""
OPEN_BILLS = f"""{BINDINGS.select} AS bill WHERE kind = ? AND caller >= ? AND EXISTS (SELECT 1 FROM requests WHERE request_id = bill.caller)
    AND NOT EXISTS (SELECT 1 FROM requests WHERE request_id = {SETTLEMENT_ID}) ORDER BY caller DESC LIMIT ?"""
MOST_BILLS = 10_000
SUMS = ", ".join(f"CAST(coalesce(sum({column}), 0) AS bigint)" for column in COUNT_COLUMNS)


def usage(connection: Connection, *, group_by: str, since_day: str, until_day: str) -> list[UsageRow]:
    grouping, days = Grouping.parse(group_by), (since_day, until_day or LAST_DAY)
    totals = _totals(connection, grouping.columns, days)
    if not grouping.tag:
        return totals
    tagged = Sums[tuple[str, ...]]()
    for row in _usage(connection, "daily_tags", (*grouping.columns, "tags"), days):
        *groups, tags = row.groups
        if (value := tag_value(tags, grouping.tag)) is not None:
            tagged.add((*groups, value), counts_of(row))
    return rest_of(totals, usage_rows(tagged))


def _totals(connection: Connection, columns: tuple[str, ...], days: tuple[str, str]) -> list[UsageRow]:
    """As the view `daily_lines` has them: what is folded, and what waits for it."""
    sums = Sums[tuple[str, ...]]()
    for row in _usage(connection, "daily", columns, days):
        sums.add(row.groups, counts_of(row))
    for (day, caller, model, provider, key), counts in waiting(connection):
        if days[0] <= day <= days[1]:
            named = {"day": day, "virtual_key": caller, "model": model, "provider": provider}
            named["provider_key"] = f"{provider}/{key}" if provider or key else ""
            sums.add(tuple([named[column] for column in columns]), counts)
    return usage_rows(sums)


def _usage(connection: Connection, table: str, columns: tuple[str, ...], days: tuple[str, str]) -> list[UsageRow]:
    aliases = [f"group_{number}" for number in range(len(columns))]
    groups = [f"{WRITTEN.get(column, column)} AS {alias}" for column, alias in zip(columns, aliases, strict=True)]
    order = f"GROUP BY {', '.join(aliases)} ORDER BY {', '.join(aliases)}" if aliases else ""
    found = connection.execute(f"SELECT {', '.join((*groups, SUMS))} FROM {table} WHERE day BETWEEN ? AND ? {order}", days)
    return [usage_row(tuple(row[: len(columns)]), row[len(columns) :]) for row in found]


def requests(connection: Connection, *, limit: int, before: str, only: RequestFilter = EVERY_REQUEST) -> list[RequestRow]:
    conditions = {condition: value for condition, value in _conditions(before, only).items() if value is not None}
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    newest = f"{REQUESTS.select} {where} ORDER BY request_id DESC LIMIT ?"
    return REQUESTS.rows(connection.execute(newest, (*conditions.values(), limit)))


def _conditions(before: str, only: RequestFilter) -> dict[str, str | int | None]:
    """Condition -> what it compares with; None: not asked for."""
    ends = [end for end in (before, first_id(only.until_wall_ms) if only.until_wall_ms else "") if end]
    return {
        "request_id < ?": min(ends, default=None),
        "request_id >= ?": first_id(only.since_wall_ms) if only.since_wall_ms else None,
        "caller = ?": only.virtual_key,
        "model = ?": only.model,
        "provider = ?": only.provider,
        "outcome = ?": only.outcome,
        "status = ?": only.status or None,
        "cost_nanousd >= ?": only.min_cost_nanousd or None,
        "loss <> ?": "" if only.is_lossy else None,
    }


def request(connection: Connection, request_id: str) -> RequestRow | None:
    return next(iter(REQUESTS.rows(connection.execute(REQUESTS.find, (request_id,)))), None)


def attempts(connection: Connection, request_id: str) -> list[AttemptRow]:
    return ATTEMPTS.rows(connection.execute(f"{ATTEMPTS.select} WHERE request_id = ? ORDER BY attempt", (request_id,)))


def entries(connection: Connection, request_id: str) -> list[Entry]:
    found = connection.execute(f"{ENTRIES.select} WHERE request_id = ? ORDER BY attempt, kind, budget", (request_id,))
    return ENTRIES.rows(found)


def bindings(connection: Connection, kind: str, upstream_ids: Sequence[str]) -> list[Binding]:
    found: list[Binding] = []
    for start in range(0, len(upstream_ids), PIECE):
        piece = upstream_ids[start : start + PIECE]
        of_these = f"{BINDINGS.select} WHERE kind = ? AND upstream_id IN ({', '.join('?' * len(piece))})"
        found += BINDINGS.rows(connection.execute(of_these, (kind, *piece)))
    return found


def open_bills(connection: Connection, *, since_wall_ms: int) -> list[Binding]:
    return BINDINGS.rows(connection.execute(OPEN_BILLS, (BATCH_BILL, first_id(since_wall_ms), MOST_BILLS)))
