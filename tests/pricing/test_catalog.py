"""The built-in price list, and who comes before it."""

from importlib.resources import files
from itertools import pairwise

import msgspec
import pytest
from msgspec.structs import replace
from tests.in_turn import in_turn

from omnillm.money import parse_usd
from omnillm.pricing.catalog import Catalog, PriceList, digest
from omnillm.pricing.cost import cost
from omnillm.pricing.hosts import SECTIONS, section_of
from omnillm.pricing.listing import Listing
from omnillm.pricing.reference import Reference
from omnillm.pricing.terms import PLAIN, Terms
from omnillm.usage import Usage

CONTENT = files("omnillm.pricing").joinpath("catalog.json").read_bytes()
LISTED = msgspec.json.decode(CONTENT, type=PriceList)
ENTRIES = {
    (section, model): msgspec.json.decode(raw, type=Listing) for section, models in LISTED.models.items() for model, raw in models.items()
}


def catalog_of(overrides=None, content=CONTENT):
    return Catalog(overrides or {}, lambda: content)


CATALOG = catalog_of()


def test_the_list_knows_the_models_that_are_sold():
    """Thousands, each kind among them, with version, day and sources."""
    assert len(ENTRIES) > 4_000
    assert {"openai", "anthropic", "gemini", *SECTIONS.values()} <= LISTED.models.keys()
    assert LISTED.version.startswith(LISTED.date)
    assert "litellm" in LISTED.source
    assert "genai-prices" in LISTED.source


def test_the_list_is_read_when_a_price_is_asked_for():
    """Not before: a process that prices nothing does not hold it."""
    loads = []
    catalog = Catalog({}, lambda: loads.append(1) or CONTENT)
    assert not loads
    assert {catalog.find("p", "openai", model).input for model in ("gpt-5", "gpt-4.1")} == {1_250_000_000, 2_000_000_000}
    assert len(loads) == 1


def test_the_list_is_read_once_for_all_configurations():
    """A reload, while calls are served, does not read it again."""
    first, second = (Catalog({}, lambda: CONTENT) for _ in range(2))
    assert first.price_list is second.price_list


