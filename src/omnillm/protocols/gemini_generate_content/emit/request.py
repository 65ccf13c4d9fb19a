"""A canonical request, written for generateContent. The URL says the model, and whether it is a stream."""

from typing import Any

from omnillm.errors import ProtocolError
from omnillm.model.capabilities import NO_CAPABILITIES, CapabilitySet, PromptCachePolicy
from omnillm.model.request import LlmRequest
from omnillm.protocols.dialects import GeminiDialect
from omnillm.protocols.differences.generation import tier_said
from omnillm.protocols.gemini_generate_content.emit.conversation import emit_conversation
from omnillm.protocols.gemini_generate_content.emit.generation import emit_generation
from omnillm.protocols.gemini_generate_content.emit.tools import emit_tool_config, emit_tools
from omnillm.protocols.gemini_generate_content.place import NAME, Place
from omnillm.protocols.loss import Losses

_TIERS = {"flex": "flex", "priority": "priority", "standard": "standard", "default": "standard", "standard_only": "standard"}
_CACHE = "capabilities.prompt_cache"
_NO_WISH = PromptCachePolicy()


def emit_request(request: LlmRequest, dialect: GeminiDialect, losses: Losses) -> dict[str, Any]:
    """Write the body. ProtocolError: it rests on state that another provider keeps, or requires a cache, which Gemini never promises."""
    if request.previous_response_id:
        raise ProtocolError("Gemini keeps no state: send the whole conversation.", reason="unsupported_feature")
    place = Place(losses, is_own=request.protocol == NAME, dialect=dialect)
    capabilities = request.capabilities
    body: dict[str, Any] = {}
    if capabilities.prompt_cache is not None:
        note_cache(capabilities.prompt_cache, losses)
    emit_conversation(request, place, body)
    if capabilities is not NO_CAPABILITIES:
        _tools(capabilities, place, body)
    if config := emit_generation(request, place):
        body["generationConfig"] = config
    if capabilities.safety:
        body["safetySettings"] = list(capabilities.safety)
    _account(request, place, body)
    if tier := written_tier(request.generation.service_tier, place):
        body["serviceTier"] = tier
    if request.vendor_extensions:
        place.extend(body, request.vendor_extensions, lambda member: member[1:])
    return body


def _tools(capabilities: CapabilitySet, place: Place, body: dict[str, Any]) -> None:
    if tools := emit_tools(capabilities, place):
        body["tools"] = tools
    if tool_config := emit_tool_config(capabilities, tools, place):
        body["toolConfig"] = tool_config


def note_cache(policy: PromptCachePolicy, losses: Losses) -> None:
    if policy.mode == "disabled":
        return
    if policy.mode == "required":
        raise ProtocolError("Gemini caches prompts by itself and promises none: ask for a cache at best.", reason="unsupported_feature")
    for name in ("key", "breakpoint", "retention"):
        if getattr(policy, name) != getattr(_NO_WISH, name):
            losses.drop(f"{_CACHE}.{name}", "Gemini caches by itself")
    losses.drop_extensions(policy.vendor_extensions, f"{_CACHE}.", "Gemini caches by itself")


def _account(request: LlmRequest, place: Place, body: dict[str, Any]) -> None:
    """Write whom the request is for, and what is kept of it."""
    losses = place.losses
    if place.is_own:
        if request.metadata:
            body["labels"] = request.metadata
        if request.store is not None:
            body["store"] = request.store
    else:
        for name in request.metadata:
            losses.drop(f"metadata.{name}", "the Gemini API refuses labels")
        if request.store:
            losses.drop("store", "Gemini keeps nothing")
    if request.user_id:
        losses.drop("user_id", "Gemini has no id of the end user")


def written_tier(tier: str, place: Place) -> str:
    """Return a tier in Google's words; "": none is said, or there is no such tier."""
    if not tier or place.is_own:
        return tier
    if place.dialect.is_vertex:
        place.losses.drop("generation.service_tier", "Vertex AI takes it in a header")
        return ""
    return tier_said(tier, _TIERS, place.losses, "Gemini has flex, standard and priority") or ""
