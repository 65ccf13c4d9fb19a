"""What a request asks for beside tokens, and that it is bounded or refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, BudgetExceeded
from omnillm.gateway.bridges.bridge import Bridges
from omnillm.gateway.call import Call, Caller
from omnillm.gateway.quotes import price_book
from omnillm.gateway.quotes.extras import Extras
from omnillm.gateway.quotes.price_book import NO_PRICES, PriceBook
from omnillm.gateway.quotes.quote import Quote
from omnillm.gateway.quotes.quoter import Quoter
from omnillm.gateway.sessions.turns import LONGEST_CONTEXT
from omnillm.pricing.catalog import Catalog
from omnillm.pricing.cost import Price, Units, bound, cost
from omnillm.pricing.estimate import HIDDEN_TOKENS
from omnillm.pricing.listing import Listing, Rates, Tier
from omnillm.pricing.terms import PLAIN, Terms
from omnillm.protocols.codecs import CODECS
from omnillm.protocols.extras import Asked
from omnillm.protocols.outline import outline
from omnillm.protocols.priced import read_asked
from omnillm.protocols.priced_gemini import GEMINI_CALLS
from omnillm.protocols.priced_messages import ANTHROPIC_TURNS
from omnillm.protocols.registry import PROTOCOLS
from omnillm.routing.target import Plan, Target
from omnillm.usage import Usage

CHAT, RESPONSES, MESSAGES, GEMINI = "openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content"
BODIES = {
    CHAT: {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10},
    RESPONSES: {"model": "m", "input": "hi", "max_output_tokens": 10},
    MESSAGES: {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10},
    GEMINI: {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 10}},
}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
BASH = {"type": "bash_20250124", "name": "bash"}
ENTRY = Listing(
    input=1_000_000,
    output=2_000_000,
    tools={"web_search": 7_000_000},
    tiers={"priority": Tier(input=3_000_000, output=6_000_000), "fast": Tier(input=5_000_000)},
    uplifts={"us": 1100},
    steps={"5000": Rates(input=4_000_000)},
    max_output=100,
    context=1_000,
)


def members(protocol, **extra):
    return msgspec.json.decode(msgspec.json.encode(BODIES[protocol] | extra), type=dict[str, msgspec.Raw])


def asked(protocol, **extra):
    read = members(protocol, **extra)
    peek = PROTOCOLS[protocol].peek_request(read)
    return read_asked(protocol, read, peek.price_members, peek.n)


@in_turn(
    ("protocol", "extra", "terms"),
    [
        (CHAT, {"service_tier": "auto"}, ("", "")),
        (CHAT, {"service_tier": "default"}, ("", "")),
        (CHAT, {"service_tier": None}, ("", "")),
        (CHAT, {"service_tier": "on_demand"}, ("", "")),  # Groq's word for it
        (CHAT, {"service_tier": "flex"}, ("flex", "")),
        (RESPONSES, {"service_tier": "priority"}, ("priority", "")),
        (MESSAGES, {"service_tier": "standard_only"}, ("", "")),
        (MESSAGES, {"speed": "fast"}, ("fast", "")),
        (MESSAGES, {"speed": "fast", "inference_geo": "us"}, ("fast", "us")),
        (MESSAGES, {"inference_geo": "global"}, ("", "")),
        (GEMINI, {"serviceTier": "SERVICE_TIER_FLEX"}, ("flex", "")),
        (GEMINI, {"service_tier": "standard"}, ("", "")),
    ],
)
def test_tier_and_place_are_those_that_were_asked_for(protocol, extra, terms):
    """In each protocol's own words."""
    found = asked(protocol, **extra)
    assert (found.tier, found.place, found.unbounded) == (*terms, "")


