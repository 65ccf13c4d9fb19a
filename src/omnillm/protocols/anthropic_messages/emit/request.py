"""A canonical request, written for the Messages API."""

from typing import Any

from omnillm.errors import ProtocolError
from omnillm.model.capabilities import NO_CAPABILITIES
from omnillm.model.request import LlmRequest
from omnillm.protocols.anthropic_messages.emit.cache import set_marks
from omnillm.protocols.anthropic_messages.emit.conversation import emit_conversation
from omnillm.protocols.anthropic_messages.emit.parts import lone_text
from omnillm.protocols.anthropic_messages.emit.schema import held_to
from omnillm.protocols.anthropic_messages.emit.tools import emit_tool_choice, emit_tools
from omnillm.protocols.anthropic_messages.place import NAME, THINKING, Place
from omnillm.protocols.anthropic_messages.thinking import Thinking, fit_budget, plan_thinking, without_thinking
from omnillm.protocols.dialects import ClaudeDialect
from omnillm.protocols.differences.cache_marks import Anchors
from omnillm.protocols.differences.generation import drop_unsaid, drop_unsaid_capabilities, stops_of_words, tier_said
from omnillm.protocols.loss import Losses
from omnillm.protocols.set_fields import said

_TIERS = {"auto": "auto", "default": "standard_only", "standard": "standard_only", "standard_only": "standard_only", "priority": "auto"}
_sampling_numbers = said("temperature", "top_p", "top_k")
_HOST = Place.host


def emit_request(request: LlmRequest, dialect: ClaudeDialect, losses: Losses) -> dict[str, Any]:
    """Write the body. ProtocolError: it rests on state that another provider keeps, or requires a cache where none can be."""
    if request.previous_response_id:
        raise ProtocolError("The Messages API keeps no state: send the whole conversation.", reason="unsupported_feature")
    is_own = request.protocol == NAME
    place = Place(losses, protocol=request.protocol, is_own=is_own, dialect=dialect)
    anchors = Anchors(request.capabilities.prompt_cache)
    tools = emit_tools(request, place)
    system, messages = emit_conversation(request, place, anchors)
    plan = plan_thinking(request.capabilities.reasoning, place)
    if not is_own and plan.budget is not None and (amid := _amid(messages)):
        losses.approximate("capabilities.reasoning", f"off, for {amid}")
        plan = without_thinking(dialect)
    plan, max_tokens = _output_cap(request, plan, place)
    body: dict[str, Any] = {"model": request.model, "max_tokens": max_tokens}
    output_config = _output_config(request, plan, system, place)
    if system:
        body["system"] = system
    body["messages"] = messages
    if tools:
        body["tools"] = tools
    choice = emit_tool_choice(request, place, has_tools=bool(tools), can_force=plan.budget is None and dialect.forces_calls)
    if choice is not None:
        body["tool_choice"] = choice
    if plan.thinking is not None:
        body["thinking"] = plan.thinking
    if output_config:
        body["output_config"] = output_config
    _sampling(request, plan, body, place)
    _rest(request, body, losses)
    anchors.tools, anchors.system = tools, system
    set_marks(request.capabilities.prompt_cache, anchors, messages, place)
    return _finished(request, body, place)


def _amid(messages: list[dict[str, Any]]) -> str:
    """Tell what is refused where thinking has a budget: a turn that the assistant began without thinking, and has not ended."""
    if messages and messages[-1]["role"] == "assistant" and not _begins_with_thinking(messages[-1]):
        return "the assistant's words at the end have no signed thinking before them"
    if len(messages) < 2 or messages[-1]["content"][0]["type"] != "tool_result" or _begins_with_thinking(messages[-2]):
        return ""
    return "the tool calls at the end have no signed thinking before them"


def _begins_with_thinking(message: dict[str, Any]) -> bool:
    return message["content"][0]["type"] in THINKING


def _output_cap(request: LlmRequest, plan: Thinking, place: Place) -> tuple[Thinking, int]:
    said = request.generation.max_output_tokens
    if said is None:
        place.losses.default("generation.max_output_tokens", "the Messages API requires one")
        said = place.dialect.default_max_tokens
    return (plan if place.is_own else fit_budget(plan, said, place)), said


def _output_config(request: LlmRequest, plan: Thinking, system: list[dict[str, Any]], place: Place) -> dict[str, Any]:
    config: dict[str, Any] = {"effort": plan.effort} if plan.effort else {}
    output = request.capabilities.structured_output
    if output is not None:
        place.losses.drop_said(output, ("name", "description"), "capabilities.structured_output.", f"{_HOST} has only the schema")
        if (schema := held_to(output, system, place)) is not None:
            config["format"] = {"type": "json_schema", "schema": schema}
    return config


def _sampling(request: LlmRequest, plan: Thinking, body: dict[str, Any], place: Place) -> None:
    for name, value in _sampling_numbers(request.generation):
        if not place.dialect.accepts_sampling:
            place.losses.drop(f"generation.{name}", "the model takes no sampling parameters")
        elif plan.is_on and not place.is_own and not _thinks_with(name, value):
            place.losses.drop(f"generation.{name}", "not together with thinking")
        elif name == "top_p" and "temperature" in body and not place.is_own:
            place.losses.drop(f"generation.{name}", "not together with a temperature")
        elif name == "temperature" and value > 1:
            place.losses.approximate("generation.temperature", "at most 1 in the Messages API")
            body[name] = 1.0
        else:
            body[name] = value


def _thinks_with(name: str, value: float) -> bool:
    return (name == "temperature" and value == 1) or (name == "top_p" and 0.95 <= value <= 1)


def _rest(request: LlmRequest, body: dict[str, Any], losses: Losses) -> None:
    generation = request.generation
    if generation.stop and (stop := list(generation.stop) if request.protocol == NAME else stops_of_words(generation, losses)):
        body["stop_sequences"] = stop
    if request.user_id:
        body["metadata"] = {"user_id": request.user_id}
    if generation.service_tier:
        _tier(request, body, losses)
    if request.is_stream:
        body["stream"] = True
    _drop_unsaid(request, losses)


def _drop_unsaid(request: LlmRequest, losses: Losses) -> None:
    for name in request.metadata:
        losses.drop(f"metadata.{name}", f"{_HOST} has only a user's id")
    if request.store:
        losses.drop("store", f"{_HOST} keeps nothing")
    drop_unsaid(request.generation, losses, _HOST)
    if request.capabilities is not NO_CAPABILITIES:
        drop_unsaid_capabilities(request.capabilities, losses, _HOST)
        if request.capabilities.safety:
            losses.drop("capabilities.safety", f"{_HOST} has no safety settings")


def _tier(request: LlmRequest, body: dict[str, Any], losses: Losses) -> None:
    tier = request.generation.service_tier
    word = tier if request.protocol == NAME else tier_said(tier, _TIERS, losses, f"{_HOST} has auto and standard_only")
    if word is not None:
        body["service_tier"] = word


def _finished(request: LlmRequest, body: dict[str, Any], place: Place) -> dict[str, Any]:
    """Write plain texts as strings, and put in what has no canonical home."""
    for message in body["messages"]:
        message["content"] = lone_text(message["content"])
    if "system" in body:
        body["system"] = lone_text(body["system"])
    if request.vendor_extensions:
        place.extend(body, request.vendor_extensions, "")
    return body
