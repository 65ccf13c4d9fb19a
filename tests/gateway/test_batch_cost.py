"""What batches, and responses of the background, have cost by what their providers tell."""

import msgspec
from tests.in_turn import in_turn

from omnillm.gateway.native.batch_cost import cost_of_cancelled, cost_of_usages, joined, total_of
from omnillm.gateway.native.batch_results import Group, Together
from omnillm.gateway.native.cancelled import Cancelled
from omnillm.gateway.quotes.price_book import PriceBook
from omnillm.pricing.catalog import Catalog
from omnillm.pricing.cost import MAX_COST_NANOUSD
from omnillm.pricing.listing import Listing, Rates, Tier
from omnillm.records import AttemptRow
from omnillm.usage import MOST_OF_ONE, Usage

MILLION = 1_000_000
PLAIN = Listing(
    input=10 * MILLION, output=20 * MILLION, request=100 * MILLION, uplifts={"us": 2000}, steps={"1000": Rates(input=30 * MILLION)}
)
HALF = msgspec.structs.replace(PLAIN, tiers={"batch": Tier(input=5 * MILLION), "priority": Tier(input=40 * MILLION)}, steps={}, request=0)
LISTINGS = {"p/plain": PLAIN, "p/half": HALF, "p/dated-half": HALF}
PRICES = PriceBook(
    Catalog(LISTINGS, lambda: b'{"version":"1","date":"1","source":"s","models":{},"aliases":{}}'), {"p": "openai_compatible"}
)
USED = Usage(input=6, output=1)
ENDED = {"key": "k", "verdict": "success", "status": 200, "wall_ms": 0, "duration_ms": 1, "first_byte_ms": 1, "usage": Usage(), "error": ""}
ENDED |= {"is_usage_known": False, "is_estimated": True, "epoch": 1}


def attempt(model, *, provider="p", cost_nanousd=0, price_version="v:p/m"):
    return AttemptRow("r", 1, provider, model, **ENDED, cost_nanousd=cost_nanousd, price_version=price_version)


def cost_of(model, *groups, is_batch=True, is_held=True, **more):
    """(nano-USD or None, the models whose figures it is of, or the one without)."""
    usages = {Group(*group): Together(USED, requests) for *group, requests in groups}
    cost, told = cost_of_usages(PRICES, attempt(model, **more), usages, is_batch=is_batch, is_held=is_held)
    return cost, told if cost is None else [version.partition(":")[2] for version in told.split("+")]


@in_turn(
    ("model", "group", "cost", "figures"),
    [
        ("half", ("", 0), 30 + 20, "p/half;tier=batch"),
        ("half", ("", 0, "us"), 60 + 40, "p/half;tier=batch;place=us"),
        ("half", ("", 0, "mars"), 30 + 20, "p/half;tier=batch"),
        ("half", ("dated-half", 0), 30 + 20, "p/dated-half;tier=batch"),
        ("half", ("no-such", 0), 30 + 20, "p/half;tier=batch"),
        ("plain", ("", 1000), 60 + 20 + 700, "p/plain;tier=batch"),
        ("plain", ("", 2000), 180 + 20 + 700, "p/plain;tier=batch"),
    ],
)
def test_a_batch_costs_by_its_tier_and_place_and_the_model_that_its_results_name(model, group, cost, figures):
    """The batch's own model where theirs has no price, and the plain figures where the place has none; seven requests have seven fees."""
    assert cost_of(model, (*group, 7)) == (cost, [figures])


def test_what_no_budget_holds_costs_what_is_told():
    """Of an agent's work nobody knew a bound; a batch was booked at one, and counts beyond all bounds are not believed."""
    told = ("", 0, "", "", 1)
    for is_batch, is_held, cost in ((False, True, 7), (True, False, 7), (False, False, 60 + 20)):
        assert cost_of("half", told, is_batch=is_batch, is_held=is_held, cost_nanousd=7)[0] == cost
    absurd = {Group("", 0): Together(Usage(input=MOST_OF_ONE), 1)}
    assert cost_of_usages(PRICES, attempt("half", cost_nanousd=7), absurd, is_batch=False, is_held=False)[0] == 7


def test_a_response_costs_by_its_own_model_and_the_tier_that_was_told():
    """Whatever its reply calls the model; without a word of the tier, by the terms that it was booked with."""
    for named in ("", "dated-half"):
        assert cost_of("half", (named, 0, "", "priority", 1), is_batch=False) == (240 + 20, ["p/half;tier=priority"])
    booked = {"price_version": "v:p/half;tier=priority;bound=9+9+0"}
    assert cost_of("half", ("", 0, "", None, 1), is_batch=False, **booked) == (240 + 20, ["p/half;tier=priority"])
    assert cost_of("half", ("", 0, "", "", 1), is_batch=False, **booked) == (60 + 20, ["p/half"])
    assert cost_of("half", ("", 0, "", "unheard-of", 1), is_batch=False) == (60 + 20, ["p/half"])


def test_groups_are_summed_up_to_the_bound_that_was_booked():
    """Each with its own figures; one without a price leaves the whole without one, and names it."""
    groups = [("dated-half", 0, 1), ("", 0, 1)]
    assert cost_of("half", *groups) == (100, ["p/dated-half;tier=batch", "p/half;tier=batch"])
    assert cost_of("half", *groups, cost_nanousd=99)[0] == 99
    absurd = [("", 0, 2**53), ("plain", 0, 2**53)]
    assert cost_of("plain", *absurd)[0] == MAX_COST_NANOUSD
    assert cost_of("gone", ("", 0, 1)) == (None, "gone")
    assert cost_of("gone", ("half", 0, 1), ("stranger", 0, 1)) == (None, "stranger")
    assert cost_of("half", ("", 0, 1), provider="gone") == (None, "half")


def test_parts_of_a_batch_are_added_up():
    """Requests and usage of one group from several files of results."""
    one, other = Group("half", 0), Group("plain", 0)
    parts = [{one: Together(USED, 2)}, {one: Together(USED, 3), other: Together(USED, 4)}]
    assert joined(parts) == {one: Together(USED + USED, 5), other: Together(USED, 4)}
    assert total_of(joined(parts)) == USED + USED + USED


def test_a_cancelled_response_costs_by_what_it_was_booked_with():
    """Its tier's price, or the plain one where that has gone; without either, or without a bound, nobody can say."""
    shown = Cancelled(10**6)

    def told(model, version):
        return cost_of_cancelled(PRICES, attempt(model, cost_nanousd=10**9, price_version=version), shown, wall_ms=0)[0]

    assert told("half", "v:p/half;tier=priority;bound=5+3+0") == 200 + 60
    assert told("half", "v:p/half;tier=ultrafast;bound=5+3+0") == 50 + 60
    assert told("half", "v:p/half;tier=priority") is None
    assert told("gone", "v:p/gone;bound=5+3+0") is None
    assert cost_of_cancelled(PRICES, attempt("half", cost_nanousd=70, price_version="v:p/half;bound=5+3+0"), shown, wall_ms=0)[0] == 70
