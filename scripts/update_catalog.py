"""Makes `src/omnillm/pricing/catalog.json` anew, and `docs/prices.md`, which lists where the two sources disagree and what vendors say.

Sources: the price map inside the `litellm` wheel, and the data of `genai-prices`. Both are fetched with `pip download` and read as text:
nothing of them is installed, imported or run. Money is read as decimal and written as integer nano-USD per million units; where the sources
disagree the higher price stands. What a vendor's own page says comes before both (`vendor_prices.json`). A price that is announced for a
later day stands in the list with that day.

    python scripts/update_catalog.py --date 2026-11-29 [--wheels DIRECTORY]
"""

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any, Final

from vendor_prices import STATEMENTS, Statement, read_statements

ROOT: Final = Path(__file__).parents[1]
CATALOG: Final = ROOT / "src" / "omnillm" / "pricing" / "catalog.json"
REPORT: Final = ROOT / "docs" / "prices.md"
LITELLM_MAP: Final = "litellm/model_prices_and_context_window_backup.json"
GENAI_DATA: Final = "genai_prices/data.py"

PER_UNIT: Final = Decimal(10) ** 15
"""USD each -> nano-USD per million."""
PER_MILLION: Final = Decimal(10) ** 9
PER_THOUSAND: Final = Decimal(10) ** 12

Place = tuple[str, int, str]
"""(service tier or "", above so many prompt tokens or 0, rate)."""
Rates = dict[Place, int]

LITELLM_RATES: Final = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_short",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "input_audio",
    "cache_read_input_audio_token_cost": "cache_read_audio",
    "output_cost_per_audio_token": "output_audio",
    "input_cost_per_image_token": "input_image",
    "cache_read_input_image_token_cost": "cache_read_image",
    "output_cost_per_image_token": "output_image",
    "input_cost_per_video_token": "input_video",
    "output_cost_per_video_token": "output_video",
    "input_cost_per_character": "character",
}
LITELLM_KEY: Final = re.compile(
    rf"({'|'.join(LITELLM_RATES)})(_above_1hr|_above_12hr)?(?:_above_(\d+)k_tokens)?(?:_(batches|flex|priority|ultrafast))?"
)
GENAI_RATES: Final = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_short",
    "cache_write_1h_mtok": "cache_write_long",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cache_read_audio",
    "output_audio_mtok": "output_audio",
    "input_image_mtok": "input_image",
    "cache_image_read_mtok": "cache_read_image",
    "output_image_mtok": "output_image",
    "input_video_mtok": "input_video",
    "output_video_mtok": "output_video",
}
ORDER: Final = tuple(dict.fromkeys((*GENAI_RATES.values(), "image", "character", "audio_ms")))
MEDIA: Final = {
    "input": ("input_audio", "input_image", "input_video"),
    "output": ("output_audio", "output_image", "output_video"),
}
"""The rate of text -> those of what is no text."""
SEEN: Final = {"input": ("input_image", "input_video"), "output": ("output_image", "output_video")}
TOLD_APART: Final = frozenset({"openai", "azure_openai", "gemini", "vertex_ai"})
"""Whose replies tell how many tokens were picture or film. Elsewhere the dearer rate is that of every token on its side."""
GENAI_FEES: Final = {"web_searches_kcount": "web_search", "storage_searches_kcount": "file_search"}
TIERS: Final = {"batches": "batch"}
CHEAPER: Final = frozenset({"flex", "batch"})

LITELLM_SECTIONS: Final = {
    "text-completion-openai": "openai",
    "azure": "azure_openai",
    "azure_text": "azure_openai",
    "bedrock_converse": "bedrock",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "fireworks_ai-embedding-models": "fireworks",
    "together_ai": "together",
    "text-completion-codestral": "codestral",
    "text-completion-inception": "inception",
}
GENAI_SECTIONS: Final = {
    "google": "gemini",
    "azure": "azure_openai",
    "aws": "bedrock",
    "x-ai": "xai",
    "moonshotai": "moonshot",
    "voyageai": "voyage",
    "github-copilot": "github_copilot",
    "zhipuai": "bigmodel",
}
NOT_PRICED_BY_CALL: Final = frozenset(
    {"github_copilot", "chatgpt", "cursor", "microsoft_365_copilot", "ollama", "lemonade", "openai_decisions"}
)
"""Subscriptions, programs that run at home, and what is no model: a figure of theirs is no price of a call."""

