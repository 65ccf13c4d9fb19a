"""Where the ledger is, and a read-only connection to it, beside a gateway that may be running."""

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from omnillm.errors import ConfigError

if TYPE_CHECKING:
    from omnillm.config.settings import Settings
    from omnillm.pricing.catalog import Catalog
    from omnillm.stores.connection import Connection

CONFIG = typer.Option(Path("omnillm.yaml"), "--config", "-c", help="Configuration file; its store.url names the ledger.")
LEDGER = typer.Option(None, "--ledger", help="File or URL of the ledger, instead of a configuration.")


def looking(config: Path, ledger: str | None) -> "AbstractContextManager[Connection]":
    """A read-only connection that sees one state of the ledger."""
    from omnillm.secret import Secret
    from omnillm.stores.postgres import store as postgres
    from omnillm.stores.sqlite import database as sqlite

    if ledger is not None and "://" not in ledger:
        return sqlite.reading(Path(ledger))
    url = _configured(config).store.url if ledger is None else Secret(ledger)
    text = url.reveal()
    if text.startswith("postgresql://"):
        return postgres.reading(url)
    if text.startswith("sqlite:///"):
        return sqlite.reading(Path(text.removeprefix("sqlite:///")).absolute())  # so that a message says where it was looked for
    raise ConfigError("this ledger is another process's own: ask the running gateway, at /admin/v1", path="store.url")


def prices(config: Path, ledger: str | None) -> "Catalog":
    """The built-in figures, and the configuration's own where one is read."""
    from omnillm.assemble.prices import make_catalog, read_catalog
    from omnillm.pricing.catalog import Catalog

    return make_catalog(_configured(config)) if ledger is None else Catalog({}, read_catalog)


def _configured(config: Path) -> "Settings":
    from omnillm.config.load import load

    try:
        return load(config, os.environ)
    except ConfigError as error:
        raise ConfigError(f"{error}\n--ledger FILE_OR_URL reads a ledger without a configuration") from error
