"""The table of commands. A bad configuration ends with exit code 2 and one message, never a traceback."""

import errno
import sys
from io import TextIOWrapper

import typer

from omnillm import __version__
from omnillm.cli import check, demo, explain, fake_provider, init, keys, providers, requests, serve, transcode, usage, verify
from omnillm.errors import ConfigError, OmniError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of an output that is full. A reader that has gone is no error."""

app = typer.Typer(
    name="omnillm",
    help="Many provider API keys as one reliable, metered, budgeted LLM endpoint.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # in the other one, what stands in brackets is a style, and is not shown
)
app.command()(demo.demo)
app.command()(init.init)
app.command()(serve.serve)
app.command()(check.check)
app.command()(explain.explain)
app.command()(providers.providers)
app.add_typer(keys.app, name="keys")
app.command()(usage.usage)
app.command()(requests.requests)
app.command()(verify.verify)
app.command()(transcode.transcode)
app.command(name="fake-provider")(fake_provider.fake_provider)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"omnillm {__version__}")
        raise typer.Exit


@app.callback()
def root(version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version.")) -> None:
    """The first stop: `omnillm demo`, which needs no key and no network."""


def main() -> None:
    if isinstance(sys.stdout, TextIOWrapper):  # a model's name must not end a command because the terminal has no letter for it
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except ConfigError as error:
        sys.stderr.write(f"omnillm: {error}\n")
        sys.exit(2)
    except OmniError as error:
        sys.stderr.write(f"omnillm: {error.message}\n")
        sys.exit(1)
    except OSError as error:
        if error.errno not in FULL:
            raise
        sys.stderr.write(f"omnillm: {error.strerror or error}\n")
        sys.exit(1)
