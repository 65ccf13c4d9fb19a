"""A request, written for a provider."""

from collections.abc import Callable
from typing import Any

from msgspec import to_builtins

from omnillm.errors import ProtocolError
from omnillm.model.capabilities import NO_CAPABILITIES, CapabilitySet, OutputModality, StructuredOutputConfig
from omnillm.model.request import NO_GENERATION, GenerationConfig, LlmRequest
from omnillm.protocols.dialects import ChatDialect
from omnillm.protocols.differences.generation import tier_said
from omnillm.protocols.differences.user_ids import short_user_id
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.emit.conversation import write_messages
from omnillm.protocols.openai_chat.emit.effort import rest_beside_tools, write_effort
from omnillm.protocols.openai_chat.emit.tools import write_tools
from omnillm.protocols.openai_chat.place import NAME, Place
from omnillm.protocols.openai_chat.prompt_cache import write_policy

_PLAIN = frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "n", "logprobs", "top_logprobs", "logit_bias"})
"""Fields that are members of the same name."""
_MOST_STOPS = 4
_PATHS = {"user": "user_id", "parallel_tool_calls": "capabilities.parallel_tool_calls"}
"""Where members stand that are no generation's."""
_USUAL = {"n": 1, "parallel_tool_calls": True, "service_tier": "auto"}
"""What says nothing in a member; in any other it is 0 and False."""
TIERS = {
    **{tier: tier for tier in ("auto", "default", "flex", "scale", "priority", "fast")},
    **dict.fromkeys(("standard", "standard_only"), "default"),
}
NO_TIER = "Chat has no such tier"


def emit_request(request: LlmRequest, dialect: ChatDialect, losses: Losses) -> dict[str, Any]:
    if request.previous_response_id:
        raise ProtocolError(
            "Chat Completions keeps no conversation: send the messages themselves instead of `previous_response_id`.",
            reason="unsupported_feature",
        )
    place = Place(losses, protocol=request.protocol, is_own=request.protocol == NAME, dialect=dialect)
    body: dict[str, Any] = {"model": request.model, "messages": write_messages(request, place)}
    if request.generation is not NO_GENERATION:
        _write_generation(request.generation, body, place)
    if request.capabilities is not NO_CAPABILITIES:
        _write_capabilities(request.capabilities, body, place)
    if request.is_stream:
        _write_stream(request, body)
    if request.user_id or request.metadata or request.store is not None:
        _write_owner(request, body, place)
    if dialect.members and not place.is_own:
        _fit_members(body, dialect, losses)
    if request.vendor_extensions:
        _write_extensions(request, body, place)
    return body


def _fit_members(body: dict[str, Any], dialect: ChatDialect, losses: Losses) -> None:
    if body.get("temperature", 0) > dialect.most_temperature:
        losses.approximate("generation.temperature", f"at most {dialect.most_temperature:g} at this host")
        body["temperature"] = dialect.most_temperature
    names = dialect.members
    for name in names.keys() & body.keys():
        value = body.pop(name)
        if names[name]:
            body[names[name]] = value
        elif value != _USUAL.get(name, 0):
            losses.drop(_PATHS.get(name, f"generation.{name}"), "the host refuses it")


def _write_stream(request: LlmRequest, body: dict[str, Any]) -> None:
    body["stream"] = True
    if request.wants_stream_usage:
        body["stream_options"] = {"include_usage": True}


def _write_owner(request: LlmRequest, body: dict[str, Any], place: Place) -> None:
    if request.user_id:
        user_id = request.user_id if place.is_own else short_user_id(request.user_id, place.losses)
        body["safety_identifier" if place.is_openai else "user"] = user_id
    if request.metadata:
        _write_openai_member("metadata", request.metadata, "metadata", body, place)
    if request.store is not None:
        _write_openai_member("store", request.store, "store", body, place)


def _write_openai_member(name: str, value: Any, path: str, body: dict[str, Any], place: Place) -> None:
    if place.takes_openai_members:
        body[name] = value
    else:
        place.losses.drop(path, "OpenAI's own: the host may refuse it")


