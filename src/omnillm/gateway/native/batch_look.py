"""Asks about a batch that no client asks about any more: is it over, and what has it cost?

This is the gateway's own call, with the key that made the batch. No caller's limits and no budget count it, and nobody becomes the owner of
anything by it. Its row has no caller, and the operation `batch_look`.
"""

from typing import Final

import msgspec

from omnillm.clock import Clock
from omnillm.gateway.bindings import Pin
from omnillm.gateway.call import Call, Caller
from omnillm.gateway.case import SUCCESS, Case
from omnillm.gateway.native.asks import NativeAsk
from omnillm.gateway.native.batch_money import BatchMoney, told_in
from omnillm.gateway.native.batch_results import Results
from omnillm.gateway.native.dispatch import NativeDispatch
from omnillm.outcome import Outcome, Verdict
from omnillm.protocols.protocol import RequestPeek
from omnillm.protocols.protocol_names import GEMINI_GENERATE_CONTENT
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.batches import FINAL, answer_places, job_status
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.native import Operation, PathAsk, batch_path
from omnillm.records import Binding

OPERATION: Final = "batch_look"
WAIT_S: Final = 60.0
"""How long to wait for the key, and for the head of each reply. The rest may take as long as the provider's `timeouts` say."""
MOST_BYTES: Final = 32 * 1024 * 1024
"""The most bytes of a reply about a batch: Gemini's holds the results."""


class BatchLook:
    def __init__(self, dispatch: NativeDispatch, batches: BatchMoney, clock: Clock) -> None:
        self._dispatch = dispatch
        self._batches = batches
        self._clock = clock

    def is_settled(self, bill: Binding) -> bool:
        """Whether the batch of a bill is settled, as far as this process knows."""
        return self._batches.is_settled(bill.caller)

    async def settle_unpriced(self) -> None:
        """Settle the batches whose models have got a price meanwhile."""
        await self._batches.settle_unpriced(self._dispatch.settlement.quoter.prices)

    async def look(self, bill: Binding, endpoint: Endpoint) -> None:
        """Ask, and book what is told. Raises OmniError: the provider, or this key, does not say it now."""
        path = batch_path(endpoint.kind, bill.upstream_id)
        if not path:
            return
        ask = _ask(bill, endpoint, path)
        with self._dispatch.open(self._call(bill, endpoint), ask, "", ask.pin) as case:
            told = await self._dispatch.fetch(case, ask, MOST_BYTES)
            await self._batches.note_status(case, endpoint, told, is_new=False, asked=bill.upstream_id)
            if not self.is_settled(bill):
                for place in _results(bill, endpoint, told).items():
                    await self._read(case, ask, place, bill.caller)
            case.close(status=200, outcome=SUCCESS)

    async def _read(self, case: Case, ask: NativeAsk, place: tuple[str, str], made_by: str) -> None:
        """`place`: (name, path) of one file of results, however large."""
        name, path = place
        query = "alt=media" if GEMINI_GENERATE_CONTENT in ask.endpoint.protocols else ""
        # Each reply has its own time limit, whatever the one before it took.
        case.call = msgspec.structs.replace(case.call, deadline=self._clock.now() + WAIT_S)
        exchange = await self._dispatch.send(case, msgspec.structs.replace(ask, asked=_asked(path), query=query))
        results = Results(ask.endpoint)
        while piece := await exchange.read():
            results.feed(piece)
        case.end(Outcome(verdict=Verdict.SUCCESS), status=exchange.status)
        await self._batches.note_results(made_by, name, results, case.settlement.quoter.prices)

    def _call(self, bill: Binding, endpoint: Endpoint) -> Call:
        now = self._clock.now()
        return Call(
            protocol=PROTOCOLS[endpoint.protocols[0]],
            operation=OPERATION,
            caller=Caller(),
            model=bill.provider,
            peek=RequestPeek(model=""),
            started_at=now,
            wall=self._clock.wall(),
            deadline=now + WAIT_S,
            provider=bill.provider,
        )


def _ask(bill: Binding, endpoint: Endpoint, path: str) -> NativeAsk:
    pin = Pin(provider=bill.provider, key=bill.key, is_must=True)
    return NativeAsk(provider=bill.provider, endpoint=endpoint, asked=_asked(path), method="GET", pin=pin)


def _asked(path: str) -> PathAsk:
    return PathAsk(operation=Operation(method="GET", path=path, family=OPERATION), path=path)


def _results(bill: Binding, endpoint: Endpoint, body: bytes) -> dict[str, str]:
    """The places of the results of a batch that is over."""
    told = told_in(body)
    return answer_places(endpoint, bill.upstream_id, told) if job_status(endpoint, told) in FINAL else {}
