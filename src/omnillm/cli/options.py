"""Options that several commands have."""

from pathlib import Path
from typing import Any

import typer

CONFIG: Any = typer.Option(Path("omnillm.yaml"), "--config", "-c", help="The configuration file.")
AS_JSON: Any = typer.Option(False, "--json", help="Print JSON.")
AS_CSV: Any = typer.Option(False, "--csv", help="Print CSV.")
