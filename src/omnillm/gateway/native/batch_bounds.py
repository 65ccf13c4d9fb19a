"""What a batch costs at most, known before it is made: the sum over its requests at the batch tier, if each of them has a bound."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Final

import msgspec

from omnillm.admission.asks import Lease
from omnillm.clock import Clock
from omnillm.errors import BadRequest, OmniError
from omnillm.gateway.bindings import OBJECT_KEPT_S, Bindings
from omnillm.gateway.call import Call
from omnillm.gateway.journal import Journal
from omnillm.gateway.native.asks import NativeAsk
from omnillm.gateway.native.batch_lines import Line, uploaded_lines
from omnillm.gateway.quotes.extras import NO_EXTRAS
from omnillm.gateway.quotes.price_book import PriceBook
from omnillm.gateway.quotes.quote import Quote
from omnillm.gateway.quotes.quoter import Quoter
from omnillm.pricing.cost import MAX_COST_NANOUSD
from omnillm.pricing.terms import PLAIN, Terms
from omnillm.protocols.bound import COMPACTION
from omnillm.protocols.bulk import check_shape
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.members import has_repeated_members, read_members
from omnillm.protocols.protocol import Members
from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT, OPENAI_RESPONSES
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.native import BATCH
from omnillm.providers.paths import GENERATE
from omnillm.records import Binding, Posting
from omnillm.routing.target import Plan, Target

MOST_BYTES: Final = 32 * 1024 * 1024
"""The most bytes of a batch in one body, which is read whole."""
TURN: Final = 64
"""Requests that are bounded before the loop has a turn."""
BATCH_TIER: Final = Terms(tier="batch")


NO_INPUT: Final = b"null"
NOTE: Final = "batch_bound"
"""The kind of a binding from an uploaded file to its bound, which stands as JSON in the place of a caller."""


class Figures(msgspec.Struct, frozen=True):
    """The prices that requests of a batch were bounded with. The bound holds only while the model costs the same under these terms."""

    model: str
    terms: tuple[str, ...]
    digest: str


class BatchBound(msgspec.Struct, frozen=True, kw_only=True):
    amount_nanousd: int
    figures: tuple[Figures, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that it asks for."""
        return tuple(dict.fromkeys(each.model for each in self.figures))

    @property
    def may_pay_tools(self) -> bool:
        """Whether one of its requests may call a tool of the provider's that is paid by the call."""
        return any(Terms.parse(terms).tools for each in self.figures for terms in each.terms)


def noted(note: Binding) -> BatchBound:
    """The bound in a binding of the kind `NOTE`."""
    return _read_note(note.caller)


_read_note = msgspec.json.Decoder(BatchBound).decode


class BatchBounds:
    """Bounds batches, and notes those of the files that were uploaded for them, in a binding of the file."""

    def __init__(self, journal: Journal, bindings: Bindings, clock: Clock) -> None:
        self._journal = journal
        self._bindings = bindings
        self._clock = clock

    async def of_upload(self, call: Call, ask: NativeAsk, quoter: Quoter) -> BatchBound | None:
        """The bound of the lines in an uploaded file. None: it is no batch's file, or has no bound."""
        if not (call.caller.budgets and ask.asked.operation.makes == "file" and ask.method == "POST"):
            return None
        try:
            return await _sum(quoter, call, ask.provider, uploaded_lines(ask.body, call.headers.get(b"content-type", b"")))
        except OmniError:
            return None  # whoever makes a batch of it under a hard budget is told

    def remember(self, lease: Lease, file: str, bound: BatchBound) -> None:
        """Note the bound of a file that was just uploaded. A kill may lose the note, and then the file has to be uploaded again."""
        expires = int((self._clock.wall() + OBJECT_KEPT_S) * 1000)
        note = msgspec.json.encode(bound).decode()
        binding = Binding(kind=NOTE, upstream_id=file, provider=lease.provider, key=lease.key, caller=note, expires_wall_ms=expires)
        self._bindings.renew(binding)  # a host that was set up anew may give a file the id of another one
        self._journal.post(Posting(bindings=(binding,)))

    async def _of_file(self, provider: str, file: str, prices: PriceBook) -> BatchBound | None:
        """None: the file was not uploaded here, or its models' prices have changed since. Raises LedgerUnavailable."""
        binding = await self._bindings.owner((NOTE, file))
        found = None if binding is None or binding.provider != provider else noted(binding)
        if found is None or any(_digest(prices, (provider, each.model), each.terms) != each.digest for each in found.figures):
            return None
        return found

    async def of_batch(self, call: Call, ask: NativeAsk, quoter: Quoter) -> BatchBound | None:
        """The bound of a batch that is to be made. None: it has none. Raises what a call for one of its requests would be refused with."""
        if ask.asked.operation.makes != BATCH or not call.caller.budgets:
            return None
        try:
            told = _read(_told(ask))
            if "input_file_id" in told:
                return await self._of_file(ask.provider, msgspec.json.decode(told["input_file_id"], type=str), quoter.prices)
            lines = _inline(ask, told)
            return None if lines is None else await _sum(quoter, call, ask.provider, _each(lines))
        except OmniError:
            if call.caller.is_hard:
                raise
            return None
        except UNREADABLE:
            return None


def quote_of_history(quoter: Quoter, call: Call, ask: NativeAsk) -> Quote | None:
    """The quote for shortening a history, which is one generation. None: no budget asks, or it has no bound and no budget is hard.

    Raises what such a call is refused with.
    """
    if ask.asked.operation.makes != COMPACTION or not call.caller.budgets:
        return None
    try:
        told = _told(ask)
        members = _read(told)
        if bytes(members.get("input", NO_INPUT)) == NO_INPUT:  # it goes on from a response, and has none of its own
            told = msgspec.json.encode({**members, "input": ""})
        return _quote(quoter, call, Line(OPENAI_RESPONSES, told), provider=ask.provider, model="")[0]
    except OmniError:
        if call.caller.is_hard:
            raise
        return None


