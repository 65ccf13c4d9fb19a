"""A canonical request, written for the Responses API."""

from collections.abc import Sequence
from typing import Any

from omnillm.model.capabilities import NO_CAPABILITIES, Auto, CapabilitySet, OutputModality, ReasoningCapability
from omnillm.model.message import RequestItem
from omnillm.model.request import NO_GENERATION, GenerationConfig, LlmRequest
from omnillm.protocols.dialects import ResponsesDialect
from omnillm.protocols.differences.effort import effort_of, is_off, nearest
from omnillm.protocols.differences.generation import tier_said
from omnillm.protocols.differences.user_ids import short_user_id
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.emit.request import TIERS as CHAT_TIERS
from omnillm.protocols.openai_responses.emit.conversation import InputWriter
from omnillm.protocols.openai_responses.emit.narrow import narrow
from omnillm.protocols.openai_responses.emit.prompt_cache import with_breakpoint, write_policy
from omnillm.protocols.openai_responses.emit.tools import write_tools
from omnillm.protocols.openai_responses.namespaces import spaces_of
from omnillm.protocols.openai_responses.parse.request import LOGPROBS
from omnillm.protocols.openai_responses.place import NAME, Place
from omnillm.protocols.set_fields import said

ENCRYPTED = "reasoning.encrypted_content"
_members = said("max_output_tokens", "temperature", "top_p", "top_logprobs")
_unsaid = said("top_k", "presence_penalty", "frequency_penalty", "seed", "logit_bias")
TIERS = {**CHAT_TIERS, "ultrafast": "ultrafast"}
_LEAST_OUTPUT = 16
_STATELESS = frozenset({"anthropic_messages", "gemini_generate_content"})
"""Protocols whose clients expect nothing to be kept; OpenAI keeps what it is not told to forget."""


def emit_request(request: LlmRequest, dialect: ResponsesDialect, losses: Losses) -> dict[str, Any]:
    """Write the body. It rests on nothing that a provider keeps unless the request says so."""
    place = Place(losses, protocol=request.protocol, is_own=request.protocol == NAME, dialect=dialect)
    if place.has_own_extensions:
        place.spaces = spaces_of(request.capabilities.tools)
    body: dict[str, Any] = {"model": request.model} if request.model else {}
    items: Sequence[RequestItem] = request.input
    policy = request.capabilities.prompt_cache
    if policy is not None:
        place.takes_marks = policy.mode != "disabled"
        if policy.breakpoint != Auto():
            items = with_breakpoint(items, policy, losses)
    writer = InputWriter(place, has_all_calls=not (place.is_own or request.previous_response_id))
    write = writer.write_item
    for number, item in enumerate(items):
        write(item, number)
    if writer.items or "prompt" not in request.vendor_extensions:
        body["input"] = writer.items
    if request.is_stream:
        body["stream"] = True
    write_settings(request, body, place)
    return body if dialect.knows_all_members else narrow(body, losses)


def write_settings(request: LlmRequest, body: dict[str, Any], place: Place) -> None:
    """Write all but the model, the conversation and whether it is streamed."""
    if request.instructions is not None:
        body["instructions"] = request.instructions
    capabilities = request.capabilities
    if capabilities is not NO_CAPABILITIES:
        _write_capabilities(capabilities, body, place)
    if request.generation is not NO_GENERATION:
        _write_generation(request, body, place)
        _note_unsaid(request.generation, place.losses)
    if capabilities.structured_output is not None or request.generation.verbosity:
        _write_text(request, body)
    _write_include(request, body, place)
    _write_rest(request, body, place)
    if request.vendor_extensions:
        _write_extensions(request, body, place)


def _write_extensions(request: LlmRequest, body: dict[str, Any], place: Place) -> None:
    """Write members that have no field. They never override what a field says."""
    for name, value in request.vendor_extensions.items():
        if not place.has_own_extensions:
            place.losses.drop(f"vendor_extensions.{name}", "Responses does not know it")
        elif name == "text" and type(value) is dict:
            body["text"] = {**value, **body.get("text", {})}
        elif name not in body:
            body[name] = value
        elif not request.protocol and name != "include":  # that is written as both together; of its own clients both are the same
            place.losses.drop(f"vendor_extensions.{name}", "a typed field says it")


def _write_capabilities(capabilities: CapabilitySet, body: dict[str, Any], place: Place) -> None:
    write_tools(capabilities, body, place)
    if capabilities.reasoning is not None:
        _write_reasoning(capabilities.reasoning, body, place)
    if capabilities.prompt_cache is not None:
        write_policy(capabilities.prompt_cache, body, place)
    if any(modality is not OutputModality.TEXT for modality in capabilities.modalities):
        place.losses.drop("capabilities.modalities", "Responses answers with text")
    if capabilities.audio is not None:
        place.losses.drop("capabilities.audio", "Responses does not speak")
    if capabilities.safety:
        place.losses.drop("capabilities.safety", "Responses has no safety settings")


