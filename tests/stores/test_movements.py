"""Reserve, settle, void, adjust, a new period, a restart, retention, in any order: the ledger on disk against an oracle in memory."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace
from tests.soak import FACTOR, rounds
from tests.stores.store_suite import WALL_MS, WALL_S, attempt_row, entry, request_row, usage

from omnillm.records import Entry, EntryKind, Posting
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing.clock import ManualClock

MOVEMENTS = 6_000 if FACTOR == 1 else 20_000
"""On one ledger."""
BUDGETS = ("everything", "team", "key:ada")
MOST_OPEN = 40


class Call:
    """An open request: what each attempt holds, in which budgets and periods."""

    def __init__(self, number, budgets):
        self.number = number
        self.pairs = budgets
        self.held = []

    def entries(self, kind, attempt, amount):
        return tuple(
            replace(entry(self.number, kind, attempt=attempt, budget=budget, amount=amount), period=period) for budget, period in self.pairs
        )


class Movements:
    """The store, the oracle, and dice."""

    def __init__(self, path, seed):
        self.path = path
        self.dice = Random(seed)
        self.number = 0
        self.period = 1
        self.open = []
        self.settled = Counter()
        self.cost = self.requests = self.retired = 0
        self.last = Posting()
        self.closed = None

    async def begin(self):
        self.store = SqliteStore(self.path, clock=ManualClock(wall=WALL_S), durability="relaxed")
        opened = await self.store.open()
        self.epoch = opened.epoch
        return {(each.budget, each.period): each.settled_nanousd for each in opened.balances if each.settled_nanousd}

    def post(self, posting):
        self.last = posting
        self.store.post(posting)

    def stamp(self, entries) -> tuple[Entry, ...]:
        return tuple(replace(each, epoch=self.epoch) for each in entries)

    def book(self, call, amount):
        for pair in call.pairs:
            self.settled[pair] += amount

    # the movements

    def reserve(self):
        if len(self.open) >= MOST_OPEN:
            self.close()
        self.number += 1
        names = self.dice.sample(BUDGETS, self.dice.randrange(1, 4))
        call = Call(self.number, [(name, f"2026-{self.period:06d}" if name != "everything" else "total") for name in names])
        self.open.append(call)
        self.again(call)

    def again(self, call=None):
        """Another attempt has a reservation of its own."""
        if call is None:
            if not self.open:
                return
            call = self.dice.choice(self.open)
        call.held.append(self.dice.randrange(1, 10**6))
        self.post(Posting(entries=self.stamp(call.entries(EntryKind.RESERVE, len(call.held), call.held[-1]))))

    def close(self):
        """Each attempt is settled for its cost, which may be more than it held, or is void: it was never sent."""
        if not self.open:
            return
        call = self.open.pop(self.dice.randrange(len(self.open)))
        entries, rows, total = (), [], 0
        for attempt, held in enumerate(call.held, 1):
            if self.dice.random() < 0.2:
                entries += call.entries(EntryKind.VOID, attempt, 0)
                continue
            cost = self.dice.choice([0, self.dice.randrange(held + 1), held, held + 5])
            entries += call.entries(EntryKind.SETTLE, attempt, cost)
            rows.append(replace(attempt_row(call.number, attempt=attempt, cost=cost), epoch=self.epoch))
            total += cost
        request = replace(request_row(call.number, attempts=len(rows), cost=total), epoch=self.epoch)
        self.post(Posting(entries=self.stamp(entries), attempts=tuple(rows), request=request))
        self.book(call, total)
        self.cost += total
        self.requests += 1
        self.closed = call

    def adjust(self):
        """The provider's own figures came late: once a call."""
        call, self.closed = self.closed, None
        if call is not None:
            amount = self.dice.randrange(-500, 500)
            self.store.post(Posting(entries=self.stamp(call.entries(EntryKind.ADJUST, 1, amount))))
            self.book(call, amount)

    def repeat(self):
        """A batch that was applied already."""
        self.store.post(self.last)

    def reset(self):
        """A new period: what is open stays booked to the one before."""
        self.period += 1

    async def restart(self):
        """What is open is settled in full, and the books are those of the oracle."""
        await self.store.aclose()
        for call in self.open:
            total = sum(call.held)
            self.book(call, total)
            self.cost += total
            self.requests += 1
        self.open, self.closed, self.last = [], None, Posting()
        await self.check(await self.begin())

    async def retire(self):
        """The rows of old requests go; nothing else changes. What is gone is not applied again: a batch is repeated at once or never."""
        self.last = Posting()
        before = WALL_MS + self.number - self.dice.randrange(1, 500)
        assert await self.store.retire(before_wall_ms=before, limit=self.dice.randrange(1, 300)) >= 0

    async def check(self, balances):
        assert balances == {pair: amount for pair, amount in self.settled.items() if amount}
        assert await self.store.verify() == []
        total = (await usage(self.store, "total"))["total"]
        assert (total.requests, total.cost_nanousd) == (self.requests, self.cost)


@pytest.mark.parametrize("ledger", range(rounds(1)))
async def test_any_movements_lead_to_the_books_of_the_oracle(tmp_path: Path, ledger: int) -> None:
    """6,000 movements, a million in `make soak`; balances, totals and the proof are right after each of the restarts among them."""
    movements = Movements(tmp_path / "omnillm.db", ledger)
    assert await movements.begin() == {}
    verbs = [movements.reserve, movements.again, movements.close, movements.adjust, movements.repeat, movements.reset]
    restarts = 0
    for moved, verb in enumerate(movements.dice.choices(verbs, [35, 12, 35, 8, 8, 2], k=MOVEMENTS), 1):
        verb()
        if moved % 400 == 0:
            await movements.store.flush()
            await movements.retire()
        if movements.dice.random() < 1 / 2000:
            await movements.restart()
            restarts += 1
    await movements.restart()
    assert restarts
    await movements.store.aclose()
