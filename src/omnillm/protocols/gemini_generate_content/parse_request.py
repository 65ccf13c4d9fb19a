"""A request of generateContent, read to the canonical model. The path of the request says the model, and whether it is a stream."""

from typing import Any

from omnillm.model.capabilities import CapabilitySet
from omnillm.model.message import VendorExtensions
from omnillm.model.request import LlmRequest
from omnillm.protocols.gemini_generate_content.parse_conversation import parse_conversation
from omnillm.protocols.gemini_generate_content.parse_generation import ParsedConfig
from omnillm.protocols.gemini_generate_content.parse_tools import parse_tool_choice, parse_tools
from omnillm.protocols.gemini_generate_content.place import NAME
from omnillm.protocols.gemini_generate_content.spelling import camel
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import mapping, optional_array, optional_flag, optional_mapping, rest, text

_KNOWN = frozenset(
    {
        "model",
        "contents",
        "systemInstruction",
        "generationConfig",
        "tools",
        "toolConfig",
        "safetySettings",
        "labels",
        "serviceTier",
        "store",
    }
)


def parse_request(body: dict[str, Any], losses: Losses) -> LlmRequest:
    body = camel(body)
    extensions: VendorExtensions = {} if body.keys() <= _KNOWN else rest(body, _KNOWN)
    tools, builtins = parse_tools(body)
    choice = parse_tool_choice(body, extensions)
    config = ParsedConfig(body)
    if config.extensions:
        extensions["generationConfig"] = config.extensions
    safety = optional_array(body, "safetySettings")
    return LlmRequest(
        model="",
        input=parse_conversation(body, losses),
        capabilities=CapabilitySet(
            tools=tools,
            builtin_tools=builtins,
            tool_choice=choice,
            structured_output=config.output,
            reasoning=config.reasoning,
            modalities=config.modalities,
            safety=tuple(mapping(setting, f"safetySettings[{number}]") for number, setting in enumerate(safety)),
        ),
        generation=config.generation,
        metadata=_labels(body),
        store=optional_flag(body, "store"),
        protocol=NAME,
        vendor_extensions=extensions,
    )


def _labels(body: dict[str, Any]) -> dict[str, str]:
    labels = optional_mapping(body, "labels") or {}
    return {name: text(value, f"labels.{name}") for name, value in labels.items()}
