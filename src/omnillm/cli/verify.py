"""`omnillm verify`."""

from pathlib import Path

import typer

from omnillm.cli.ledger import CONFIG, LEDGER, looking


def verify(
    config: Path = CONFIG,
    ledger: Path | None = LEDGER,
) -> None:
    """Replay the ledger, of a running gateway too, and prove the balances: exit code 1 and a line for each problem, or 0."""
    from omnillm.stores import verification

    with looking(config, ledger) as connection:
        problems = verification.problems(connection)
        proven = verification.extent(connection)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"proven: {proven}")
