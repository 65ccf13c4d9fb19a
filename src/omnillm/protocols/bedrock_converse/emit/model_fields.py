"""What Converse has no word for and a family of models has: thinking and top_k, in additionalModelRequestFields."""

from typing import Any

import msgspec

from omnillm.model.capabilities import ReasoningCapability
from omnillm.protocols.anthropic_messages.thinking import Thinking, fit_budget, plan_thinking, without_thinking
from omnillm.protocols.bedrock_converse.place import Place
from omnillm.protocols.differences.effort import effort_of

_PATH = "capabilities.reasoning"
_NOVA_EFFORTS = {"none": "", "minimal": "low", "low": "low"}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked beside Converse's own members."""

    fields: dict[str, Any] = {}
    thinking: Thinking = Thinking()
    """Of a Claude model."""
    max_tokens: int | None = None
    """The output cap, where thinking by a budget needs one."""


def plan_fields(reasoning: ReasoningCapability | None, max_tokens: int | None, place: Place, *, is_amid_turn: bool) -> Plan:
    """Decide how the model is to think. `is_amid_turn`: the assistant began one without thinking."""
    if reasoning is None:
        return Plan(max_tokens=max_tokens)
    if place.family == "claude":
        return _claude(reasoning, max_tokens, place, is_amid_turn=is_amid_turn)
    if place.family == "nova":
        return _nova(reasoning, max_tokens, place)
    place.losses.drop(_PATH, "how this model is told to think is not known")
    return Plan(max_tokens=max_tokens)


def _claude(reasoning: ReasoningCapability, max_tokens: int | None, place: Place, *, is_amid_turn: bool) -> Plan:
    thinking = plan_thinking(reasoning, place)
    if thinking.budget is not None and is_amid_turn:
        place.losses.approximate(_PATH, "off, for the turn at the end has begun without signed thinking")
        thinking = without_thinking(place.dialect)
    if thinking.budget is not None:
        if max_tokens is None:
            place.losses.default("generation.max_output_tokens", "thinking by a budget requires one")
            max_tokens = place.dialect.default_max_tokens
        thinking = fit_budget(thinking, max_tokens, place)
    fields = {} if thinking.thinking is None else {"thinking": thinking.thinking}
    return Plan(fields=fields, thinking=thinking, max_tokens=max_tokens)


def _nova(reasoning: ReasoningCapability, max_tokens: int | None, place: Place) -> Plan:
    """Nova 2 takes an effort; its highest forbids an output cap, which is a promise about money."""
    losses = place.losses
    losses.drop_extensions(reasoning.vendor_extensions, f"{_PATH}.", place.unknown)
    effort = reasoning.effort or ("" if reasoning.budget_tokens is None else effort_of(reasoning.budget_tokens))
    if reasoning.mode == "disabled" or effort == "none":
        return Plan(fields={"reasoningConfig": {"type": "disabled"}}, max_tokens=max_tokens)
    if reasoning.budget_tokens is not None:
        losses.approximate(f"{_PATH}.budget_tokens", "said as an effort")
    said = _NOVA_EFFORTS.get(effort, "medium")
    if said != effort:
        losses.approximate(f"{_PATH}.effort", f"said as {said}")
    losses.drop_said(reasoning, ("summary", "include_thoughts"), f"{_PATH}.", "the model decides what is shown")
    return Plan(fields={"reasoningConfig": {"type": "enabled", "maxReasoningEffort": said}}, max_tokens=max_tokens)


def top_k_fields(top_k: int | None, plan: Plan, place: Place) -> dict[str, Any]:
    if top_k is None:
        return {}
    if place.family == "nova":
        return {"inferenceConfig": {"topK": top_k}}
    if place.family != "claude":
        place.losses.drop("generation.top_k", "Converse has no top_k")
    elif not place.dialect.accepts_sampling:
        place.losses.drop("generation.top_k", "the model takes no sampling parameters")
    elif plan.thinking.is_on:
        place.losses.drop("generation.top_k", "not together with thinking")
    else:
        return {"top_k": top_k}
    return {}
