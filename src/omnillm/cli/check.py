"""`omnillm check`."""

import os
from pathlib import Path

import typer

from omnillm.cli.options import CONFIG


def check(config: Path = CONFIG) -> None:
    """Validate the configuration, and print what is in force."""
    from omnillm.assemble import unpriced
    from omnillm.assemble.service import try_out
    from omnillm.assemble.system import SystemClock
    from omnillm.config.describe import describe
    from omnillm.config.load import load

    settings = load(config, os.environ)
    try_out(settings, SystemClock())
    for line in describe(settings):
        typer.echo(line)
    if without := unpriced(settings):
        typer.echo(f"without a price: {', '.join(without)}; add it under pricing.overrides")
