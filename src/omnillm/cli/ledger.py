"""Where the ledger's file is, and one look into it, beside a gateway that may be running."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

CONFIG = typer.Option(Path("omnillm.yaml"), "--config", "-c", help="The configuration file, whose store.url is read.")
LEDGER = typer.Option(None, "--ledger", help="The ledger's file itself; no configuration is read then.")
AS_JSON = typer.Option(False, "--json", help="For programs.")
AS_CSV = typer.Option(False, "--csv", help="For spreadsheets.")


@contextmanager
def looking(config: Path, ledger: Path | None) -> Iterator[sqlite3.Connection]:
    """A read-only connection that sees one state of the ledger."""
    from omnillm.stores import database

    with database.reading(ledger or _configured(config)) as connection:
        yield connection


def _configured(config: Path) -> Path:
    from omnillm.config.load import load
    from omnillm.errors import ConfigError

    url = load(config, os.environ).store.url.reveal()
    if not url.startswith("sqlite:///"):
        raise ConfigError("this ledger is not a file: ask the running gateway, at /admin/v1", path="store.url")
    return Path(url.removeprefix("sqlite:///"))
