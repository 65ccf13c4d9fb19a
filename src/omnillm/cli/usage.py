"""`omnillm usage`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from omnillm.cli.columns import show
from omnillm.cli.ledger import CONFIG, LEDGER, looking
from omnillm.cli.options import AS_CSV, AS_JSON

if TYPE_CHECKING:
    from omnillm.records import UsageRow


def usage(  # noqa: PLR0913, PLR0917  a command line's options
    by: str = typer.Option(
        "model",
        "--by",
        help="day, virtual_key, model, provider, provider_key or several of them (virtual_key,model); tag:NAME; day,tag:NAME; total.",
    ),
    since: str = typer.Option("", "--since", help="First day, such as 2026-11-01 (UTC)."),
    until: str = typer.Option("", "--until", help="Last day."),
    config: Path = CONFIG,
    ledger: str | None = LEDGER,
    as_json: bool = AS_JSON,
    as_csv: bool = AS_CSV,
) -> None:
    """Show what was spent, by whom and on what."""
    from omnillm.server.operations import reports as written
    from omnillm.stores import reports
    from omnillm.stores.daily import total_of

    since_day, until_day = written.read_days(since, until)
    with looking(config, ledger) as connection:
        rows = reports.usage(connection, group_by=by, since_day=since_day, until_day=until_day)
    if as_json:
        typer.echo(msgspec.json.encode(written.usage_document(by, rows)))
    elif as_csv:
        typer.echo(written.usage_csv(by, rows).encode(), nl=False)
    else:
        names = by.split(",")
        lines = [] if by == "total" else [_line(row.groups, row) for row in rows]
        heads = (*names, "cost USD", "requests", "attempts", "input", "cached", "output", "reasoning")
        show(heads, [*lines, _line(["total", *" " * (len(names) - 1)], total_of(rows))], names=len(names))


def _line(groups: Sequence[str], row: "UsageRow") -> tuple[str, ...]:
    from omnillm.money import format_usd

    used = row.usage
    cached = used.cache_read + used.cache_read_audio + used.cache_read_image
    made = used.completion_tokens - used.reasoning
    counts = (row.requests, row.attempts, used.prompt_tokens - cached, cached, made, used.reasoning)
    return (*groups, format_usd(row.cost_nanousd), *(f"{count:,}" for count in counts))