USD = 10**9
HAND = [
    # 1,000 x 0.4 + 9,000 x 0.1 + 500 x 1.6 = 2,100 micro-USD
    ("openai", "gpt-4.1-mini", PLAIN, Usage(input=1_000, cache_read=9_000, output=500), "0.0021"),
    # priority: 1,000 x 0.7 + 9,000 x 0.175 + 500 x 2.8 = 700 + 1,575 + 1,400
    ("openai", "gpt-4.1-mini", Terms(tier="priority"), Usage(input=1_000, cache_read=9_000, output=500), "0.003675"),
    # 1,000,000 x 1.25 + 100,000 x 10
    ("openai", "gpt-5", PLAIN, Usage(input=1_000_000, output=60_000, reasoning=40_000), "2.25"),
    # flex is half of it
    ("openai", "gpt-5", Terms(tier="flex"), Usage(input=1_000_000, output=60_000, reasoning=40_000), "1.125"),
    # three searches at 0.01 beside 100,000 x 1.25 and 1,000 x 10
    ("openai", "gpt-5", Terms(tools=("web_search",)), Usage(input=100_000, output=1_000, tool_calls=3), "0.165"),
    # (20,872 - 9,920) x 1.25 + 9,920 x 0.2 + 4,872 x 2.5, and seven searches at 0.005: as xAI told its client, in `cost_in_usd_ticks`
    ("xai", "grok-4.3", Terms(tools=("x_search",)), Usage(input=10_952, cache_read=9_920, output=4_872, tool_calls=7), "0.062854"),
    # two searches at 0.00075 beside 1,000 x 0.3 and 100 x 1.2
    ("deepseek", "deepseek-flash", Terms(tools=("web_search",)), Usage(input=1_000, output=100, tool_calls=2), "0.00192"),
    # at the step and one token above it: 272,000 x 2.5 + 1,000 x 15; 272,001 x 5 + 1,000 x 22.5
    ("openai", "gpt-5.4", PLAIN, Usage(input=272_000, output=1_000), "0.695"),
    ("openai", "gpt-5.4", PLAIN, Usage(input=272_001, output=1_000), "1.382505"),
    # 1,000 x 1 + 2,000 x 1.25 + 3,000 x 2 + 4,000 x 0.1 + 5,000 x 5
    (
        "anthropic",
        "claude-haiku-4-5",
        PLAIN,
        Usage(input=1_000, cache_write_short=2_000, cache_write_long=3_000, cache_read=4_000, output=5_000),
        "0.0349",
    ),
    # 1,000,000 x 4 and 100,000 x 20; fast twice that; in the US a tenth more
    ("anthropic", "claude-opus-5-5", PLAIN, Usage(input=1_000_000, output=100_000), "6"),
    ("anthropic", "claude-opus-5-5", Terms(tier="fast"), Usage(input=1_000_000, output=100_000), "12"),
    ("anthropic", "claude-opus-5-5", Terms(place="us"), Usage(input=1_000_000, output=100_000), "6.6"),
    ("anthropic", "claude-opus-5-5", Terms(tier="fast", place="us"), Usage(input=1_000_000, output=100_000), "13.2"),
    # 200,000 x 1.25 + 10,000 x 10; 200,001 x 2.5 + 10,000 x 15
    ("gemini", "gemini-2.5-pro", PLAIN, Usage(input=150_000, cache_read=0, input_audio=50_000, output=10_000), "0.35"),
    ("gemini", "gemini-2.5-pro", PLAIN, Usage(input=200_001, output=10_000), "0.6500025"),
    # 1,000 x 0.3 + 2,000 x 1.0 of sound + 100 x 2.5
    ("gemini", "gemini-2.5-flash", PLAIN, Usage(input=1_000, input_audio=2_000, output=100), "0.00255"),
    # 1,000 x 0.03 and 4,000 x 0.1 of sound from the cache
    ("gemini", "gemini-2.5-flash", PLAIN, Usage(cache_read=1_000, cache_read_audio=4_000), "0.00043"),
    # a picture of 1,290 x 30, what it was made of at 0.3, and 10 x 2.5 of text
    ("gemini", "gemini-2.5-flash-image", PLAIN, Usage(input=8, input_image=258, output=10, output_image=1_290), "0.0388048"),
    # 100 x 4 + 200 x 0.4; 300 x 32 + 400 x 0.4 of sound; 500 x 5 + 600 x 0.5 of pictures; 10 x 16 and 20 x 64 said
    (
        "openai",
        "gpt-realtime",
        PLAIN,
        Usage(input=100, cache_read=200, input_audio=300, cache_read_audio=400, input_image=500, cache_read_image=600)
        + Usage(output=10, output_audio=20),
        "0.01448",
    ),
    # 50 x 5 + 323 x 10, and 4,160 x 40 of the picture that is made
    ("openai", "gpt-image-1", PLAIN, Usage(input=50, input_image=323, output_image=4_160), "0.16988"),
    # film: 1,000 x 12 in, 1,000 x 17.5 out
    ("gemini", "gemini-embedding-2", PLAIN, Usage(input_video=1_000, input_image=1_000, input=1_000), "0.01265"),
    ("gemini", "gemini-omni-1.1-flash", PLAIN, Usage(output_video=1_000), "0.0175"),
    # the vendor's own page: 1,000 x 2 + 9,000 x 0.1 + 2,000 x 2.5 + 4,000 x 5 + 500 x 10; in the EU a tenth more; fast twice that
    (
        "openai",
        "gpt-6.2-sol",
        PLAIN,
        Usage(input=1_000, cache_read=9_000, cache_write_short=2_000, cache_write_long=4_000, output=300, reasoning=200),
        "0.0329",
    ),
    ("openai", "gpt-6.2-sol", Terms(tier="fast", place="eu"), Usage(input=1_000, output=500), "0.0154"),
    # 272,001 x 16 + 1,000 x 60
    ("openai", "gpt-6.2-astra", PLAIN, Usage(input=272_001, output=1_000), "4.412016"),
    # since its launch price ended: 1,000 x 1.36 + 1,000 x 4.18; in its own region a tenth more
    ("mistral", "mistral-large-4", PLAIN, Usage(input=1_000, output=1_000), "0.00554"),
    ("mistral", "mistral-large-4", Terms(place="eu"), Usage(input=1_000, output=1_000), "0.006094"),
    # a prompt that reaches 200,000 tokens is a long one: 200,000 x 4; one token less: 199,999 x 2
    ("xai", "grok-4.7", PLAIN, Usage(input=200_000), "0.8"),
    ("xai", "grok-4.7", PLAIN, Usage(input=199_999), "0.399998"),
    # all that Qwen says costs more once it has thought: 1,000 x 0.4 + 2,000 x 0.5 written to the cache + 100 x 4
    ("dashscope", "qwen-plus", PLAIN, Usage(input=1_000, cache_write_short=2_000, output=40, reasoning=60), "0.0018"),
    ("openrouter", "openai/gpt-oss-20b:free", PLAIN, Usage(input=1_000_000, output=1_000_000), "0"),
    # a search in every call: 0.025 beside 1,000 x 2.5 and 100 x 10
    ("openai", "gpt-4o-search-preview", PLAIN, Usage(input=1_000, output=100), "0.0285"),
]


