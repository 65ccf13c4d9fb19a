"""`omnillm verify`."""

from pathlib import Path

import typer

from omnillm.cli.ledger import CONFIG, LEDGER, looking, prices


def verify(config: Path = CONFIG, ledger: str | None = LEDGER) -> None:
    """Prove the ledger's balances and costs. Exit code 1, and a line for each problem, if they are wrong."""
    from omnillm.pricing.reference import Reference
    from omnillm.stores import verification
    from omnillm.stores.costs import check_costs, cost_rows

    reference = Reference(prices(config, ledger).figures)
    with looking(config, ledger) as connection:
        problems = verification.problems(connection)
        costs = check_costs(cost_rows(connection), reference)
        proven = verification.extent(connection)
    for problem in (*problems, *costs.problems):
        typer.echo(problem)
    if problems or costs.problems:
        raise typer.Exit(1)
    typer.echo(f"proven: {proven}; {costs.extent}")