@in_turn(
    ("protocol", "extra", "calls", "turns", "is_unseen"),
    [
        (MESSAGES, {"tools": [SEARCH | {"max_uses": 3}]}, 3, ANTHROPIC_TURNS, False),
        (MESSAGES, {"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}, 0, ANTHROPIC_TURNS, False),
        (RESPONSES, {"tools": [{"type": "web_search"}], "max_tool_calls": 4}, 4, 5, False),
        (RESPONSES, {"previous_response_id": "resp_1"}, 0, 1, True),
        (RESPONSES, {"reasoning": {"effort": "high", "mode": "standard"}, "multi_agent": {"enabled": False}}, 0, 1, False),
        (RESPONSES, {"prompt": {"id": "pmpt_1"}, "max_tool_calls": 2}, 2, 3, True),
        (CHAT, {"web_search_options": {}, "n": 2}, 2, 1, True),
        (CHAT, {"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom"}], "enable_search": False}, 0, 1, False),
        (GEMINI, {"tools": [{"googleSearch": {}}]}, GEMINI_CALLS, 1, False),
        (GEMINI, {"tools": [{"google_search": {}}], "generationConfig": {"candidateCount": 2}}, 2 * GEMINI_CALLS, 1, False),
        (GEMINI, {"cachedContent": "cachedContents/x"}, 0, 1, True),
        (GEMINI, {"generationConfig": {"responseModalities": ["AUDIO"]}}, 0, 1, False),
        (CHAT, {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}, 0, 1, False),
    ],
)
def test_extras_have_a_bound(protocol, extra, calls, turns, is_unseen):
    """The request's own maximum, or what is documented."""
    found = asked(protocol, **extra)
    assert (found.calls, found.turns, found.has_unseen_input, found.unbounded) == (calls, turns, is_unseen, "")


