"""Prices of the configuration: read exactly, refused with place and line where they are slips of the pen."""

from decimal import Decimal

import pytest
from tests.in_turn import in_turn

from omnillm import PriceConfig
from omnillm.assemble.prices import make_catalog, make_prices
from omnillm.config.configured import endpoints
from omnillm.config.load import parse
from omnillm.errors import ConfigError
from omnillm.library.prices import price_settings
from omnillm.pricing.cost import cost
from omnillm.pricing.terms import PLAIN, Terms
from omnillm.usage import Usage

TEXT = """
server: {auth: none}
providers:
  openai: {kind: openai, keys: [{label: a, key: sk-a}]}
  groq: {kind: openai_compatible, base_url: "https://api.groq.com/openai/v1", keys: [{label: a, key: sk-b}]}
  home: {kind: openai_compatible, base_url: "http://127.0.0.1:8000/v1", keys: [{label: a, key: sk-c}]}
pricing:
  overrides:
    openai/own: %s
"""
WHOLE = """{input: 1, output: 2, cache_write: 1.5, per_image: 0.04, per_tool_call: 0.01, per_tool: {web_search: 0.02}, per_request: 0.005,
      above: [{tokens: 1000, input: 3, output: 4}], max_output: 500, context: 9000, thinks: false,
      service_tiers: {priority: {input: 2, output: 4, above: [{tokens: 1000, input: 6}]}}}"""


def catalog(price):
    return make_catalog(parse(TEXT % price, {}))


def test_every_figure_of_a_configured_price_is_used():
    """1,000 x 1 + 100 x 2, a search at 0.02, and 0.005 for the attempt; then above the step; then in the dearer tier,
    whose step says nothing of the output: it costs as in the tier below the step."""
    own = catalog(WHOLE)
    short, long = Usage(input=1_000, output=100, tool_calls=1), Usage(input=1_001, output=100)
    search = Terms(tools=("web_search",))
    assert cost(short, own.find("openai", "openai", "own", search)) == 1_000_000 + 200_000 + 20_000_000 + 5_000_000
    assert cost(short, own.find("openai", "openai", "own", Terms(tools=("other",)))) == 1_000_000 + 200_000 + 10_000_000 + 5_000_000
    assert cost(long, own.find("openai", "openai", "own")) == 3_003_000 + 400_000 + 5_000_000
    assert cost(short, own.find("openai", "openai", "own", Terms(tier="priority", tools=("web_search",)))) == 2_400_000 + 25_000_000
    assert cost(long, own.find("openai", "openai", "own", Terms(tier="priority"))) == 6_006_000 + 400_000 + 5_000_000
    found = own.find("openai", "openai", "own", PLAIN)
    heard = catalog(
        "{input: 4, output: 16, cache_read: 0.4, input_audio: 32, cache_read_audio: 0.5, input_image: 5, cache_read_image: 0.6}"
    )
    price = heard.find("openai", "openai", "own")
    assert (
        cost(Usage(cache_read=10, cache_read_audio=100, cache_read_image=1_000, input_image=10), price) == 4_000 + 50_000 + 600_000 + 50_000
    )
    made = catalog("{input: 1, output: 2, output_image: 30, input_video: 12, output_video: 17.5}").find("openai", "openai", "own")
    assert cost(Usage(output=10, output_image=10, input_video=10, output_video=10), made) == 20_000 + 300_000 + 120_000 + 175_000
    assert (found.max_output, found.context, found.cache_write_long, found.image) == (500, 9000, 1_500_000_000, 40_000 * 10**9)
    assert (found.thinks, price.thinks) == (False, True)


@in_turn(
    ("price", "place", "problem"),
    [
        ("{input: -1, output: 1}", "input", "must not be negative"),
        ("{input: 4e-7, output: 1}", "input", "must be decimal USD"),
        ("{input: 0.0000000001, output: 1}", "input", "must be decimal USD"),
        ("{input: 1000001, output: 1}", "input", "must be at most 1000000 USD"),
        ("{input: .inf, output: 1}", "input", "must be decimal USD"),
        ("{input: 1}", "output", "is missing"),
        ("{input: 1, output: 1, max_output: 1.5}", "max_output", "must be a whole number"),
        ("{input: 1, output: 1, max_output: -4}", "max_output", "must be a whole number"),
        ("{input: 1, output: 1, context: 99999999999}", "context", "must be at most 1000000000 tokens"),
        ("{input: 1, output: 1, per_image: 1001}", "per_image", "must be at most 1000 USD"),
        ("{input: 1, output: 1, per_tool: {web_search: -0.01}}", "per_tool.web_search", "must not be negative"),
        ("{input: 1, output: 1, service_tiers: {flex: {ouput: 1}}}", "service_tiers.flex.ouput", "did you mean output?"),
        ("{input: 1, output: 1, above: [{input: 2}]}", "above[0].tokens", "is missing"),
    ],
)
def test_a_bad_price_is_told_with_place_and_line(price, place, problem):
    """It never becomes a price of nothing."""
    with pytest.raises(ConfigError) as refused:
        parse(TEXT % price, {})
    assert f'pricing.overrides."openai/own".{place} (line 9)' in str(refused.value)
    assert problem in str(refused.value)


@in_turn(
    "price",
    [
        {"input": -1},
        {"output": "5e-7"},
        {"input": 0.5},
        {"cache_read": "1000001"},
        {"max_output": 0},
        {"max_output": 1.5},
        {"thinks": "no"},
    ],
)
def test_the_library_refuses_the_same(price):
    """With the name of the argument."""
    with pytest.raises(ConfigError, match=r"prices\.m\."):
        price_settings("m", PriceConfig(**({"input": Decimal(1), "output": 2} | price)))


def test_every_rate_of_the_library_is_that_of_the_configuration():
    """Under the same name, in the same unit: no field is read into another's place."""
    named = [name for name in PriceConfig.__struct_fields__ if name not in {"max_output", "thinks"}]
    given = {name: f"{number}.5" for number, name in enumerate(named, 1)}
    written = "{" + ", ".join(f"{name}: {usd}" for name, usd in given.items()) + ", thinks: false}"
    assert price_settings("m", PriceConfig(**given, thinks=False)) == parse(TEXT % written, {}).pricing.overrides["openai/own"]


def test_a_compatible_host_is_priced_as_its_vendor():
    """A known host's models are listed; a host at home has only what is configured."""
    settings = parse(TEXT % "{input: 1, output: 2}", {})
    book = make_prices(settings, endpoints(settings), 0)
    assert book.sections == {"openai": "openai", "groq": "groq", "home": "openai_compatible"}
    assert book.find(("groq", "openai/gpt-oss-120b")).version.endswith(":groq/openai/gpt-oss-120b")
    assert book.find(("home", "openai/gpt-oss-120b")) is None
