"""`omnillm bench`."""

import os
import sys
from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING

import msgspec
import typer

from omnillm.cli.columns import plain, show
from omnillm.cli.options import AS_JSON
from omnillm.errors import ConfigError, OmniError
from omnillm.money import format_usd

if TYPE_CHECKING:
    from omnillm.cli.load import Aim, Answer, Fired, Measured

HEADS = ("", "calls", "failed", "per second", "p50 ms", "p95 ms", "p99 ms")


def bench(  # noqa: PLR0913, PLR0917  a command line's options
    url: str = typer.Option("", "--url", help="A running gateway. Default: a fake provider, straight and through a gateway, on loopback."),
    key: str = typer.Option("", "--key", envvar="OMNILLM_KEY", show_default=False, help="A virtual key of that gateway."),
    model: str = typer.Option("", "--model", show_default=False, help="The model to ask it for."),
    calls: int = typer.Option(200, "--calls", min=10, max=1_000_000, help="How many calls."),
    seconds: float = typer.Option(inf, "--seconds", min=1, show_default=False, help="Send no more calls after so many seconds."),
    concurrency: int = typer.Option(8, "--concurrency", min=1, max=1000, help="How many calls at a time; one on loopback."),
    max_tokens: int = typer.Option(16, "--max-tokens", min=1, help="Cap of each reply."),
    stream: bool = typer.Option(False, "--stream", help="Ask for streams."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask before sending calls that may cost money."),
    as_json: bool = AS_JSON,
) -> None:
    """Measure a gateway under load, or what omnillm adds to a call."""
    import uvloop

    if not url:
        _bench_loopback(calls, max_tokens, is_stream=stream, as_json=as_json)
        return
    from omnillm.cli.load import aim, measured

    if not model:
        raise ConfigError("a load needs a model to ask for", path="--model")
    at = aim(url, key=key, model=model, max_tokens=max_tokens, is_stream=stream)
    _confirm(uvloop.run(_load(msgspec.structs.replace(at, is_stream=False), 1, 1, inf))[0][0], at, url, calls, is_agreed=yes)
    answers, took_s = uvloop.run(_load(at, calls, concurrency, seconds))
    found = measured(answers, took_s)
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        show(HEADS, _lines("whole reply", found, is_stream=stream), names=1)
        _tell_failures(found, answers)
        typer.echo(f"cost: {found.cost_usd} USD" if found.cost_usd else "cost: omnillm usage shows it")
    sys.exit(1 if found.failed else 0)


async def _load(at: "Aim", calls: int, concurrency: int, seconds: float) -> "Fired":
    from omnillm.cli.load import Sender

    async with Sender() as sender:
        return await sender.fire(at, calls=calls, concurrency=concurrency, seconds=seconds)


def _confirm(first: "Answer", at: "Aim", url: str, calls: int, *, is_agreed: bool) -> None:
    """Say what the load costs by the first call's cost, and ask. OmniError: that call failed, or nobody can be asked."""
    if first.code:
        raise OmniError(f"{url} did not answer the first call: {plain(first.code)}: {plain(first.message)}")
    told = f"One call cost {format_usd(first.cost_nanousd)} USD" if first.cost_nanousd else "What a call costs is not known"
    if first.cost_nanousd:
        most = first.cost_nanousd * max(at.max_tokens, first.completion_tokens) // max(first.completion_tokens, 1)
        told += f", so {calls} cost at most {format_usd(calls * most)} USD"
    typer.echo(f"{told}.", err=True)
    if is_agreed:
        return
    if not os.isatty(0):
        raise OmniError("nobody can be asked whether to send them: add --yes")
    typer.confirm(f"Send {calls} calls to {url}?", abort=True, err=True)


def _bench_loopback(calls: int, max_tokens: int, *, is_stream: bool, as_json: bool) -> None:
    import uvloop

    from omnillm.cli.loopback import TURNS, compare

    found = uvloop.run(compare(calls=calls, max_tokens=max_tokens, is_stream=is_stream))
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    behind = {"relaxed": found.relaxed, "strict": found.strict}
    rows = {"straight": found.straight, **{name: each.found for name, each in behind.items()}}
    show(HEADS, [line for name, row in rows.items() for line in _lines(name, row, is_stream=is_stream)], names=1)
    for name, each in behind.items():
        added, times = each.added_ms, each.ratio.median
        span = f"{added.least:.2f} to {added.most:.2f} in {TURNS} turns"
        typer.echo(f"{name}: adds {added.median:.2f} ms ({span}), {times:.1f} times the straight call")


def _lines(name: str, found: "Measured", *, is_stream: bool) -> Iterator[tuple[str, ...]]:
    counts = (f"{found.calls:,}", f"{sum(found.failed.values()):,}", f"{found.per_second:,.1f}")
    yield (name, *counts, *(f"{each:.2f}" for each in found.latency_ms.values()))
    if is_stream:
        yield (f"{name}, first byte", "", "", "", *(f"{each:.2f}" for each in found.first_byte_ms.values()))


def _tell_failures(found: "Measured", answers: "list[Answer]") -> None:
    """Each code with the message of the last call that had it."""
    messages = {each.code: each.message for each in answers}
    for code, count in found.failed.items():
        typer.echo(plain(f"{count:,} failed with {code}: {messages[code]}"))
