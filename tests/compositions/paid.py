"""What was paid for each call of a situation, against what its provider bills for it."""

import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Final

from tests.compositions.situation import Books, Situation

from omnillm.records import AttemptRow, EntryKind, RequestRow
from omnillm.stores.orphans import OUTCOME
from omnillm.testing.log import Logged

NUMBER: Final = re.compile(rb"#(\d+)#")
"""Of a call, in its words."""
REPLAY: Final = "x-omnillm-idempotent-replay"
BILL_OF_ITS_OWN: Final = frozenset({"batch_settlement", "batch_look"})
UNDONE: Final = frozenset({"not_sent", "stale", "lost", "timeout", "aborted"})
"""Ends of an attempt of which its provider need not have heard."""


def numbers_of(it: Situation) -> dict[str, int]:
    """By request id, of those that were told theirs."""
    told = [(heard.reply.headers, heard.asked.number) for heard in it.heard if heard.reply is not None]
    return {fields["x-omnillm-request-id"]: number for fields, number in told if "x-omnillm-request-id" in fields and REPLAY not in fields}


def number_in(row: RequestRow, told: dict[str, int]) -> int:
    """Of the call; 0: nobody knows."""
    found = re.search(r"call=(\d+)", row.tags)
    return int(found[1]) if found else told.get(row.request_id, 0)


def number_of(logged: Logged) -> int:
    """Of the call, or, where its head does not tell, of its words."""
    found = re.search(rb"composition/(\d+)", logged.headers.get(b"user-agent", b"")) or NUMBER.search(logged.body)
    return int(found[1]) if found else 0


class Paid:
    """Rows and bills, by the number of the call."""

    def __init__(self, it: Situation, books: Books) -> None:
        self.it = it
        self.store = books.program.store
        told, log = numbers_of(it), it.fake.log
        self.rows: defaultdict[int, list[RequestRow]] = defaultdict(list)
        for row in books.rows:
            if row.operation not in BILL_OF_ITS_OWN:
                self.rows[number_in(row, told)].append(row)
        self.billed: defaultdict[int, int] = defaultdict(int)
        for line in it.fake.invoice.lines:
            if line.number > it.epoch_began:
                self.billed[number_of(log[line.number - 1])] += line.cost_nanousd
        self.arrived = Counter(number_of(each) for each in log[it.epoch_began :])
        is_vague = it.was_killed or it.forgets
        self.nameless = {heard.asked.number for heard in it.heard if is_vague or b"composition/" not in heard.asked.raw}
        """Their rows need not say which call they are of, or are gone."""
        self.twice = {heard.asked.number for heard in it.heard if heard.asked.is_said_twice}

    async def problems(self) -> AsyncIterator[str]:
        for problem in (*self._unpaid(), *self._twice()):
            yield problem
        for number, theirs in list(self.rows.items()):
            if len(theirs) > 1 and number and number not in self.twice:
                yield f"call {number} has {len(theirs)} rows"
            for row in theirs:
                if row.outcome != OUTCOME:
                    async for problem in self._of(number, row):
                        yield f"call {number}: {problem}: {row}"

    def _unpaid(self) -> Iterator[str]:
        """What is billed has a row; of rows that nobody can assign all together cost what is billed together."""
        unknown = 0
        for number, cost in self.billed.items():
            if cost and not self.rows.get(number):
                if number not in self.nameless:
                    yield f"call {number} is billed {cost} and has no row"
                unknown += cost
        paid = sum(row.cost_nanousd for row in self.rows.get(0, ()))
        may_be_lost = self.it.forgets or (self.it.was_killed and self.it.first["durability"] == "relaxed")
        if paid < unknown and not may_be_lost:
            yield f"calls of which nobody was told are billed {unknown}, and cost {paid}"
        for number in self.arrived.keys() - self.rows.keys() - self.nameless - {0}:
            yield f"call {number} arrived and has no row"

    def _twice(self) -> Iterator[str]:
        """Those that were sent twice over one connection cost at least what is billed for both."""
        for number in self.twice - self.nameless:
            if sum(row.cost_nanousd for row in self.rows.get(number, ())) < self.billed[number]:
                yield f"call {number} that was asked for twice is billed {self.billed[number]}"

    async def _of(self, number: int, row: RequestRow) -> AsyncIterator[str]:
        sent = await self.store.attempts(row.request_id)
        if row.attempts != len(sent) or sum(each.cost_nanousd for each in sent) != row.cost_nanousd:
            yield f"its attempts are others: {sent}"
        if row.is_estimated != any(each.is_estimated for each in sent):
            yield f"it is estimated where its attempts are not: {sent}"
        if number and number not in self.twice:
            for problem in self._against_the_bill(number, row, sent):
                yield f"{problem}: {sent}"
        ends: defaultdict[tuple[str, int], set[EntryKind]] = defaultdict(set)
        for entry in await self.store.entries(row.request_id):
            ends[(entry.budget, entry.attempt)].add(entry.kind)
        for end, kinds in ends.items():
            if kinds == {EntryKind.RESERVE}:
                yield f"{end} is reserved for ever"

    def _against_the_bill(self, number: int, row: RequestRow, sent: list[AttemptRow]) -> Iterator[str]:
        """To the nano-dollar where usage was reported, never below elsewhere; a batch is booked at its bound."""
        billed, arrived = self.billed[number], self.arrived[number]
        is_exact = not row.is_estimated and row.operation != "batches"
        if row.cost_nanousd < billed or (is_exact and row.cost_nanousd != billed):
            faults = [(each.fault, each.status, each.aborted_by_client) for each in self.it.fake.log if number_of(each) == number]
            yield f"it costs {row.cost_nanousd} and is billed {billed}, {faults}"
        if not len(sent) - sum(each.verdict in UNDONE for each in sent) <= arrived <= len(sent):
            yield f"{arrived} arrived"
