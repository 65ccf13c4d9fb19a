"""`omnillm requests`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from omnillm.cli.columns import show
from omnillm.cli.ledger import CONFIG, LEDGER, looking
from omnillm.cli.options import AS_CSV, AS_JSON

if TYPE_CHECKING:
    from omnillm.records import RequestRow
    from omnillm.stores.connection import Connection

HEADS = ("request", "time (UTC)", "virtual key", "model", "provider", "outcome", "status", "attempts", "ms", "tokens", "cost USD")


def requests(  # noqa: PLR0913, PLR0917  a command line's options
    request_id: str = typer.Argument("", help="Show this request with its attempts, its movements in the budgets and its loss report."),
    virtual_key: str = typer.Option(None, "--virtual-key", help="Name of the virtual key; empty: calls without one."),
    model: str = typer.Option(None, "--model", help="Model name, as it was asked for."),
    provider: str = typer.Option(None, "--provider", help="Name of the provider in the configuration."),
    outcome: str = typer.Option(None, "--outcome", help="success, aborted, or an error's code."),
    status: str = typer.Option(None, "--status", help="Status that the client got, such as 429."),
    since: str = typer.Option(None, "--since", help="Begun on or after this day or moment, such as 2026-11-25T08:30:00Z."),
    until: str = typer.Option(None, "--until", help="Begun until this moment, or the end of this day."),
    min_cost_usd: str = typer.Option(None, "--min-cost-usd", help="Cost as much or more."),
    lossy: bool = typer.Option(False, "--lossy", help="Translated with a loss."),
    limit: str = typer.Option("20", "--limit", help="Rows per page, 1 to 1000."),
    before: str = typer.Option("", "--before", help="Next page: the last id of this one."),
    config: Path = CONFIG,
    ledger: str | None = LEDGER,
    as_json: bool = AS_JSON,
    as_csv: bool = AS_CSV,
) -> None:
    """List requests, newest first, or show one."""
    from omnillm.server.operations import reports as written
    from omnillm.stores import reports

    conditions = {
        "virtual_key": virtual_key,
        "model": model,
        "provider": provider,
        "outcome": outcome,
        "status": status,
        "since": since,
        "until": until,
        "min_cost_usd": min_cost_usd,
        "lossy": "true" if lossy else None,
    }
    only = written.read_filter({name: text for name, text in conditions.items() if text is not None})
    most, before = written.read_limit(limit), written.read_before(before)
    with looking(config, ledger) as connection:
        if request_id:
            typer.echo(msgspec.json.format(msgspec.json.encode(_one(connection, request_id))))
            return
        rows = reports.requests(connection, limit=most + 1, before=before, only=only)
    if as_json:
        typer.echo(msgspec.json.encode(written.requests_document(rows, most)))
    elif as_csv:
        typer.echo(written.requests_csv(rows[:most]).encode(), nl=False)
    else:
        show(HEADS, [_line(row) for row in rows[:most]], names=6)
        if len(rows) > most:
            typer.echo(f"There are more: --before {rows[most - 1].request_id}")


def _one(connection: "Connection", request_id: str) -> dict[str, object]:
    from omnillm.errors import BadRequest
    from omnillm.server.operations.reports import request_document
    from omnillm.stores import reports

    ended = reports.request(connection, request_id)
    attempts, entries = reports.attempts(connection, request_id), reports.entries(connection, request_id)
    if not (ended or attempts or entries):
        raise BadRequest(f"there is no request {request_id[:64]!r}")
    return request_document(ended, attempts, entries)


def _line(row: "RequestRow") -> tuple[str, ...]:
    from omnillm.money import format_usd

    began = datetime.fromtimestamp(row.wall_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    names = (row.request_id, began, row.caller, row.model, row.provider, row.outcome)
    counts = (str(row.status), str(row.attempts), f"{row.duration_ms:,}", f"{row.usage.total_tokens:,}", format_usd(row.cost_nanousd))
    return (*names, *counts)