OPENROUTERS = ("models", "plugins", "provider", "stop_server_tools_when")
UNCAPPED = [
    (MESSAGES, {"tools": [SEARCH]}, "max_uses"),
    (RESPONSES, {"tools": [{"type": "web_search"}]}, "max_tool_calls"),
    (RESPONSES, {"tools": [{"type": "code_interpreter"}], "max_tool_calls": None}, "max_tool_calls"),
    (RESPONSES, {"prompt": {"id": "pmpt_1"}}, "max_tool_calls"),
]
UNBOUNDED = [
    (MESSAGES, {"tools": [SEARCH | {"max_uses": -1}]}, "max_uses"),
    (MESSAGES, {"tools": [SEARCH | {"max_uses": "3"}]}, "max_uses"),
    (MESSAGES, {"fallbacks": ["claude-x"]}, "fallbacks"),
    (MESSAGES, {"tools": [{"type": "advisor_20260301", "name": "advisor"}]}, "advisor"),
    (RESPONSES, {"tools": [{"type": "web_search"}], "max_tool_calls": 1.5}, "max_tool_calls"),
    (RESPONSES, {"tools": [{"type": "mcp"}], "max_tool_calls": 1}, "mcp"),
    (RESPONSES, {"tools": [{"type": "image_generation"}], "max_tool_calls": 1}, "image_generation"),
    (RESPONSES, {"multi_agent": {"enabled": True}}, "multi_agent"),
    (CHAT, {"models": ["dear/model"]}, "models"),
    *((protocol, {"reasoning": {"effort": "low", "mode": "pro"}}, "reasoning") for protocol in (CHAT, RESPONSES)),
    *((protocol, {member: []}, member) for protocol in (RESPONSES, MESSAGES) for member in OPENROUTERS),
    (CHAT, {"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "openrouter:web_search"}]}, "openrouter:web_search"),
    (CHAT, {"tools": [{"type": "browser_search"}]}, "browser_search"),
    (CHAT, {"tools": [{"type": 5}]}, "tool"),
    (CHAT, {"enable_search": True}, "enable_search"),
    (CHAT, {"compound_custom": {"tools": {"enabled_tools": ["web_search"]}}}, "compound_custom"),
    (MESSAGES, {"tools": [{"type": "openrouter:web_search"}]}, "openrouter:web_search"),
    (CHAT, {"service_tier": 5}, "service_tier"),
    (GEMINI, {"tools": [{"something_new": {}}]}, "something_new"),
]


@in_turn(("protocol", "extra", "named"), UNBOUNDED + UNCAPPED)
def test_what_has_no_bound_is_named(protocol, extra, named):
    """With the member that would give it one."""
    assert named in asked(protocol, **extra).unbounded


@pytest.mark.parametrize(
    ("protocol", "member", "written"),
    [
        (MESSAGES, "tools", b'[{"type":"web_search_20250305","name":"web_search","max_uses":1000,"max_uses":1}]'),
        (RESPONSES, "tools", b'[{"type":"web_search","type":"function"},{"type":"file_search"}]'),
        (GEMINI, "tools", b'[{"googleSearch":{},"googleSearch":{}}]'),
        (RESPONSES, "reasoning", b'{"mode":"pro","m\\u006fde":"standard"}'),
    ],
)
def test_what_two_readers_may_read_twice_has_no_bound(protocol, member, written):
    """A member that stands twice within what decides the price: which of the two counts is the provider's affair."""
    assert "stands twice" in asked(protocol, **{member: msgspec.Raw(written)}).unbounded


def quoter_of(unknown="refuse_if_budgeted", **entries):
    """`entries`: models of the provider p."""
    listings = {f"p/{name}": entry for name, entry in entries.items()}
    catalog = Catalog(listings, lambda: b'{"version":"1","date":"1","source":"s","models":{},"aliases":{}}')
    return Quoter(PriceBook(catalog, {"p": "k"}), default_output_tokens=50, default_tool_calls=4, unknown=unknown)


def call_of(protocol, *, budgets=("b",), is_outlined=False, **extra):
    read, body = members(protocol, **extra), msgspec.json.encode(BODIES[protocol] | extra)
    return Call(
        protocol=PROTOCOLS[protocol],
        operation="generate",
        caller=Caller(budgets=budgets),
        model="m",
        is_stream=False,
        peek=PROTOCOLS[protocol].peek_request(read),
        members=read,
        body=body,
        outline=outline(read, body) if is_outlined else None,
        headers={},
        started_at=0.0,
        wall=0.0,
        deadline=1.0,
    )


def plan_of(protocol, *models):
    return Plan(targets=tuple(Target(provider="p", model=model, protocol=protocol) for model in models), public_model="m", route="p/*")


def quoted(protocol, *, targets=(), budgets=("b",), entry=ENTRY, unknown="refuse_if_budgeted", **extra):
    """`targets`: the protocols that they speak; without any, the client's own."""
    catalog = Catalog({"p/m": entry, "q/m": entry}, lambda: b'{"version":"1","date":"1","source":"s","models":{},"aliases":{}}')
    quoter = Quoter(PriceBook(catalog, {"p": "k", "q": "k"}), default_output_tokens=50, default_tool_calls=4, unknown=unknown)
    call = call_of(protocol, budgets=budgets, **extra)
    spoken = tuple(
        Target(provider=provider, model="m", protocol=name) for provider, name in zip("pq", targets or (protocol,), strict=False)
    )
    plan = Plan(targets=spoken, public_model="m", route="p/*", is_bridged=any(target.protocol != protocol for target in spoken))
    plan, bridge = Bridges(lambda target: (CODECS[target.protocol].dialect, False), pepper=b"pepper").open(call, plan)
    quote, _ = quoter.quote(call, plan, bridge)
    return quoter, quote


@in_turn("protocol", BODIES)
@in_turn("spoken", [CHAT, MESSAGES])
def test_a_translated_call_is_weighed_by_what_its_targets_are_sent(protocol, spoken):
    """What nobody is sent weighs nothing; where a target takes the client's own words too, the heavier of both holds."""
    alone, native = quoted(protocol, targets=(spoken,))[1], quoted(protocol)[1]
    assert alone.prompt_bound - HIDDEN_TOKENS[spoken] == PROTOCOLS[spoken].weigh(members(spoken))[0]
    both = quoted(protocol, targets=(spoken, protocol))[1]
    assert both.prompt_bound == max(alone.prompt_bound, native.prompt_bound)
    assert both.tokens == max(alone.tokens, native.tokens)


def test_a_member_in_odd_letters_is_refused_where_a_target_reads_the_clients_own_body():
    """Where all of them are sent what we have written, nobody could read it differently, and it is told as lost."""
    quoted(CHAT, targets=(MESSAGES,), Max_Tokens=5000)
    for targets in ((MESSAGES, CHAT), (CHAT,)):
        with pytest.raises(BadRequest, match="odd letters"):
            quoted(CHAT, targets=targets, Max_Tokens=5000)


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


@in_turn(("protocol", "extra", "named"), UNBOUNDED)
def test_a_budgeted_call_without_a_bound_is_refused(protocol, extra, named):
    """Others go on: nothing of theirs must be kept."""
    with pytest.raises(BadRequest, match="no upper bound") as refused:
        quoted(protocol, **extra)
    assert refused.value.code == "unbounded_cost"
    assert quoted(protocol, budgets=(), **extra)[1].amount_nanousd == 0


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
    *((protocol, extra, {"max_tool_calls": 4}) for protocol, extra, _ in UNCAPPED[1:]),
]


@in_turn(("protocol", "extra", "sent"), CAPPED)
def test_a_budgeted_call_that_caps_no_tool_is_capped(protocol, extra, sent):
    """By the configured default, in its protocol's own member: the provider keeps it, so that what is reserved is what it can cost at most."""
    quote = quoted(protocol, entry=msgspec.structs.replace(ENTRY, tools={}, tool_call=9_000_000), **extra)[1]
    assert {name: msgspec.json.decode(raw) for name, raw in quote.tool_caps.items()} == sent
    stated = quoted(protocol, entry=msgspec.structs.replace(ENTRY, tools={}, tool_call=9_000_000), **(extra | sent))[1]
    assert quote.amount_nanousd == stated.amount_nanousd > 0
    assert stated.tool_caps == quoted(protocol, budgets=(), **extra)[1].tool_caps == {}


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


@in_turn(
    ("protocol", "extra", "is_paid_by_piece"),
    [
        (CHAT, {}, True),
        (CHAT, {"web_search_options": {}}, True),
        (RESPONSES, {"background": False}, True),
        (RESPONSES, {"background": True}, False),
    ],
)
def test_what_goes_on_without_its_client_is_paid_as_a_whole(protocol, extra, is_paid_by_piece):
    """Of everything else that is given up, what was seen is paid."""
    assert quoted(protocol, **extra)[1].is_paid_by_piece is is_paid_by_piece


def test_characters_are_the_usage_only_where_they_are_paid():
    """A speech that is paid by tokens, and reports none, is charged its bound."""
    quote = Quote(extras={("p", "m"): Extras(asked=Asked(), units=Units(characters=7))})
    assert quote.counted(("p", "m"), Price.of(input=1, output=1, character=3)) == Usage(characters=7)
    assert quote.counted(("p", "m"), Price.of(input=1, output=1)) is None
    assert quote.counted(("p", "other"), Price.of(input=1, output=1, character=3)) is None


def test_searches_that_no_reply_counts_are_added_once():
    """Not to those that it does count, nor where each attempt has their fee, nor where they have no price."""
    quote = Quote(extras={("p", "m"): Extras(asked=Asked(untold_calls=2))})
    priced, used = Price.of(input=1, output=1, tool_call=5, version="v:p/m;tools=web_search"), Usage(input=3)
    assert quote.completed(("p", "m"), priced, used) == Usage(input=3, tool_calls=2)
    assert quote.completed(("p", "m"), priced, Usage(input=3, tool_calls=1)) == Usage(input=3, tool_calls=1)
    assert quote.completed(("p", "m"), msgspec.structs.replace(priced, request=1), used) == used
    assert quote.completed(("p", "m"), msgspec.structs.replace(priced, version="v:p/m"), used) == used
    assert quote.completed(("p", "other"), priced, used) == used


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
