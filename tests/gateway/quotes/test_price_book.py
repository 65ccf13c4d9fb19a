"""Which price a target has, and for how many of them that is kept."""

import msgspec
import pytest
from tests.gateway.quotes.quoting import CHAT, ENTRY, call_of, plan_of, quoter_of

from omnillm.errors import BudgetExceeded
from omnillm.gateway.quotes import price_book
from omnillm.gateway.quotes.price_book import PriceBook
from omnillm.gateway.quotes.quoter import Quoter
from omnillm.pricing.catalog import Catalog
from omnillm.pricing.terms import Terms


def test_a_model_costs_what_it_does_where_its_provider_runs_it():
    """Unless the call says where it must run, or that place has no price of its own."""
    entry = msgspec.structs.replace(ENTRY, uplifts={"us": 1100, "eu": 1200})
    catalog = Catalog({"p/m": entry, "q/m": entry}, lambda: b'{"version":"1","date":"1","source":"s","models":{},"aliases":{}}')
    prices = PriceBook(catalog, {"p": "k", "q": "k"}, {"p": "us", "q": "nowhere"})
    asked = [("p", ""), ("p", "eu"), ("p", "us"), ("q", ""), ("q", "us")]
    found = [prices.find((provider, "m"), Terms(place=place)) for provider, place in asked]
    assert [price.input for price in found] == [1_100_000, 1_200_000, 1_100_000, 1_000_000, 1_100_000]
    assert prices.find(("p", "m"), Terms(place="nowhere")) is None


def test_names_and_terms_of_strangers_fill_no_price_book(monkeypatch):
    """Terms that no list prices are of any length; names are bounded in number, and looked up each time beyond it."""
    monkeypatch.setattr(price_book, "MOST_KEPT", 2)
    prices = quoter_of(m=ENTRY).prices
    assert prices.find(("p", "m"), Terms(tier="made up")) is None
    for model in ("m", "a", "b", "m"):
        assert (prices.find(("p", model)) is None) is (model != "m")
    assert [*prices._found] == [("p", "m"), ("p", "a")]


def test_a_price_that_was_announced_is_reserved_from_its_day_on():
    """What is kept of targets is of the day on which it was found."""
    rates = {"input": 1_000_000, "output": 2_000_000}
    dearer = {"2026-12-01": {"k": {"m": {name: 3 * rate for name, rate in rates.items()}}}}
    listed = {"version": "1", "date": "1", "source": "s", "models": {"k": {"m": rates}}, "aliases": {}, "announced": dearer}
    catalog = Catalog({}, lambda: msgspec.json.encode(listed), "2026-11-30")
    quoter = Quoter(PriceBook(catalog, {"p": "k"}), default_output_tokens=50, default_tool_calls=4, unknown="refuse")
    amounts = []
    for day in ("2026-11-30", "2026-12-01"):
        amounts.append(quoter.on(day).quote(call_of(CHAT), plan_of(CHAT, "m"))[0].amount_nanousd)
    assert amounts[1] == 3 * amounts[0] > 0


def test_terms_that_nobody_prices_are_not_kept():
    """A caller may write a megabyte in the place of a tier, another one in each call: neither the book nor an error repeats it."""
    quoter = quoter_of(m=ENTRY)
    for number in range(50):
        extra = {"service_tier": f"{number}" + "x" * 10_000}
        quote, _ = quoter.quote(call_of(CHAT, budgets=(), **extra), plan_of(CHAT, "m"))
        assert quote.price(("p", "m")) is not None
        with pytest.raises(BudgetExceeded) as refused:
            quoter.quote(call_of(CHAT, **extra), plan_of(CHAT, "m"))
        assert f"under these terms (tier={number}xxx" in refused.value.message
        assert len(refused.value.message) < 400
    assert len(quoter.prices._found) == 1
