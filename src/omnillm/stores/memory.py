"""The ledger in this process's memory. It is the library's default, and the tests compare the other stores with it."""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Final

from omnillm.clock import Clock
from omnillm.records import (
    BATCH_BILL,
    EVERY_REQUEST,
    AttemptRow,
    Balance,
    Binding,
    ClaimRow,
    Entry,
    EntryKind,
    Posting,
    RequestFilter,
    RequestRow,
    UsageRow,
    first_id,
    settlement_id,
)
from omnillm.stores import orphans, retirement, verification
from omnillm.stores.claims import MemoryClaims
from omnillm.stores.daily import NOTHING, Daily, Key, Sums, rest_of, usage_rows
from omnillm.stores.grouping import Grouping, tag_value
from omnillm.stores.migrations import scripts
from omnillm.stores.reports import LAST_DAY
from omnillm.stores.sqlite.database import SqliteConnection
from omnillm.stores.store import Opened
from omnillm.stores.tables import ATTEMPTS, ENTRIES, REQUESTS
from omnillm.stores.virtual_keys import MemoryVirtualKeys

HISTORY: Final = 10_000
Booked = dict[tuple[str, str], int]

GROUPS: Final[dict[str, Callable[[Key], str]]] = {
    "day": itemgetter(0),
    "virtual_key": itemgetter(1),
    "model": itemgetter(2),
    "provider": itemgetter(3),
    "provider_key": lambda key: f"{key[3]}/{key[4]}" if key[3] or key[4] else "",
}


