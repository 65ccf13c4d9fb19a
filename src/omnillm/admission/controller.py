"""Every decision of the gateway: who may call, with which key, for what money. Synchronous, without a clock or dice of its own.

Whatever is granted is held under the case's id. `release`, `settle` and `cancel` may be called twice, and `cancel` alone gives everything
back. The same dice, times and verbs lead to the same state.
"""

from collections.abc import Callable

from omnillm.admission import snapshots
from omnillm.admission.asks import (
    Ask,
    BudgetConfigured,
    BudgetSnapshot,
    CallerConfigured,
    ControllerConfigured,
    KeySnapshot,
    Lease,
    Refusal,
    Served,
    Ticket,
    Wait,
)
from omnillm.admission.holdings import Holdings
from omnillm.admission.leasing import Leasing
from omnillm.admission.queue import AnswerT, QuestionT, Queue, Waiter
from omnillm.admission.tickets import Tickets, budget_refusal
from omnillm.keys.terms import Dice, Need
from omnillm.outcome import FAILOVERS, Outcome, Verdict

ABORTED = Outcome(verdict=Verdict.ABORTED)


class AdmissionController:
    """The verbs. `now` is the monotonic clock of the process that owns the controller, in seconds.

    A verb may serve waiting calls. Their answers are given to `deliver` before the verb returns. `deliver` must not call the controller.
    """

    def __init__(self, configured: ControllerConfigured, *, dice: Dice, now: float, deliver: Callable[[Served], None]) -> None:
        self._holdings: dict[str, Holdings] = {}
        self._tickets = Tickets(self._holdings)
        self._leasing = Leasing(self._holdings, dice)
        self._asks = Queue(self._tickets.admit, self._tickets.refuse, deliver, dooms=self._tickets.is_spent)
        self._needs = Queue(self._leasing.find_again, self._leasing.refuse, deliver, earmarks=self._leasing.earmarks)
        self._depth = 0
        self.configure(configured, now)

    # -- verbs

    def admit(self, ask: Ask, now: float) -> Ticket | Wait | Refusal:
        """All limits of the caller and the money of one attempt, or nothing. Waits only for money that other calls hold."""
        if not self._asks.waiters:
            answer = self._tickets.admit(ask, now)
            # Asked for the usual case first: isinstance against another Struct is slow when it is false.
            if isinstance(answer, Ticket) or not isinstance(answer, float):
                return answer
        return self._enqueue(self._asks, Waiter(ask, ask.caller, ask.budgets, ask.amount_nanousd), now)

    def lease(self, need: Need, now: float) -> Lease | Wait | Refusal:
        """A key of the first target that has one. Waits, in fair order, when one may be free within the queue time."""
        if need.retry_of:
            need = self._leasing.affordable(need, now)
        if not self._needs.waiters:
            answer = self._leasing.find(need, now)
            if isinstance(answer, Lease) or not isinstance(answer, float):
                return answer
        held = self._holdings.get(need.case_id)
        caller = held.ask.caller if held is not None else ""
        # Which keys a retry may have again is different for each retry, and changes while it waits. So each has a lane of its own.
        lane = (need.targets, need.tried, need.pinned, need.case_id if need.retry_of else "")
        return self._enqueue(self._needs, Waiter(need, caller, lane, need.tokens), now)

    def sent(self, lease_id: int, now: float) -> None:
        """The request leaves: its slot and tokens count from this moment on."""
        grant = self._leasing.grants.get(lease_id)
        if grant is not None:
            grant.send(now)

    def prove(self, lease_id: int, now: float) -> None:
        """An attempt that may last long (a stream, a live session) has begun well, so its key need not be probed any more."""
        grant = self._leasing.grants.get(lease_id)
        if grant is not None and grant.pool.prove(grant, now):
            self._needs.stir()
            self._serve(now)

    def is_lone(self, lease_id: int) -> bool:
        """Whether the attempt alone tries out its key's limit, and all others wait for what becomes of it."""
        grant = self._leasing.grants.get(lease_id)
        return grant is not None and grant.model_class.circuit.is_lone(grant)

    def extend(self, case_id: str, amount_nanousd: int, now: float) -> Refusal | None:  # noqa: ARG002  every verb takes the time
        """Money for another attempt that may be billed, in every budget of the ticket, or in none. None: it is reserved.

        A case that is unknown or settled is refused, and the refusal names no budget.
        """
        held = self._holdings.get(case_id)
        if held is None or held.is_settled:
            return Refusal(case_id=case_id, code="budget_exceeded", status=402, needed=amount_nanousd)
        return None if held.extend(amount_nanousd) else budget_refusal(case_id, amount_nanousd, held.periods, is_more=True)

    def release(self, lease_id: int, outcome: Outcome, now: float) -> None:
        """The attempt is over. Its outcome is judged for its key, its quota group and its provider."""
        grant = self._leasing.grants.pop(lease_id, None)
        if grant is None:
            return
        pool, key = grant.pool, grant.key
        is_stirring = pool.release(grant, outcome, now)
        if key.is_removed:
            self._leasing.forget(pool)
        held = self._holdings[grant.case_id]
        held.leases.remove(lease_id)
        if outcome.verdict in FAILOVERS:
            held.failed_over += ((pool.provider, key.label),)
        if held.is_settled and not held.leases:
            del self._holdings[grant.case_id]
        if self._needs.waiters:
            if is_stirring:
                self._needs.stir()
            self._serve(now)

    def settle(self, case_id: str, cost_nanousd: int, now: float, tokens: int | None = None) -> None:
        """The call is over: its reservations become `cost_nanousd`, its caller's slot is free. `tokens` None: unknown, all stay charged."""
        held = self._holdings.get(case_id)
        if held is not None and not held.is_settled:
            held.settle(cost_nanousd, tokens, now)
            if not held.leases:
                del self._holdings[case_id]
            if self._asks.waiters:
                self._asks.stir([period.budget.name for period in held.periods])
                self._serve(now)

    def cancel(self, case_id: str, now: float) -> None:
        """Give back whatever the case still holds, whether the call knows of it or not: its place in a queue, leases, reservations."""
        self._asks.leave(case_id)
        self._needs.leave(case_id)
        held = self._holdings.get(case_id)
        if held is not None:
            for lease_id in tuple(held.leases):
                self.release(lease_id, ABORTED, now)
            self.settle(case_id, 0, now)
        self._serve(now)

    def tick(self, now: float) -> None:
        """Serve those whose moment has come, refuse those who are out of time."""
        self._serve(now)
        self._asks.expire(now)
        self._needs.expire(now)
        self._serve(now)

    def renew(self, budget: str, period: str, settled_nanousd: int, resets_at_wall: float) -> None:
        """A new period of a budget, a new bucket of a rolling one, or its balance at start. Open reservations stay where they are."""
        self._tickets.renew(budget, period, settled_nanousd, resets_at_wall)
        self._asks.stir((budget,))

    def expire(self, budget: str, period: str) -> None:
        """A bucket of a rolling budget, not its current one, has slid out of the window."""
        self._tickets.expire(budget, period)
        self._asks.stir((budget,))

    def adjust(self, budget: str, period: str, amount_nanousd: int) -> None:
        """What was settled in a period turned out to be more, or less. Of a period that no longer counts it changes nothing here."""
        self._tickets.adjust(budget, period, amount_nanousd)
        self._asks.stir((budget,))

    def configure(self, configured: ControllerConfigured, now: float) -> None:
        """Apply a configuration: state is kept by provider + label, caller and budget name; a removed key gets no more leases."""
        self._depth = configured.queue_depth
        self._tickets.configure(configured.callers, configured.budgets, now)
        self._leasing.configure(configured.pools, now)
        self._asks.stir()
        self._needs.stir()
        self._serve(now)

    def enrol(self, caller: CallerConfigured, budget: BudgetConfigured | None) -> None:
        """One caller more, with the budget that is its own, or other limits for one; everybody else's state stays as it is."""
        self._tickets.enrol(caller, budget)
        self._asks.stir()

    def suspend(self, budget: str) -> None:
        """No new call draws on this budget for now, and it is no longer shown. It still binds the calls that draw on it already."""
        self._tickets.listed -= {budget}

    def retire(self, caller: str, budget: str) -> None:
        """As `suspend`, for good: the enrolled caller and its own budget, if it has one, do not come back. They are forgotten in time."""
        self._tickets.retire(caller, budget)

    def revive(self, provider: str, label: str, now: float) -> bool:  # noqa: ARG002  every verb takes the time
        """An administrator says that a key is well. False: there is none of that name. Waiters are served by the next tick."""
        pool = self._leasing.pools.get(provider)
        if pool is None or label not in pool.keys:
            return False
        pool.revive(label)
        self._needs.stir()
        return True

    # -- what can be seen

    def keys(self, now: float) -> list[KeySnapshot]:
        """Every key, those still in use after their removal among them."""
        pools = self._leasing.pools.values()
        return [snapshots.of_key(pool, key, now) for pool in pools for key in (*pool.keys.values(), *pool.removed)]

    def budgets(self) -> list[BudgetSnapshot]:
        """Every configured budget in its current period."""
        return [snapshots.of_budget(budget) for name, budget in self._tickets.budgets.items() if name in self._tickets.listed]

    # -- queues

    def _enqueue(self, queue: Queue[QuestionT, AnswerT], waiter: Waiter[QuestionT], now: float) -> AnswerT | Refusal | Wait:
        """Put a question into a queue, behind the others. Returns its answer, or that it waits; refused if the queues are full."""
        answer = queue.join(waiter, now)
        if answer is None and len(self._asks.waiters) + len(self._needs.waiters) > self._depth:
            queue.leave(waiter.case_id)
            self._serve(now)
            answer = Refusal(case_id=waiter.case_id, code="queue_full", status=503, retry_after_s=1.0)
        return Wait(case_id=waiter.case_id, until=waiter.until) if answer is None else answer

    def _serve(self, now: float) -> None:
        if self._asks.waiters:
            self._asks.serve(now)
        if self._needs.waiters:
            self._needs.serve(now)
