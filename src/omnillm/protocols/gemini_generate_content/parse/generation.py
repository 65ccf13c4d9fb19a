"""`generationConfig`, read to the canonical model. What has no canonical home stays together under its name."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from omnillm.model.capabilities import OutputModality, ReasoningCapability, StructuredOutputConfig
from omnillm.model.message import VendorExtensions
from omnillm.model.request import NO_GENERATION, GenerationConfig
from omnillm.protocols.gemini_generate_content.parse.schema import json_schema
from omnillm.protocols.gemini_generate_content.spelling import camel
from omnillm.protocols.shapes import (
    flag,
    integer,
    number,
    optional_flag,
    optional_integer,
    optional_mapping,
    optional_text,
    optional_texts,
    rest,
    texts,
)

_PATH = "generationConfig"
_THINKING = frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"})
_LEVELS = frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"})
_MODALITIES = {"TEXT": OutputModality.TEXT, "AUDIO": OutputModality.AUDIO, "IMAGE": OutputModality.IMAGE}
_JSON = "application/json"
MOST_CANDIDATES = 8


Config = dict[str, Any]
Read = Callable[[Any, str], Any]


def read_config(body: dict[str, Any]) -> tuple[Config, VendorExtensions]:
    """Return `generationConfig`, and what of it has no canonical home."""
    config = camel(optional_mapping(body, _PATH) or {}, _PATH)
    return config, rest(config, _KNOWN)


def read_generation(config: Config, service_tier: str) -> GenerationConfig:
    return generation_of(config, _GENERATION, _PATH, service_tier)


def generation_of(config: Config, members: Mapping[str, tuple[str, Read]], path: str, service_tier: str) -> GenerationConfig:
    """`members`: the field of each member that is there, and what reads it."""
    said: dict[str, Any] = {"service_tier": service_tier} if service_tier else {}
    for name in filter(members.__contains__, config):
        if (value := config[name]) is not None:
            field, read = members[name]
            said[field] = read(value, f"{path}.{name}")
    return GenerationConfig(**said) if said else NO_GENERATION


def read_capabilities(config: Config, extensions: VendorExtensions) -> dict[str, Any]:
    """Return the fields of a `CapabilitySet` that stand here."""
    if _CAPABLE.isdisjoint(config):
        return {}
    return {
        "structured_output": _output(config, extensions),
        "modalities": _modalities(config, extensions),
        "reasoning": _reasoning(config),
    }


_GENERATION: dict[str, tuple[str, Read]] = {
    "maxOutputTokens": ("max_output_tokens", partial(integer, lowest=1)),
    "temperature": ("temperature", number),
    "topP": ("top_p", number),
    "topK": ("top_k", integer),
    "stopSequences": ("stop", texts),
    "presencePenalty": ("presence_penalty", number),
    "frequencyPenalty": ("frequency_penalty", number),
    "seed": ("seed", integer),
    "candidateCount": ("n", partial(integer, lowest=1, highest=MOST_CANDIDATES)),
    "responseLogprobs": ("logprobs", flag),
    "logprobs": ("top_logprobs", partial(integer, lowest=0)),
}
_CAPABLE = frozenset(
    {"responseMimeType", "responseSchema", "responseJsonSchema", "_responseJsonSchema", "responseModalities", "thinkingConfig"}
)
_KNOWN = _CAPABLE | _GENERATION.keys()


def _output(config: dict[str, Any], extensions: VendorExtensions) -> StructuredOutputConfig | None:
    kind = optional_text(config, "responseMimeType", _PATH)
    if kind and kind not in {_JSON, "text/plain"}:
        # An enum's schema constrains a text, not JSON: no other protocol has that, and JSON of this schema is near it.
        extensions["responseMimeType"] = kind
        if config.get("responseSchema") is not None:
            extensions["responseSchema"] = config["responseSchema"]
    schema = optional_mapping(config, "responseJsonSchema", _PATH)
    if schema is None:
        schema = optional_mapping(config, "_responseJsonSchema", _PATH)
    if schema is None and config.get("responseSchema") is not None:
        schema = json_schema(config["responseSchema"], f"{_PATH}.responseSchema")
    if schema is not None:
        return StructuredOutputConfig(schema=schema)
    return StructuredOutputConfig(kind="json_object") if kind == _JSON else None


def _modalities(config: dict[str, Any], extensions: VendorExtensions) -> tuple[OutputModality, ...]:
    names = [name.upper() for name in optional_texts(config, "responseModalities", _PATH)]
    if all(name in _MODALITIES for name in names):
        return tuple(_MODALITIES[name] for name in names)
    extensions["responseModalities"] = names
    return ()


def _reasoning(config: dict[str, Any]) -> ReasoningCapability | None:
    path = f"{_PATH}.thinkingConfig"
    thinking = optional_mapping(config, "thinkingConfig", _PATH)
    if thinking is None:
        return None
    thinking = camel(thinking, path)
    more = rest(thinking, _THINKING)
    level = optional_text(thinking, "thinkingLevel", path).upper()
    if level and level not in _LEVELS and level != "THINKING_LEVEL_UNSPECIFIED":
        more["thinkingLevel"] = level
    budget = optional_integer(thinking, "thinkingBudget", path)
    return ReasoningCapability(
        mode="disabled" if budget == 0 else "",
        effort=level.lower() if level in _LEVELS else "",
        budget_tokens=budget or None,
        include_thoughts=optional_flag(thinking, "includeThoughts", path),
        vendor_extensions=more,
    )
