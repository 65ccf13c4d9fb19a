"""`omnillm demo`: no key and no network needed."""

import sys

import typer


def demo(
    serve: bool = typer.Option(False, "--serve", help="Leave it up afterwards, with lines to copy."),
    port: int = typer.Option(0, "--port", min=0, max=65535, help="The gateway's port; 0: a free one."),
) -> None:
    """Start a fake provider and the gateway on loopback, send real traffic in all four protocols, and compare the books."""
    import uvloop

    from omnillm.cli.tour import tour

    sys.exit(0 if uvloop.run(tour(stays=serve, port=port)) else 1)