IMAGE_MODES: Final = frozenset({"image_generation", "image_edit"})
READING_MODES: Final = frozenset({"embedding", "rerank", "moderation", "audio_transcription", "ocr"})
"""They write no tokens, so that an output rate of 0 is true."""
SPEAKING_MODES: Final = frozenset({"audio_speech"})
WRITING_MODES: Final = frozenset({"chat", "responses", "completion", "realtime"})
"""Whose models think, or do not: one source tells which do."""
FREE: Final = frozenset({"openai/omni-moderation-latest", "openai/omni-moderation-2024-09-26"})
"""OpenAI charges nothing for moderation. An amount of 0 that a source states proves nothing elsewhere."""
SIZED: Final = re.compile(r"(?:(low|medium|high|standard|hd)/)?(\d+)-x-(\d+)/(.+)")
"""Quality and size before the name of a model that draws."""
SEARCHING: Final = re.compile(r"gpt-[\w.-]*-search-(preview|api)[\w.-]*|sonar[\w-]*")
"""Models that search in every call, whether the reply tells it or not."""
UPLIFTS: Final = {
    "regional_endpoint_uplift_multiplier": "regional",
    "regional_processing_uplift_multiplier_eu": "eu",
    "regional_processing_uplift_multiplier_us": "us",
}
"""Place of inference -> the factor of every token there."""
SNAPSHOT: Final = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2})(-v\d+:\d+)?")
CLAUDE: Final = re.compile(r"claude")
THINKS_CHEAPLY: Final = re.compile(r"(.*/)?sonar-deep-research")
"""Whose thoughts cost less than what it says. Elsewhere a source that says so tells the one of another day than the other."""


class Model:
    """What is known of one name: its rates in one flat table, its limits, and by whom each rate was told."""

    def __init__(self) -> None:
        self.rates: Rates = {}
        self.tools: dict[str, int] = {}
        self.uplifts: dict[str, int] = {}
        self.limits: dict[str, int] = {}
        self.images: dict[str, int] = {}
        self.request = 0
        self.mode = ""
        self.thinks: bool | None = None
        self.is_uncapped = self.is_unbounded = False

    def put(self, place: Place, amount: int) -> None:
        """An amount of 0 is no statement: sources write it where they know nothing."""
        if amount > 0:
            self.rates[place] = max(amount, self.rates.get(place, 0))

    def times(self, factor: Decimal) -> "Model":
        """It again, with all that is paid by the unit so many times as dear."""
        dearer = Model()
        dearer.absorb(self)
        dearer.rates = {place: nanousd(amount, factor) for place, amount in self.rates.items()}
        return dearer

    def state(self, statement: Statement) -> None:
        """What its vendor says of it."""
        if statement.is_whole:
            self.rates, self.images = {}, {}
        self.rates = {place: nanousd(amount, statement.factor) for place, amount in self.rates.items()}
        self.rates |= {place: nanousd(amount, PER_MILLION) for place, amount in statement.rates.items()}
        for rate, (of, times) in statement.least.items():
            for (tier, above, each), amount in tuple(self.rates.items()):
                if each == of:
                    self.put((tier, above, rate), nanousd(amount, times))
        self.tools |= {tool: nanousd(fee, PER_THOUSAND) for tool, fee in statement.tools.items()}
        self.uplifts |= {place: nanousd(factor, Decimal(1000)) for place, factor in statement.uplifts.items()}
        self.limits |= statement.limits
        self.thinks = self.thinks if statement.thinks is None else statement.thinks
        self.is_uncapped = self.is_uncapped or statement.is_uncapped
        self.is_unbounded = self.is_unbounded or statement.is_unbounded

    def absorb(self, other: "Model") -> None:
        for place, amount in other.rates.items():
            self.put(place, amount)
        for mine, theirs in (
            (self.tools, other.tools),
            (self.uplifts, other.uplifts),
            (self.limits, other.limits),
            (self.images, other.images),
        ):
            for name, amount in theirs.items():
                mine[name] = max(amount, mine.get(name, 0))
        self.request = max(self.request, other.request)
        self.mode = self.mode or other.mode
        self.thinks = self.thinks if other.thinks is None else bool(self.thinks or other.thinks)
        self.is_uncapped = self.is_uncapped or other.is_uncapped
        self.is_unbounded = self.is_unbounded or other.is_unbounded


Sections = dict[str, dict[str, Model]]
Aliases = dict[str, dict[str, str]]


def nanousd(amount: Decimal | int, unit: Decimal) -> int:
    """Rounded up: a price may be too high by less than a nano-dollar in a million units, never too low."""
    return int((Decimal(amount) * unit).to_integral_value(rounding=ROUND_CEILING))


def is_name(name: str) -> bool:
    return 0 < len(name) <= 256 and name.isascii() and name.isprintable() and " " not in name


# The price map of litellm


