"""What a batch costs in the end: once a job, when its provider tells it. Until then it is booked at its upper bound.

The bound is settled when the batch is made, so nothing stays reserved that a killed process could leave behind. What is told later is a
row of its own, whose id follows from the id of the call that made the batch: the ledger takes it once, whichever process hears it.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from omnillm.clock import Clock
from omnillm.errors import LedgerUnavailable
from omnillm.gateway.admission import Admission
from omnillm.gateway.bindings import OBJECT_KEPT_S, Bindings
from omnillm.gateway.case import SUCCESS, Case
from omnillm.gateway.journal import Journal
from omnillm.gateway.native.batch_bounds import NOTE, noted
from omnillm.gateway.native.batch_cost import Told, Usages, cost_of_cancelled, cost_of_usages, joined, total_of
from omnillm.gateway.native.batch_results import Group, Results, Together
from omnillm.gateway.native.cancelled import Cancelled, cancelled_of
from omnillm.gateway.native.watch import usage_of
from omnillm.gateway.quotes.price_book import PriceBook
from omnillm.outcome import Verdict
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.priced import served_tier
from omnillm.providers.batches import FINAL, answer_files, inline_results, job_status, succeeded
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.native_replies import id_member
from omnillm.records import BATCH_BILL, BATCH_SETTLEMENT, BATCHES, AttemptRow, Binding, Entry, EntryKind, Posting, RequestRow, settlement_id
from omnillm.usage import NO_USAGE, Usage

RESULTS: Final = "batch_results"
"""The kind of a binding from a batch's file of results, as `BATCH_BILL` is that of the batch."""
MOST_SETTLED: Final = 16_384

_log = logging.getLogger("omnillm.batches")
K = TypeVar("K")
V = TypeVar("V")


