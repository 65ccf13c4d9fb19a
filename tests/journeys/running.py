"""Whole calls over sockets: a real client, the gateway as `omnillm serve` runs it, and a fake provider with its own log and invoice."""

from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO

from omnillm.assemble import Service
from omnillm.testing import FakeProvider

VIRTUAL_KEY = "sk-omni-journey-0123456789abcdef"
ADMIN_KEY = "admin-journey-0123456789"
PRICES = {"fake-small": {"input": 400_000_000, "output": 1_600_000_000}}
CONFIG = """
server: {{host: 127.0.0.1, port: 0, auth: required, admin_key: {admin_key}, drain: 2s}}
calls: {{queue: {queue}}}
store: {{url: "{store}", durability: {durability}}}
providers:
  openai: {{kind: openai, base_url: {base_url}, keys: {keys}}}
  anthropic: {{kind: anthropic, base_url: {base_url}, keys: {keys}}}
  gemini: {{kind: gemini, base_url: {base_url}, keys: {keys}}}
models:
  fast: {{targets: [openai/fake-small]}}
  claude: {{targets: [anthropic/fake-small]}}
  gemini: {{targets: [gemini/fake-small]}}
budgets: [{{name: everything, limit_usd: "{limit_usd}", period: total, hard: true}}]
virtual_keys: [{{name: journey, key: {virtual_key}, budgets: []}}]
pricing:
  overrides:
    openai/fake-small: {{input: 0.4, output: 1.6}}
    anthropic/fake-small: {{input: 0.4, output: 1.6}}
    gemini/fake-small: {{input: 0.4, output: 1.6}}
"""


def configuration(
    provider: FakeProvider,
    *,
    keys: Mapping[str, str] | None = None,
    limit_usd: str = "1000",
    durability: str = "relaxed",
    store: str = "memory://",
    queue: str = "2s",
) -> str:
    """A configuration in front of `provider`; `keys` is label -> YAML of the rest, e.g. {"a": "key: sk-a, rpm: 5"}."""
    listed = keys or {"good": "key: sk-good"}
    return CONFIG.format(
        admin_key=ADMIN_KEY,
        virtual_key=VIRTUAL_KEY,
        base_url=provider.base_url,
        keys="[" + ", ".join(f"{{label: {label}, {rest}}}" for label, rest in listed.items()) + "]",
        limit_usd=limit_usd,
        durability=durability,
        store=store,
        queue=queue,
    )


class Running:
    """A gateway that serves; `log` is what its call log wrote."""

    def __init__(self, service: Service, log: BytesIO) -> None:
        self.service = service
        self.log = log
        self.program = service.program
        self.port = service.address[1]
        self.base_url = f"http://127.0.0.1:{self.port}"

    async def books(self) -> tuple[int, int, int]:
        """(ledger's total cost, budget's settled, budget's reserved) in nano-USD, the ledger verified."""
        await self.program.store.flush()
        assert await self.program.store.verify() == []
        rows = await self.program.store.usage(group_by="total", since_day="", until_day="")
        [budget] = self.program.controller.budgets()
        return (rows[0].cost_nanousd if rows else 0), budget.settled_nanousd, budget.reserved_nanousd


Serve = Callable[..., Awaitable[Running]]