class MemoryStore:
    """A `Store` that lives as long as this object.

    The rows of the latest `history` requests are kept, of older ones their sums. Entries of a request that still holds a reservation stay.
    """

    is_healthy = True
    is_taken_over = False

    def __init__(self, *, clock: Clock, history: int = HISTORY) -> None:
        self._clock = clock
        self._history = history
        self._epoch = 0
        self._is_open = False
        self._requests: OrderedDict[str, RequestRow] = OrderedDict()  # the oldest key of a plain dict is found by a search
        self._attempts: dict[str, dict[int, AttemptRow]] = {}
        self._entries: dict[str, dict[tuple[int, EntryKind, str], Entry]] = {}
        self._bindings: OrderedDict[tuple[str, str], Binding] = OrderedDict()
        self._claims = MemoryClaims(most=history)
        # Sums of what is forgotten; of what is remembered they are made when somebody asks, because a call should not pay for reports.
        self._booked: Booked = {}
        self._daily = Daily()
        self.virtual_keys = MemoryVirtualKeys()

    async def open(self) -> Opened:
        self._close_epoch()
        self._epoch += 1
        self._is_open = True
        found = sorted(self._balances().items())
        balances = tuple(Balance(budget=budget, period=period, settled_nanousd=settled) for (budget, period), settled in found)
        return Opened(epoch=self._epoch, balances=balances)

    def post(self, posting: Posting) -> None:
        for entry in posting.entries:
            self._entries.setdefault(entry.request_id, {}).setdefault((entry.attempt, entry.kind, entry.budget), entry)
        for attempt in posting.attempts:
            self._attempts.setdefault(attempt.request_id, {}).setdefault(attempt.attempt, attempt)
        if posting.request is not None:
            self._add_request(posting.request)
        for binding in posting.bindings:
            self._add_binding(binding)
        for claim in posting.claims:
            self._claims.write(claim)

    def _add_binding(self, binding: Binding) -> None:
        """The oldest is forgotten when there are more than calls are remembered."""
        self._bindings.setdefault((binding.kind, binding.upstream_id), binding)
        if len(self._bindings) > self._history:
            del self._bindings[next(iter(self._bindings))]

    def _add_request(self, request: RequestRow) -> None:
        requests = self._requests
        requests.setdefault(request.request_id, request)
        if len(requests) > self._history:
            self._forget(next(iter(requests)))

    def _forget(self, request_id: str) -> None:
        request = self._requests.pop(request_id)
        _roll_up(self._daily, request, self._attempts.pop(request_id, {}))
        entries = self._entries.get(request_id, {})
        if not orphans.open_reserves(entries.values()):
            for entry in entries.values():
                _book(self._booked, entry)
            self._entries.pop(request_id, None)

    def _balances(self) -> Booked:
        booked = self._booked.copy()
        for entries in self._entries.values():
            for entry in entries.values():
                _book(booked, entry)
        return booked

    def _all_days(self) -> Daily:
        """The roll-ups of what is forgotten and what is remembered."""
        daily = Daily()
        for key, counts in self._daily.keys.lines().items():
            daily.keys.add(key, counts)
        for tag_key, counts in self._daily.tags.lines().items():
            daily.tags.add(tag_key, counts)
        for request_id, request in self._requests.items():
            _roll_up(daily, request, self._attempts.get(request_id, {}))
        return daily

    async def post_durably(self, posting: Posting) -> None:
        self.post(posting)

    async def flush(self) -> None:
        """Nothing waits here."""

    async def aclose(self) -> None:
        self._close_epoch()

    def _close_epoch(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        for request_id, entries in list(self._entries.items()):
            if orphans.open_reserves(entries.values()):
                self.post(
                    orphans.closing(
                        list(entries.values()),
                        list(self._attempts.get(request_id, {}).values()),
                        has_request=request_id in self._requests,
                        epoch=self._epoch,
                        wall_ms=int(self._clock.wall() * 1000),
                    )
                )

    async def usage(self, *, group_by: str, since_day: str, until_day: str) -> list[UsageRow]:
        grouping, daily, until_day = Grouping.parse(group_by), self._all_days(), until_day or LAST_DAY
        totals, tagged = Sums[tuple[str, ...]](), Sums[tuple[str, ...]]()
        if not grouping.columns:
            totals.add((), NOTHING)
        columns = [GROUPS[column] for column in grouping.columns]
        for key, counts in daily.keys.lines().items():
            if since_day <= key[0] <= until_day:
                totals.add(tuple(column(key) for column in columns), counts)
        if not grouping.tag:
            return usage_rows(totals)
        for (day, tags), counts in daily.tags.lines().items():
            value = tag_value(tags, grouping.tag)
            if since_day <= day <= until_day and value is not None:
                tagged.add((day, value) if grouping.columns else (value,), counts)
        return rest_of(usage_rows(totals), usage_rows(tagged))

    async def requests(self, *, limit: int, before: str, only: RequestFilter = EVERY_REQUEST) -> list[RequestRow]:
        found = (row for row in self._requests.values() if (not before or row.request_id < before) and _meets(row, only))
        return sorted(found, key=lambda row: row.request_id, reverse=True)[:limit]

    async def request(self, request_id: str) -> RequestRow | None:
        return self._requests.get(request_id)

    async def attempts(self, request_id: str) -> list[AttemptRow]:
        return [row for _, row in sorted(self._attempts.get(request_id, {}).items())]

    async def entries(self, request_id: str) -> list[Entry]:
        return [entry for _, entry in sorted(self._entries.get(request_id, {}).items())]

    async def bindings(self, kind: str, upstream_ids: Sequence[str]) -> list[Binding]:
        found = [self._bindings[kind, each] for each in upstream_ids if (kind, each) in self._bindings]
        return [each for each in found if each.expires_wall_ms > self._clock.wall() * 1000]

    async def open_bills(self, *, since_wall_ms: int) -> list[Binding]:
        first, requests = first_id(since_wall_ms), self._requests
        bills = (bill for (kind, _), bill in self._bindings.items() if kind == BATCH_BILL and bill.caller >= first)
        found = [bill for bill in bills if bill.caller in requests and settlement_id(bill.caller) not in requests]
        return sorted(found, key=lambda bill: bill.caller, reverse=True)

    async def claim(self, scope: str) -> ClaimRow | None:
        return self._claims.find(scope, self._clock.wall() * 1000)

    async def retire(self, *, before_wall_ms: int, limit: int) -> int:
        before = first_id(before_wall_ms)
        ended = (request_id for request_id in self._requests if request_id < before and not self._holds_money(request_id))
        ids = retirement.whole(sorted(ended), limit)
        for request_id in ids:
            self._forget(request_id)
        reach = ids[-1] if len(ids) >= limit else before
        strays = sorted(request_id for request_id in {*self._entries, *self._attempts} if request_id < reach and self._is_stray(request_id))
        for request_id in strays[:limit]:
            self._attempts.pop(request_id, None)
            for entry in self._entries.pop(request_id, {}).values():
                _book(self._booked, entry)
        now_ms = self._clock.wall() * 1000
        expired = [key for key, binding in self._bindings.items() if binding.expires_wall_ms <= now_ms][:limit]
        for key in expired:
            del self._bindings[key]
        return len(ids) + len(strays[:limit]) + len(expired) + self._claims.expire(wall_ms=now_ms, limit=limit)

    def _holds_money(self, request_id: str) -> bool:
        return bool(orphans.open_reserves(self._entries.get(request_id, {}).values()))

    def _is_stray(self, request_id: str) -> bool:
        """It has no request row and will get none, because its run has ended."""
        epochs = {entry.epoch for entry in self._entries.get(request_id, {}).values()}
        epochs |= {attempt.epoch for attempt in self._attempts.get(request_id, {}).values()}
        return request_id not in self._requests and all(self._ended_ms(epoch) is not None for epoch in epochs)

    async def verify(self) -> list[str]:
        """Whether the remembered rows agree, by the checks of `verification.py` on a copy in SQLite. Sums are made of the rows here."""
        copy = sqlite3.connect(":memory:", isolation_level=None, factory=SqliteConnection)
        try:
            copy.deserialize(_blank())
            runs = [(epoch, self._ended_ms(epoch)) for epoch in range(1, self._epoch + 1)]
            copy.executemany("INSERT INTO epochs (epoch, started_wall_ms, ended_wall_ms) VALUES (?, 0, ?)", runs)
            REQUESTS.insert(copy, list(self._requests.values()))
            ATTEMPTS.insert(copy, [row for rows in self._attempts.values() for row in rows.values()])
            ENTRIES.insert(copy, [entry for entries in self._entries.values() for entry in entries.values()])
            return verification.problems(copy, verification.ROW_CHECKS)
        finally:
            copy.close()

    def _ended_ms(self, epoch: int) -> int | None:
        return None if self._is_open and epoch == self._epoch else 0


@cache
def _blank() -> bytes:
    """A ledger without rows, to be copied: making its tables takes fifty times as long, and the loop waits."""
    ledger = sqlite3.connect(":memory:", isolation_level=None)
    try:
        ledger.executescript("".join(scripts("sqlite")))
        return ledger.serialize()
    finally:
        ledger.close()


def _roll_up(daily: Daily, request: RequestRow, attempts: dict[int, AttemptRow]) -> None:
    daily.add_requests([request])
    daily.add_attempts({request.request_id: request}, attempts.values())


def _book(booked: Booked, entry: Entry) -> None:
    if entry.kind is EntryKind.SETTLE or entry.kind is EntryKind.ADJUST:
        key = (entry.budget, entry.period)
        booked[key] = booked.get(key, 0) + entry.amount_nanousd


def _meets(row: RequestRow, only: RequestFilter) -> bool:
    wanted = (only.virtual_key, only.model, only.provider, only.outcome, only.status or None)
    found = (row.caller, row.model, row.provider, row.outcome, row.status)
    return (
        all(want is None or want == have for want, have in zip(wanted, found, strict=True))
        and row.request_id >= first_id(only.since_wall_ms)
        and (not only.until_wall_ms or row.request_id < first_id(only.until_wall_ms))
        and (not only.min_cost_nanousd or row.cost_nanousd >= only.min_cost_nanousd)
        and (not only.is_lossy or bool(row.loss))
    )
