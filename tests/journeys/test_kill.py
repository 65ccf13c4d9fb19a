"""kill -9 of a whole gateway under load, again and again: no nano-dollar is lost, and none is counted twice."""

import asyncio
from collections import defaultdict
from itertools import count
from pathlib import Path
from random import Random

import pytest
from tests.forks import FORKS
from tests.journeys import serving_process
from tests.journeys.running import PRICES, configuration
from tests.journeys.wire import DIALECTS, ask, exchange
from tests.soak import FACTOR, rounds

from omnillm.assemble import Program, SystemClock
from omnillm.config.load import parse
from omnillm.records import RequestRow
from omnillm.stores.orphans import OUTCOME
from omnillm.testing import FakeProvider

LEDGERS = rounds(1)
KILLS = 5 if FACTOR == 1 else 40
"""Of one ledger."""
CLIENTS = 12


class Victim:
    """Gateways on one ledger, one after the other, each killed; and what their clients were told."""

    def __init__(self, text: str, fake: FakeProvider, dice: Random) -> None:
        self.text = text
        self.fake = fake
        self.dice = dice
        self.numbers = count()
        self.acknowledged: dict[str, int] = {}
        """Of the replies that came whole: request id -> number of the call."""

    async def live_and_die(self) -> None:
        """Start, serve twelve clients, and be killed: while it starts, or after some number of replies, wherever it is then."""
        ours, theirs = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=serving_process.serve_until_killed, args=(self.text, theirs))
        with ours:
            await asyncio.to_thread(process.start)
            theirs.close()
            if self.dice.random() < 0.9:
                port = await asyncio.to_thread(ours.recv)
                enough, left = asyncio.Event(), self.dice.randrange(60)
                clients = [asyncio.ensure_future(self._client(port, len(self.acknowledged) + left, enough)) for _ in range(CLIENTS)]
                await enough.wait()
                process.kill()
                await asyncio.gather(*clients)
            process.kill()
            await asyncio.to_thread(process.join)
        process.close()

    async def _client(self, port: int, until: int, enough: asyncio.Event) -> None:
        """One call after the other, until the connection is dead."""
        while True:
            if len(self.acknowledged) >= until:
                enough.set()
            number = next(self.numbers)
            dice = self.dice
            headers = {"x-omnillm-session": str(number)}
            question = ask(dice.choice(DIALECTS), f"#{number}# hello", is_stream=dice.random() < 0.5, cap=30, headers=headers)
            try:
                reply = await exchange(port, question)
            except (ConnectionError, asyncio.IncompleteReadError):
                return
            if not reply.is_answer:
                return
            self.acknowledged[reply.headers["x-omnillm-request-id"]] = number


async def check(victim: Victim, fake: FakeProvider) -> int:
    """The books after a restart; returns how many calls were lost with their process so far."""
    await fake.ended(len(fake.log))
    program = Program(parse(victim.text, {}))
    await program.start()
    store = program.store
    assert await store.verify() == []
    rows: dict[str, RequestRow] = {}
    before = ""
    while page := await store.requests(limit=1000, before=before):
        rows |= {row.request_id: row for row in page}
        before = page[-1].request_id
    total = sum(row.cost_nanousd for row in rows.values())
    assert {each.name: (each.settled_nanousd, each.reserved_nanousd) for each in program.controller.budgets()} == {
        "everything": (total, 0),
        "any-day": (total, 0),
    }
    await program.aclose()
    check_bill(rows, fake)
    assert victim.acknowledged.keys() <= rows.keys()
    return sum(row.outcome == OUTCOME for row in rows.values())


def check_bill(rows: dict[str, RequestRow], fake: FakeProvider) -> None:
    """Each call that has a row of its own cost its bill; those that were lost with their process, together, at least theirs."""
    billed: defaultdict[str, int] = defaultdict(int)
    for line in fake.invoice.lines:
        billed[fake.log[line.number - 1].body.split(b"#")[1].decode()] += line.cost_nanousd
    lost = 0
    for row in rows.values():
        if row.outcome == OUTCOME:
            assert row.is_estimated
            lost += row.cost_nanousd
        elif row.is_estimated:
            assert row.cost_nanousd >= billed.pop(row.session, 0)
        else:
            assert row.cost_nanousd == billed.pop(row.session)
    assert lost >= sum(billed.values())


@pytest.mark.parametrize("ledger", range(LEDGERS))
async def test_a_gateway_that_is_killed_at_any_moment_loses_no_money(tmp_path: Path, ledger: int) -> None:
    """5 kills in every run, 2,000 in `make soak`: the ledger is not below the invoice, every acknowledged reply has its row, all adds up."""
    async with FakeProvider(prices=PRICES, clock=SystemClock(), billing_lag_tokens=16) as fake:
        text = configuration(fake, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict").replace(
            "budgets: [{name: ev", "budgets: [{name: any-day, limit_usd: 1000, period: rolling 24h}, {name: ev"
        )
        victim = Victim(text, fake, Random(ledger))
        lost = 0
        for kill in range(KILLS):
            await victim.live_and_die()
            after = await check(victim, fake)
            assert after <= lost + CLIENTS, f"kill {kill}"
            lost = after
        assert len(victim.acknowledged) > 5 * KILLS
        assert lost > 0
