"""Native calls: files, batches and all else that a provider offers beside inference, under the same limits, keys and ledger.

Nothing is translated: bytes pass as they come, except in lists (`lists`, `shared`) and for a public model name (`routed`). Ids are bound to
the key that made them, as in inference. A virtual key finds only what it has made itself.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from omnillm.errors import BadRequest, CallerFault
from omnillm.gateway.bindings import Pin
from omnillm.gateway.call import Call
from omnillm.gateway.native.asks import NativeAsk, at
from omnillm.gateway.native.batch_bounds import BatchBound, BatchBounds, quote_of_history
from omnillm.gateway.native.batch_money import BatchMoney
from omnillm.gateway.native.batch_names import is_batch_in_parts, named_in_upload
from omnillm.gateway.native.batch_results import Results
from omnillm.gateway.native.dispatch import NativeDispatch
from omnillm.gateway.native.names import (
    Named,
    check_readable,
    check_uncompressed,
    history_named,
    is_ambiguous,
    is_object,
    model_named,
    named_in,
)
from omnillm.gateway.native.relay import SHARED_BYTES, NativeRelay
from omnillm.gateway.native.routed import routed
from omnillm.gateway.native.shared import without_others
from omnillm.gateway.native.weight import expected_tokens
from omnillm.gateway.quotes.price_book import PriceBook
from omnillm.protocols.bound import COMPACTION, FILE, INTERACTION
from omnillm.providers.endpoint import SIGNING, Endpoint
from omnillm.providers.native import BATCH, BOUND, UNLISTED, UPLOAD, kind_below
from omnillm.providers.native_replies import id_member
from omnillm.providers.paths import UPLOADS
from omnillm.records import BATCHES
from omnillm.routing.router import Router
from omnillm.transport.spool import Spool

PARTIAL: Final = 206
STORED: Final = frozenset({"stored_responses", "stored_interactions"})
TELLING: Final = STORED | {BATCHES}
"""Families whose replies tell the cost of what was made before."""
TAKES_FORMS = frozenset({"files", "uploads", UNLISTED})
"""Families whose bodies need not be JSON."""


class NativeEngine:
    def __init__(
        self,
        *,
        router: Router,
        dispatch: NativeDispatch,
        bounds: BatchBounds,
        batches: BatchMoney,
        endpoints: Mapping[str, Endpoint],
    ) -> None:
        self._bounds = bounds
        self._batches = batches
        self._router = router
        self._dispatch = dispatch
        self._settlement = dispatch.settlement
        self._endpoints = endpoints

    @property
    def prices(self) -> PriceBook:
        """Those of its endpoints, today."""
        return self._settlement.quoter.prices

    async def serve(self, call: Call, ask: NativeAsk) -> NativeRelay:
        """Admit and send. The relay then owns what the case holds: close it."""
        ask.endpoint.check_request(call.headers)
        if ask.endpoint.credentials == SIGNING and not isinstance(ask.body, bytes):
            raise BadRequest("A request that is signed is sent from memory: give its body as bytes.", code="unsigned_body")
        if len(ask.body) and ask.asked.operation.family not in TAKES_FORMS:
            # It is read as JSON here, so the provider must not read it as anything else.
            call = msgspec.structs.replace(call, headers={**call.headers, b"content-type": b"application/json"})
        named, model = await self._read(call, ask)
        pin = ask.pin or await self.pin(call, named)
        call, ask = routed(call, ask, pin, self._router, self._endpoints)
        quoter = self._settlement.quoter
        bound, upload = await self._bounds.of_batch(call, ask, quoter), await self._bounds.of_upload(call, ask, quoter)
        quote = quote_of_history(quoter, call, ask)
        for each in (model,) if bound is None else bound.models:
            self._check_cost(call, ask, each, is_bounded=bound is not None or quote is not None)
        if bound is not None and len(bound.models) == 1:
            model = bound.models[0]
        if model and not ask.model:
            call = msgspec.structs.replace(call, model=f"{ask.provider}/{model}")
        if pin is not None and pin.is_must and pin.provider != ask.provider and pin.provider in self._endpoints:
            ask = self._elsewhere(ask, pin)
            call = msgspec.structs.replace(call, model=ask.provider, provider=ask.provider)
        with self._dispatch.open(call, ask, ask.model or model, pin) as case:
            amount = 0 if bound is None else bound.amount_nanousd
            tokens = expected_tokens(ask.asked.operation, ask.endpoint, ask.body)
            case.quote = quote or msgspec.structs.replace(case.quote, tokens=tokens, amount_nanousd=amount, fixed_nanousd=amount)
            await self._settlement.admit(case, is_free=ask.asked.operation.metering.is_free)
            exchange = await self._dispatch.send(case, ask)
            relay = await NativeRelay.open(case, ask.asked, ask.endpoint, exchange)
        try:
            await self._hear(ask, relay, upload)
        except BaseException as error:
            relay.case.raise_defect(error)
            relay.close()
            raise
        return relay

    def _elsewhere(self, ask: NativeAsk, pin: Pin) -> NativeAsk:
        """The same of the provider that made what is named. BadRequest: the caller named another, or it has it not, or for money."""
        is_free = ask.asked.operation.metering.is_free and not ask.is_named
        found = at(pin.provider, self._endpoints[pin.provider], ask) if is_free else None
        if found is None:
            raise BadRequest(
                f"{pin.upstream_id!r} was made by provider {pin.provider!r}, and provider {ask.provider!r} is asked.",
                code="bound_to_another_provider",
            )
        return found

    async def _hear(self, ask: NativeAsk, relay: NativeRelay, upload: BatchBound | None) -> None:
        """What a reply says of batches: their files, their end, their results; and what it lists that is another's."""
        operation, name = ask.asked.operation, next((name for kind, name in ask.asked.named if kind in {BATCH, FILE, INTERACTION}), "")
        is_results = operation.stream == "binary" and ask.method == "GET" and bool(name) and relay.status == 200
        made_by = await self._batches.results_of(ask.provider, name) if is_results else None
        if made_by is not None:
            results = Results(ask.endpoint)
            await relay.listen(results, lambda: self._batches.note_results(made_by, name, results, self.prices))
        elif relay.is_events and operation.family in STORED:
            await self._hear_stream(ask, relay)
        elif relay.whole is not None and upload is not None:
            for _, file in relay.made:
                self._bounds.remember(relay.lease, file, upload)
        elif relay.whole is not None and operation.family in TELLING:
            await self._batches.note_status(relay.case, ask.endpoint, relay.whole, is_new=operation.makes == BATCH, asked=name)
        elif relay.is_shared and ask.method == "GET" and relay.is_json and relay.whole != b"":
            await self._leave_out(ask, relay)

    async def _leave_out(self, ask: NativeAsk, relay: NativeRelay) -> None:
        """What is another's, where it could stand. BadRequest: nobody can tell."""
        if relay.whole is None:
            raise BadRequest(
                f"JSON of over {SHARED_BYTES} bytes is not shown here, because what is another's is left out: ask for a smaller page.",
                code="reply_too_large",
            )
        if relay.status == PARTIAL:
            raise BadRequest("JSON is shown whole here, because what is another's is left out: ask without a range.")
        member, caller = id_member(ask.endpoint), relay.case.call.caller.name
        kind = kind_below(ask.asked.path)
        relay.whole = await without_others(relay.whole, self._settlement.bindings, caller, kind=kind, member=member)

    async def _hear_stream(self, ask: NativeAsk, relay: NativeRelay) -> None:
        """A response that is written in the background tells of its usage in its last event, to whoever reads that."""
        made_by = await self._batches.results_of(ask.provider, ask.asked.named[0][1])
        if made_by is not None:
            relay.then(lambda: self._batches.note_usage(made_by, relay.total, self.prices, tier=relay.tier))

    async def _read(self, call: Call, ask: NativeAsk) -> tuple[Named, str]:
        """(what only one key knows, model) of path and body. What is uploaded names nothing, unless it may be a batch.

        The models of a batch are those of its requests, whatever else stands beside them.
        """
        asked, body = ask.asked, ask.body
        known, shared = [each for each in asked.named if each[0] in BOUND], [each for each in asked.named if each[0] not in BOUND]
        in_path = Named(tuple(known), tuple(shared))
        if asked.path.startswith(UPLOADS):
            return in_path, asked.model
        if asked.operation.makes == FILE and ask.endpoint.has_openai_batches and isinstance(body, bytes | Spool):
            check_uncompressed(call.headers)
            others = await named_in_upload(body, call.headers.get(b"content-type", b""), is_strict=bool(call.caller.name))
            return in_path._replace(others=others), asked.model
        if asked.operation.family not in TAKES_FORMS or is_object(body):
            check_readable(body, call.headers)
        if asked.operation.makes == UPLOAD and call.caller.name and is_batch_in_parts(body):
            raise BadRequest(
                "The file of a batch must come whole, because what its requests name is looked for: POST /files.", code="ambiguous_body"
            )
        if not is_object(body):
            return in_path, asked.model
        named = await named_in(body)
        others = history_named(body) if asked.operation.makes == COMPACTION else named.others
        model = asked.model or ("" if asked.operation.makes == BATCH else model_named(body))
        return Named(in_path.files + named.files, in_path.others + others), model

    def _check_cost(self, call: Call, ask: NativeAsk, model: str, *, is_bounded: bool) -> None:
        """Refuse what a hard budget cannot bound, and a model that the caller may not ask for."""
        operation = ask.asked.operation
        if operation.metering.is_free:
            return
        if call.caller.is_hard and not is_bounded:
            raise BadRequest(
                f"The call has a hard budget, and its cost has no upper bound: {operation.method} {operation.path} is billed by "
                f"{operation.metering.words} that the provider counts, and it goes through unread.",
                code="unbounded_cost",
            )
        if call.caller.models and is_ambiguous(ask.body):
            raise BadRequest("A member stands twice in the request body; which model is asked for must be sure.", code="repeated_member")
        if not ask.model:
            self._router.check_spendable(ask.provider, model, call.caller.models)

    async def pin(self, call: Call, named: Named) -> Pin | None:
        """The key that made all that is named. CallerFault 404: a virtual key finds only what it made."""
        bindings = self._settlement.bindings
        if call.caller.name:
            for bound in named.files:
                if await bindings.owner(bound) is None:
                    raise CallerFault(f"There is no {bound[0].replace('_', ' ')} {bound[1]!r}.", code="not_found", status=404)
        return await bindings.pin(call, named.files + named.others)
