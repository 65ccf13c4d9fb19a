"""`omnillm demo`: no key and no network needed."""

import sys

import typer


def demo(
    serve: bool = typer.Option(False, "--serve", help="Leave both running afterwards, with commands to try."),
    port: int = typer.Option(0, "--port", min=0, max=65535, help="Port of the gateway; 0 picks a free one."),
) -> None:
    """Send real traffic through a gateway to a fake provider, and compare their books."""
    import uvloop

    from omnillm.cli.tour import tour

    sys.exit(0 if uvloop.run(tour(stays=serve, port=port)) else 1)