async def _sum(quoter: Quoter, call: Call, provider: str, lines: AsyncIterator[Line | tuple[str, Line]]) -> BatchBound:
    """The sum by the prices of one moment. If they change meanwhile, the bound's figures no longer fit, and it does not hold.

    BadRequest: it is more than can be booked.
    """
    amount, number, asked = 0, 0, dict[tuple[str, tuple[str, ...]], None]()
    async for each in lines:
        number += 1
        if number % TURN == 0:
            await asyncio.sleep(0)
        model, line = each if isinstance(each, tuple) else ("", each)
        amount_of_one, model, terms = _bound(quoter, call, line, provider=provider, model=model)
        amount += amount_of_one
        if amount > MAX_COST_NANOUSD:
            raise BadRequest("The requests of the batch may cost more than 9 million USD together.", code="unbounded_cost")
        asked[model, terms] = None
    figures = tuple(Figures(model, terms, _digest(quoter.prices, (provider, model), terms)) for model, terms in asked)
    return BatchBound(amount_nanousd=amount, figures=figures)


def _quote(quoter: Quoter, call: Call, line: Line, *, provider: str, model: str) -> tuple[Quote, str]:
    """(the quote, the model) of one request. BadRequest, or TooLarge: it has no bound."""
    protocol = PROTOCOLS[line.protocol]
    check_shape(line.body)
    members = read_members(line.body)
    peek = protocol.peek_request(members)
    model = model or peek.model
    one = msgspec.structs.replace(
        call, protocol=protocol, operation=GENERATE, model=model, peek=peek, members=members, body=line.body, is_stream=False
    )
    target = Target(provider=provider, model=model, protocol=protocol.name)
    quote, _ = quoter.quote(one, Plan(targets=(target,), public_model=model, route=provider))
    if quote.injected_cap is not None:
        raise BadRequest("A request has no output cap, and its model's own is not known.", code="unbounded_cost")
    if quote.tool_caps:  # what is in a file goes as it is
        raise BadRequest("A request does not say how often it may call a tool that is paid by the call.", code="unbounded_cost")
    return quote, model


def _bound(quoter: Quoter, call: Call, line: Line, *, provider: str, model: str) -> tuple[int, str, tuple[str, ...]]:
    """(nano-USD at most, model, the terms that it may be priced by) of one request. BadRequest: it has no bound."""
    quote, model = _quote(quoter, call, line, provider=provider, model=model)
    key = (provider, model)
    asked = quote.extras.get(key, NO_EXTRAS).terms
    terms = msgspec.structs.replace(asked, tier=BATCH_TIER.tier)
    price = quote.prices.find(key, terms) or quote.price(key)
    if price is None:
        raise BadRequest(f"Model {model!r} of the batch has no known price.", code="unbounded_cost")
    return quote.most_nanousd(key, price), model, (str(terms), str(asked), str(PLAIN))


def _digest(prices: PriceBook, target: tuple[str, str], terms: tuple[str, ...]) -> str:
    """A digest of all rates of a model under these terms."""
    found = [prices.find(target, Terms.parse(each)) for each in terms]
    return blake2b(msgspec.json.encode(found), digest_size=16).hexdigest()


def _told(ask: NativeAsk) -> bytes:
    """The body in memory. BadRequest: it is too large for that."""
    body = ask.body
    if len(body) > MOST_BYTES:
        raise BadRequest(f"A batch of over {MOST_BYTES} bytes has no bound that is known; give it as a file.", code="unbounded_cost")
    return body if isinstance(body, bytes) else body.read_at(0, len(body))


def _inline(ask: NativeAsk, told: Members) -> list[tuple[str, Line]] | None:
    """(model, request) of each request in the body. None: the body names a file of them."""
    if ANTHROPIC_MESSAGES in ask.endpoint.protocols:
        return [("", Line(ANTHROPIC_MESSAGES, _only(entry, "params"))) for entry in _entries(_only_of(told, "requests"))]
    if GEMINI_GENERATE_CONTENT not in ask.endpoint.protocols:
        return None
    config = _read(_only(_only_of(told, "batch"), "inputConfig"))
    if len(config) != 1 or "requests" not in config:
        return None
    entries = _entries(_only(bytes(config["requests"]), "requests"))
    return [(ask.asked.model, Line(GEMINI_GENERATE_CONTENT, _only(entry, "request"))) for entry in entries]


def _read(body: bytes) -> Members:
    members = read_members(body)
    if has_repeated_members(body, members):
        raise BadRequest("A member stands twice in the request body; a budgeted call must be unambiguous.", code="repeated_member")
    return members


def _only(body: bytes, name: str) -> bytes:
    return _only_of(_read(body), name)


def _only_of(members: Members, name: str) -> bytes:
    """The member of that name, in whichever spelling it stands. BadRequest: in none, or in both."""
    found = [each for each in members if each.replace("_", "").lower() == name.lower()]
    if len(found) != 1:
        raise BadRequest(f"The batch must have {name!r}, once.", code="unbounded_cost")
    return bytes(members[found[0]])


def _entries(body: bytes) -> list[bytes]:
    try:
        return [bytes(entry) for entry in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except UNREADABLE as error:
        raise BadRequest("The batch's requests are no list.", code="unbounded_cost") from error


async def _each(lines: list[tuple[str, Line]]) -> AsyncIterator[tuple[str, Line]]:
    for line in lines:
        yield line
