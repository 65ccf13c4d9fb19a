"""Usage and requests for people and programs. The admin API and the command line read the same queries and write the same answers."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import asdict

from omnillm.errors import BadRequest
from omnillm.money import format_usd, parse_usd
from omnillm.records import AttemptRow, Entry, RequestFilter, RequestRow, UsageRow
from omnillm.stores.daily import total_of
from omnillm.stores.grouping import TOTAL
from omnillm.usage import Usage

PAGE_ROWS, MOST_ROWS = 100, 1000
REQUEST_FILTERS = ("virtual_key", "model", "provider", "outcome", "status", "since", "until", "min_cost_usd", "lossy")
REQUEST_ID: Final = re.compile("[0-9a-f]{32}")
BACKWARDS = "until must not be before since: there would be nothing between them."
FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"
"""The wide ones of East Asian keyboards are formulas there."""
FORMULA: Final = re.compile(f"^(?=[\t\r\n{re.escape(FORMULA_STARTS)}])|(?<=[;|\t\r\n])(?=[{re.escape(FORMULA_STARTS)}])")
"""Where a formula begins: with the cell, or behind what separates cells in some countries' spreadsheets, whatever quotes stand around."""


def read_limit(text: str) -> int:
    """How many rows a page has at most, of requests or of virtual keys. BadRequest: no number, or more than anybody gets at once."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_ROWS)) and 1 <= int(text) <= MOST_ROWS):
        raise BadRequest(f"limit must be a whole number from 1 to {MOST_ROWS}.")
    return int(text)


def read_before(text: str) -> str:
    """The id behind which a page begins; "" is the newest call's. BadRequest: no id, which would compare with the ids all the same."""
    if text and not REQUEST_ID.fullmatch(text):
        raise BadRequest("before must be the id of a call, as `next` gives it: 32 hexadecimal digits.")
    return text


def read_days(since: str, until: str) -> tuple[str, str]:
    """The first and the last day of a report, ISO dates as the ledger writes them; "" is no bound."""
    first, last = _day(since), _day(until)
    if first and last and last < first:
        raise BadRequest(BACKWARDS)
    return first, last


def _day(text: str) -> str:
    try:
        return text and date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise BadRequest("since and until must be days such as 2026-11-25.") from error


def read_filter(asked: Mapping[str, str]) -> RequestFilter:
    """From those of `REQUEST_FILTERS` that were given."""
    status, lossy = asked.get("status", ""), asked.get("lossy", "false")
    if status and not (status.isascii() and status.isdigit() and len(status) == 3):
        raise BadRequest("status must be an HTTP status such as 429.")
    if lossy not in {"true", "false"}:
        raise BadRequest("lossy must be true or false.")
    since_wall_ms, until_wall_ms = (_moment_ms(asked.get(name, ""), is_end=name == "until") for name in ("since", "until"))
    if since_wall_ms and until_wall_ms and until_wall_ms <= since_wall_ms:
        raise BadRequest(BACKWARDS)
    return RequestFilter(
        virtual_key=asked.get("virtual_key"),
        model=asked.get("model"),
        provider=asked.get("provider"),
        outcome=asked.get("outcome"),
        status=int(status or 0),
        since_wall_ms=since_wall_ms,
        until_wall_ms=until_wall_ms,
        min_cost_nanousd=_amount(asked.get("min_cost_usd", "0")),
        is_lossy=lossy == "true",
    )


def _moment_ms(text: str, *, is_end: bool) -> int:
    """A day, as a whole when it is the end, or a moment, in UTC unless it names its offset; "" is 0."""
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
        if len(text) <= len("2026-11-25") and is_end:
            moment += timedelta(days=1)
        wall_ms = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise BadRequest("since and until must be days or moments such as 2026-11-25 or 2026-11-25T08:30:00Z.") from error
    return max(wall_ms, 1)


def _amount(text: str) -> int:
    try:
        nanousd = parse_usd(text)
    except ValueError:
        nanousd = -1
    if nanousd < 0:
        raise BadRequest("min_cost_usd must be decimal USD such as 0.05.")
    return nanousd


def usage_document(group_by: str, rows: Sequence[UsageRow]) -> dict[str, object]:
    """The total of a report by anything is that of its rows; one by total has no others."""
    names = group_by.split(",")
    shown = [] if group_by == TOTAL else rows
    return {"total": _counts(total_of(rows)), "rows": [{**dict(zip(names, row.groups, strict=True)), **_counts(row)} for row in shown]}


def _counts(row: UsageRow) -> dict[str, object]:
    return {"cost_usd": format_usd(row.cost_nanousd), "requests": row.requests, "attempts": row.attempts, "usage": asdict(row.usage)}


def usage_csv(group_by: str, rows: Iterable[UsageRow]) -> str:
    names = group_by.split(",")
    heads = (*names, "cost_usd", "requests", "attempts", *Usage.__struct_fields__)
    lines = (
        (*(row.groups or names), format_usd(row.cost_nanousd), row.requests, row.attempts, *asdict(row.usage).values()) for row in rows
    )
    return _csv(heads, lines)


def requests_document(rows: Sequence[RequestRow], limit: int) -> dict[str, object]:
    """A page, asked for with one row more than `limit`: whether there is another page is told by that row."""
    page = rows[:limit]
    return {"requests": [row_document(row) for row in page], "next": page[-1].request_id if len(rows) > limit else None}


def requests_csv(rows: Iterable[RequestRow]) -> str:
    documents = ({**row_document(row), "loss": row.loss} for row in rows)
    lines = [{**document, **usage} for document in documents if isinstance(usage := document.pop("usage"), dict)]
    heads = [name for name in RequestRow.__struct_fields__ if name not in {"usage", "cost_nanousd"}]
    columns = [*heads, "cost_usd", *Usage.__struct_fields__]
    return _csv(columns, ([line[name] for name in columns] for line in lines))


def request_document(request: RequestRow | None, attempts: Iterable[AttemptRow], entries: Iterable[Entry]) -> dict[str, object]:
    return {
        "request": None if request is None else row_document(request),
        "attempts": [row_document(row) for row in attempts],
        "entries": [row_document(entry) for entry in entries],
    }


def row_document(row: RequestRow | AttemptRow | Entry) -> dict[str, object]:
    """A ledger row by its columns' names: its money as a decimal string, its counts all there, its loss report as a list."""
    fields = asdict(row)
    if "usage" in fields:
        fields["usage"] = asdict(fields["usage"])
    if "loss" in fields:
        fields["loss"] = msgspec.json.decode(fields["loss"]) if fields["loss"] else []
    for name in ("cost_nanousd", "amount_nanousd"):
        if name in fields:
            fields[name.replace("nanousd", "usd")] = format_usd(fields.pop(name))
    return fields


def _csv(heads: Sequence[str], lines: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(heads)
    writer.writerows([_cell(value) for value in line] for line in lines)
    return text.getvalue()


def _cell(value: object) -> object:
    """Names are chosen by callers, and a spreadsheet must not take one, or a part of one, for a formula."""
    return FORMULA.sub("'", value) if isinstance(value, str) and not _is_amount(value) else value


def _is_amount(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()
