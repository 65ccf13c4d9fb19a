"""The table of commands. A bad configuration ends with exit code 2 and one message, never a traceback."""

import errno
import sys
from io import TextIOWrapper

import typer

from omnillm import __version__
from omnillm.cli import bench, check, demo, explain, fake_provider, init, keys, providers, requests, serve, transcode, usage, verify
from omnillm.errors import ConfigError, OmniError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of an output that is full. A reader that has gone is no error."""
RUN, LOOK, DEVELOP = "Run a gateway", "See what it does", "Develop and test"
"""The headings of the list of commands."""

app = typer.Typer(
    name="omnillm",
    help="Many provider keys as one reliable, metered, budgeted LLM endpoint. Start with `omnillm demo`: it needs no key and no network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # in the other one, what stands in brackets is a style, and is not shown
)
app.command(rich_help_panel=RUN)(demo.demo)
app.command(rich_help_panel=RUN)(init.init)
app.command(rich_help_panel=RUN)(check.check)
app.command(rich_help_panel=RUN)(serve.serve)
app.add_typer(keys.app, name="keys", rich_help_panel=RUN)
app.command(rich_help_panel=LOOK)(explain.explain)
app.command(rich_help_panel=LOOK)(usage.usage)
app.command(rich_help_panel=LOOK)(requests.requests)
app.command(rich_help_panel=LOOK)(verify.verify)
app.command(rich_help_panel=LOOK)(providers.providers)
app.command(rich_help_panel=DEVELOP)(transcode.transcode)
app.command(rich_help_panel=DEVELOP)(bench.bench)
app.command(name="fake-provider", rich_help_panel=DEVELOP)(fake_provider.fake_provider)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"omnillm {__version__}")
        raise typer.Exit


@app.callback()
def root(version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version.")) -> None:
    """Options of the program itself."""


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
