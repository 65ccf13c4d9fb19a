"""`generationConfig`, read to the canonical model. What has no canonical home stays together under its name."""

from typing import Any

from omnillm.model.capabilities import OutputModality, ReasoningCapability, StructuredOutputConfig
from omnillm.model.message import VendorExtensions
from omnillm.model.request import GenerationConfig
from omnillm.protocols.gemini_generate_content.schema import json_schema
from omnillm.protocols.gemini_generate_content.spelling import camel
from omnillm.protocols.shapes import (
    integer,
    optional_array,
    optional_flag,
    optional_integer,
    optional_mapping,
    optional_number,
    optional_text,
    rest,
    text,
)

_PATH = "generationConfig"
_KNOWN = frozenset(
    {
        "temperature",
        "topP",
        "topK",
        "candidateCount",
        "maxOutputTokens",
        "stopSequences",
        "presencePenalty",
        "frequencyPenalty",
        "seed",
        "responseLogprobs",
        "logprobs",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "_responseJsonSchema",
        "responseModalities",
        "thinkingConfig",
    }
)
_THINKING = frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"})
_LEVELS = frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"})
_MODALITIES = {"TEXT": OutputModality.TEXT, "AUDIO": OutputModality.AUDIO, "IMAGE": OutputModality.IMAGE}
_JSON = "application/json"
MOST_CANDIDATES = 8


class ParsedConfig:
    """The parts of a request that stand in `generationConfig`."""

    __slots__ = ("extensions", "generation", "modalities", "output", "reasoning")

    def __init__(self, body: dict[str, Any]) -> None:
        config = camel(optional_mapping(body, _PATH) or {}, _PATH)
        self.extensions: VendorExtensions = {} if config.keys() <= _KNOWN else rest(config, _KNOWN)
        self.generation = _generation(config, optional_text(body, "serviceTier"))
        self.output = _output(config, self.extensions)
        self.modalities = _modalities(config, self.extensions)
        self.reasoning = _reasoning(config)


def _generation(config: dict[str, Any], service_tier: str) -> GenerationConfig:
    stop = optional_array(config, "stopSequences", _PATH)
    count = config.get("candidateCount")
    return GenerationConfig(
        max_output_tokens=optional_integer(config, "maxOutputTokens", _PATH, lowest=1),
        temperature=optional_number(config, "temperature", _PATH),
        top_p=optional_number(config, "topP", _PATH),
        top_k=optional_integer(config, "topK", _PATH),
        stop=tuple(text(word, f"{_PATH}.stopSequences[{number}]") for number, word in enumerate(stop)),
        presence_penalty=optional_number(config, "presencePenalty", _PATH),
        frequency_penalty=optional_number(config, "frequencyPenalty", _PATH),
        seed=optional_integer(config, "seed", _PATH),
        n=None if count is None else integer(count, f"{_PATH}.candidateCount", 1, MOST_CANDIDATES),
        logprobs=optional_flag(config, "responseLogprobs", _PATH),
        top_logprobs=optional_integer(config, "logprobs", _PATH, lowest=0),
        service_tier=service_tier,
    )


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
    given = optional_array(config, "responseModalities", _PATH)
    if not given:
        return ()
    names = [text(name, f"{_PATH}.responseModalities[{number}]").upper() for number, name in enumerate(given)]
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
    more: VendorExtensions = {} if thinking.keys() <= _THINKING else rest(thinking, _THINKING)
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
