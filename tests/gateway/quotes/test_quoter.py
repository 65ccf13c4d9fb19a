"""What is reserved for a call: the most that it may cost on any of its targets."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.quotes.quoting import (
    BODIES,
    CHAT,
    ENTRY,
    GEMINI,
    MESSAGES,
    RESPONSES,
    SEARCH,
    call_of,
    members,
    plan_of,
    quoted,
    quoter_of,
)
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, BudgetExceeded
from omnillm.gateway.quotes.price_book import NO_PRICES
from omnillm.gateway.sessions.turns import LONGEST_CONTEXT
from omnillm.pricing.cost import bound, cost
from omnillm.pricing.estimate import HIDDEN_TOKENS
from omnillm.pricing.listing import Listing
from omnillm.pricing.terms import PLAIN, Terms
from omnillm.protocols.priced_messages import ANTHROPIC_TURNS
from omnillm.protocols.registry import PROTOCOLS
from omnillm.usage import Usage

BASH = {"type": "bash_20250124", "name": "bash"}


@in_turn("protocol", BODIES)
@in_turn("spoken", [CHAT, MESSAGES])
def test_a_translated_call_is_weighed_by_what_its_targets_are_sent(protocol, spoken):
    """What nobody is sent weighs nothing; where a target takes the client's own words too, the heavier of both holds."""
    alone, native = quoted(protocol, targets=(spoken,))[1], quoted(protocol)[1]
    assert alone.prompt_bound - HIDDEN_TOKENS[spoken] == PROTOCOLS[spoken].weigh(members(spoken))[0]
    both = quoted(protocol, targets=(spoken, protocol))[1]
    assert both.prompt_bound == max(alone.prompt_bound, native.prompt_bound)
    assert both.tokens == max(alone.tokens, native.tokens)


def test_a_translated_call_is_bounded_by_the_longest_answer_that_a_target_is_asked_for():
    """Responses writes 16 tokens at least, and Messages needs a cap where the others have none: the order of the targets changes nothing."""
    for targets in ((MESSAGES, RESPONSES), (RESPONSES, MESSAGES)):
        assert quoted(CHAT, targets=targets, max_tokens=5)[1].output_bound == 16
        assert quoted(CHAT, targets=targets, max_tokens=None)[1].uncapped_choices == 1
        assert quoted(CHAT, targets=targets, max_tokens=None, budgets=())[1].uncapped_choices == 0
    for targets in ((MESSAGES, CHAT), (CHAT, MESSAGES)):
        assert quoted(CHAT, targets=targets, n=2)[1].choices == 2


def test_a_call_without_a_cap_is_reserved_for_by_the_longest_answer_of_its_model():
    """Where that is known; a cap of its own holds. One is sent where it is not known of a single target."""
    for extra, longest in (({"max_tokens": None}, ENTRY.max_output), ({"max_tokens": 5}, 5)):
        _, quote = quoted(CHAT, **extra)
        assert quote.amount_nanousd == bound(quote.prompt_bound, longest, quote.price(("p", "m")))
    quoter = quoter_of(m=ENTRY, endless=msgspec.structs.replace(ENTRY, max_output=0))
    for models, cap in ((("m",), None), (("m", "endless"), 50), (("endless", "m"), 50)):
        assert quoter.quote(call_of(CHAT, max_tokens=None), plan_of(CHAT, *models))[0].injected_cap == cap


