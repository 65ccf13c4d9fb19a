"""The demo's guided tour: one good key, one dead, one rate-limited; real sockets; at the end the ledger against the provider's invoice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from rich.console import Console
from rich.table import Table

from omnillm.assemble import Service, SystemClock
from omnillm.cli.samples import SAMPLES, Sample, usage_lines
from omnillm.config.load import parse
from omnillm.config.settings import Settings
from omnillm.money import format_usd
from omnillm.testing import FAULTS, Behaviour, FakeProvider
from omnillm.transport.client import HttpClient, Origin, Outgoing
from omnillm.transport.timeouts import Deadlines, Timeouts

ROUNDS = 4
VIRTUAL_KEY = "sk-omni-demo-key-0123456789"
PRICES = {"fake-small": {"input": 400_000_000, "output": 1_600_000_000}, "fake-large": {"input": 3_000_000_000, "output": 15_000_000_000}}
CONFIG = """
server: {{host: 127.0.0.1, port: {port}, auth: required, admin_key: demo-admin-key-0123456789}}
store: {{url: "memory://"}}
providers:
  openai:
    kind: openai
    base_url: {provider}
    keys: {keys}
  anthropic: {{kind: anthropic, base_url: {provider}, keys: {keys}}}
  gemini: {{kind: gemini, base_url: {provider}, keys: {keys}}}
models:
  fast: {{targets: [openai/fake-small]}}
  claude: {{targets: [anthropic/fake-large]}}
  gemini: {{targets: [gemini/fake-small]}}
budgets: [{{name: demo, limit_usd: 1, period: day, hard: true}}]
virtual_keys: [{{name: tour, key: {virtual_key}, rpm: 600, tpm: 1000000}}]
pricing:
  overrides:
    openai/fake-small: {{input: 0.4, output: 1.6}}
    anthropic/fake-large: {{input: 3, output: 15}}
    gemini/fake-small: {{input: 0.4, output: 1.6}}
"""
KEYS = "[{label: healthy, key: sk-healthy}, {label: dead, key: sk-dead}, {label: limited, key: sk-limited}]"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One call, as its client saw it."""

    sample: Sample
    status: int
    request_id: str
    milliseconds: float


async def tour(*, stays: bool, port: int) -> bool:
    """True when every call succeeded and the books agree to the nano-dollar."""
    console = Console(highlight=False, soft_wrap=True)
    async with running(port) as (provider, service):
        console.print(f"A fake provider on {provider.base_url} with three keys:")
        console.print("  [green]healthy[/], [red]dead[/] (401), [yellow]limited[/] (429).")
        console.print(f"The gateway on http://127.0.0.1:{service.address[1]}, in front of it. {ROUNDS * len(SAMPLES)} calls:\n")
        console.print(f"[bold]{'call':28}{'target':22}{'tokens':>8}{'cost USD':>12}{'ms':>7}  keys tried[/]")
        seen = await send_all(console, service)
        console.print(pool_table(service))
        agrees = await compare(console, service, provider)
        is_good = agrees and all(each.status == 200 for each in seen)
        console.print("[green]Every call was answered and the books agree.[/]" if is_good else "[red]Something is wrong.[/]")
        if stays:
            await stay(console, service)
    return is_good


@asynccontextmanager
async def running(port: int) -> AsyncIterator[tuple[FakeProvider, Service]]:
    keys = {
        "sk-healthy": Behaviour(),
        "sk-dead": Behaviour(fault=FAULTS["status_401"]),
        "sk-limited": Behaviour(fault=FAULTS["rate_seconds"]),
    }
    async with FakeProvider(keys=keys, prices=PRICES, clock=SystemClock()) as provider:
        settings = configuration(provider.base_url, port)
        service = Service(settings, reload=lambda: settings)
        await service.start()
        try:
            yield provider, service
        finally:
            await service.server.drain()
            await service.aclose()


def configuration(provider: str, port: int) -> Settings:
    return parse(CONFIG.format(provider=provider, port=port, keys=KEYS, virtual_key=VIRTUAL_KEY), {}, source="demo")


async def send_all(console: Console, service: Service) -> list[Seen]:
    """Every sample, round by round, four at a time; a line for each as it ends."""
    client = HttpClient(clock=SystemClock(), deadlines=Deadlines())
    room = asyncio.Semaphore(4)

    async def one(sample: Sample) -> Seen:
        async with room:
            seen = await send(client, service, sample)
        console.print(await told(service, seen))
        return seen

    try:
        return await asyncio.gather(*(one(sample) for _ in range(ROUNDS) for sample in SAMPLES))
    finally:
        await client.aclose()


async def send(client: HttpClient, service: Service, sample: Sample) -> Seen:
    origin = Origin("http", "127.0.0.1", service.address[1])
    outgoing = Outgoing(
        origin=origin,
        method=b"POST",
        head=sample.head(VIRTUAL_KEY, origin.authority),
        body=sample.body,
        timeouts=Timeouts(),
        is_stream=sample.is_stream,
    )
    clock = service.program.clock
    began = clock.now()
    exchange = await client.send(outgoing)
    await exchange.read_all(1_000_000)
    request_id = exchange.headers.get(b"x-omnillm-request-id", b"").decode()
    return Seen(sample=sample, status=exchange.status, request_id=request_id, milliseconds=(clock.now() - began) * 1000)


async def told(service: Service, seen: Seen) -> str:
    """What the ledger says of a call."""
    store = service.program.store
    await store.flush()
    rows = {row.request_id: row for row in await store.requests(limit=1000, before="")}
    row = rows.get(seen.request_id)
    if row is None:
        return f"{seen.sample.name:28}[red]status {seen.status}[/]"
    attempts = await store.attempts(row.request_id)
    keys = " -> ".join(f"[{'green' if each.verdict == 'success' else 'red'}]{each.key}[/]" for each in attempts)
    tokens = f"{row.usage.prompt_tokens}+{row.usage.completion_tokens}"
    target = f"{row.provider}/{row.upstream_model}"
    return f"{seen.sample.name:28}{target:22}{tokens:>8}{format_usd(row.cost_nanousd):>12}{seen.milliseconds:7.1f}  {keys}"


def pool_table(service: Service) -> Table:
    table = Table("provider", "key", "state", "cooldown s", "failures", title="The pool")
    program = service.program
    for key in program.controller.keys(program.clock.now()):
        rest = max(key.cool_down_s, key.failure_cool_down_s)
        table.add_row(key.provider, key.label, key.state, f"{rest:.0f}" if rest else "", str(key.consecutive_failures))
    return table


async def compare(console: Console, service: Service, provider: FakeProvider) -> bool:
    """The budget, the ledger and the invoice."""
    store = service.program.store
    [total] = await store.usage(group_by="total", since_day="", until_day="")
    [budget] = service.program.controller.budgets()
    problems = await store.verify()
    invoice = provider.invoice.total_nanousd
    table = Table("book", "USD", title="The books")
    table.add_row("ledger", format_usd(total.cost_nanousd))
    table.add_row("budget, spent", format_usd(budget.settled_nanousd))
    table.add_row("budget, still held", format_usd(budget.reserved_nanousd))
    table.add_row("the provider's invoice", format_usd(invoice))
    console.print(table)
    for problem in problems:
        console.print(f"[red]{problem}[/]")
    return not problems and total.cost_nanousd == budget.settled_nanousd == invoice and not budget.reserved_nanousd


async def stay(console: Console, service: Service) -> None:
    for line in usage_lines(service.address[1], VIRTUAL_KEY):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    await service.server.run()
