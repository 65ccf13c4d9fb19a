"""Calls that are refused before anything is sent: they have no price, or no bound."""

import msgspec
import pytest
from tests.gateway.quotes.quoting import CHAT, ENTRY, GEMINI, MESSAGES, RESPONSES, SEARCH, call_of, plan_of, quoted, quoter_of
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, BudgetExceeded
from omnillm.gateway.call import Caller
from omnillm.gateway.quotes.quoter import Quoter


def test_a_member_in_odd_letters_is_refused_where_a_target_reads_the_clients_own_body():
    """Where all of them are sent what we have written, nobody could read it differently, and it is told as lost."""
    quoted(CHAT, targets=(MESSAGES,), Max_Tokens=5000)
    for targets in ((MESSAGES, CHAT), (CHAT,)):
        with pytest.raises(BadRequest, match="odd letters"):
            quoted(CHAT, targets=targets, Max_Tokens=5000)


@in_turn(
    ("protocol", "extra", "named"),
    [
        (MESSAGES, {"tools": [SEARCH | {"max_uses": -1}]}, "max_uses"),
        (RESPONSES, {"tools": [{"type": "mcp"}], "max_tool_calls": 1}, "mcp"),
        (CHAT, {"models": ["dear/model"]}, "models"),
        (GEMINI, {"tools": [{"something_new": {}}]}, "something_new"),
    ],
)
def test_a_budgeted_call_without_a_bound_is_refused(protocol, extra, named):
    """By the name of what has none; others go on: nothing of theirs must be kept."""
    with pytest.raises(BadRequest, match=f"no upper bound.*{named}") as refused:
        quoted(protocol, **extra)
    assert refused.value.code == "unbounded_cost"
    assert quoted(protocol, budgets=(), **extra)[1].amount_nanousd == 0


def test_a_bound_that_the_provider_does_not_heed_is_none():
    """xAI and DeepSeek search as often as they like; whoever has no budget may let them."""
    asked = {"tools": [{"type": "web_search"}], "max_tool_calls": 4}
    heedless = msgspec.structs.replace(ENTRY, uncapped=True)
    for call in (asked, asked | {"max_tool_calls": 0}, {"prompt": {"id": "kept"}, "max_tool_calls": 4}):
        for entry in (heedless, msgspec.structs.replace(heedless, max_output=0)):
            with pytest.raises(BadRequest, match="no upper bound: tools"):
                quoted(RESPONSES, entry=entry, **call)
    assert quoted(RESPONSES, entry=heedless, tools=[{"type": "function", "name": "f"}])
    assert quoted(RESPONSES, entry=heedless, budgets=(), **asked)
    assert quoted(RESPONSES, **asked)


def test_a_model_that_is_several_has_no_bound():
    """xAI's agents read 39,263 tokens for a prompt of 40, and all of it is billed."""
    crew = msgspec.structs.replace(ENTRY, unbounded=True)
    with pytest.raises(BadRequest, match="no upper bound: the model"):
        quoted(CHAT, entry=crew)
    for unknown in ("refuse_if_budgeted", "refuse"):
        assert quoted(CHAT, entry=crew, budgets=(), unknown=unknown)[1].amount_nanousd == 0


def test_a_tier_without_a_price_is_none_for_a_budgeted_call():
    """The message names it; without a budget the standard price is the nearest known."""
    with pytest.raises(BudgetExceeded, match="tier=ultrafast") as refused:
        quoted(CHAT, service_tier="ultrafast")
    assert refused.value.code == "price_unknown"
    _, quote = quoted(CHAT, service_tier="ultrafast", budgets=())
    assert quote.price(("p", "m")).input == 1_000_000


def test_who_refuses_every_unknown_price_refuses_it_to_callers_without_a_budget():
    """And what has a price goes on, nothing of it kept."""
    call = call_of(CHAT, budgets=())
    with pytest.raises(BudgetExceeded, match="no known price"):
        quoter_of("refuse", m=ENTRY).quote(call, plan_of(CHAT, "unknown"))
    quote, targets = quoter_of("refuse", m=ENTRY).quote(call, plan_of(CHAT, "unknown", "m"))
    assert (quote.amount_nanousd, targets) == (0, (("p", "m"),))
    assert quoter_of(m=ENTRY).quote(call, plan_of(CHAT, "unknown"))[1] == (("p", "unknown"),)
    assert quoter_of("allow").quote(call_of(CHAT), plan_of(CHAT, "unknown"))[1] == (("p", "unknown"),)


@in_turn("caller", [Caller(budgets=("b",)), Caller(models=("m",)), Caller()])
def test_what_can_be_read_in_two_ways_is_refused_where_something_rests_on_it(caller):
    """A budget, or the models that a virtual key may ask for; others are none of the gateway's affair."""
    plain = call_of(CHAT)
    twice = msgspec.structs.replace(plain, caller=caller, body=plain.body.replace(b'"model":"m"', b'"model":"m","model":"n"'))
    if caller == Caller():
        assert quoter_of(m=ENTRY).quote(twice, plan_of(CHAT, "m"))
        return
    with pytest.raises(BadRequest) as refused:
        quoter_of(m=ENTRY).quote(twice, plan_of(CHAT, "m"))
    assert refused.value.code == "repeated_member"


def test_what_a_header_asks_for_and_is_paid_apart_is_refused_to_a_budget():
    """Whoever has none may ask for it."""
    prices = quoter_of(m=ENTRY).prices
    quoter = Quoter(prices, default_output_tokens=50, default_tool_calls=4, unknown="allow", apart_fields=frozenset({b"x-guarded"}))
    guarded = msgspec.structs.replace(call_of(CHAT), headers={b"x-guarded": b"1"})
    with pytest.raises(BadRequest, match="x-guarded"):
        quoter.quote(guarded, plan_of(CHAT, "m"))
    assert quoter.quote(call_of(CHAT), plan_of(CHAT, "m"))
    assert quoter.quote(msgspec.structs.replace(guarded, caller=Caller()), plan_of(CHAT, "m"))
