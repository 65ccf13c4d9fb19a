"""The arithmetic of money, against exact fractions."""

from fractions import Fraction
from math import ceil

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from omnillm.pricing.cost import MAX_COST_NANOUSD, Price, Units, bound, bound_behind, cost, cost_of_many
from omnillm.pricing.estimate import prompt_tokens
from omnillm.usage import MAX_COUNT, Usage

KINDS = {
    "input": "input",
    "cache_read": "cache_read",
    "cache_write_short": "cache_write_short",
    "cache_write_long": "cache_write_long",
    "output": "output",
    "reasoning": "reasoning",
    "input_audio": "input_audio",
    "cache_read_audio": "cache_read_audio",
    "output_audio": "output_audio",
    "input_image": "input_image",
    "cache_read_image": "cache_read_image",
    "output_image": "output_image",
    "input_video": "input_video",
    "output_video": "output_video",
    "images": "image",
    "tool_calls": "tool_call",
    "characters": "character",
    "audio_ms": "audio_ms",
}
"""What is counted -> the rate that it costs."""

INPUTS = ("input", "cache_read", "cache_write_short", "cache_write_long", "input_audio", "cache_read_audio", "input_image")
INPUTS = (*INPUTS, "cache_read_image", "input_video")
OUTPUTS = ("output", "reasoning", "output_audio", "output_image", "output_video")

rates = st.integers(0, 10**12)
counts = st.integers(0, 10**7)
flat_prices = st.builds(
    lambda values, request: Price.of(**dict(zip(KINDS.values(), values, strict=True)), request=request),
    st.lists(rates, min_size=len(KINDS), max_size=len(KINDS)),
    rates,
)


def stepped(price, steps):
    """Each step at least as dear as the one before, as in the catalogue."""
    factors = sorted(factor for _, factor in steps)
    places = sorted({above for above, _ in steps})
    return replace(
        price,
        steps=tuple(
            (above, Price.of(**{rate: getattr(price, rate) * factor for rate in KINDS.values()}))
            for above, factor in zip(places, factors, strict=False)
        ),
    )


steps = st.lists(st.tuples(st.integers(1, 10**7), st.integers(1, 4)), min_size=1, max_size=3)
prices = flat_prices | st.builds(stepped, flat_prices, steps)
usages = st.builds(Usage, **dict.fromkeys(KINDS, counts | st.just(0)))


@given(usage=usages, price=flat_prices)
def test_cost_is_the_exact_sum_rounded_up_once(usage, price):
    """Whatever the counts and rates, the result is that of fractions."""
    exact = sum(
        (Fraction(getattr(usage, kind) * getattr(price, rate), 10**6) for kind, rate in KINDS.items()), Fraction(price.request, 10**6)
    )
    assert cost(usage, price) == min(ceil(exact), MAX_COST_NANOUSD)


