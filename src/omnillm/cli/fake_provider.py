"""`omnillm fake-provider`."""

import typer


def fake_provider(
    host: str = typer.Option("127.0.0.1", "--host", help="Address to listen on."),
    port: int = typer.Option(4010, "--port", min=0, max=65535, help="Port to listen on; 0 picks a free one."),
    list_faults: bool = typer.Option(False, "--faults", help="List the faults that a prompt can ask for, and exit."),
) -> None:
    """Run a fake provider: any protocol, any key; `[[fault:NAME]]` in a prompt makes it fail."""
    import asyncio

    from omnillm.testing import FAULTS

    if list_faults:
        for name, fault in FAULTS.items():
            typer.echo(f"{name:24} {fault.effect}")
        return
    asyncio.run(_serve(host, port))


async def _serve(host: str, port: int) -> None:
    """Until SIGINT or SIGTERM, also where a shell's background job was told to ignore the first."""
    import asyncio
    import signal

    from omnillm.assemble import SystemClock, cannot_listen
    from omnillm.testing import FakeProvider

    provider = FakeProvider(clock=SystemClock())
    try:
        await provider.listen(host, port)
    except OSError as error:
        raise cannot_listen(host, port, error) from error
    try:
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        typer.echo(f"A fake provider serves on {provider.base_url}; any API key will do. Ctrl-C ends it.")
        await ended.wait()
    finally:
        await provider.aclose()  # the loop must see the open sockets closed before it ends
    typer.echo("Ended.")