def _write_generation(request: LlmRequest, body: dict[str, Any], place: Place) -> None:
    generation, losses = request.generation, place.losses
    body |= _members(generation)
    cap = generation.max_output_tokens
    if cap is not None and 0 < cap < _LEAST_OUTPUT and not place.is_own and place.dialect.is_openai:
        losses.approximate("generation.max_output_tokens", f"OpenAI takes no cap below {_LEAST_OUTPUT}")
        body["max_output_tokens"] = _LEAST_OUTPUT
    tier = generation.service_tier
    if tier and (word := tier if place.has_own_extensions else tier_said(tier, TIERS, losses, "OpenAI has no such tier")):
        body["service_tier"] = word


def _write_text(request: LlmRequest, body: dict[str, Any]) -> None:
    said: dict[str, Any] = {}
    output = request.capabilities.structured_output
    if output is not None and output.kind == "json_object":
        said["format"] = {"type": "json_object"}
    elif output is not None:
        wanted: dict[str, Any] = {"type": "json_schema", "name": output.name or "response", "schema": output.schema or {}}
        if output.description:
            wanted["description"] = output.description
        if output.strict is not None:
            wanted["strict"] = output.strict
        said["format"] = wanted
    if request.generation.verbosity:
        said["verbosity"] = request.generation.verbosity
    body["text"] = said


def _write_reasoning(reasoning: ReasoningCapability, body: dict[str, Any], place: Place) -> None:
    said: dict[str, Any] = {}
    effort = _effort(reasoning, place)
    if effort:
        said["effort"] = effort
    summary = _summary(reasoning, place)
    if summary:
        said["summary"] = summary
    place.add_extensions(said, reasoning.vendor_extensions, "capabilities.reasoning.", "Responses has no such option")
    if said:
        body["reasoning"] = said


def _effort(reasoning: ReasoningCapability, place: Place) -> str:
    path, losses = "capabilities.reasoning", place.losses
    if reasoning.budget_tokens is not None:
        losses.approximate(f"{path}.budget_tokens", "Responses knows efforts only")
    if reasoning.mode == "disabled":
        if reasoning.effort not in {"", "none"}:
            losses.drop(f"{path}.effort", "reasoning is disabled")
        return _no_effort(f"{path}.mode", place)
    if reasoning.mode:
        losses.approximate(f"{path}.mode", "the model reasons by its own rules")
    if is_off(reasoning):
        return _no_effort(f"{path}.effort" if reasoning.effort else f"{path}.budget_tokens", place)
    effort = reasoning.effort or ("" if reasoning.budget_tokens is None else effort_of(reasoning.budget_tokens))
    known = effort if place.is_own else nearest(effort, place.dialect.efforts)
    if known != effort and reasoning.effort:
        losses.approximate(f"{path}.effort", "the nearest that the model knows, if it knows one")
    return known


def _no_effort(path: str, place: Place) -> str:
    if place.is_own or place.dialect.can_stop_thinking:
        return "none"
    place.losses.approximate(path, "the model reasons always")
    return ""


def _summary(reasoning: ReasoningCapability, place: Place) -> str:
    if reasoning.include_thoughts is None:
        if reasoning.summary or reasoning.mode not in {"enabled", "adaptive"}:
            return reasoning.summary
        place.losses.default("capabilities.reasoning.summary", "of reasoning OpenAI shows nothing else, and that only if asked")
        return "auto"
    place.losses.approximate("capabilities.reasoning.include_thoughts", "Responses shows summaries only")
    if not reasoning.include_thoughts:
        return ""
    return reasoning.summary or "auto"


def _write_include(request: LlmRequest, body: dict[str, Any], place: Place) -> None:
    """Ask for logprobs, and for encrypted reasoning on behalf of a client that cannot ask for it and is to replay it."""
    kept = request.vendor_extensions.get("include") if place.has_own_extensions else None
    include = list(kept) if type(kept) is list else []
    if request.generation.logprobs:
        include.append(LOGPROBS)
    reasoning = request.capabilities.reasoning
    is_reasoning = reasoning is not None and reasoning.mode != "disabled" and reasoning.effort != "none"
    if is_reasoning and not place.is_own and not request.store and ENCRYPTED not in include:
        place.losses.default("vendor_extensions.include", "encrypted reasoning is asked for, to be replayed")
        include.append(ENCRYPTED)
    if include:
        body["include"] = include


def _write_rest(request: LlmRequest, body: dict[str, Any], place: Place) -> None:
    if request.metadata:
        body["metadata"] = request.metadata
    if request.store is not None:
        body["store"] = request.store
    elif request.protocol in _STATELESS:
        body["store"] = False
    if request.previous_response_id:
        body["previous_response_id"] = request.previous_response_id
    if request.user_id:
        body["safety_identifier"] = request.user_id if place.is_own else short_user_id(request.user_id, place.losses)


def _note_unsaid(generation: GenerationConfig, losses: Losses) -> None:
    for name, _ in _unsaid(generation):
        losses.drop(f"generation.{name}", f"Responses has no {name}")
    if generation.stop:
        losses.drop("generation.stop", "Responses has no stop sequences")
    if generation.n is not None and generation.n != 1:
        losses.drop("generation.n", "Responses gives one answer")
