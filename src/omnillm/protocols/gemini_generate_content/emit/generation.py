"""`generationConfig`, written from sampling, output, modalities and reasoning."""

from typing import Any

import msgspec

from omnillm.model.capabilities import CapabilitySet, ReasoningCapability, StructuredOutputConfig
from omnillm.model.request import GenerationConfig, LlmRequest
from omnillm.protocols.differences.effort import budget_of, effort_of, is_off, nearest
from omnillm.protocols.gemini_generate_content.parse.generation import MOST_CANDIDATES
from omnillm.protocols.gemini_generate_content.place import Place
from omnillm.protocols.loss import Losses

_NUMBERS = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "max_output_tokens": "maxOutputTokens",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "seed": "seed",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "XHIGH", "max": "XHIGH"}
_REASONING = "capabilities.reasoning"
_OUTPUT = "capabilities.structured_output"
_MOST_STOPS = 5
_DYNAMIC = -1
_LARGEST_BUDGET = 24_576
"""That every model with a budget takes."""


def emit_generation(request: LlmRequest, place: Place) -> dict[str, Any]:
    generation, capabilities = request.generation, request.capabilities
    said = msgspec.to_builtins(generation)  # what is not said is left out, all in one step
    config: dict[str, Any] = {_NUMBERS[name]: said[name] for name in filter(_NUMBERS.__contains__, said)}
    most = 1 if place.dialect.gives_one_answer and not place.is_own else MOST_CANDIDATES
    if generation.n is not None and generation.n > most:
        config["candidateCount"] = most
        place.losses.approximate("generation.n", f"the model gives at most {most}")
    if generation.stop:
        config["stopSequences"] = written_stops(generation, place)
    if not place.is_own and not place.dialect.takes_penalties:
        _drop_penalties(config, place.losses)
    _drop_unsaid(generation, capabilities, place.losses)
    if capabilities.structured_output is not None and _has_output(request, place):
        _output(capabilities.structured_output, config, place.losses)
    if capabilities.modalities:
        config["responseModalities"] = [modality.name for modality in capabilities.modalities]
    if capabilities.reasoning is not None and (thinking := _thinking(capabilities.reasoning, place)):
        config["thinkingConfig"] = thinking
    return config


def written_stops(generation: GenerationConfig, place: Place) -> list[str]:
    if len(generation.stop) <= _MOST_STOPS or place.is_own:
        return list(generation.stop)
    place.losses.drop("generation.stop", f"Gemini takes {_MOST_STOPS}")
    return list(generation.stop[:_MOST_STOPS])


def _drop_penalties(config: dict[str, Any], losses: Losses) -> None:
    for name in ("presence_penalty", "frequency_penalty"):
        if config.pop(_NUMBERS[name], None):
            losses.drop(f"generation.{name}", "the model takes no penalties")


def _drop_unsaid(generation: GenerationConfig, capabilities: CapabilitySet, losses: Losses) -> None:
    if generation.logit_bias is not None:
        losses.drop("generation.logit_bias", "Gemini has no logit_bias")
    if generation.verbosity:
        losses.drop("generation.verbosity", "Gemini has no verbosity")
    if capabilities.audio is not None:
        losses.drop("capabilities.audio", "Gemini has other voices, in speechConfig")


def _has_output(request: LlmRequest, place: Place) -> bool:
    if not place.is_own:
        return True
    own = request.vendor_extensions.get("generationConfig")
    return type(own) is not dict or "responseMimeType" not in own  # an enum's, which only this protocol has


def _output(output: StructuredOutputConfig, config: dict[str, Any], losses: Losses) -> None:
    config["responseMimeType"] = "application/json"
    losses.drop_said(output, ("name", "description"), f"{_OUTPUT}.", "Gemini has only the schema")
    if output.strict is False:
        losses.approximate(f"{_OUTPUT}.strict", "Gemini always holds to the schema")
    if output.schema is not None:
        config["responseJsonSchema"] = output.schema
    elif output.kind == "json_schema":
        losses.approximate(f"{_OUTPUT}.kind", "without a schema any JSON is right")


