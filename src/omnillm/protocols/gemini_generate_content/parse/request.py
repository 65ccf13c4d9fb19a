"""A request of generateContent, read to the canonical model. The path of the request says the model, and whether it is a stream."""

from typing import Any

from omnillm.model.capabilities import NO_CAPABILITIES, CapabilitySet
from omnillm.model.request import LlmRequest
from omnillm.protocols.gemini_generate_content.parse.conversation import parse_conversation
from omnillm.protocols.gemini_generate_content.parse.generation import read_capabilities, read_config, read_generation
from omnillm.protocols.gemini_generate_content.parse.tools import parse_tool_choice, parse_tools
from omnillm.protocols.gemini_generate_content.place import NAME
from omnillm.protocols.gemini_generate_content.spelling import camel
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import mapping, optional_array, optional_flag, optional_text, rest, text_mapping

_KNOWN = frozenset(
    {
        *("model", "contents", "systemInstruction", "generationConfig", "tools"),
        *("toolConfig", "safetySettings", "labels", "serviceTier", "store"),
    }
)


_CAPABLE = frozenset({"tools", "toolConfig", "safetySettings"})


def parse_request(body: dict[str, Any], losses: Losses) -> LlmRequest:
    body = camel(body)
    extensions = rest(body, _KNOWN)
    config, more = read_config(body)
    capabilities = read_capabilities(config, more)
    if not _CAPABLE.isdisjoint(body):
        capabilities["tools"], capabilities["builtin_tools"] = parse_tools(body)
        capabilities["tool_choice"] = parse_tool_choice(body, extensions)
        capabilities["safety"] = _safety(body)
    if more:
        extensions["generationConfig"] = more
    return LlmRequest(
        model="",
        input=parse_conversation(body, losses),
        capabilities=CapabilitySet(**capabilities) if capabilities else NO_CAPABILITIES,
        generation=read_generation(config, optional_text(body, "serviceTier")),
        metadata={} if body.get("labels") is None else text_mapping(body["labels"], "labels"),
        store=optional_flag(body, "store"),
        protocol=NAME,
        vendor_extensions=extensions,
    )


def _safety(body: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    settings = optional_array(body, "safetySettings")
    return tuple(mapping(setting, f"safetySettings[{number}]") for number, setting in enumerate(settings))