class BatchMoney:
    def __init__(self, *, journal: Journal, bindings: Bindings, admission: Admission, clock: Clock) -> None:
        self._journal = journal
        self._bindings = bindings
        self._admission = admission
        self._clock = clock
        self._bills: dict[tuple[str, str], str] = {}
        self._settled: dict[str, None] = {}
        self._unpriced: dict[str, Told] = {}
        """The usage of batches whose models have no price. They count as settled, because it need not be told again."""
        self._priced_last: PriceBook | None = None
        """The prices with which those were tried last."""
        self._parts: dict[str, dict[str, Usages | None]] = {}
        """By the call that made a batch with several files of results, what each of them says; None: not read yet. Never forgotten before
        the files themselves, so that none of them stands for the whole."""

    async def settle_unpriced(self, prices: PriceBook) -> None:
        """Settle the batches whose models have got a price meanwhile."""
        if prices is self._priced_last:
            return
        self._priced_last = prices
        for made_by in tuple(self._unpriced):
            usages = self._unpriced.pop(made_by)
            self._settled.pop(made_by, None)
            await self.settle(made_by, usages, prices)

    async def note_status(self, case: Case, endpoint: Endpoint, body: bytes, *, is_new: bool, asked: str) -> None:
        """What a provider told of a batch: when it was made, and whenever it is asked for. `asked`: its id, where the reply names none."""
        told = told_in(body)
        name = str(told.get(id_member(endpoint)) or asked)
        provider = case.last_lease.provider
        if is_new:
            self._bind(case, (BATCH_BILL, provider, name), case.request_id)
        if job_status(endpoint, told) not in FINAL:
            return
        made_by = await self._made_by(provider, name)
        if made_by is None:
            return
        files, prices = answer_files(told), case.settlement.quoter.prices
        self._bind_results(case, files, made_by)
        usages = _reported(endpoint, told, body)
        if usages is not None and not (files and await self._may_have_paid_tools(provider, told)):
            await self.settle(made_by, usages, prices)
        elif usages is None and (cancelled := cancelled_of(told)) is not None:
            await self.settle(made_by, cancelled, prices)

    async def _may_have_paid_tools(self, provider: str, told: Mapping[str, object]) -> bool:
        """Whether the requests of a batch may have called paid tools: its sum counts tokens, and only its results tell of those."""
        file = told.get("input_file_id")
        try:
            note = await self._bindings.owner((NOTE, file)) if isinstance(file, str) else None
        except LedgerUnavailable:
            return True  # it is asked for again
        return note is not None and note.provider == provider and noted(note).may_pay_tools

    def is_settled(self, made_by: str) -> bool:
        """Whether the batch that a call made is settled, as far as this process knows."""
        return made_by in self._settled

    async def results_of(self, provider: str, name: str) -> str | None:
        """The call that made the batch which a path's results are of; None: it is settled, or nobody here made it."""
        made_by = await self._made_by(provider, name)
        return None if made_by in self._settled else made_by

    async def note_results(self, made_by: str, name: str, results: Results, prices: PriceBook) -> None:
        """A file of results was read to its end. Of several the last one settles. A file without any answer settles nothing."""
        results.finish()
        if not results.is_readable:
            return
        parts = self._parts.get(made_by, {})
        parts[name] = results.usages
        read = [part for part in parts.values() if part is not None]
        if len(read) == len(parts) and any(read):
            await self.settle(made_by, joined(read), prices)

    async def note_usage(self, made_by: str, usage: Usage | None, prices: PriceBook, *, tier: object) -> None:
        """What the stream of one response told in the end; None: nothing, or not all. `tier`: in the provider's words."""
        if usage is not None:
            await self.settle(made_by, {Group("", usage.prompt_tokens, tier=served_tier(tier)): Together(usage, 1)}, prices)

    async def settle(self, made_by: str, usages: Told, prices: PriceBook) -> None:
        """Book the difference to what was booked, in the periods of the call that made the batch, and only once.

        While the ledger cannot be read nothing is booked: the bound stands until the batch is asked for again.
        """
        if made_by in self._settled:
            return
        _remember(self._settled, made_by, None)
        try:
            if await self._journal.request(settlement_id(made_by)) is None:
                await self._book(made_by, usages, prices)
        except LedgerUnavailable:
            del self._settled[made_by]
        except asyncio.CancelledError:  # whoever asked has left, and nothing was booked
            del self._settled[made_by]
            raise

    async def _book(self, made_by: str, usages: Told, prices: PriceBook) -> None:
        making = await self._journal.request(made_by)
        if making is None:
            _log.warning("the call %s that made a batch is no longer in the ledger: its cost stays as it was booked", made_by)
            return
        attempt = (await self._journal.attempts(made_by))[-1]
        booked = await self._journal.booked(made_by)
        held = [each for each in booked if each.kind is EntryKind.SETTLE and each.attempt == attempt.attempt]
        wall_ms = int(self._clock.wall() * 1000)
        if isinstance(usages, Cancelled):
            real, version = cost_of_cancelled(prices, attempt, usages, wall_ms=wall_ms)
        else:
            real, version = cost_of_usages(prices, attempt, usages, is_batch=making.operation == BATCHES, is_held=bool(held))
        if real is None:
            _remember(self._unpriced, made_by, usages)
            _log.info("a batch of %s stays as it was booked until model %r has a price", attempt.provider, version)
            return
        entries = tuple(
            Entry(
                request_id=settlement_id(made_by),
                attempt=1,
                kind=EntryKind.ADJUST,
                budget=each.budget,
                period=each.period,
                amount_nanousd=real - each.amount_nanousd,
                wall_ms=wall_ms,
                epoch=self._journal.epoch,
            )
            for each in held
        )
        rows = self._rows(making, attempt, (real, version, usages), wall_ms)
        self._journal.post(Posting(entries=entries, request=rows[0], attempts=(rows[1],)))
        for entry in entries:
            self._admission.adjust(entry.budget, entry.period, entry.amount_nanousd)

    def _rows(self, making: RequestRow, attempt: AttemptRow, told: tuple[int, str, Told], wall_ms: int) -> tuple[RequestRow, AttemptRow]:
        """The rows of the difference: the sums of the day on which the batch was made are then what it cost."""
        real, version, usages = told
        is_known = not isinstance(usages, Cancelled)
        usage = NO_USAGE if isinstance(usages, Cancelled) else total_of(usages)
        replaced = {"request_id": settlement_id(making.request_id), "usage": usage, "cost_nanousd": real - attempt.cost_nanousd}
        replaced |= {"wall_ms": wall_ms, "duration_ms": 0, "epoch": self._journal.epoch, "is_estimated": not is_known}
        request = msgspec.structs.replace(making, operation=BATCH_SETTLEMENT, outcome=SUCCESS, status=200, attempts=1, **replaced)
        row = msgspec.structs.replace(
            attempt, attempt=1, verdict=Verdict.SUCCESS.value, is_usage_known=is_known, price_version=version, first_byte_ms=-1, **replaced
        )
        return request, row

    def _bind(self, case: Case, bill: tuple[str, str, str], made_by: str) -> None:
        """`bill`: (kind, provider, name)."""
        kind, provider, name = bill
        if (provider, name) in self._bills:
            return
        _remember(self._bills, (provider, name), made_by)
        expires = int((self._clock.wall() + OBJECT_KEPT_S) * 1000)
        binding = Binding(kind=kind, upstream_id=name, provider=provider, key=case.last_lease.key, caller=made_by, expires_wall_ms=expires)
        self._journal.post(Posting(bindings=(binding,)))

    def _bind_results(self, case: Case, files: tuple[str, ...], made_by: str) -> None:
        """A single file is bound to its batch in the ledger; several only in this process, since later none of them tells the whole."""
        provider = case.last_lease.provider
        if len(files) == 1:
            self._bind(case, (RESULTS, provider, files[0]), made_by)
        elif files and made_by not in self._settled and self._parts.get(made_by, {}).keys() != set(files):
            _remember(self._parts, made_by, dict.fromkeys(files))
            for file in files:
                _remember(self._bills, (provider, file), made_by)

    async def _made_by(self, provider: str, name: str) -> str | None:
        known = self._bills.get((provider, name))
        if known is not None:
            return known
        try:
            binding = await self._bindings.owner((BATCH_BILL, name)) or await self._bindings.owner((RESULTS, name))
        except LedgerUnavailable:
            return None
        return binding.caller if binding is not None and binding.provider == provider else None


def _remember(known: dict[K, V], key: K, value: V) -> None:
    """Remember a value; the oldest is forgotten when there are too many."""
    known[key] = value
    while len(known) > MOST_SETTLED:
        del known[next(iter(known))]


def _reported(endpoint: Endpoint, told: dict[str, object], body: bytes) -> Usages | None:
    """By model, what a batch that is over has used, where it says so; None: its results will."""
    usage = usage_of(endpoint, body)
    if usage is not None and usage.total_tokens:
        tier = served_tier(told.get("service_tier"))
        return {Group(str(told.get("model") or ""), usage.prompt_tokens, tier=tier): Together(usage, 1)}
    if not succeeded(endpoint, told):
        return {}
    inline = inline_results(told)
    if inline is None:
        return None
    results = Results(endpoint)
    for each in inline:
        results.add(each)
    return results.usages if results.is_readable else None


def told_in(body: bytes) -> dict[str, object]:
    try:
        told = msgspec.json.decode(body)
    except UNREADABLE:
        return {}
    return told if isinstance(told, dict) else {}