def _thinking(reasoning: ReasoningCapability, place: Place) -> dict[str, Any]:
    losses = place.losses
    config: dict[str, Any] = {}
    if place.dialect.efforts == () and not place.is_own:
        losses.drop(_REASONING, "the model takes no word on it")
        return config
    if is_off(reasoning):
        _stop(reasoning, config, place)
    else:
        _effort(reasoning, config, place)
    shown = shows_thoughts(reasoning, losses, "includeThoughts")
    if shown is not None:
        config["includeThoughts"] = shown
    if reasoning.vendor_extensions:
        place.extend(config, reasoning.vendor_extensions, lambda member: f"{_REASONING}{member}")
    return config


def shows_thoughts(reasoning: ReasoningCapability, losses: Losses, word: str) -> bool | None:
    """Tell whether thoughts are to be shown; None: it is not said. `word`: what the member for it is called."""
    if reasoning.include_thoughts is not None:
        return reasoning.include_thoughts
    if reasoning.summary:
        losses.approximate(f"{_REASONING}.summary", f"said as {word}")
        return True
    return True if reasoning.mode in {"enabled", "adaptive"} else None  # who asks for thinking in these words is shown it


def _stop(reasoning: ReasoningCapability, config: dict[str, Any], place: Place) -> None:
    path = f"{_REASONING}.{'mode' if reasoning.mode else 'effort' if reasoning.effort else 'budget_tokens'}"
    if place.is_own or place.dialect.can_stop_thinking:
        config["thinkingBudget"] = 0
    elif place.dialect.efforts:
        place.losses.approximate(path, "the least that the model takes")
        config["thinkingLevel"] = _LEVELS[place.dialect.efforts[0]]
    else:
        place.losses.drop(path, "the model always reasons")


def _effort(reasoning: ReasoningCapability, config: dict[str, Any], place: Place) -> None:
    if place.is_own:
        if reasoning.effort:
            config["thinkingLevel"] = _level(reasoning, reasoning.effort, place.losses)
        if reasoning.budget_tokens is not None:
            config["thinkingBudget"] = reasoning.budget_tokens
        elif reasoning.mode and not config:
            _leave_open(config, place.losses)
    elif place.dialect.thinks_in_levels and (reasoning.effort or place.dialect.efforts):
        _as_level(reasoning, config, place)
    else:
        _as_budget(reasoning, config, place.losses)


def _as_level(reasoning: ReasoningCapability, config: dict[str, Any], place: Place) -> None:
    effort, budget, losses = reasoning.effort, reasoning.budget_tokens, place.losses
    if budget is not None and effort:
        losses.drop(f"{_REASONING}.budget_tokens", "Gemini takes a level or a budget")
    elif budget is not None:
        losses.approximate(f"{_REASONING}.budget_tokens", "said as a level, or left to the model")
        effort = effort_of(budget) if budget > 0 else ""
    elif reasoning.mode and not effort:
        losses.approximate(f"{_REASONING}.mode", "the model thinks by its own rules")
    if effort:
        config["thinkingLevel"] = _level(reasoning, nearest(effort, place.dialect.efforts), losses)


def _level(reasoning: ReasoningCapability, known: str, losses: Losses) -> str:
    """`known`: the nearest effort that the model knows."""
    level = _LEVELS.get(known)
    if reasoning.effort and (level is None or known != reasoning.effort or known == "max"):
        losses.approximate(f"{_REASONING}.effort", "the nearest that the model knows")
    return level or "MEDIUM"


def _as_budget(reasoning: ReasoningCapability, config: dict[str, Any], losses: Losses) -> None:
    if reasoning.budget_tokens is not None:
        if reasoning.effort:
            losses.drop(f"{_REASONING}.effort", "Gemini takes a level or a budget")
        config["thinkingBudget"] = reasoning.budget_tokens
    elif reasoning.effort:
        losses.approximate(f"{_REASONING}.effort", "said as a budget")
        config["thinkingBudget"] = min(budget_of(reasoning.effort), _LARGEST_BUDGET)
    elif reasoning.mode:
        _leave_open(config, losses)


def _leave_open(config: dict[str, Any], losses: Losses) -> None:
    losses.approximate(f"{_REASONING}.mode", "said as a budget of the model's own choice")
    config["thinkingBudget"] = _DYNAMIC
