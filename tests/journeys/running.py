"""Whole calls over sockets: a real client, the gateway as `omnillm serve` runs it, and a fake provider with its own log and invoice."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO

import msgspec

from omnillm.admission.asks import KeySnapshot
from omnillm.assemble import Service
from omnillm.pricing.reference import Reference
from omnillm.records import AttemptRow, RequestRow
from omnillm.stores.costs import Row, check_costs
from omnillm.testing import FakeProvider

VIRTUAL_KEY = "sk-omni-journey-0123456789abcdef"
ADMIN_KEY = "admin-journey-0123456789"
TURNS = 500
"""Of the event loop."""
LAG_TOKENS = 16
"""That a provider bills after a client has gone."""
PRICES = {"fake-small": {"input": 400_000_000, "output": 1_600_000_000}}
CONFIG = """
server: {{host: 127.0.0.1, port: 0, auth: required, admin_key: {admin_key}, drain: 2s}}
calls: {{queue: {queue}{calls}}}
store: {{url: "{store}", durability: {durability}}}
providers:
  openai: {{kind: openai, base_url: {base_url}, keys: {keys}{pool}}}
  anthropic: {{kind: anthropic, base_url: {base_url}, keys: {keys}{pool}}}
  gemini: {{kind: gemini, base_url: {base_url}, keys: {keys}{pool}}}
models:
  fast: {{targets: [openai/fake-small]}}
  claude: {{targets: [anthropic/fake-small]}}
  gemini: {{targets: [gemini/fake-small]}}
budgets: [{{name: everything, limit_usd: "{limit_usd}", period: {period}, hard: {hard}}}]
virtual_keys: [{{name: journey, key: {virtual_key}, budgets: []{caller}}}{callers}]
pricing:
  overrides:
    openai/fake-small: {price}
    openai/fake-large: {price}
    anthropic/fake-small: {price}
    gemini/fake-small: {price}
"""


def configuration(
    provider: FakeProvider,
    *,
    keys: Mapping[str, str] | None = None,
    limit_usd: str = "1000",
    period: str = "total",
    hard: bool = True,
    durability: str = "relaxed",
    store: str = "memory://",
    queue: str = "2s",
    calls: str = "",
    pool: str = "",
    caller: str = "",
    callers: str = "",
    price: str = "{input: 0.4, output: 1.6}",
) -> str:
    """A configuration in front of `provider`; `keys` is label -> YAML of the rest, e.g. {"a": "key: sk-a, rpm: 5"}.

    `calls`, `pool` and `caller` are further members of `calls`, of each provider and of the virtual key; `callers` are further virtual keys.
    """
    listed = keys or {"good": "key: sk-good"}
    return CONFIG.format(
        admin_key=ADMIN_KEY,
        virtual_key=VIRTUAL_KEY,
        base_url=provider.base_url,
        keys="[" + ", ".join(f"{{label: {label}, {rest}}}" for label, rest in listed.items()) + "]",
        limit_usd=limit_usd,
        period=period,
        hard=str(hard).lower(),
        durability=durability,
        store=store,
        queue=queue,
        calls=calls and f", {calls}",
        pool=pool and f", {pool}",
        caller=caller and f", {caller}",
        callers=callers and f", {callers}",
        price=price,
    )


def long_text(words: int) -> str:
    """A text of that many words of 3,000 letters: a few thousand fill all buffers on the way."""
    return " ".join(["x" * 3000] * words)


async def until(condition: Callable[[], bool], *, seconds: float = 5.0) -> None:
    """Let others run until it is so; what takes more than some turns is another thread's or process's, and the processor is left to it."""
    async with asyncio.timeout(seconds):
        turns = 0
        while not condition():
            await asyncio.sleep(0 if turns < TURNS else 0.001)
            turns += 1


async def still(measure: Callable[[], int], *, turns: int = 1000) -> None:
    """Let others run until a figure above 0 has not moved for so many turns of the loop."""
    last, since = 0, 0
    async with asyncio.timeout(50):
        while not last or since < turns:
            await asyncio.sleep(0)
            since = since + 1 if measure() == last else 0
            last = measure()


class Running:
    """A gateway that serves; `log` is what its call log wrote."""

    def __init__(self, service: Service, log: BytesIO) -> None:
        self.service = service
        self.log = log
        self.program = service.program
        self.port = service.address[1]
        self.base_url = f"http://127.0.0.1:{self.port}"

    async def end(self) -> None:
        """In good order: what is under way ends, and the ledger is closed."""
        await self.service.server.drain()
        await self.service.aclose()

    def close_log(self) -> None:
        """Every call that has ended has its line in `log`."""
        self.program.ended.flush()
        self.service.call_log.close()

    async def books(self) -> tuple[int, int, int]:
        """(ledger's total cost, budget's settled, budget's reserved) in nano-USD, the ledger verified, and each cost in it."""
        await self.program.store.flush()
        assert await self.program.store.verify() == []
        assert await self.wrong_costs() == []
        rows = await self.program.store.usage(group_by="total", since_day="", until_day="")
        [budget] = [each for each in self.program.controller.budgets() if each.name == "everything"]
        return (rows[0].cost_nanousd if rows else 0), budget.settled_nanousd, budget.reserved_nanousd

    async def spent(self) -> int:
        """All that the ledger counts, in nano-USD: the budget has settled as much, and nothing is held any more."""
        books = await self.books()
        assert (books[0], 0, 0) == (*books[1:], self.in_flight), books
        return books[0]

    async def agrees_with(self, provider: FakeProvider) -> int:
        """The ledger is the provider's invoice, and nothing is held. Returns both their nano-USD."""
        ledger = await self.spent()
        assert ledger == provider.invoice.total_nanousd > 0, (ledger, provider.invoice.total_nanousd)
        return ledger

    async def wrong_costs(self) -> list[str]:
        """Attempts that did not cost what their price version and their usage say."""
        store, rows = self.program.store, list[Row]()
        for request in await store.requests(limit=1000, before=""):
            for each in await store.attempts(request.request_id):
                version, usage = each.price_version, msgspec.json.encode(each.usage)
                told = (each.is_usage_known, each.cost_nanousd, version, each.error, request.operation)
                rows.append((each.request_id, each.attempt, usage, *told))
        return check_costs(rows, Reference(self.program.settlement.quoter.prices.catalog.figures)).problems

    def keys(self, provider: str = "openai") -> dict[str, KeySnapshot]:
        """The provider's keys as they stand, by label."""
        now = self.program.clock.now()
        return {key.label: key for key in self.program.controller.keys(now) if key.provider == provider}

    @property
    def waiting(self) -> int:
        """Calls that stand in a queue."""
        return len(self.program.admission._waiting)

    @property
    def in_flight(self) -> int:
        """Leases that are out."""
        return sum(key.in_flight for key in self.program.controller.keys(self.program.clock.now()))

    async def last(self) -> tuple[RequestRow, list[AttemptRow]]:
        """The newest request's row, and those of its attempts."""
        store = self.program.store
        await store.flush()
        [request] = await store.requests(limit=1, before="")
        return request, await store.attempts(request.request_id)


Serve = Callable[..., Awaitable[Running]]
