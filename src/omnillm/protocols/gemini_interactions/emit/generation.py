"""Sampling, reasoning and the form of the answer, written as `generation_config` and `response_format`."""

from typing import Any

import msgspec

from omnillm.model.capabilities import CapabilitySet, OutputModality, ReasoningCapability, StructuredOutputConfig
from omnillm.model.request import LlmRequest
from omnillm.protocols.differences.effort import effort_of, nearest
from omnillm.protocols.differences.generation import drop_unsaid
from omnillm.protocols.gemini_generate_content.emit.generation import shows_thoughts, written_stops
from omnillm.protocols.gemini_interactions.place import Place

_NUMBERS = frozenset({"max_output_tokens", "temperature", "top_p", "top_k", "seed"})
_LEVELS = frozenset({"minimal", "low", "medium", "high", "xhigh"})
_LEAST = "minimal"
_REASONING = "capabilities.reasoning"
_OUTPUT = "capabilities.structured_output"
_JSON = "application/json"
_MODALITIES = "capabilities.modalities"


def emit_generation(request: LlmRequest, place: Place) -> dict[str, Any]:
    generation, losses = request.generation, place.losses
    told = msgspec.to_builtins(generation)  # what is not said is left out, all in one step
    config: dict[str, Any] = {name: told[name] for name in filter(_NUMBERS.__contains__, told)}
    if generation.stop:
        config["stop_sequences"] = written_stops(generation, place)
    drop_unsaid(generation, losses, "Interactions", says_seed=True)
    if request.capabilities.audio is not None:
        losses.drop("capabilities.audio", "Gemini has other voices, in speech_config")
    if request.capabilities.reasoning is not None:
        _think(request.capabilities.reasoning, config, place)
    return config


def _think(reasoning: ReasoningCapability, config: dict[str, Any], place: Place) -> None:
    losses = place.losses
    if place.dialect.efforts == () and not place.is_own:
        losses.drop(_REASONING, "the model takes no word on it")
        return
    if reasoning.mode == "disabled" or reasoning.effort == "none":
        losses.approximate(f"{_REASONING}.mode" if reasoning.mode else f"{_REASONING}.effort", "said as the least thinking")
        level = _LEAST
    else:
        level = _level(reasoning, place)
    if level:
        config["thinking_level"] = level if place.is_own else _taken(level, place)
    shown = shows_thoughts(reasoning, losses, "thinking_summaries")
    if shown is not None:
        config["thinking_summaries"] = "auto" if shown else "none"
    if reasoning.include_thoughts is not None and reasoning.summary:
        losses.drop(f"{_REASONING}.summary", "Interactions shows thoughts or not")
    place.extend(config, reasoning.vendor_extensions, lambda member: f"{_REASONING}{member}")


def _level(reasoning: ReasoningCapability, place: Place) -> str:
    """Return the level of thinking; "": the model's own choice."""
    losses, effort, budget = place.losses, reasoning.effort, reasoning.budget_tokens
    if budget is not None:
        losses.approximate(f"{_REASONING}.budget_tokens", "Interactions knows levels only")
        effort = effort or effort_of(budget)
    elif reasoning.mode and not effort:
        losses.approximate(f"{_REASONING}.mode", "the model thinks by its own rules")
    elif reasoning.mode:
        losses.approximate(f"{_REASONING}.mode", "said as a level")
    if effort == "none":
        return _LEAST
    if not effort or effort in _LEVELS:
        return effort
    losses.approximate(f"{_REASONING}.effort", "Gemini has minimal to xhigh")
    return "xhigh" if effort == "max" else "medium"


def _taken(level: str, place: Place) -> str:
    taken = nearest(level, place.dialect.efforts)
    if taken != level:
        place.losses.approximate(f"{_REASONING}.effort", "the nearest that the model knows")
    return taken


def emit_form(request: LlmRequest, place: Place) -> Any:
    """Return `response_format`: one object, or several; None: a text in the model's own words."""
    capabilities = request.capabilities
    kept = request.vendor_extensions.get("response_format") if place.is_own else None
    others = kept if type(kept) is list else []
    named = [each.get("type") for each in others if type(each) is dict]
    formats = [] if (text := _text(capabilities, place)) is None else [text]
    formats += [{"type": each.value} for each in capabilities.modalities if each is not OutputModality.TEXT and each.value not in named]
    formats += others
    return formats[0] if len(formats) == 1 else formats or None


def _text(capabilities: CapabilitySet, place: Place) -> dict[str, Any] | None:
    output, losses = capabilities.structured_output, place.losses
    modalities = capabilities.modalities
    if output is None:
        return {"type": "text"} if OutputModality.TEXT in modalities else None
    if modalities == (OutputModality.TEXT,) or (modalities and OutputModality.TEXT not in modalities):
        losses.approximate(_MODALITIES, "JSON is a text")
    return _json(output, place)


def _json(output: StructuredOutputConfig, place: Place) -> dict[str, Any]:
    losses = place.losses
    losses.drop_said(output, ("name", "description"), f"{_OUTPUT}.", "Gemini has only the schema")
    if output.strict is not None and not place.is_own:
        losses.approximate(f"{_OUTPUT}.strict", "Gemini always holds to the schema")
    if output.schema is not None:
        return {"type": "text", "mime_type": _JSON, "schema": output.schema}
    if output.kind == "json_schema":
        losses.approximate(f"{_OUTPUT}.kind", "without a schema any JSON is right")
    return {"type": "text", "mime_type": _JSON}