def read_litellm(text: str) -> tuple[Sections, Aliases]:
    sections: Sections = defaultdict(dict)
    aliases: Aliases = defaultdict(dict)
    listed = json.loads(text, parse_float=Decimal)
    listed.pop("sample_spec", None)
    for key, entry in listed.items():
        target = entry.get("alias_of")
        if target in listed:
            section, name = place_of(key, listed[target].get("litellm_provider", ""))
            aliases[section][name] = place_of(target, listed[target].get("litellm_provider", ""))[1]
        if not entry.get("litellm_provider"):
            continue
        section, name = place_of(key, entry["litellm_provider"])
        sized = SIZED.fullmatch(name)
        if sized is not None and is_name(name):
            litellm_size(sections[section].setdefault(sized[4], Model()), sized, entry)
        if is_name(name) and not re.search(r"-x-|\d-steps", name):  # a size or a quality before the name: not what an API is asked for
            model = litellm_model(entry, section, name)
            sections[section].setdefault(name, model).absorb(model)
    return sections, aliases


def place_of(key: str, provider: str) -> tuple[str, str]:
    """(section, name as the API is asked for it) of a key such as `gemini/gemini-2.5-pro`."""
    section = LITELLM_SECTIONS.get(provider, "vertex_ai" if provider.startswith("vertex_ai") else provider)
    for prefix in (provider, section, provider.replace("_converse", "").replace("_text", "")):
        if key.startswith(f"{prefix}/"):
            return section, key.removeprefix(f"{prefix}/")
    return section, key


def litellm_model(entry: Mapping[str, Any], section: str, name: str) -> Model:
    model = Model()
    model.mode = entry.get("mode") or ""
    for key, amount in entry.items():
        found = LITELLM_KEY.fullmatch(key)
        if found is not None and isinstance(amount, Decimal | int):
            rate, term, thousands, tier = found.groups()
            rate = "cache_write_long" if term else LITELLM_RATES[rate]
            above = int(thousands or 0) * 1000
            if above and section == "xai":
                above -= 1  # its longer prompts are those that reach the threshold, not those beyond it
            model.put((TIERS.get(tier, tier) or "", above, rate), nanousd(amount, PER_UNIT))
    for step in entry.get("tiered_pricing") or ():
        litellm_step(model, step)
    model.put(("", 0, "image"), nanousd(entry.get("output_cost_per_image") or 0, PER_UNIT))
    litellm_fees(model, entry, section, name)
    if model.mode in WRITING_MODES:
        model.thinks = entry.get("supports_reasoning") is True
    for mine, theirs in (("max_output", "max_output_tokens"), ("context", "max_input_tokens")):
        if isinstance(entry.get(theirs), int):
            model.limits[mine] = entry[theirs]
    return model


def litellm_size(model: Model, sized: re.Match[str], entry: Mapping[str, Any]) -> None:
    """One size of what a model draws, in one quality."""
    pixels = int(sized[2]) * int(sized[3])
    amounts = [entry.get(f"{side}_cost_per_{what}") or 0 for side in ("input", "output") for what in ("image", "pixel")]
    fee = max(nanousd(amount * factor, PER_UNIT) for amount, factor in zip(amounts, (1, pixels, 1, pixels), strict=True))
    if fee:
        name = f"{sized[1] or 'standard'}/{sized[2]}x{sized[3]}"
        model.images[name] = max(fee, model.images.get(name, 0))
        model.mode = model.mode or "image_generation"


def litellm_step(model: Model, step: Mapping[str, Any]) -> None:
    for key, rate in LITELLM_RATES.items():
        if isinstance(step.get(key), Decimal | int) and step.get("range"):
            model.put(("", int(step["range"][0]), rate), nanousd(step[key], PER_UNIT))


def litellm_fees(model: Model, entry: Mapping[str, Any], section: str, name: str) -> None:
    sizes = (entry.get("search_context_cost_per_query") or {}).values()
    search = max((nanousd(amount, PER_UNIT) for amount in sizes), default=0)
    maps = nanousd(entry.get("google_maps_grounding_cost_per_query") or 0, PER_UNIT)
    model.tools = {tool: fee for tool, fee in (("web_search", search), ("google_maps", maps)) if fee}
    model.request = nanousd(entry.get("input_cost_per_request") or 0, PER_UNIT)
    searched = nanousd(entry.get("input_cost_per_query") or 0, PER_UNIT)
    if model.mode == "rerank" and searched:
        model.tools["search_unit"] = searched
    if model.mode in READING_MODES:  # by the second, and then not by the token
        model.put(("", 0, "audio_ms"), nanousd(entry.get("input_cost_per_second") or 0, PER_UNIT / 1000))
    if section in {"openai", "azure_openai", "perplexity"} and SEARCHING.fullmatch(name):
        model.request = max(model.request, search)
    factors = entry.get("provider_specific_entry") or {}
    uplifts = {place: entry[key] for key, place in UPLIFTS.items() if key in entry} | {
        place: factors[place] for place in {"us"} & factors.keys()
    }
    model.uplifts = {place: nanousd(factor, Decimal(1000)) for place, factor in uplifts.items()}
    if "fast" in factors:
        for (tier, above, rate), amount in tuple(model.rates.items()):
            if not tier:
                model.put(("fast", above, rate), nanousd(amount, Decimal(factors["fast"])))


