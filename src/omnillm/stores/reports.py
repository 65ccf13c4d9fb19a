"""What people read from the ledger: each function takes a read-only connection and sees one state of it."""

import sqlite3

from omnillm.errors import BadRequest
from omnillm.records import AttemptRow, Binding, Entry, RequestRow, UsageRow
from omnillm.stores.daily import COUNT_COLUMNS, NOTHING, usage_row
from omnillm.stores.store import GROUPS
from omnillm.stores.tables import ATTEMPTS, BINDINGS, ENTRIES, REQUESTS

LAST_DAY = "9999-12-31"

GROUP_SQL = {
    "virtual_key": "caller",
    "model": "model",
    "provider": "provider",
    "provider_key": "CASE WHEN provider = '' AND key = '' THEN '' ELSE provider || '/' || key END",
    "day": "day",
    "total": "'total'",
}
SUMS = ", ".join(f"sum({column})" for column in COUNT_COLUMNS)


def check_group(group_by: str) -> str:
    if group_by not in GROUPS:
        raise BadRequest(f"usage is grouped by one of {', '.join(GROUPS)}, not by {group_by!r}")
    return group_by


def usage(connection: sqlite3.Connection, *, group_by: str, since_day: str, until_day: str) -> list[UsageRow]:
    grouped = f"{GROUP_SQL[check_group(group_by)]} AS grouped"
    report = f"SELECT {grouped}, {SUMS} FROM daily WHERE day BETWEEN ? AND ? GROUP BY grouped ORDER BY grouped"
    found = connection.execute(report, (since_day, until_day or LAST_DAY))
    rows = [usage_row(group, counts) for group, *counts in found]
    return rows or ([usage_row("total", NOTHING)] if group_by == "total" else [])


def requests(connection: sqlite3.Connection, *, limit: int, before: str) -> list[RequestRow]:
    where, values = ("WHERE request_id < ?", (before, limit)) if before else ("", (limit,))
    return REQUESTS.rows(connection.execute(f"{REQUESTS.select} {where} ORDER BY request_id DESC LIMIT ?", values))


def attempts(connection: sqlite3.Connection, request_id: str) -> list[AttemptRow]:
    return ATTEMPTS.rows(connection.execute(f"{ATTEMPTS.select} WHERE request_id = ? ORDER BY attempt", (request_id,)))


def entries(connection: sqlite3.Connection, request_id: str) -> list[Entry]:
    found = connection.execute(f"{ENTRIES.select} WHERE request_id = ? ORDER BY attempt, kind, budget", (request_id,))
    return ENTRIES.rows(found)


def binding(connection: sqlite3.Connection, kind: str, upstream_id: str) -> Binding | None:
    return next(iter(BINDINGS.rows(connection.execute(BINDINGS.find, (kind, upstream_id)))), None)