@in_turn("targets", [(RESPONSES, MESSAGES), (MESSAGES, RESPONSES)])
def test_the_clients_own_words_are_capped_beside_a_translation(targets):
    """Each target is told how often it may call tools, in the words that it is sent; what it is not sent it cannot call."""
    entry, tools = msgspec.structs.replace(ENTRY, tools={}, tool_call=9_000_000), [{"type": "web_search"}, {"type": "file_search"}]
    quote = quoted(RESPONSES, targets=targets, entry=entry, tools=tools)[1]
    assert {name: bytes(raw) for name, raw in quote.tool_caps.items()} == {"max_tool_calls": b"4"}
    assert {extras.units.tool_calls for extras in quote.extras.values()} == {4}
    own, other = (("pq"[targets.index(protocol)], "m") for protocol in (RESPONSES, MESSAGES))
    assert (quote.extras[own].terms.tools, quote.extras[other].terms.tools) == (("file_search", "web_search"), ("web_search",))
    assert [quote.bounds(target, quote.price(target))[1] for target in (own, other)] == [10, 10 * ANTHROPIC_TURNS]


CAPPED = [
    (
        MESSAGES,
        {"tools": [SEARCH, {"name": "own", "input_schema": {}}, BASH]},
        {"tools": [SEARCH | {"max_uses": 4}, {"name": "own", "input_schema": {}}, BASH]},
    ),
    (
        MESSAGES,
        {"tools": [SEARCH | {"max_uses": None}, SEARCH | {"max_uses": 1}]},
        {"tools": [SEARCH | {"max_uses": 4}, SEARCH | {"max_uses": 1}]},
    ),
    *(
        (RESPONSES, extra, {"max_tool_calls": 4})
        for extra in (
            {"tools": [{"type": "web_search"}]},
            {"tools": [{"type": "code_interpreter"}], "max_tool_calls": None},
            {"prompt": {"id": "pmpt_1"}},
        )
    ),
]


@in_turn(("protocol", "extra", "sent"), CAPPED)
def test_a_budgeted_call_that_caps_no_tool_is_capped(protocol, extra, sent):
    """By the configured default, in its protocol's own member: the provider keeps it, so that what is reserved is what it can cost at most."""
    quote = quoted(protocol, entry=msgspec.structs.replace(ENTRY, tools={}, tool_call=9_000_000), **extra)[1]
    assert {name: msgspec.json.decode(raw) for name, raw in quote.tool_caps.items()} == sent
    stated = quoted(protocol, entry=msgspec.structs.replace(ENTRY, tools={}, tool_call=9_000_000), **(extra | sent))[1]
    assert quote.amount_nanousd == stated.amount_nanousd > 0
    assert stated.tool_caps == quoted(protocol, budgets=(), **extra)[1].tool_caps == {}


def test_a_long_prompt_is_quoted_by_all_of_it():
    """The outline of its call leaves out nothing that is paid."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo" * 1000}}
    parts = [{"type": "text", "text": "the_lake[7]\n" * 1000}, picture]
    long = [{"role": "user", "content": "word_" * 2000}, {"role": "user", "content": parts}]
    _, whole = quoted(CHAT, messages=long)
    _, outlined = quoted(CHAT, messages=long, is_outlined=True)
    assert priceless(outlined) == priceless(whole)
    assert whole.prompt_bound > 22_000


def test_a_prediction_that_does_not_come_true_is_output():
    """OpenAI bills what of it the model did not write at the output's rate, whatever the cap, in each choice."""
    told = {"type": "content", "content": "heron " * 1000}
    plain = Listing(input=1_000_000, output=4_000_000)
    _, without = quoted(CHAT, entry=plain, n=2)
    _, quote = quoted(CHAT, entry=plain, prediction=told, n=2)
    rejected = Usage(input=20, output=2 * (10 + 6000))
    price = quote.price(("p", "m"))
    assert quote.amount_nanousd >= cost(rejected, price)
    assert without.amount_nanousd < cost(rejected, price)


CASES = [
    (CHAT, {}, PLAIN),
    (CHAT, {"service_tier": "priority"}, Terms(tier="priority")),
    (CHAT, {"service_tier": "flex", "n": 3}, Terms(tier="flex")),
    (CHAT, {"web_search_options": {}}, Terms(tools=("web_search",))),
    (RESPONSES, {"previous_response_id": "r"}, PLAIN),
    (RESPONSES, {"tools": [{"type": "web_search"}], "max_tool_calls": 6}, Terms(tools=("web_search",))),
    (
        MESSAGES,
        {"tools": [SEARCH | {"max_uses": 2}], "speed": "fast", "inference_geo": "us"},
        Terms(tier="fast", place="us", tools=("web_search",)),
    ),
    (GEMINI, {"tools": [{"googleSearch": {}}]}, Terms(tools=("web_search",))),
]


