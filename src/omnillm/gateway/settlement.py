"""Opens the cases of calls, has them admitted, and knows whatever a case needs when it closes."""

from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from omnillm.admission.asks import Ask, Ticket, Wait
from omnillm.clock import Clock, civil_day
from omnillm.gateway.admission import Admission
from omnillm.gateway.beside import Beside, Done
from omnillm.gateway.bindings import Bindings, Pin
from omnillm.gateway.bridges.bridge import Bridge, Bridges
from omnillm.gateway.bridges.family_bridge import FamilyBridge
from omnillm.gateway.budgets.budget_calendar import WRONG_S
from omnillm.gateway.call import Call
from omnillm.gateway.case import Case
from omnillm.gateway.ended import EndedCalls
from omnillm.gateway.idempotency import Claim
from omnillm.gateway.journal import Journal
from omnillm.gateway.quotes.estimate import Estimate, estimate_call
from omnillm.gateway.quotes.openings import Openings
from omnillm.gateway.quotes.quote import Quote
from omnillm.gateway.quotes.quoter import Quoter
from omnillm.gateway.quotes.tariff import Pairs
from omnillm.gateway.refusals import refusal_error
from omnillm.gateway.tag_sets import TagSets
from omnillm.protocols.bulk import is_laborious, is_laborious_to_weigh
from omnillm.records import ID_RANDOM_BITS
from omnillm.routing.target import Plan

FARTHEST_BACK: Final = (WRONG_S * 1000) << ID_RANDOM_BITS
"""From the last id: a clock that steps back by more is followed, as budgets do. Calls would else be found and deleted by a time to come."""
Worded = tuple[Bridge | FamilyBridge | None, Quote, Pairs]
"""Of a call: its bridge, if it has one, its quote, and (provider, model) of the targets that may be tried."""


class Settlement:
    """Opens and admits cases. It has what they need to close: admission, journal, prices, clock, dice, and the observers of the end."""

    def __init__(  # noqa: PLR0913  what every case uses
        self,
        *,
        admission: Admission,
        journal: Journal,
        quoter: Quoter,
        bridges: Bridges,
        bindings: Bindings,
        clock: Clock,
        dice: Random,
        ended: EndedCalls,
        tag_sets: TagSets,
        beside: Beside,
        queue_s: float,
    ) -> None:
        self.admission = admission
        self.journal = journal
        self.quoter = quoter
        self._bridges = bridges
        self.bindings = bindings
        self.now = clock.now
        self.wall = clock.wall
        self.ended = ended
        self.openings = Openings()
        self._tag_sets = tag_sets
        self.beside = beside
        self._queue_s = queue_s
        self._random_bits = dice.getrandbits
        self._last_id = 0
        self._day_number, self._day = 0, civil_day(0)

    def open(self, call: Call, plan: Plan, pin: Pin | None = None, claim: Claim | None = None, worded: Worded | None = None) -> Case:
        """Raises whatever can be refused before anything is held: a body that cannot be translated, a model without a price.

        `worded`: the call was translated and quoted already.
        """
        bridge, quote, targets = worded or self._word(call, plan, pin)
        if bridge is not None and bridge.pin is not None and (pin is None or not pin.is_must):
            pin = bridge.pin if pin is None else replace(bridge.pin, reasoning=pin.reasoning)
        queue_until = call.started_at + self._queue_s
        half_time = (call.started_at + call.deadline) / 2
        if half_time < queue_until:  # an attempt that begins right before the deadline is paid for and answers nobody
            queue_until = half_time
        return Case(self, call, self.make_id(call.wall), quote, targets, queue_until, pin, bridge, claim)

    async def open_long(self, call: Call, plan: Plan, pin: Pin | None, claim: Claim | None) -> Case:
        """As `open`, of a long body: what takes long is done beside the event loop. Also raises Unavailable: too many wait for that."""
        takes_long = is_laborious if self._bridges.is_needed(call, plan) else is_laborious_to_weigh
        if not takes_long(call.body):
            return self.open(call, plan, pin, claim)
        worded = await self.do_beside(lambda: self._word(call, plan, pin), call)
        return self.open(call, plan, pin, claim, worded)

    def do_beside(self, work: Callable[[], Done], call: Call) -> Coroutine[Any, Any, Done]:
        """Do long work in a thread, and wait for it until the gateway ends. Unavailable: its turn did not come before the deadline."""
        return self.journal.until_closed(self.beside.do(work, call.deadline - self.now(), call.caller.name))

    def _word(self, call: Call, plan: Plan, pin: Pin | None) -> Worded:
        """Translate and quote. For a long body this runs in a thread, so it changes nothing that the event loop has."""
        bridge: Bridge | FamilyBridge | None = None
        if self._bridges.is_needed(call, plan):
            plan, bridge = self._bridged(call, plan, pin)
        quote, targets = self.quoter.quote(call, plan, bridge)
        return bridge, quote, targets

    def estimate(self, call: Call, plan: Plan) -> Estimate:
        """What the call would cost and take. Opens nothing. Raises what would be refused in any case."""
        return estimate_call(self.quoter, call, *self._bridged(call, plan))

    def _bridged(self, call: Call, plan: Plan, pin: Pin | None = None) -> tuple[Plan, Bridge | FamilyBridge | None]:
        if not call.protocol.family:
            return self._bridges.open(call, plan, pin)
        if not plan.is_bridged:
            return plan, None
        bridge = FamilyBridge(call, plan)
        return bridge.plan, bridge

    async def admit(self, case: Case, *, is_free: bool) -> None:
        """Get a ticket for the case: the caller's limits and, unless it is free, the money of one attempt. Raises a refusal.

        Suspends only while the ask waits in the queue.
        """
        budgets = () if is_free else case.call.caller.budgets
        if budgets:
            self.journal.check()
        quote = case.quote
        ask = Ask(
            case_id=case.request_id,
            caller=case.call.caller.name,
            tokens=quote.tokens,
            budgets=budgets,
            amount_nanousd=quote.amount_nanousd,
            queue_until=case.queue_until,
        )
        answer = self.admission.admit(ask, self.now())
        if type(answer) is Wait:
            answer = await self.admission.admitted(answer)
        if not isinstance(answer, Ticket):
            raise refusal_error(answer, case.call.model)
        case.ticket, case.periods = answer, answer.periods

    def make_id(self, wall: float) -> str:
        """32 hex digits: 48 bits of Unix milliseconds, then 80 random ones. Each is above the one before, unless the clock was wrong."""
        number = (int(wall * 1000) << ID_RANDOM_BITS) + self._random_bits(ID_RANDOM_BITS)
        if number <= self._last_id and number > self._last_id - FARTHEST_BACK:  # in this order: mostly it is above
            number = self._last_id + 1 + self._random_bits(ID_RANDOM_BITS // 2)  # a step that nobody can guess, and many of which fit
        self._last_id = number
        return number.to_bytes(16).hex()  # half as long as to format it

    def tags_of(self, call: Call) -> str:
        """What the row of a call with tags says of them."""
        caller = call.caller
        return self._tag_sets.kept(call.tags, caller.name, caller.tags, self.day_of(call.wall))

    def day_of(self, wall: float) -> str:
        """UTC day, "2026-11-25"."""
        number = int(wall // 86400)
        if number != self._day_number:
            self._day_number, self._day = number, civil_day(number)
        return self._day
