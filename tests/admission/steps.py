"""Random steps of a world, from dice of their own: what the simulation takes, and hypothesis too."""

from tests.admission.world import BUDGETS, CALLERS, HEADROOMS, PROVIDERS

from omnillm.outcome import Verdict

TOKENS = (0, 1, 20, 100, 250, 600)
AMOUNTS = (0, 10, 100, 250)
QUEUE_S = (0.0, 5.0, 30.0, 30.0)
GAPS_S = (0.0, 0.01, 0.01, 0.3, 0.3, 1.0, 2.5, 11.0, 61.0)
TARGETS = (
    (("p", "m-1"),),
    (("p", "m-1"), ("q", "m-1")),
    (("q", "n"), ("p", "n")),
    (("p", "m-2"), ("p", "m-1"), ("q", "n")),
    (("p", "n"),),
    (("nowhere", "n"),),
)
VERDICTS = (*Verdict, *[Verdict.SUCCESS] * 12)


def admit(world, dice):
    world.admit(dice.choice(CALLERS), dice.choice(BUDGETS), dice.choice(AMOUNTS), dice.choice(TOKENS), dice.choice(QUEUE_S))


def lease(world, dice):
    """For an admitted call, now and then for one that never was; sometimes a second lease of one call."""
    free = [case_id for case_id in world.known(world.tickets) if case_id not in world.waiting]
    if not free or dice.random() < 0.05:
        world.cases += 1
        free = [f"bare-{world.cases}"]
    tried = tuple({(dice.choice(PROVIDERS), dice.choice("abcd")) for _ in range(dice.choice((0, 0, 0, 1, 3)))})
    wish = {}
    if tried and dice.random() < 0.5:
        wish["retry_of"] = tried[0][0]
    if dice.random() < 0.2:
        wish["affinity"] = dice.randrange(1, 9)
    if dice.random() < 0.05:
        wish["pinned"] = dice.choice("abx")
    world.lease(dice.choice(free), dice.choice(TARGETS), tokens=dice.choice(TOKENS), queue_s=dice.choice(QUEUE_S), tried=tried, **wish)


def sent(world, dice):
    leases = world.known(world.leases)
    if leases:
        world.sent(dice.choice(leases))


def release(world, dice):
    leases = world.known(world.leases)
    if leases:
        verdict = dice.choice(VERDICTS)
        outcome = {"headroom": dice.choice(HEADROOMS), "first_byte_s": dice.choice((None, 0.1, 2.0))}
        if verdict in {Verdict.RATE_LIMITED, Verdict.QUOTA_EXHAUSTED}:
            outcome["retry_after_s"] = dice.choice((None, 0.0, 2.0, 1e6))
        world.release(dice.choice(leases), verdict, used=dice.choice((None, 0, 10, 120, 900)), **outcome)


def extend(world, dice):
    tickets = world.known(world.tickets)
    if tickets:
        world.extend(dice.choice(tickets), dice.choice(AMOUNTS))


def settle(world, dice):
    tickets = world.known(world.tickets)
    if tickets:
        world.settle(dice.choice(tickets), dice.choice((0, 1, 10, 40)), dice.choice((None, 0, 50, 400)))


def cancel(world, dice):
    known = [*world.tickets, *world.waiting, *world.bare, "nobody"]
    world.cancel(dice.choice(known))


def tick(world, dice):
    world.tick()


def advance(world, dice):
    world.now += dice.choice(GAPS_S)


def renew(world, dice):
    world.renew(dice.choice(("all", "team", "soft")), is_next=dice.random() < 0.7)


def configure(world, dice):
    world.configure(dice.randrange(8))


def revive(world, dice):
    world.revive(dice.choice(PROVIDERS), dice.choice("abcdx"))


def watch(world, dice):
    world.controller.keys(world.now)
    world.controller.budgets()


STEPS = {
    admit: 20,
    lease: 30,
    sent: 20,
    release: 24,
    extend: 3,
    settle: 14,
    cancel: 4,
    tick: 6,
    advance: 20,
    renew: 1,
    configure: 0.4,
    revive: 0.4,
    watch: 1,
}
