"""Measures what the gateway adds to a call: a fake provider is called directly and through a gateway, in turns, one call at a time.

Client, gateway and provider share one process, so that no part of a call runs at the same time as another.
"""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from statistics import median

import msgspec

from omnillm.assemble import Service, SystemClock
from omnillm.cli.load import Fired, Measured, Sender, aim, measured
from omnillm.config.load import parse
from omnillm.errors import OmniError
from omnillm.testing import FakeProvider

TURNS = 10
VIRTUAL_KEY = "sk-omni-bench-key-0123456789"
CONFIG = """
server: {{host: 127.0.0.1, port: 0, auth: required, admin_key: bench-admin-key-0123456789}}
store: {{url: "sqlite:///{directory}/omnillm.db", durability: {durability}}}
providers: {{openai: {{kind: openai, base_url: "{provider}", keys: [{{label: only, key: sk-fake}}]}}}}
models: {{fast: {{targets: [openai/fake-small]}}}}
budgets: [{{name: bench, limit_usd: 1000, period: day, hard: true}}]
virtual_keys: [{{name: bench, key: {key}, rpm: 1000000, tpm: 1000000000}}]
pricing: {{overrides: {{openai/fake-small: {{input: 0.4, output: 1.6}}}}}}
"""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Of the figures of all turns."""

    median: float
    least: float
    most: float


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """Calls through a gateway. Of the medians of each turn: the difference to the straight ones, and the ratio."""

    found: Measured
    added_ms: Spread
    ratio: Spread


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """`relaxed` and `strict` are the ledger's durability: the latter waits for the disk before each dispatch."""

    straight: Measured
    relaxed: Behind
    strict: Behind


async def compare(*, calls: int, max_tokens: int, is_stream: bool) -> Compared:
    """So many calls straight, and as many through gateways that keep a budget, their ledgers in the directory for temporary files.

    OmniError: one of them failed.
    """
    make = partial(aim, max_tokens=max_tokens, is_stream=is_stream)
    async with (
        FakeProvider(clock=SystemClock()) as provider,
        serving(provider, "relaxed") as relaxed,
        serving(provider, "strict") as strict,
        Sender() as sender,
    ):
        behind = (make(f"http://127.0.0.1:{each.address[1]}", key=VIRTUAL_KEY, model="fast") for each in (relaxed, strict))
        aims = (make(provider.base_url, key="sk-fake", model="fake-small"), *behind)
        # Block after block: what a gateway has to write after a reply is felt by its own next call.
        turns = [[await sender.fire(at, calls=calls // TURNS) for at in aims] for _ in range(TURNS + 1)]
    straight, *others = zip(*turns[1:], strict=True)  # the first is to warm up
    return Compared(straight=_together(straight), relaxed=_behind(others[0], straight), strict=_behind(others[1], straight))


def _behind(turns: Sequence[Fired], straight: Sequence[Fired]) -> Behind:
    medians = [[median(each.seconds for each in answers) for answers, _ in pair] for pair in zip(turns, straight, strict=True)]
    return Behind(
        found=_together(turns),
        added_ms=_spread([(slow - fast) * 1000 for slow, fast in medians]),
        ratio=_spread([slow / fast for slow, fast in medians]),
    )


def _together(turns: Sequence[Fired]) -> Measured:
    found = measured([answer for answers, _ in turns for answer in answers], sum(seconds for _, seconds in turns))
    if found.failed:
        raise OmniError(f"calls on loopback failed: {found.failed}")
    return found


def _spread(values: Sequence[float]) -> Spread:
    return Spread(median=round(median(values), 3), least=round(min(values), 3), most=round(max(values), 3))


@asynccontextmanager
async def serving(provider: FakeProvider, durability: str) -> AsyncIterator[Service]:
    """A gateway before it, in this process."""
    with tempfile.TemporaryDirectory(prefix="omnillm-bench-") as directory:
        text = CONFIG.format(directory=directory, durability=durability, provider=provider.base_url, key=VIRTUAL_KEY)
        settings = parse(text, {}, source="bench")
        service = Service(settings, reload=lambda: settings)
        await service.start()
        try:
            yield service
        finally:
            await service.server.drain()
            await service.aclose()