@in_turn(("protocol", "extra", "terms"), CASES)
def test_the_reservation_covers_whatever_the_call_may_use(protocol, extra, terms):
    """Context read in every turn, output written in every turn, every tool call made: settled by the same price as was reserved."""
    _, quote = quoted(protocol, **extra)
    price = quote.price(("p", "m"))
    assert price == ENTRY.price(terms, price.version.partition(";")[0])
    prompt, completion, units = quote.bounds(("p", "m"), price)
    assert quote.amount_nanousd == bound(prompt, completion, price, units)
    for kind in ("input", "cache_read", "cache_write_long", "input_audio"):
        assert cost(Usage(**{kind: prompt}, reasoning=completion, tool_calls=units.tool_calls), price) <= quote.amount_nanousd


def test_unseen_input_is_the_whole_context():
    """Of the model, or the longest that there is."""
    _, quote = quoted(RESPONSES, previous_response_id="r")
    assert quote.bounds(("p", "m"), quote.price(("p", "m")))[0] == 1_000
    unknown = msgspec.structs.replace(ENTRY, context=0)
    _, quote = quoted(RESPONSES, previous_response_id="r", entry=unknown)
    assert quote.bounds(("p", "m"), quote.price(("p", "m")))[0] == LONGEST_CONTEXT


def test_without_a_cap_each_choice_may_be_as_long_as_the_model_writes():
    """And an estimate never exceeds what was reserved for it."""
    _, quote = quoted(CHAT, max_tokens=None, n=3)
    price = quote.price(("p", "m"))
    assert quote.bounds(("p", "m"), price)[1] == 300
    assert quote.injected_cap is None
    _, quote = quoted(CHAT, max_tokens=None, n=3, entry=msgspec.structs.replace(ENTRY, max_output=0))
    assert quote.injected_cap == 50
    assert quote.bounds(("p", "m"), quote.price(("p", "m")))[1] == 150


def priceless(quote):
    """To be compared with another quoter's."""
    return msgspec.structs.replace(quote, prices=NO_PRICES)


def told(quoter, call, plan):
    try:
        quote, targets = quoter.quote(call, plan)
        return priceless(quote), targets
    except (BadRequest, BudgetExceeded) as refused:
        return refused.code, refused.message


ASKED = st.tuples(
    st.sampled_from(
        [
            {},
            {"n": 2},
            {"max_tokens": None},
            {"max_tokens": 7, "service_tier": "priority"},
            {"web_search_options": {}},
            {"service_tier": "ultrafast"},
            {"models": ["x"]},
        ]
    ),
    st.sampled_from([(), ("b",)]),
    st.lists(st.sampled_from(["m", "open", "dear", "unknown"]), min_size=1, max_size=3, unique=True),
)


@given(st.lists(ASKED, max_size=12), st.sampled_from(["refuse_if_budgeted", "refuse", "allow"]))
def test_a_quote_does_not_depend_on_what_was_quoted_before(calls, unknown):
    """What is kept of targets is what each new quoter would find: the same quotes, targets and refusals in any order."""
    entries = {"m": ENTRY, "open": msgspec.structs.replace(ENTRY, max_output=0), "dear": Listing(input=9_000_000, output=1)}
    old = quoter_of(unknown, **entries)
    for extra, budgets, models in calls:
        call, plan = call_of(CHAT, budgets=budgets, **extra), plan_of(CHAT, *models)
        assert told(old, call, plan) == told(quoter_of(unknown, **entries), call, plan)
