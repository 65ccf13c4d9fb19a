"""A request of the Interactions API, read to the canonical model."""

from typing import Any

from omnillm.model.capabilities import NO_CAPABILITIES, CapabilitySet
from omnillm.model.message import VendorExtensions
from omnillm.model.request import LlmRequest
from omnillm.protocols.gemini_interactions.parse.conversation import parse_conversation
from omnillm.protocols.gemini_interactions.parse.generation import FORMS, read_config, read_form, read_generation, read_reasoning
from omnillm.protocols.gemini_interactions.parse.tools import parse_tool_choice, parse_tools
from omnillm.protocols.gemini_interactions.place import NAME
from omnillm.protocols.gemini_interactions.safety import read_safety
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import optional_array, optional_flag, optional_text, rest, text_mapping

_KNOWN = FORMS | {
    *("model", "input", "system_instruction", "generation_config", "tools", "safety_settings"),
    *("labels", "service_tier", "store", "stream", "previous_interaction_id"),
}


def parse_request(body: dict[str, Any], losses: Losses) -> LlmRequest:
    """Read a request. What Google runs or keeps (an agent, the background) stays an extension: `transcode.py` refuses it elsewhere."""
    extensions = rest(body, _KNOWN)
    config, more = read_config(body)
    capabilities = _capabilities(body, config, extensions, more)
    if more:
        extensions["generation_config"] = more
    return LlmRequest(
        model=optional_text(body, "model"),
        input=parse_conversation(body, losses),
        capabilities=CapabilitySet(**capabilities) if capabilities else NO_CAPABILITIES,
        generation=read_generation(config, optional_text(body, "service_tier")),
        metadata={} if body.get("labels") is None else text_mapping(body["labels"], "labels"),
        is_stream=optional_flag(body, "stream") or False,
        previous_response_id=optional_text(body, "previous_interaction_id"),
        store=optional_flag(body, "store"),
        protocol=NAME,
        vendor_extensions=extensions,
    )


def _capabilities(body: dict[str, Any], config: dict[str, Any], extensions: VendorExtensions, more: VendorExtensions) -> dict[str, Any]:
    found: dict[str, Any] = {} if FORMS.isdisjoint(body) else read_form(body, extensions)
    if body.get("tools") is not None:
        found["tools"], found["builtin_tools"] = parse_tools(body)
    if body.get("safety_settings") is not None:
        settings = optional_array(body, "safety_settings")
        found["safety"] = tuple(read_safety(setting, f"safety_settings[{number}]") for number, setting in enumerate(settings))
    if (choice := parse_tool_choice(config)) is not None:
        found["tool_choice"] = choice
    if (reasoning := read_reasoning(config, more)) is not None:
        found["reasoning"] = reasoning
    return found
