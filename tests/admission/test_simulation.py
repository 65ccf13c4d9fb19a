"""Long random lives of a controller. Set OMNILLM_SIMULATION_OPS for more of them, OMNILLM_SIMULATION_SEED for others."""

import os
from random import Random

import pytest
from tests.admission.steps import STEPS
from tests.admission.world import World

OPS = int(os.environ.get("OMNILLM_SIMULATION_OPS", "20000"))
SEED = int(os.environ.get("OMNILLM_SIMULATION_SEED", "1"))


def live(seed, ops, *, checked=True):
    dice = Random(seed)
    world = World(seed)
    for step in dice.choices(list(STEPS), list(STEPS.values()), k=ops):
        step(world, dice)
        if checked:
            world.check()
    return world


@pytest.mark.timeout(0)
def test_invariants_hold_through_a_long_life():
    """Whatever the order of verbs, verdicts, configurations and moments."""
    world = live(SEED, OPS)
    for case_id in [*world.tickets, *world.waiting, *world.bare]:
        world.cancel(case_id)
    world.check()
    assert not world.controller._cases
    assert not world.controller._leasing.grants
    assert world.leases == {}


def test_the_same_dice_lead_to_the_same_state():
    """Seed, clock and operations decide everything."""
    one, other = live(7, 3000, checked=False), live(7, 3000, checked=False)
    assert one.controller.keys(one.now) == other.controller.keys(other.now)
    assert one.controller.budgets() == other.controller.budgets()
    assert one.waiting == other.waiting
    assert [held.lease for held in one.leases.values()] == [held.lease for held in other.leases.values()]
