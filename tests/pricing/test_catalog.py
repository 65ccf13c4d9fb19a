"""The built-in price list, and who comes before it."""

from importlib.resources import files

import msgspec
import pytest

from omnillm.money import parse_usd
from omnillm.pricing.catalog import Catalog, PriceList
from omnillm.pricing.cost import Price

CONTENT = files("omnillm.pricing").joinpath("catalog.json").read_bytes()
LISTED = msgspec.json.decode(CONTENT, type=PriceList)
MODELS = [(kind, model) for kind, models in LISTED.models.items() for model in models]


@pytest.fixture
def catalog():
    return Catalog.parse(CONTENT, {})


def test_known_model_has_its_price(catalog):
    """gpt-4.1-mini: 0.4, 1.6 and 0.1 USD per million tokens."""
    price = catalog.find("anything", "openai", "gpt-4.1-mini")
    assert (price.input, price.output, price.cache_read) == (parse_usd("0.4"), parse_usd("1.6"), parse_usd("0.1"))
    assert (price.max_output, price.context, price.version) == (32_768, 1_047_576, LISTED.version)


def test_cache_writes_of_an_hour_are_dearer_where_they_are(catalog):
    """Claude charges 1.25 times the input for five minutes, twice for an hour."""
    price = catalog.find("anthropic", "anthropic", "claude-haiku-4-5")
    assert (price.cache_write_short, price.cache_write_long) == (price.input * 5 // 4, price.input * 2)


def test_long_prompts_have_a_step_where_they_are_dearer(catalog):
    """Gemini 2.5 Pro: beyond 200,000 tokens of prompt, 2.5 and 15 USD."""
    price = catalog.find("g", "gemini", "gemini-2.5-pro")
    assert (price.long_prompt, price.long.input, price.long.output) == (200_000, parse_usd("2.5"), parse_usd("15"))


@pytest.mark.parametrize(("kind", "alias", "model"), [(kind, *pair) for kind, pairs in LISTED.aliases.items() for pair in pairs.items()])
def test_alias_is_its_model(catalog, kind, alias, model):
    """Dated snapshots and second names cost what their model costs."""
    assert catalog.find("p", kind, alias) == catalog.find("p", kind, model) is not None


@pytest.mark.parametrize("model", ["gpt-4.1-mini-2099-01-01", "gpt-4.1-min", "gpt-4.1-mini-", "GPT-4.1-mini", "claude-haiku-4-5", ""])
def test_unlisted_name_has_no_price(catalog, model):
    """A prefix, another case, another kind's model: nothing is guessed."""
    assert catalog.find("openai", "openai", model) is None


def test_configured_price_comes_first():
    """For that provider only; limits that it does not state are those of the list."""
    own = Price.of(input=1, output=2)
    catalog = Catalog.parse(CONTENT, {"openai/gpt-4.1-mini": own, "local/llama": own})
    found = catalog.find("openai", "openai", "gpt-4.1-mini")
    assert (found.input, found.output, found.max_output, found.version) == (1, 2, 32_768, "configured")
    assert catalog.find("other", "openai", "gpt-4.1-mini").input == parse_usd("0.4")
    assert catalog.find("local", "openai_compatible", "llama") is own
    assert catalog.find("other", "openai_compatible", "llama") is None


@pytest.mark.parametrize(("kind", "model"), MODELS)
def test_listed_price_is_plausible(catalog, kind, model):
    """Cached input is not dearer than input, output not cheaper, a long prompt not cheaper; limits are stated."""
    price = catalog.find("p", kind, model)
    assert 0 < price.cache_read <= price.input <= price.output <= parse_usd("1000")
    assert price.max_output > 0
    assert price.context > 0
    if price.long is not None:
        assert price.long_prompt > 0
        assert price.long.input >= price.input
        assert price.long.output >= price.output


def test_broken_list_is_refused():
    """An alias of nothing, or one that hides a model."""
    for target in ("nowhere", "gpt-4.1"):
        aliases = {"openai": {"gpt-4.1-mini" if target == "gpt-4.1" else "other": target}}
        with pytest.raises(ValueError, match="alias"):
            Catalog.parse(msgspec.json.encode(msgspec.structs.replace(LISTED, aliases=aliases)), {})
    with pytest.raises(msgspec.DecodeError):
        Catalog.parse(b"{", {})
