"""A canonical request, written for the Interactions API."""

from typing import Any

from omnillm.model.request import LlmRequest
from omnillm.protocols.dialects import GeminiDialect
from omnillm.protocols.gemini_generate_content.emit.request import note_cache, written_tier
from omnillm.protocols.gemini_interactions.emit.conversation import emit_conversation
from omnillm.protocols.gemini_interactions.emit.generation import emit_form, emit_generation
from omnillm.protocols.gemini_interactions.emit.tools import emit_tool_choice, emit_tools
from omnillm.protocols.gemini_interactions.place import NAME, Place
from omnillm.protocols.gemini_interactions.safety import write_safety
from omnillm.protocols.loss import Losses

_OWN_WORDS = frozenset({"", NAME})


def emit_request(request: LlmRequest, dialect: GeminiDialect, losses: Losses) -> dict[str, Any]:
    """Write the body. ProtocolError: it requires a cache, which Gemini never promises."""
    place = Place(losses, is_own=request.protocol == NAME, dialect=dialect)
    capabilities = request.capabilities
    body: dict[str, Any] = {"model": request.model} if request.model else {}
    if capabilities.prompt_cache is not None:
        note_cache(capabilities.prompt_cache, losses)
    emit_conversation(request, place, body)
    _settings(request, place, body)
    _account(request, place, body)
    if request.is_stream:
        body["stream"] = True
    place.extend(body, request.vendor_extensions, lambda member: member[1:])
    return body


def _settings(request: LlmRequest, place: Place, body: dict[str, Any]) -> None:
    """Write what the model may use, and how it is to answer."""
    capabilities = request.capabilities
    if tools := emit_tools(capabilities, place):
        body["tools"] = tools
    config = emit_generation(request, place)
    if (choice := emit_tool_choice(capabilities, place)) is not None:
        config["tool_choice"] = choice
    if config:
        body["generation_config"] = config
    if (form := emit_form(request, place)) is not None:
        body["response_format"] = form
    if safety := write_safety(capabilities.safety, place.losses):
        body["safety_settings"] = safety
    if tier := written_tier(request.generation.service_tier, place):
        body["service_tier"] = tier


def _account(request: LlmRequest, place: Place, body: dict[str, Any]) -> None:
    """Write whom the request is for, what it goes on from, and what is kept of it: Google keeps what it is not told to forget."""
    losses = place.losses
    if request.previous_response_id:
        body["previous_interaction_id"] = request.previous_response_id
    if place.is_own and request.metadata:
        body["labels"] = request.metadata
    for name in () if place.is_own else request.metadata:
        losses.drop(f"metadata.{name}", "labels have another form, and the Gemini API refuses them")
    if request.store is not None:
        body["store"] = request.store
    elif request.protocol not in _OWN_WORDS:
        body["store"] = False
    if request.user_id:
        losses.drop("user_id", "Gemini has no id of the end user")
