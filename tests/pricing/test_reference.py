"""A ledger's row names everything that its cost was computed from."""

from importlib.resources import files

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnillm.admission.asks import Lease
from omnillm.gateway.attempts.attempt import Attempt
from omnillm.gateway.quotes.extras import Extras
from omnillm.gateway.quotes.quote import Quote
from omnillm.outcome import Outcome, Verdict
from omnillm.pricing.catalog import Catalog
from omnillm.pricing.cost import Units
from omnillm.pricing.listing import Listing, Rates
from omnillm.pricing.reference import Reference, bounded
from omnillm.pricing.terms import PLAIN, Terms
from omnillm.protocols.extras import Asked
from omnillm.usage import Usage

OWN = Listing(input=3, output=5, tool_call=11)
CATALOG = Catalog({"p/own": OWN}, files("omnillm.pricing").joinpath("catalog.json").read_bytes)
counts = st.integers(0, 10**6)
usages = st.builds(
    Usage,
    input=counts,
    cache_read=counts,
    cache_write_long=counts,
    output=counts,
    reasoning=counts,
    input_audio=counts,
    cache_read_audio=counts,
    output_audio=counts,
    input_image=counts,
    cache_read_image=counts,
    output_image=counts,
    input_video=counts,
    output_video=counts,
    tool_calls=st.integers(0, 50),
    images=st.integers(0, 9),
    characters=counts,
    audio_ms=counts,
)
models = st.sampled_from(
    [
        ("openai", "gpt-5", PLAIN),
        ("openai", "gpt-5-2025-08-07", Terms(tier="priority", tools=("file_search", "web_search"))),
        ("openai", "gpt-5.4", Terms(tier="flex")),
        ("anthropic", "claude-opus-5-5", Terms(tier="fast", place="us", tools=("web_search",))),
        ("gemini", "gemini-2.5-pro", Terms(tools=("google_maps",))),
        ("k", "own", Terms(tools=("anything",))),
        ("openai", "tts-1", PLAIN),
        ("openai", "gpt-realtime", PLAIN),
        ("openai", "gpt-image-1.5", Terms(tier="batch")),
        ("gemini", "gemini-3-flash-preview", Terms(tier="priority")),
        ("openai", "whisper-1", PLAIN),
        ("azure_openai", "dall-e-3", Terms(image="hd/1024x1792")),
    ]
)
verdicts = st.sampled_from([Verdict.SUCCESS, Verdict.ABORTED, Verdict.SERVER_FAULT, Verdict.RATE_LIMITED])


@given(
    model=models, usage=usages, verdict=verdicts, is_known=st.booleans(), observed=st.integers(-1, 500), bounds=st.tuples(counts, counts)
)
def test_every_row_is_computed_again_bit_for_bit(model, usage, verdict, is_known, observed, bounds):
    """However the attempt ended: from its version and usage alone."""
    section, name, terms = model
    price = CATALOG.find("p", section, name, terms)
    attempt = Attempt(Lease(lease_id=1, case_id="c", provider="p", key="k", model=name), 1, price, price.version, 0)
    attempt.has_begun = True
    attempt.observed_bytes = observed
    outcome = Outcome(verdict=verdict, usage=usage, tokens=usage.total_tokens) if is_known else Outcome(verdict=verdict)
    quote = Quote(
        prompt_bound=bounds[0], output_bound=bounds[1], extras={("p", name): Extras(asked=Asked(), terms=terms, units=Units(3, *bounds))}
    )
    charged, _ = attempt.charge(outcome, 200, quote)
    assert Reference(CATALOG.figures).cost(attempt.price_version, outcome.usage if outcome.tokens is not None else None) == charged


def test_terms_are_read_as_they_are_written():
    """In the form that stands in a version."""
    for terms in (
        PLAIN,
        Terms(tier="flex"),
        Terms(place="us"),
        Terms(tier="fast", place="us", tools=("a", "b")),
        Terms(image="hd/1024x1792"),
    ):
        assert Terms.parse(str(terms)) == terms
    assert str(PLAIN) == ""
    assert bounded("v:s/m;tier=flex", 1, 2, Units(3)) == "v:s/m;tier=flex;bound=1+2+3"
    assert bounded("v:s/m", 1, 2, Units(audio_ms=7)) == "v:s/m;bound=1+2+0+0+0+7"


def test_figures_that_have_changed_are_not_taken_for_those_of_the_row():
    """Another list, another configured price, a model that is gone: said, never guessed."""
    for version in ("1999-01-01:openai/gpt-5", "configured-000000000000:p/own", "configured-000000000000:p/gone"):
        with pytest.raises(LookupError):
            Reference(CATALOG.figures).cost(version, Usage(input=1))
    for version in ("configured", "1999-01-01:gpt-5", "openai/gpt-5", f"{CATALOG.price_list.version}:openai/gpt-5;bound=1+2+3+4+5+6+7"):
        with pytest.raises(ValueError, match="not the version"):
            Reference(CATALOG.figures).cost(version, Usage(input=1))


def test_turns_together_cost_at_least_their_sum_where_no_turns_length_matters():
    """A session whose turns may each cost another rate has no such least."""
    flat, stepped = (Reference(lambda *_, steps=steps: Listing(input=1, output=2, steps=steps)) for steps in ({}, {"9": Rates(input=3)}))
    assert flat.least("v:s/m", Usage(input=10**7)) == 10
    assert stepped.least("v:s/m", Usage(input=10**7)) == 0


def test_a_row_of_before_image_tokens_were_told_apart_is_computed_as_it_was():
    """By the figures of that list every token of a side cost the dearer rate; by later ones, and by configured ones, each its own."""
    tier = {"flex": {"input": 50, "output": 100, "cache_write_short": 110, "steps": {"1000": {"input": 70, "output_image": 1000}}}}
    figures = {"input": 100, "output": 200, "cache_read": 10, "cache_write_short": 120, "input_image": 300, "output_image": 900}
    listing = msgspec.convert({**figures, "tiers": tier}, Listing)
    millions = Usage(input=10**6, cache_read=10**6, cache_write_short=10**6, output=10**6, reasoning=10**6)

    def charged(version, usage=millions):
        return Reference(lambda *_: listing).cost(version, usage)

    assert charged("2026-11-28:s/m") == 300 + 10 + 300 + 900 + 900
    assert charged("2026-11-28:s/m;tier=flex") == 300 + 10 + 300 + 1000 + 1000
    assert charged("2026-11-28:s/m;bound=1000000+2000000+0", None) == 300 + 2 * 900
    assert charged("2026-11-29:s/m") == charged("configured-000000000000:s/m") == 100 + 10 + 120 + 200 + 200
    assert charged("2026-11-29:s/m;tier=flex", Usage(input=500, output=10**6)) == 100 + 1


def test_what_had_no_price_or_was_free_costs_nothing():
    """An empty version, and an attempt whose usage nobody reported and nobody bounded."""
    assert Reference(CATALOG.figures).cost("", Usage(input=1)) == 0
    assert Reference(CATALOG.figures).cost("1999-01-01:openai/gpt-5", None) == 0