def _write_generation(generation: GenerationConfig, body: dict[str, Any], place: Place) -> None:
    for name, value in to_builtins(generation).items():  # what it says: defaults are left out
        if name in _PLAIN:
            body[name] = value
        else:
            _FIELDS[name](value, body, place)


def _write_output_cap(tokens: int, body: dict[str, Any], place: Place) -> None:
    body[place.dialect.output_cap_member] = tokens


def _write_top_k(top_k: int, body: dict[str, Any], place: Place) -> None:
    if place.is_openai:
        place.losses.drop("generation.top_k", "OpenAI has no top_k")
    else:
        body["top_k"] = top_k


def _write_stops(stop: list[str], body: dict[str, Any], place: Place) -> None:
    if place.is_openai and len(stop) > _MOST_STOPS:
        place.losses.drop("generation.stop", "OpenAI takes four at most")
        stop = stop[:_MOST_STOPS]
    body["stop"] = stop


def _write_tier(tier: str, body: dict[str, Any], place: Place) -> None:
    if word := tier if place.is_own else tier_said(tier, TIERS, place.losses, NO_TIER):
        body["service_tier"] = word


_FIELDS: dict[str, Callable[[Any, dict[str, Any], Place], None]] = {
    "max_output_tokens": _write_output_cap,
    "top_k": _write_top_k,
    "stop": _write_stops,
    "verbosity": lambda verbosity, body, place: _write_openai_member("verbosity", verbosity, "generation.verbosity", body, place),
    "service_tier": _write_tier,
}


def _write_capabilities(capabilities: CapabilitySet, body: dict[str, Any], place: Place) -> None:
    write_tools(capabilities, body, place)
    if capabilities.reasoning is not None:
        write_effort(capabilities.reasoning, body, place)
    rest_beside_tools(body, place)
    if capabilities.structured_output is not None:
        body["response_format"] = _response_format(capabilities.structured_output, place)
    if capabilities.modalities:
        _write_modalities(capabilities.modalities, body, place)
    if capabilities.audio is not None:
        body["audio"] = capabilities.audio
    if capabilities.max_tool_calls is not None:
        place.losses.drop("capabilities.max_tool_calls", "Chat has no such limit")
    if capabilities.safety:
        place.losses.drop("capabilities.safety", "Chat has no safety settings")
    if capabilities.prompt_cache is not None:
        write_policy(capabilities.prompt_cache, body, place)


def _response_format(wanted: StructuredOutputConfig, place: Place) -> dict[str, Any]:
    if wanted.kind == "json_object":
        return {"type": "json_object"}
    if not wanted.name:
        place.losses.default("capabilities.structured_output.name", "OpenAI needs one")
    schema: dict[str, Any] = {"name": wanted.name or "response"}
    if wanted.description:
        schema["description"] = wanted.description
    if wanted.schema is not None:
        schema["schema"] = wanted.schema
    if wanted.strict is not None:
        schema["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": schema}


def _write_modalities(wanted: tuple[OutputModality, ...], body: dict[str, Any], place: Place) -> None:
    words = [modality.value for modality in wanted]
    if words == ["text"] and not place.takes_openai_members:
        return  # the default, and a member that the host may refuse
    if place.is_openai and "image" in words:
        place.losses.drop("capabilities.modalities", "OpenAI's Chat makes no images")
        words = [word for word in words if word != "image"]
    if words:
        body["modalities"] = words


def _write_extensions(request: LlmRequest, body: dict[str, Any], place: Place) -> None:
    """Write members that have no field. They never override what a field says."""
    for name, value in request.vendor_extensions.items():
        if request.protocol not in {"", NAME}:
            place.losses.drop(f"vendor_extensions.{name}", "a member of another protocol")
        elif name == "stream_options" and type(value) is dict:
            if request.is_stream:
                body[name] = {**value, **body.get(name, {})}
            else:
                place.losses.drop(f"vendor_extensions.{name}", "only a stream has options")
        elif name in body:
            place.losses.drop(f"vendor_extensions.{name}", "a typed field says it")
        else:
            body[name] = value
