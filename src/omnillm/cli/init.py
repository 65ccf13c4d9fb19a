"""`omnillm init`."""

from pathlib import Path

import typer

from omnillm.errors import ConfigError


def init(
    path: Path = typer.Argument(Path("omnillm.yaml"), help="Where to write it."),
    force: bool = typer.Option(False, "--force", help="Overwrite an existing file."),
) -> None:
    """Write a commented configuration."""
    from omnillm.config.template import template

    if path.is_dir():
        raise ConfigError("is a folder", source=str(path))
    if path.exists() and not force:
        typer.echo(f"{path} exists already; --force overwrites it.", err=True)
        raise typer.Exit(2)
    try:
        path.write_text(template(), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", source=str(path)) from error
    typer.echo(f"Wrote {path}. Set the keys that it names, then: omnillm check -c {path} && omnillm serve -c {path}")
