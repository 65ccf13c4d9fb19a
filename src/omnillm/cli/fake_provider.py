"""`omnillm fake-provider`."""

import typer


def fake_provider(
    host: str = typer.Option("127.0.0.1", "--host", help="Where to listen."),
    port: int = typer.Option(4010, "--port", help="0: a free one."),
    list_faults: bool = typer.Option(False, "--faults", help="List the faults that a prompt can ask for, and end."),
) -> None:
    """Serve a fake LLM provider: four protocols, any key, and `[[fault:NAME]]` in a prompt to see things go wrong."""
    import asyncio

    from omnillm.assemble import SystemClock
    from omnillm.testing import FAULTS, FakeProvider

    if list_faults:
        for name, fault in FAULTS.items():
            typer.echo(f"{name:24} {fault.effect}")
        return
    typer.echo(f"A fake provider serves on http://{host}:{port}; any API key will do. Ctrl-C ends it.")
    try:
        asyncio.run(FakeProvider(clock=SystemClock()).serve_forever(host, port))
    except KeyboardInterrupt:
        typer.echo("Ended.")