@in_turn(("section", "model", "terms", "usage", "usd"), HAND)
def test_a_real_model_costs_what_a_hand_computes(section, model, terms, usage, usd):
    """USD per million tokens of the providers' own pages, multiplied on paper."""
    assert cost(usage, CATALOG.find("anything", section, model, terms)) == parse_usd(usd)


def test_dated_snapshots_are_their_models():
    """Declared in the list, and told by the match."""
    match = CATALOG.match("p", "openai", "gpt-4.1-mini-2025-04-14")
    assert (match.rule, match.version) == ("alias", f"{LISTED.version}:openai/gpt-4.1-mini")
    assert CATALOG.match("p", "openai", "gpt-4.1-mini").rule == "exact"
    assert CATALOG.find("p", "anthropic", "claude-haiku-4-5-20251001") == CATALOG.find("p", "anthropic", "claude-haiku-4-5")


@in_turn(
    ("section", "model", "listed"),
    [
        ("openai", "ft:gpt-4.1-mini-2025-04-14:acme:support:9Xyz", "ft:gpt-4.1-mini-2025-04-14"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::9Xyz:ckpt-step-90", "ft:gpt-4o-mini"),
        ("openai", "ft:gpt-4o-mini:acme::9Xyz", "ft:gpt-4o-mini"),
        ("gemini", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("gemini", "models/gemini-flash-latest", "gemini-3.8-flash"),
        ("vertex_ai", "publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("vertex_ai", "publishers/anthropic/models/claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("vertex_ai", "publishers/xai/models/grok-4.7", "xai/grok-4.7"),
        ("vertex_ai", "google/gemini-2.5-flash", "gemini-2.5-flash"),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0",
            "anthropic.claude-haiku-4-5-20251001-v1:0",
        ),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
    ],
)
def test_a_listed_model_is_found_however_its_provider_lets_it_be_written(section, model, listed):
    """By the provider's own grammar; the row names the entry, so that it can be computed again."""
    match = CATALOG.match("p", section, model)
    assert (match.rule, match.version) == ("spelling", f"{LISTED.version}:{section}/{listed}")
    assert CATALOG.figures(LISTED.version, section, listed) == match.listing


@in_turn(
    ("section", "model"),
    [
        ("openai", "ft:gpt-4.2-mini:acme::9Xyz"),
        ("openai", "gpt-4o-mini:acme::9Xyz"),
        ("openai", "ft::"),
        ("azure_openai", "ft:gpt-4o-mini:acme::9Xyz"),
        ("azure_openai", "our-deployment"),
        ("gemini", "models/models/gemini-2.5-flash"),
        ("gemini", "tunedModels/gemini-2.5-flash"),
        ("vertex_ai", "publishers/google/models/claude-haiku-4-5@20991001"),
        ("bedrock", "sa.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("bedrock", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"),
        ("bedrock", "arn:aws:bedrock:us-east-1:123456789012:custom-model/anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("openrouter", "deepseek/deepseek-v3.2:nitro"),
        ("openrouter", "deepseek/deepseek-v3.2:online"),
        ("openrouter", "openai/gpt-6-sol:free"),
    ],
)
def test_a_name_that_only_looks_like_a_listed_one_has_no_price(section, model):
    """A variant that is routed elsewhere, a profile that hides its model, a region that nobody has priced: each may cost more."""
    assert CATALOG.find("p", section, model) is None


SOON = (
    b'{"version":"2","date":"2","source":"s","models":{"k":{"m":{"input":10,"output":20},"n":{"input":1,"output":2}}},"aliases":{"k":{"a":"m"}},'
    b'"announced":{"2027-01-01":{"k":{"m":{"input":20,"output":40}}},"2027-06-01":{"k":{"m":{"input":30,"output":60}}}}}'
)


def test_an_announced_price_comes_into_force_on_its_day():
    """By every name of its model; other models keep theirs, and whoever holds the catalog of the day before goes on with that."""
    catalog = Catalog({}, lambda: SOON, "2026-12-31")
    assert [catalog.find("p", "k", name).input for name in "amn"] == [10, 10, 1]
    assert catalog.on("2026-12-31") is catalog
    assert [catalog.on("2027-01-01").find("p", "k", name).input for name in "amn"] == [20, 20, 1]
    assert catalog.on("2027-01-01").on("2028-01-01").find("p", "k", "m").input == 30
    assert catalog.find("p", "k", "m").input == 10


def test_rows_of_before_and_after_a_price_changed_can_be_computed_again():
    """Each names its figures, whatever the day of the reading; those of another list or an unknown day are nobody's."""
    catalog = Catalog({}, lambda: SOON, "2027-02-01")
    assert catalog.match("p", "k", "a").version == "2@2027-01-01:k/m"
    reference = Reference(catalog.figures)
    usage = Usage(input=1_000_000)
    versions = ("2:k/m", "2@2027-01-01:k/m", "2@2027-06-01:k/m")
    assert [reference.cost(version, usage) for version in versions] == [10, 20, 30]
    for unknown in ("2@2026-01-01:k/m", "2@2027-01-01:k/n", "1@2027-01-01:k/m", "2@:k/m"):
        with pytest.raises(LookupError):
            reference.cost(unknown, usage)


def test_what_is_announced_is_a_listed_model_at_another_price():
    """Later than the list, and an entry of the same form; by then nothing of it is cheaper than its own batch."""
    assert LISTED.announced
    for begins, sections in LISTED.announced.items():
        assert begins > LISTED.date
        for section, models in sections.items():
            for model, raw in models.items():
                after = msgspec.json.decode(raw, type=Listing)
                assert after != ENTRIES[section, model]
                assert after.input >= ENTRIES[section, model].input


def test_every_alias_leads_to_an_entry():
    """And hides none."""
    for section, aliases in LISTED.aliases.items():
        for alias, model in aliases.items():
            assert (section, model) in ENTRIES
            assert (section, alias) not in ENTRIES


@in_turn(
    "model", ["gpt-4.1-mini-2099-01-01", "gpt-4.1-min", "gpt-4.1-mini-", "GPT-4.1-mini", "claude-haiku-4-5", "gpt-4.1-mini;tier=flex", ""]
)
def test_unlisted_name_has_no_price(model):
    """A prefix, another case, another kind's model: nothing is guessed."""
    assert CATALOG.find("openai", "openai", model) is None
    assert CATALOG.find("openai", "nowhere", model) is None


def test_who_thinks_is_known_by_every_name():
    """Of each host and snapshot, as soon as one is known to; of whom nobody says so, nobody knows."""
    thinking = [("openai", "gpt-5"), ("openai", "gpt-5-2025-08-07"), ("anthropic", "claude-sonnet-4-5"), ("gemini", "gemini-2.5-flash")]
    silent = [("openai", "gpt-4.1-mini"), ("openai", "gpt-4o"), ("openai", "gpt-4.1-2025-04-14")]
    assert [CATALOG.find("p", *named).thinks for named in thinking + silent] == [True] * 4 + [False] * 3
    hosts = {
        (section, model): listing.thinks
        for (section, model), listing in ENTRIES.items()
        if model.rpartition("/")[2] in {"claude-sonnet-4-5", "gpt-5", "gemini-2.5-flash"}
    }
    assert len(hosts) > 10
    assert False not in hosts.values()


def test_a_configured_price_says_itself_whether_its_model_thinks():
    """Else the list does; of a model that is not listed nobody knows, and it may."""
    names = [("gpt-4.1-mini", None), ("gpt-4.1-mini", True), ("gpt-5", None), ("gpt-5", False), ("own", None), ("own", False)]
    said = [
        catalog_of({f"openai/{model}": Listing(input=1, output=2, thinks=thinks)}).find("openai", "openai", model).thinks
        for model, thinks in names
    ]
    assert said == [False, True, True, False, True, False]


def test_configured_price_comes_first():
    """For that provider only; limits that it does not state are those of the list."""
    own = Listing(input=1, output=2)
    catalog = catalog_of({"openai/gpt-4.1-mini": own, "short/gpt-4.1-mini": replace(own, context=8_000), "local/llama": own})
    found = catalog.find("openai", "openai", "gpt-4.1-mini")
    assert (found.input, found.output, found.max_output, found.context) == (1, 2, 32_768, 1_047_576)
    assert found.version == f"configured-{digest(own)}:openai/gpt-4.1-mini"
    short = catalog.find("short", "openai", "gpt-4.1-mini")
    assert (short.max_output, short.context) == (32_768, 8_000)
    assert catalog.match("openai", "openai", "gpt-4.1-mini").rule == "configured"
    assert catalog.find("other", "openai", "gpt-4.1-mini").input == parse_usd("0.4")
    assert catalog.find("local", "openai_compatible", "llama").output == 2
    assert catalog.find("other", "openai_compatible", "llama") is None


def test_a_configured_price_does_not_make_a_model_heed_a_cap():
    """Whatever else it states: that tools have no bound there is known of the model, and no figure."""
    own = Listing(input=1, output=2, tool_call=3, max_output=4, context=5)
    found = catalog_of({"mine/deepseek-v4-flash": own}).find("mine", "deepseek", "deepseek-v4-flash")
    assert (found.max_output, found.context, found.is_uncapped, found.is_unbounded) == (4, 5, True, False)
    assert catalog_of({"x/grok-4.20-multi-agent": own}).find("x", "xai", "grok-4.20-multi-agent").is_unbounded


def test_a_changed_figure_is_another_version():
    """So no row is computed with figures that it was not charged by."""
    assert digest(Listing(input=1, output=2)) == digest(Listing(output=2, input=1)) != digest(Listing(input=1, output=3))


def test_an_openai_compatible_host_has_its_own_vendors_prices():
    """By its exact name; another host's are not known, and a kind of its own has the kind's."""
    assert section_of("openai_compatible", "api.groq.com") == "groq"
    assert section_of("openai_compatible", "api.groq.com.evil.example") == "openai_compatible"
    assert section_of("openai", "api.groq.com") == "openai"
    assert section_of("openai_compatible", "llm-abc123.ap-southeast-1.maas.aliyuncs.com") == "dashscope"
    assert section_of("openai_compatible", "llm-abc123.cn-beijing.maas.aliyuncs.com") == "openai_compatible"
    assert section_of("openai_compatible", "token-plan.ap-southeast-1.maas.aliyuncs.com") == "openai_compatible"
    assert CATALOG.find("p", "openai_compatible", "gpt-5") is None


def prices_of(listing):
    """Under every terms that it has, without a place."""
    return [listing.price(Terms(tier=tier), "v") for tier in ("", *listing.tiers)]


def test_listed_prices_are_plausible():
    """Nothing is negative, absurd or free of charge in all; a longer prompt is never cheaper, and steps rise."""
    for place, listing in ENTRIES.items():
        for price in prices_of(listing):
            paid = (price.input, price.output, price.image, price.tool_call, price.character, price.audio_ms)
            assert any(paid) or place[1].startswith("omni-moderation") or (place[0], place[1][-5:]) == ("openrouter", ":free"), place
            assert max(price.dearest_input, price.dearest_output) <= 10_000 * USD, place
            assert price.cache_write_short * 100 >= price.input * 99, place
            for (low, cheaper), (high, dearer) in pairwise(((0, price), *price.steps)):
                assert low < high, place
                for rate in ("input", "output", "cache_read", "cache_write_short", "cache_write_long", "reasoning", "input_audio"):
                    assert getattr(cheaper, rate) <= getattr(dearer, rate), (place, rate)


def test_gemini_4_may_write_as_much_as_it_reads():
    """In several segments, which a call in the background makes of itself: a bound of one would be too low."""
    found = {place: entry for place, entry in ENTRIES.items() if place[1].startswith("gemini-4-") and place[0] in {"gemini", "vertex_ai"}}
    assert [place for place, entry in found.items() if entry.max_output != entry.context] == []
    assert len(found) >= 8


def test_cheaper_tiers_are_cheaper_and_dearer_ones_dearer():
    """Of the standard price, rate by rate."""
    for place, listing in ENTRIES.items():
        standard = listing.price(PLAIN, "v")
        for tier in listing.tiers:
            price = listing.price(Terms(tier=tier), "v")
            if tier in {"priority", "fast", "ultrafast"}:
                assert min(price.input - standard.input, price.output - standard.output) >= 0, (place, tier)


def test_terms_without_a_figure_have_no_price():
    """A dearer tier, a place or a tool that the list does not know; flex and batch cost at most as much as standard."""
    entry = Listing(input=10, output=20, tools={"web_search": 7}, uplifts={"us": 1100})
    assert entry.price(Terms(tier="priority"), "v") is None
    assert entry.price(Terms(place="mars"), "v") is None
    assert entry.price(Terms(tools=("file_search",)), "v") is None
    assert entry.price(Terms(tools=("file_search", "web_search")), "v") is None
    assert entry.price(Terms(tier="flex"), "v").input == 10
    assert entry.price(Terms(place="us", tools=("web_search",)), "v").input == 11
    assert entry.price(Terms(tools=("web_search",)), "v").tool_call == 7


def test_what_is_not_said_costs_as_the_dearest():
    """Of several tools, of tools that nobody names, and of an image whose quality and size the list does not know."""
    entry = Listing(input=1, output=2, tools={"web_search": 7, "file_search": 3}, tool_call=5, images={"low": 10, "hd": 80, "mid": 40})
    assert entry.price(Terms(tools=("file_search", "other")), "v").tool_call == 5
    assert entry.price(PLAIN, "v").tool_call == 7
    assert replace(entry, tool_call=9).price(PLAIN, "v").tool_call == 9
    assert [entry.price(Terms(image=image), "v").image for image in ("mid", "4k", "")] == [40, 80, 80]


def test_image_tokens_have_their_own_rate_where_replies_tell_them_apart():
    """Elsewhere the dearer of text and image is the rate of all: in the list, not in the arithmetic."""
    assert Listing(input=1, output=2, output_image=30).price(PLAIN, "v").output == 2
    for (section, model), listing in ENTRIES.items():
        for rates in (listing, *listing.tiers.values(), *listing.steps.values()):
            seen = (rates.input_image, rates.output_image, rates.input_video, rates.output_video)
            assert not any(seen) or section in {"openai", "azure_openai", "gemini", "vertex_ai"}, (section, model)


def test_sound_pictures_and_film_are_never_cheaper_than_text():
    """Where a source says so it is wrong, or of another time."""
    for place, listing in ENTRIES.items():
        for price in prices_of(listing):
            assert min(price.input_image, price.input_video) >= price.input, place
            assert min(price.output_image, price.output_video) >= price.output, place
            assert min(price.cache_read_audio, price.cache_read_image) >= price.cache_read, place


@in_turn(
    ("entry", "problem"),
    [
        ('{"input":-1,"output":1}', ">= 0"),
        ('{"input":0.5,"output":1}', "Expected `int"),
        ('{"input":1e3000,"output":1}', "out of range"),
        ('{"input":"1","output":1}', "Expected `int"),
        ('{"input":1000000000000001,"output":1}', "<= 1000000000000000"),
        ('{"input":1,"output":1,"tools":{"web_search":-1}}', r"tools"),
        ('{"input":1,"output":1,"tiers":{"flex":{"ouptut":1}}}', "unknown field `ouptut`"),
        ('{"input":1,"output":1,"uplifts":{"us":900}}', ">= 1000"),
        ("[1]", "Expected `object`"),
    ],
)
def test_a_bad_entry_is_refused_with_its_place(entry, problem):
    """Negative, fractional, absurd, misspelt: never a price of nothing."""
    content = b'{"version":"1","date":"1","source":"s","models":{"openai":{"m":%s}},"aliases":{}}' % entry.encode()
    with pytest.raises(msgspec.MsgspecError, match=problem):
        catalog_of(content=content).find("p", "openai", "m")


@in_turn("content", [b"{", b"[]", b'{"version":"1"}', b""])
def test_a_broken_list_is_refused(content):
    """Not JSON, or not a list of prices."""
    with pytest.raises(msgspec.DecodeError):
        catalog_of(content=content).find("p", "openai", "m")