# The data of genai-prices


def read_genai(text: str, today: date) -> tuple[Sections, Aliases]:
    """`text` is a module of constructor calls; it is parsed, not run."""
    sections: Sections = defaultdict(dict)
    aliases: Aliases = defaultdict(dict)
    tree = next(node.value for node in ast.parse(text).body if isinstance(node, ast.AnnAssign) and node.value is not None)
    for provider in literal(tree):
        section = GENAI_SECTIONS.get(provider["id"], provider["id"].replace("-", "_"))
        for entry in provider["models"]:
            model = genai_model(entry, today)
            if section in {"openai", "azure_openai"} and SEARCHING.fullmatch(entry["id"]):
                model.request = model.tools.get("web_search", 0)
            hosted = "vertex_ai" if section == "gemini" and CLAUDE.search(entry["id"]) else section  # Google's Claude is Vertex AI's
            names = [name for name in dict.fromkeys((entry["id"], *exact_names(entry["match"]))) if is_name(name)]
            for name in names:
                sections[hosted].setdefault(name, model)
            for name in names[1:]:
                aliases[hosted].setdefault(name, names[0])
    return sections, aliases


def literal(node: ast.expr) -> Any:
    """A constructor call becomes a mapping of its arguments, with the constructor's name under ""."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "Decimal":
            return Decimal(literal(node.args[0]))
        if name == "date":
            return date(*map(literal, node.args))
        return {"": name, **{each.arg: literal(each.value) for each in node.keywords}}
    if isinstance(node, ast.List):
        return [literal(each) for each in node.elts]
    if isinstance(node, ast.Dict):
        return {literal(key): literal(value) for key, value in zip(node.keys, node.values, strict=True) if key is not None}
    return node.value if isinstance(node, ast.Constant) else None


def exact_names(clause: Mapping[str, Any]) -> Iterator[str]:
    """The names that a match states in full. Prefixes and patterns are guesses, and left out."""
    if clause[""] == "ClauseEquals":
        yield clause["equals"]
    elif clause[""] == "ClauseOr":
        for each in clause["or_"]:
            yield from exact_names(each)


def genai_model(entry: Mapping[str, Any], today: date) -> Model:
    model = Model()
    prices = entry.get("prices") or []
    for each in in_force(prices if isinstance(prices, list) else [{"prices": prices}], today):
        genai_prices(model, each["prices"], "")
    for variant in entry.get("price_variants") or ():
        when = variant["when"]
        tier = "batch" if when.get("processing") == "batch" else when.get("service_tier") or when.get("speed") or ""
        if tier and tier != "default":
            genai_prices(model, variant["prices"], tier)
    if entry.get("context_window"):
        model.limits["context"] = entry["context_window"]
    return model


def in_force(prices: Iterable[Mapping[str, Any]], today: date) -> list[Mapping[str, Any]]:
    """The newest that has begun, and those that hold for some hours of the day: the highest of them stands."""
    begun: Mapping[str, Any] | None = None
    kept: list[Mapping[str, Any]] = []
    for each in prices:
        constraint = each.get("constraint") or {}
        start = constraint.get("start_date")
        if constraint.get("") == "TimeOfDateConstraint":
            kept.append(each)
        elif start is None or start <= today:
            begun = each
    return kept if begun is None else [begun, *kept]


def genai_prices(model: Model, prices: Mapping[str, Any], tier: str) -> None:
    for key, rate in GENAI_RATES.items():
        stated = prices.get(key)
        if isinstance(stated, Mapping):
            model.put((tier, 0, rate), nanousd(stated["base"], PER_MILLION))
            for step in stated["tiers"]:
                model.put((tier, step["start"], rate), nanousd(step["price"], PER_MILLION))
        elif stated is not None:
            model.put((tier, 0, rate), nanousd(stated, PER_MILLION))
    for key, tool in GENAI_FEES.items():
        if isinstance(prices.get(key), Decimal):
            model.tools[tool] = max(nanousd(prices[key], PER_THOUSAND), model.tools.get(tool, 0))
    if isinstance(prices.get("requests_kcount"), Decimal):
        model.request = max(nanousd(prices["requests_kcount"], PER_THOUSAND), model.request)


# Both together


def starts(text: str, today: date) -> set[date]:
    """The days on which a price begins that is announced."""
    tree = next(node.value for node in ast.parse(text).body if isinstance(node, ast.AnnAssign) and node.value is not None)
    prices = (each for provider in literal(tree) for entry in provider["models"] for each in _priced_by_day(entry))
    begins = {(each.get("constraint") or {}).get("start_date") for each in prices}
    return {start for start in begins if start is not None and start > today}


def _priced_by_day(entry: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    prices = entry.get("prices")
    return prices if isinstance(prices, list) else ()


def raised(one: Sections, before: Sections, after: Sections) -> Sections:
    """The prices of `one`, which knows no days, where another source has them rise between two: all of a model's by the same factor."""
    risen: Sections = defaultdict(dict)
    prompt = ("", 0, "input")
    for section, models in one.items():
        for name, model in models.items():
            rates = [each.get(section, {}).get(name, Model()).rates.get(prompt, 0) for each in (before, after)]
            factor = Decimal(rates[1]) / rates[0] if all(rates) else Decimal(1)
            risen[section][name] = model if factor <= 1 else model.times(factor)
    return risen


