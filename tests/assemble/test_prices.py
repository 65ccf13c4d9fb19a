"""Where a provider's models run is part of their price: regions of Vertex AI, the regional hosts of OpenAI, Mistral and xAI."""

from datetime import UTC, datetime

from tests.in_turn import in_turn

from omnillm.assemble.prices import day_at, make_prices
from omnillm.config.configured import endpoints
from omnillm.config.load import parse
from omnillm.pricing.reference import Reference
from omnillm.usage import Usage

VERTEX = "kind: vertex_ai, project: p, region: "
OWN_VERTEX = "kind: vertex_ai, base_url: 'https://proxy.example/v1/projects/p/locations/us-east5'"
OPENAI = "kind: openai, base_url: "


def price(provider: str, model: str, more: str = ""):
    settings = parse(f"server: {{auth: none}}\nproviders: {{p: {{{provider}, keys: [{{label: a, key: token}}]}}}}\n{more}", {})
    prices = make_prices(settings, endpoints(settings), 0)
    return prices, prices.find(("p", model))


@in_turn(
    ("provider", "model", "usd_micros", "place"),
    [
        (VERTEX + "global", "claude-sonnet-4-5@20250929", 3_000_000, ""),
        (VERTEX + "us-east5", "claude-sonnet-4-5@20250929", 3_300_000, ";place=regional"),
        (VERTEX + "eu", "claude-sonnet-4-5@20250929", 3_300_000, ";place=regional"),
        (OWN_VERTEX, "claude-sonnet-4-5", 3_300_000, ";place=regional"),
        (VERTEX + "us-east5, base_url: 'https://proxy.example'", "claude-sonnet-4-5", 3_300_000, ";place=regional"),
        (VERTEX + "us-east5", "gemini-2.5-pro", 1_250_000, ""),
        (OPENAI + "'https://api.openai.com'", "gpt-5.4", 2_500_000, ""),
        (OPENAI + "'https://eu.api.openai.com'", "gpt-5.4", 2_750_000, ";place=eu"),
        (OPENAI + "'https://us.api.openai.com/v1'", "gpt-5.4-2026-03-05", 2_750_000, ";place=us"),
        (OPENAI + "'https://eu.api.openai.com'", "gpt-4.1-mini", 400_000, ""),
        ("kind: mistral", "mistral-large-2512", 500_000, ""),
        ("kind: mistral, base_url: 'https://api.eu.mistral.ai/v1'", "mistral-large-2512", 550_000, ";place=eu"),
        ("kind: openai_compatible, base_url: 'https://api.us.mistral.ai/v1'", "mistral-large-2512", 550_000, ";place=us"),
        ("kind: xai", "grok-4.7", 2_000_000, ""),
        ("kind: xai, base_url: 'https://us.api.x.ai/v1'", "grok-4.7", 2_200_000, ";place=us"),
        ("kind: xai, base_url: 'https://us.api.x.ai.example/v1'", "grok-4.7", 2_000_000, ""),
    ],
)
def test_a_region_costs_what_it_does(provider: str, model: str, usd_micros: int, place: str) -> None:
    """Models that cost the same everywhere do so there, too; a row says where it was charged, and can be computed again."""
    prices, found = price(provider, model)
    assert found is not None
    assert found.input == usd_micros * 1000
    assert found.version.partition(";")[2] == place.removeprefix(";")
    assert Reference(prices.catalog.figures).cost(found.version, Usage(input=1_000)) == usd_micros


def test_a_price_of_the_configurations_own_is_the_price() -> None:
    """Nothing is added to it."""
    own = "pricing: {overrides: {p/claude-sonnet-4-5: {input: 1, output: 2}}}"
    _, found = price(VERTEX + "us-east5", "claude-sonnet-4-5", own)
    assert found is not None
    assert (found.input, found.output) == (1_000_000_000, 2_000_000_000)


def test_an_announced_price_holds_from_its_first_second() -> None:
    """In the book of that day, whatever the one before has kept; in one that is made later from the start."""
    settings = parse("server: {auth: none}\nproviders: {p: {kind: gemini, keys: [{label: a, key: token}]}}\n", {})
    new_year = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    prices = make_prices(settings, endpoints(settings), new_year - 1)
    before = prices.find(("p", "gemini-3.8-flash"))
    assert prices.on(day_at(new_year - 1)) is prices
    after = prices.on(day_at(new_year)).find(("p", "gemini-3.8-flash"))
    assert prices.find(("p", "gemini-3.8-flash")) is before
    assert before is not None
    assert after is not None
    assert (before.input, before.output, after.input, after.output) == (750_000_000, 3_750_000_000, 1_500_000_000, 7_500_000_000)
    assert make_prices(settings, endpoints(settings), new_year).find(("p", "gemini-flash-latest")) == after
