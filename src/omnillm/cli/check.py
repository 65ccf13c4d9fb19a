"""`omnillm check`."""

import os
from pathlib import Path

import typer


def check(
    config: Path = typer.Option(Path("omnillm.yaml"), "--config", "-c", help="The configuration file."),
) -> None:
    """Validate the configuration without starting, and print what is in force."""
    from omnillm.config.describe import describe
    from omnillm.config.load import load

    for line in describe(load(config, os.environ)):
        typer.echo(line)