Disagreement = tuple[str, str, str, int, int]
"""Section, model, what, nano-USD of litellm, of genai-prices."""


def disagreements(one: Sections, other: Sections) -> Iterator[Disagreement]:
    for section in sorted(one.keys() & other.keys()):
        for name in sorted(one[section].keys() & other[section].keys()):
            mine, theirs = flat(one[section][name]), flat(other[section][name])
            for what in sorted(mine.keys() & theirs.keys()):
                if mine[what] != theirs[what]:
                    yield section, name, what, mine[what], theirs[what]


def flat(model: Model) -> dict[str, int]:
    return {_words(*place): amount for place, amount in model.rates.items()} | {f"fee of {tool}": fee for tool, fee in model.tools.items()}


def merge(*sources: Sections) -> Sections:
    merged: Sections = defaultdict(dict)
    for source in sources:
        for section, models in source.items():
            for name, model in models.items():
                merged[section].setdefault(name, Model()).absorb(model)
    return merged


def complete(name: str, model: Model) -> dict[str, Any] | None:
    """The record as it stands in the catalogue; None: what it costs is not known."""
    rates = model.rates
    settle_kinds(name, model)
    if not is_priced(name, model):
        return None
    base = table(rates, "", 0)
    for text, sights in SEEN.items():
        base.setdefault(text, max(base.get(sight, 0) for sight in sights))
    record: dict[str, Any] = dict(base)
    steps = rising(base, {above: dearer(base, table(rates, "", above)) for above in aboves(rates, "")})
    if steps:
        record["steps"] = {str(above): differing(base, step) for above, step in steps.items()}
    tiers = {tier: tier_record(rates, tier, base, steps) for tier in sorted({tier for tier, _, _ in rates if tier})}
    if tiers := {tier: each for tier, each in tiers.items() if each}:
        record["tiers"] = tiers
    tokens = max(base.get("output_image", 0), base.get("output", 0))
    if tokens and model.images:  # paid by tokens: the fee of the dearest image says how many it has at most
        model.limits["max_output"] = max(-(-fee // tokens) for fee in model.images.values())
        model.images = {}
    if base.get("audio_ms") and (base["input"] or base["output"]):
        del record["audio_ms"]  # the same again, in the other of two units that it is told in
    extra = {"tools": model.tools, "images": model.images, "uplifts": model.uplifts, "request": model.request}
    extra |= {"uncapped": model.is_uncapped, "unbounded": model.is_unbounded, **model.limits}
    return record | {key: value for key, value in extra.items() if value} | ({"thinks": False} if model.thinks is False else {})


def settle_kinds(name: str, model: Model) -> None:
    """Raise the rates that no provider has below those of what they are a kind of; state those that a rule states."""
    rates, prompt = model.rates, ("", 0, "input")
    if not THINKS_CHEAPLY.fullmatch(name):
        for (tier, above, rate), amount in tuple(rates.items()):
            if rate == "output" and (tier, above, "reasoning") in rates:
                model.put((tier, above, "reasoning"), amount)
    if ("", 0, "output") in rates and prompt not in rates:  # it reads sound: text costs at most as much
        model.put(prompt, rates.get(("", 0, "input_audio"), 0))
    if CLAUDE.search(name) and ("", 0, "cache_write_short") in rates:
        # Anthropic's rule for every model and host: an hour costs twice the input. Sources leave it out for many hosts.
        model.put(("", 0, "cache_write_long"), 2 * rates.get(prompt, 0))


def settle_media(rates: Rates) -> None:
    """Take out the rates that nowhere exceed those of text: text's is what an unstated one is, and no provider gives sound or film away.

    Those of a cache are raised to text's instead: unstated, they would be those of what is not cached.
    """
    for text, media in MEDIA.items():
        for medium in media:
            stated = {place: amount for place, amount in rates.items() if place[2] == medium}
            if all(amount <= rates.get((tier, above, text), 0) for (tier, above, _), amount in stated.items()):
                for place in stated:
                    del rates[place]
    for (tier, above, rate), amount in tuple(rates.items()):
        if rate.startswith("cache_read_"):
            rates[tier, above, rate] = max(amount, rates.get((tier, above, "cache_read"), 0))


def fold_sights(rates: Rates) -> None:
    for text, sights in SEEN.items():
        for tier, above, rate in [place for place in rates if place[2] in sights]:
            place = tier, above, text
            rates[place] = max(rates.pop((tier, above, rate)), rates.get(place, 0))


def is_priced(name: str, model: Model) -> bool:
    if model.mode == "moderation" and f"openai/{name}" in FREE:
        return True
    has_input, has_output = ("", 0, "input") in model.rates, ("", 0, "output") in model.rates
    if model.mode in IMAGE_MODES:
        return has_output or bool(model.images) or bool({("", 0, "image"), ("", 0, "output_image")} & model.rates.keys())
    if model.mode in SPEAKING_MODES and ("", 0, "character") in model.rates:
        return True
    if model.mode in READING_MODES:
        return has_input or ("", 0, "audio_ms") in model.rates or "search_unit" in model.tools
    return has_output and (has_input or model.request > 0)


def table(rates: Rates, tier: str, above: int) -> dict[str, int]:
    """In one order. A cache write below the prompt's own rate is left out, and so costs as the prompt does: no provider gives it away."""
    found = {rate: rates[tier, above, rate] for rate in ORDER if (tier, above, rate) in rates}
    return {rate: amount for rate, amount in found.items() if not rate.startswith("cache_write") or amount >= found.get("input", 0)}


def aboves(rates: Rates, tier: str) -> set[int]:
    return {above for its_tier, above, _ in rates if its_tier == tier and above}


def dearer(base: Mapping[str, int], stated: Mapping[str, int]) -> dict[str, int]:
    """Rates that are never below `base`; what is not stated rises as much as the prompt does, or the most that is known to."""
    factors = [Decimal(stated[rate]) / base[rate] for rate in stated if base.get(rate)]
    factor = max([Decimal(1), *factors])
    stated = {rate: amount for rate, amount in stated.items() if rate in base or not rate.startswith("cache_write")}
    scaled = {rate: nanousd(amount, factor if rate not in stated else Decimal(1)) for rate, amount in base.items()}
    return {rate: max(scaled.get(rate, 0), stated.get(rate, 0)) for rate in scaled | dict(stated)}


def tier_record(rates: Rates, tier: str, base: Mapping[str, int], steps: Mapping[int, Mapping[str, int]]) -> dict[str, Any]:
    """A cheaper tier's unstated rates are the standard ones; a dearer tier's rise as the stated ones do."""
    stated = table(rates, tier, 0)
    if not stated.keys() & {"input", "output"}:
        return {}
    stated = {rate: amount for rate, amount in stated.items() if rate in base or not rate.startswith("cache_write")}
    own = dict(base) | stated if tier in CHEAPER else dearer(base, stated)
    record: dict[str, Any] = differing(base, own)
    factor = max((Decimal(own[rate]) / amount for rate, amount in base.items() if amount), default=Decimal(1))
    stepped: dict[int, dict[str, int]] = {}
    for above in steps.keys() | aboves(rates, tier):
        standard = steps.get(above, base)
        known = {rate: nanousd(amount, max(factor, Decimal(1))) for rate, amount in standard.items()} | table(rates, tier, above)
        stepped[above] = {rate: amount for rate, amount in known.items() if rate in own or rate in standard}
    written = {str(above): differing(base, step) for above, step in rising(own, stepped).items()}
    return record | ({"steps": written} if written else {})


def rising(base: Mapping[str, int], steps: Mapping[int, Mapping[str, int]]) -> dict[int, dict[str, int]]:
    """In order, none cheaper than the one before: the sources put the same step one token apart."""
    risen: dict[int, dict[str, int]] = {}
    before = base
    for above in sorted(steps):
        before = risen[above] = {rate: max(steps[above].get(rate, 0), before.get(rate, 0)) for rate in {**base, **before, **steps[above]}}
    return risen


def differing(base: Mapping[str, int], rates: Mapping[str, int]) -> dict[str, int]:
    return {rate: amount for rate, amount in rates.items() if base.get(rate) != amount}


def records_of(section: str, models: Mapping[str, Model]) -> tuple[dict[str, Any], list[str]]:
    """(records, names without a price) of a section."""
    records: dict[str, Any] = {}
    unknown: list[str] = []
    for name, model in sorted(models.items()):
        settle_media(model.rates)
        if section not in TOLD_APART:
            fold_sights(model.rates)
        record = complete(name, model)
        if record is None:
            unknown.append(name)
        else:
            records[name] = record
    return records, unknown


def aliases_of(days: list[Mapping[str, Any]], declared: Mapping[str, str]) -> dict[str, str]:
    """A name is an alias where a source or its date says so, and the records are equal, on each day that prices change."""
    records = days[0]
    aliases: dict[str, str] = {}
    for name in sorted(records):
        for target in (declared.get(name, ""), undated(name)):
            is_other = target != name and target in records and target not in aliases
            if is_other and all(each.get(target) == each.get(name) for each in days):
                aliases[name] = target
                break
    # A pointer of a source without figures of its own.
    return aliases | {name: aliases.get(target, target) for name, target in declared.items() if name not in records and target in records}


def undated(name: str) -> str:
    snapshot = SNAPSHOT.search(name)
    return name[: snapshot.start()] + (snapshot[2] or "") + name[snapshot.end() :] if snapshot else ""


def share_with_snapshots(models: Mapping[str, Model]) -> None:
    """A snapshot that costs what its model costs has the model's fees and tiers too; one source names the one, one the other."""
    for name, model in models.items():
        whole = models.get(undated(name))
        if whole is not None and all(model.rates.get(place) == whole.rates.get(place) for place in (("", 0, "input"), ("", 0, "output"))):
            model.absorb(whole)
            whole.absorb(model)


def share_thinking(sections: Sections) -> None:
    """Who thinks does so at every host, and in each of its snapshots. A source leaves it out for many."""

    def base(name: str) -> str:
        model = name.rpartition("/")[2]
        return undated(model) or model

    thinkers = {base(name) for models in sections.values() for name, model in models.items() if model.thinks}
    for models in sections.values():
        for name, model in models.items():
            if base(name) in thinkers:
                model.thinks = True


def version_of(text: str, today: date) -> str:
    """The day; of another list of the same day that and a number: rows name the figures that they were charged by. `text` names none."""
    last = CATALOG.read_text()
    version = str(json.loads(last)["version"])
    if text == last.replace(f'"version":{json.dumps(version)}', '"version":""', 1):
        return version
    day, _, number = version.partition(".")
    return f"{day}.{int(number or 1) + 1}" if day == today.isoformat() else today.isoformat()


def catalog_text(head: Mapping[str, str], sections: Mapping[str, Any], aliases: Mapping[str, Any], announced: Mapping[str, Any]) -> str:
    """One line a model, so that a change of prices reads as one."""

    def block(entries: Mapping[str, Any]) -> str:
        lines = (f"{json.dumps(name)}:{json.dumps(value, separators=(',', ':'))}" for name, value in entries.items())
        return "{\n" + ",\n".join(lines) + "\n}"

    def blocks(of: Mapping[str, Mapping[str, Any]]) -> str:
        return "{\n" + ",\n".join(f"{json.dumps(name)}:{block(each)}" for name, each in sorted(of.items()) if each) + "\n}"

    lines = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in head.items()]
    lines += [f'"models":{blocks(sections)}', f'"aliases":{blocks(aliases)}']
    days = ",\n".join(f"{json.dumps(day)}:{blocks(changed)}" for day, changed in sorted(announced.items()))
    lines.append('"announced":{\n' + days + "\n}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write_report(
    head: Mapping[str, str],
    counts: Mapping[str, tuple[int, int, int]],
    announced: Mapping[str, Mapping[str, Any]],
    statements: Iterable[Statement],
    differ: list[Disagreement],
) -> None:
    lines = [
        "# Prices",
        "",
        "The sources of the built-in price list, and where they disagree. How a price is found, and how to set one of your own, is in",
        "[where prices come from](budgets.md#where-prices-come-from); `omnillm explain MODEL` shows the price of one model.",
        "",
        f"Made by `scripts/update_catalog.py` together with `pricing/catalog.json`, version {head['version']}, from {head['source']}.",
        "",
        "## Models",
        "",
        "A section is a kind of provider, or for `openai_compatible` the vendor that its host belongs to. A model without a price in",
        "either source, and in what vendors say, is not in the list: callers with a budget are refused it.",
        "",
        "| section | models | aliases | without a price |",
        "|---|---|---|---|",
    ]
    lines += [f"| {section} | {models} | {names} | {unknown} |" for section, (models, names, unknown) in sorted(counts.items())]
    lines += [
        "",
        "## Announced",
        "",
        "Announced prices take effect when their day begins in UTC, in a running gateway too. Rows that were charged before keep theirs.",
        "",
        "| from | section | model | input | output |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {day} | {section} | {name} | {usd(record['input'])} | {usd(record['output'])} |"
        for day, sections in sorted(announced.items())
        for section, records in sorted(sections.items())
        for name, record in records.items()
    ]
    lines += [
        "",
        "## What vendors say",
        "",
        "Taken from the vendors' own pages where the two sources are wrong, late or silent; it comes before both. The amounts are in",
        "`scripts/vendor_prices.json`; correct them there when a vendor changes a figure. If the page itself was not at hand, the last",
        "column says whose record of it was read.",
        "",
        "| section | models | says | page | seen | record |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_said(each) for each in statements]
    lines += [
        "",
        "## Where the sources disagree",
        "",
        f"{len(differ)} figures, in USD per million units. The higher one is in the list, unless the vendor says another.",
        "",
        "| section | model | what | litellm | genai-prices |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {section} | {name} | {what} | {usd(mine)} | {usd(theirs)} |" for section, name, what, mine, theirs in differ]
    REPORT.write_text("\n".join(lines) + "\n")


def _said(each: Statement) -> str:
    says = [f"{_words(*place)} {amount.normalize():f}" for place, amount in each.rates.items()]
    says += [f"{rate} at least {times.normalize():f} x {of}" for rate, (of, times) in each.least.items()]
    says += [f"fee of {tool} {fee.normalize():f} a thousand" for tool, fee in each.tools.items()]
    says += [f"{place} {factor.normalize():f} x" for place, factor in each.uplifts.items()]
    says += [f"{name} {tokens}" for name, tokens in each.limits.items()]
    says += ["no bound"] * each.is_unbounded
    says += [f"all {each.factor.normalize():f} x"] * (each.factor != 1) + [f"from {each.begins}"] * bool(each.begins)
    names = ", ".join(f"`{name}`" for name in (*each.models, *each.aliases))
    return f"| {each.section} | {names} | {'; '.join(says)} | <{each.source}> | {each.seen} | {each.record} |"


def _words(tier: str, above: int, rate: str) -> str:
    return " ".join(filter(None, (tier, rate, f"above {above}" if above else "")))


def usd(amount: int) -> str:
    return format((Decimal(amount) / PER_MILLION).normalize(), "f")


def fetch(directory: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check", "-d", str(directory)]
    subprocess.run([*command, "litellm", "genai-prices"], check=True)


def read_wheel(directory: Path, pattern: str, member: str) -> tuple[str, str]:
    """(version, text of the member)."""
    wheel = max(directory.glob(pattern))
    with zipfile.ZipFile(wheel) as archive:
        return wheel.name.split("-")[1], archive.read(member).decode()


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the built-in price list anew.")
    parser.add_argument("--date", type=date.fromisoformat, required=True, help="of the list: prices that hold on that day and later")
    parser.add_argument("--wheels", type=Path, help="a directory that holds both wheels already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = options.wheels or Path(temporary)
        if options.wheels is None:
            fetch(directory)
        first, prices = read_wheel(directory, "litellm-*.whl", LITELLM_MAP)
        second, data = read_wheel(directory, "genai_prices-*.whl", GENAI_DATA)
    make(prices, data, options.date, f"litellm {first} and genai-prices {second}")


def make(prices: str, data: str, today: date, source: str) -> None:
    one, pointers = read_litellm(prices)
    other, names = read_genai(data, today)
    statements = read_statements(STATEMENTS.read_text())
    differ = list(disagreements(one, other))
    begins = {date.fromisoformat(each.begins) for each in statements if each.begins}
    days = [today, *sorted({day for day in starts(data, today) | begins if day > today})]
    built = [day_of(one, other, data, statements, day) for day in days]
    sections: dict[str, dict[str, Any]] = {}
    aliases: Aliases = {}
    announced: dict[str, dict[str, Any]] = {}
    for section, (records, _) in built[0].items():
        declared = names.get(section, {}) | pointers.get(section, {})
        for each in statements:
            declared |= dict.fromkeys(each.aliases, each.models[0]) if each.section == section else {}
        aliases[section] = aliases_of([each[section][0] for each in built], declared)
        sections[section] = {name: record for name, record in records.items() if name not in aliases[section]}
        for day, before, after in zip(days[1:], built, built[1:], strict=False):
            changed = {name: after[section][0][name] for name in sections[section] if after[section][0][name] != before[section][0][name]}
            if changed:
                announced.setdefault(day.isoformat(), {})[section] = changed
    head = {"version": "", "date": today.isoformat(), "source": source}
    listed = {name: models for name, models in sections.items() if models}
    head["version"] = version_of(catalog_text(head, listed, aliases, announced), today)
    CATALOG.write_text(catalog_text(head, listed, aliases, announced))
    kept = [each for each in differ if each[1] in sections.get(each[0], {})]
    counts = {name: (len(models), len(aliases[name]), len(built[0][name][1])) for name, models in sections.items() if models}
    write_report(head, counts, announced, statements, kept)
    print(f"{sum(map(len, sections.values()))} models, {sum(map(len, aliases.values()))} aliases, {len(differ)} disagreements")


def day_of(
    one: Sections, other: Sections, data: str, statements: list[Statement], day: date
) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Section -> (records, names without a price), as they are on a day; `other` is that source's state of today."""
    later, _ = read_genai(data, day)
    merged = merge(raised(one, other, later), later)
    for models in merged.values():
        share_with_snapshots(models)
    for each in statements:
        if each.begins <= day.isoformat():
            models = merged[each.section]
            for name in each.names(models):
                models.setdefault(name, Model()).state(each)
    share_thinking(merged)
    return {section: records_of(section, models) for section, models in merged.items() if section not in NOT_PRICED_BY_CALL}


if __name__ == "__main__":
    main()
