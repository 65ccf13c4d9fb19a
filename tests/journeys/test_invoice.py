"""The ledger against the provider's own invoice, under load, with everything that can go wrong going wrong."""

import asyncio
from collections import defaultdict
from pathlib import Path
from random import Random

from tests.journeys.running import PRICES, Running, Serve, configuration, until
from tests.journeys.wire import DIALECTS, Line, Question, Reply, ask
from tests.soak import rounds

from omnillm.assemble import SystemClock
from omnillm.records import RequestRow
from omnillm.testing import FAULTS, FakeProvider
from omnillm.testing.log import Logged

CALLS = rounds(2000)
BATCH = 250
STALLS = ("stall_before_head", "stall_mid_body")
HUGE = ("huge_event", "huge_head")
"""20 MiB and 1 MiB each: seldom."""
OFTEN = tuple(name for name in FAULTS if name not in {*STALLS, *HUGE})
KEYS = {f"k{number}": f"key: sk-k{number}" for number in range(60)}
"""So many that faults which set a key aside leave enough of them until the batch is over."""
PROMPTS = ("hello", "a rather longer question", "hello [[tool]]", "think [[think]] of herons")


class Load:
    """The calls. The number of each is its session in the ledger and stands in its prompt, so both sides can be compared call by call."""

    def __init__(self, gateway: Running, fake: FakeProvider) -> None:
        self.gateway = gateway
        self.fake = fake
        self.dice = Random(CALLS)
        self.faults: dict[int, str] = {}
        self.lines: list[Line] = []
        self.replies: dict[int, Reply] = {}

    async def run(self) -> None:
        for first in range(0, CALLS, BATCH):
            calls = [self.call(number) for number in range(first, first + BATCH)]
            await asyncio.gather(*calls)
            await self.end_stalls()
            # An administrator looks after the keys that were refused: what is tested is money.
            for provider in ("openai", "anthropic", "gemini"):
                for label in KEYS:
                    self.gateway.program.controller.revive(provider, label, self.gateway.program.clock.now())
        await self.fake.ended(len(self.fake.log))
        await until(lambda: self.gateway.in_flight == 0)

    def question(self, number: int) -> Question:
        """One call in seven meets a fault, once or twice; the faults take turns."""
        dice = self.dice
        fault = ""
        if number % 7 == 0:
            turn = number // 7
            fault = HUGE[turn // 100 % 2] if turn % 100 == 5 else STALLS[turn // 20 % 2] if turn % 20 == 3 else OFTEN[turn % len(OFTEN)]
            self.faults[number] = fault
        marker = f" [[fault:{fault}*{dice.choice([1, 1, 1, 2])}]]" if fault else ""
        return ask(
            DIALECTS[dice.randrange(4)],
            f"#{number}# {dice.choice(PROMPTS)}{marker}",
            is_stream=dice.random() < 0.6,
            cap=dice.choice([None, 9, 64]),
            headers={"x-omnillm-session": str(number)},
        )

    async def call(self, number: int) -> None:
        """Ask, and read all of it; or, one time in thirty, leave at once, after the head, or after the first piece."""
        leaves = self.dice.choice(["at once", "after the head", "after a piece"]) if self.dice.random() < 1 / 30 else ""
        question = self.question(number)
        line = await Line.open(self.gateway.port, question, limit=1 << 26)
        if self.faults.get(number) in STALLS:
            self.lines.append(line)
            return
        if leaves == "at once":
            await asyncio.sleep(0)
        elif leaves:
            await line.head()
            if leaves == "after a piece":
                await line.piece()
        else:
            self.replies[number] = await line.rest()
        line.reset()

    async def end_stalls(self) -> None:
        """Of the clients of silent providers every other one leaves; then the providers go on."""
        lines, self.lines = self.lines, []
        for line in lines[::2]:
            line.reset()
        for name in STALLS:
            self.fake.gate(name).set()
        for line in lines[1::2]:
            await line.rest()
            line.reset()
        for name in STALLS:
            self.fake.gate(name).clear()


async def rows_of(gateway: Running) -> dict[int, RequestRow]:
    """Every request's row, by the number of its call."""
    rows: dict[int, RequestRow] = {}
    before = ""
    while page := await gateway.program.store.requests(limit=1000, before=before):
        rows |= {int(row.session): row for row in page}
        before = page[-1].request_id
    return rows


def number_of(logged: Logged) -> int:
    return int(logged.body.split(b"#")[1])


async def test_the_ledger_is_the_invoice_call_by_call_with_every_fault_on(serve: Serve, tmp_path: Path) -> None:
    """2,000 calls, 250 at once, plain and streamed, in four protocols, with every fault and clients that leave.

    Where usage was reported, the ledger is the invoice to the nano-dollar; elsewhere it is never below it; and nothing is held at the end.
    """
    async with FakeProvider(prices=PRICES, clock=SystemClock(), sleep=lambda _: asyncio.sleep(0), billing_lag_tokens=16) as fake:
        gateway = await serve(configuration(fake, keys=KEYS, calls="deadline: 120s", store=f"sqlite:///{tmp_path}/omnillm.db"))
        load = Load(gateway, fake)
        await load.run()
        await gateway.spent()
        billed: defaultdict[int, int] = defaultdict(int)
        for line in fake.invoice.lines:
            billed[number_of(fake.log[line.number - 1])] += line.cost_nanousd
        rows = await rows_of(gateway)
        assert billed.keys() <= rows.keys()
        for number, row in rows.items():
            told = f"call {number}, {load.faults.get(number)}: the ledger says {row.cost_nanousd}, the invoice {billed[number]}; {row}"
            assert row.cost_nanousd >= billed[number], told
            assert row.is_estimated or row.cost_nanousd == billed[number], told
        assert {*load.faults.values()} == FAULTS.keys()
        answered = sum(reply.is_answer for reply in load.replies.values())
        exact = sum(not row.is_estimated for row in rows.values())
        assert answered > 0.9 * CALLS
        assert exact > 0.85 * CALLS