def test_every_kind_costs_its_rate_where_there_is_nothing_else():
    """A call of one kind alone, and its bound."""
    price = Price.of(**{rate: (at + 1) * 10**6 for at, rate in enumerate(KINDS.values())}, request=5 * 10**5)
    for at, kind in enumerate(KINDS):
        assert cost(Usage(**{kind: 3}), price) == 3 * (at + 1) + 1, kind
    units = (Units(3), Units(0, 3), Units(0, 0, 3), Units(0, 0, 0, 3))
    rates = (price.tool_call, price.image, price.character, price.audio_ms)
    assert [bound(0, 0, price, each) for each in units] == [3 * rate // 10**6 + 1 for rate in rates]


@given(usage=usages, price=prices)
def test_cost_is_an_integer(usage, price):
    """Nothing in it has been a float."""
    assert type(cost(usage, price)) is int
    assert type(bound(usage.prompt_tokens, usage.completion_tokens, price, Units(usage.tool_calls))) is int


@given(usage=usages, price=prices, kind=st.sampled_from(list(KINDS)), more=counts)
def test_cost_is_never_negative_and_rises_with_each_count(usage, price, kind, more):
    """Using more never costs less."""
    dearer = replace(usage, **{kind: getattr(usage, kind) + more})
    assert 0 <= cost(usage, price) <= cost(dearer, price) <= MAX_COST_NANOUSD


@given(usage=usages, price=prices, slack=st.tuples(counts, counts, counts))
def test_bound_holds_for_every_split_of_the_tokens(usage, price, slack):
    """No matter what the prompt and the completion turn out to consist of."""
    most = (usage.prompt_tokens + slack[0], usage.completion_tokens + slack[1])
    assert cost(usage, price) <= bound(*most, price, Units(usage.tool_calls + slack[2], usage.images, usage.characters, usage.audio_ms))


@given(price=prices, prompt=counts, output=counts, calls=counts)
def test_bound_is_reached_by_the_dearest_usage(price, prompt, output, calls):
    """It is no larger than it must be: some usage within it costs as much, on some side of each step."""
    reached = 0
    for within in {prompt, *(above for above, _ in price.steps if above < prompt)}:
        for into in INPUTS:
            for out in OUTPUTS:
                reached = max(reached, cost(Usage(**{into: within, out: output}, tool_calls=calls), price))
    assert reached == bound(prompt, output, price, Units(calls))


def test_part_of_a_nano_dollar_is_a_whole_one():
    """One token at the smallest rate is not free."""
    assert cost(Usage(input=1), Price.of(input=1, output=1)) == 1
    assert cost(Usage(), Price.of(input=1, output=1)) == 0


def test_example_of_a_cached_call():
    """1,000 tokens of input at 0.4 USD, 9,000 read from the cache at 0.1, 500 of output at 1.6: 0.0021 USD."""
    price = Price.of(input=400_000_000, output=1_600_000_000, cache_read=100_000_000)
    assert cost(Usage(input=1_000, cache_read=9_000, output=500), price) == 2_100_000


def test_a_prompt_is_estimated_at_four_bytes_a_token_and_bounded_by_its_bytes():
    """Media weigh what they usually do in the estimate, what they may at most in the bound, with what the provider adds unseen."""
    assert [prompt_tokens(text, 5, 50, "anthropic_messages") for text in (0, 1, 4, 5)] == [(5, 750), (6, 751), (6, 754), (7, 755)]
    assert prompt_tokens(8, 0, 0, "embeddings") == (2, 8)


def test_unstated_rate_is_that_of_its_kind():
    """Cache and whatever comes in cost as input, reasoning and whatever goes out as output; images, tool calls and units are free."""
    stated = asdict(Price.of(input=3, output=7))
    assert {name: stated[name] for name in KINDS.values()} == {
        **dict.fromkeys(INPUTS, 3),
        **dict.fromkeys(OUTPUTS, 7),
        **dict.fromkeys(("image", "tool_call", "character", "audio_ms"), 0),
    }
    assert Price.of(input=3, output=7, cache_write_short=5).cache_write_long == 5


def test_cached_media_are_cheap_only_where_somebody_says_so():
    """As cached text where uncached ones cost as text; as uncached where they are dearer: the provider may take no less."""
    flat = Price.of(input=30, output=90, cache_read=3, input_image=30)
    assert (flat.cache_read_audio, flat.cache_read_image) == (3, 3)
    dear = Price.of(input=30, output=90, cache_read=3, input_audio=100, input_image=40, input_video=50)
    assert (dear.cache_read_audio, dear.cache_read_image) == (100, 50)
    told = Price.of(input=30, output=90, cache_read=3, input_audio=100, cache_read_audio=10, input_image=40, cache_read_image=4)
    assert (told.cache_read_audio, told.cache_read_image) == (10, 4)
    assert Price.of(input=30, output=90, cache_read=200, input_audio=100).cache_read_audio == 200


def test_misspelt_rate_is_an_error():
    """A price with a rate that nobody reads would be too low."""
    with pytest.raises(TypeError, match="cache_raed"):
        Price.of(input=1, output=1, cache_raed=1)


def test_long_prompt_costs_its_own_rates_throughout():
    """The step is at more than so many tokens of prompt, cached ones included."""
    price = replace(Price.of(input=1_000_000, output=1_000_000), steps=((100, Price.of(input=2_000_000, output=3_000_000)),))
    assert cost(Usage(input=60, cache_read=40, output=10), price) == 110
    assert cost(Usage(input=61, cache_read=40, output=10), price) == 2 * 101 + 30
    assert (bound(100, 10, price), bound(101, 10, price)) == (110, 2 * 101 + 30)


def test_many_requests_together_cost_what_each_of_them_would():
    """At the rates of their longest, because nobody knows which were long; and a fee for each."""
    price = Price.of(input=1_000_000, output=2_000_000, request=7_000_000)
    price = replace(price, steps=((100, Price.of(input=3_000_000, output=4_000_000)), (200, Price.of(input=5_000_000, output=6_000_000))))
    used = Usage(input=300, output=10)
    told = [cost_of_many(used, price, requests=3, longest=longest) for longest in (100, 101, 200, 201)]
    assert told == [300 + 20 + 21, 900 + 40 + 21, 900 + 40 + 21, 1500 + 60 + 21]


def test_absurd_usage_costs_what_an_int64_holds():
    """A thousand lies of a provider still sum up in a database column."""
    price = Price.of(input=10**12, output=10**12)
    lie = Usage(input=MAX_COUNT, output=MAX_COUNT)
    assert cost(lie, price) == bound(MAX_COUNT, MAX_COUNT, price) == MAX_COST_NANOUSD
    assert 1_000 * MAX_COST_NANOUSD < 2**63


def test_price_is_a_value():
    """It survives JSON, so that it can travel to another process."""
    price = replace(Price.of(input=1, output=2), steps=((5, Price.of(input=2, output=4)),))
    assert msgspec.json.decode(msgspec.json.encode(price), type=Price) == price


@given(usage=usages, price=prices, more=st.integers(0, 1000))
def test_a_prompt_that_is_known_costs_no_less_than_it_did_and_no_more_than_was_bounded(usage, price, more):
    """Whatever was written behind it, as long as it was no more."""
    prompt = replace(usage, **dict.fromkeys((*OUTPUTS, "images", "tool_calls", "characters", "audio_ms"), 0))
    whole = replace(prompt, **{kind: getattr(usage, kind) for kind in OUTPUTS})
    known = bound_behind(prompt, whole.completion_tokens + more, price)
    assert cost(whole, price) <= known <= bound(prompt.prompt_tokens + more, whole.completion_tokens + more, price)
