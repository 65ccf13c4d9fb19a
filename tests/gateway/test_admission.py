"""The controller as the gateway reaches it: who has to wait is woken by whatever verb serves it."""

import asyncio
from random import Random

import pytest
from tests.admission.desk import key, pool

from omnillm.admission.asks import Ask, BudgetConfigured, ControllerConfigured, Lease, Refusal, Ticket, Wait
from omnillm.errors import Unavailable
from omnillm.gateway.admission import Admission
from omnillm.keys.terms import Need
from omnillm.outcome import Outcome, Verdict


@pytest.fixture
def admission():
    configured = ControllerConfigured(pools=(pool(key("a", rpm=2)),), budgets=(BudgetConfigured(name="b", limit_nanousd=100),))
    return Admission(configured, dice=Random(1), now=1000.0)


def need(case):
    return Need(case_id=case, targets=(("p", "m"),), tokens=1, queue_until=1200.0)


def ask(case):
    return Ask(case_id=case, budgets=("b",), amount_nanousd=100, queue_until=1200.0)


async def later(verb, *terms):
    """In the loop's next step, when the others of a gathering wait."""
    return verb(*terms)


async def test_a_newcomer_wakes_whom_it_sets_free(admission):
    """It looks at those before it, and what they are granted they are told at once: nothing else need end."""
    for case in ("one", "two"):
        admission.sent(admission.lease(need(case), 1000.0).lease_id, 1000.0)
    wait = admission.lease(need("first"), 1000.0)
    assert isinstance(wait, Wait)
    first, newcomer = await asyncio.gather(admission.leased(wait), later(admission.lease, need("newcomer"), 1061.5))
    assert [(type(lease), lease.case_id) for lease in (first, newcomer)] == [(Lease, "first"), (Lease, "newcomer")]


async def test_the_end_of_a_call_wakes_who_waits_for_its_money(admission):
    """And its key's lease, who waits for that: each gets the answer to its own question."""
    assert isinstance(admission.admit(ask("one"), 1000.0), Ticket)
    wait = admission.admit(ask("two"), 1000.0)
    assert isinstance(wait, Wait)
    ticket, _ = await asyncio.gather(admission.admitted(wait), later(admission.settle, "one", 0, 1000.0, None))
    assert (type(ticket), ticket.case_id) == (Ticket, "two")
    leases = [admission.lease(need(case), 1000.0) for case in ("two", "three")]
    wait = admission.lease(need("four"), 1000.0)
    unsent = Outcome(verdict=Verdict.NOT_SENT)
    lease, _ = await asyncio.gather(admission.leased(wait), later(admission.release, leases[0].lease_id, unsent, 1000.0))
    assert (type(lease), lease.case_id) == (Lease, "four")


async def test_who_is_out_of_time_is_told_by_the_tick(admission):
    """As a refusal; and who gave up meanwhile is not looked for."""
    assert isinstance(admission.admit(ask("one"), 1000.0), Ticket)
    waits = [admission.admit(ask(case), 1000.0) for case in ("gone", "late")]
    gone, late = (asyncio.ensure_future(admission.admitted(wait)) for wait in waits)
    await asyncio.gather(later(gone.cancel))
    await later(admission.controller.tick, 1200.0)
    assert isinstance(await late, Refusal)
    assert gone.cancelled()


async def test_the_end_is_told_to_who_waits_and_to_who_would(admission):
    """What was granted in the same moment is granted; a wait that begins afterwards would have no end."""
    leases = [admission.lease(need(case), 1000.0) for case in ("one", "two")]
    waiting = [asyncio.create_task(admission.leased(admission.lease(need(case), 1000.0))) for case in ("served", "waits")]
    await asyncio.sleep(0)
    admission.release(leases[0].lease_id, Outcome(verdict=Verdict.NOT_SENT), 1000.0)
    admission.close()
    served, refused = await asyncio.gather(*waiting, return_exceptions=True)
    assert (type(served), served.case_id) == (Lease, "served")
    assert (type(refused), refused.code) == (Unavailable, "shutting_down")
    with pytest.raises(Unavailable) as late:
        await admission.leased(admission.lease(need("late"), 1000.0))
    assert late.value.code == "shutting_down"
