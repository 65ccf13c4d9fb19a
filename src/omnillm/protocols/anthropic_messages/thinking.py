"""How much the model is to think, both ways: `thinking` and `output_config.effort`, and what sampling thinking allows."""

from typing import Any

import msgspec

from omnillm.model.capabilities import ReasoningCapability
from omnillm.model.message import VendorExtensions
from omnillm.protocols.anthropic_messages.place import Place
from omnillm.protocols.dialects import ClaudeDialect
from omnillm.protocols.differences.effort import SMALLEST_BUDGET, budget_of, effort_of
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import optional_integer, optional_mapping, optional_text, rest, text

_PATH = "capabilities.reasoning"
_KNOWN = frozenset({"type", "budget_tokens", "display"})
_MODES: dict[str, Any] = {"enabled": "enabled", "adaptive": "adaptive", "between_tools": "adaptive", "disabled": "disabled"}
_SHOWN = {"summarized": True, "omitted": False}
_DISPLAYS = {True: "summarized", False: "omitted"}
_ALWAYS_THINKS = "the model always thinks, and refuses to be told not to"
_EFFORTS = {"minimal": "low"}
"""Efforts that the Messages API does not know, to the nearest that it does."""


class Thinking(msgspec.Struct, frozen=True, kw_only=True):
    """What is written of it."""

    thinking: dict[str, Any] | None = None
    effort: str = ""
    budget: int | None = None
    """In tokens; None where the model decides or does not think."""

    @property
    def is_on(self) -> bool:
        return self.thinking is not None and self.thinking["type"] not in {"disabled", "between_tools"}


def parse_reasoning(body: dict[str, Any], extensions: VendorExtensions) -> ReasoningCapability | None:
    """Read `thinking` and the effort. A type that is not known stays in `extensions`."""
    thinking = optional_mapping(body, "thinking")
    config = optional_mapping(body, "output_config") or {}
    effort = optional_text(config, "effort", "output_config")
    if thinking is None:
        return ReasoningCapability(effort=effort) if effort else None
    kind = text(thinking.get("type"), "thinking.type")
    mode = _MODES.get(kind)
    if mode is None:
        extensions["thinking"] = thinking
        return ReasoningCapability(effort=effort) if effort else None
    own = rest(thinking, _KNOWN)
    display = optional_text(thinking, "display", "thinking")
    if display and display not in _SHOWN:
        own["display"] = display
    if kind == "between_tools":
        own["type"] = kind
    return ReasoningCapability(
        mode=mode,
        effort=effort,
        budget_tokens=optional_integer(thinking, "budget_tokens", "thinking"),
        include_thoughts=_SHOWN.get(display),
        vendor_extensions=own,
    )


def plan_thinking(reasoning: ReasoningCapability | None, place: Place) -> Thinking:
    """Decide what is written. A request that was written for the Messages API keeps its words."""
    if reasoning is None:
        return Thinking()
    dialect, losses = place.dialect, place.losses
    if not place.is_own:
        losses.drop_extensions(reasoning.vendor_extensions, f"{_PATH}.", place.unknown)
        return _shown(reasoning, _bridged(reasoning, dialect, losses), losses)
    if reasoning.mode == "enabled" and dialect.thinks_adaptively:
        return _shown(reasoning, _adaptive(reasoning, losses), losses)
    if reasoning.mode == "disabled" and not dialect.can_stop_thinking:
        losses.approximate(_PATH, _ALWAYS_THINKS)
        return msgspec.structs.replace(without_thinking(dialect), effort=reasoning.effort)
    return _own(reasoning, losses)


def without_thinking(dialect: ClaudeDialect) -> Thinking:
    """Say that nothing is to be thought, unless the model refuses to hear it."""
    if dialect.can_stop_thinking:
        return Thinking(thinking={"type": "disabled"})
    return Thinking(thinking={"type": "between_tools"}) if dialect.thinks_between_tools else Thinking()


def _own(reasoning: ReasoningCapability, losses: Losses) -> Thinking:
    if not reasoning.mode:
        return _shown(reasoning, Thinking(effort=reasoning.effort), losses)
    thinking: dict[str, Any] = {"type": reasoning.mode}
    if reasoning.budget_tokens is not None:
        thinking["budget_tokens"] = reasoning.budget_tokens
    budget = reasoning.budget_tokens if reasoning.mode == "enabled" else None
    thinking |= reasoning.vendor_extensions
    if reasoning.include_thoughts is not None:
        thinking["display"] = _DISPLAYS[reasoning.include_thoughts]
    return Thinking(thinking=thinking, effort=reasoning.effort, budget=budget)


def _bridged(reasoning: ReasoningCapability, dialect: ClaudeDialect, losses: Losses) -> Thinking:
    if reasoning.mode == "disabled" or reasoning.effort == "none" or reasoning.budget_tokens == 0:
        if not dialect.can_stop_thinking:
            losses.approximate(_PATH, _ALWAYS_THINKS)
        elif reasoning.mode != "disabled" or reasoning.effort or reasoning.budget_tokens is not None:
            losses.approximate(_PATH, "said as thinking disabled")
        return without_thinking(dialect)
    if not reasoning.mode and not reasoning.effort and reasoning.budget_tokens is None:
        return Thinking()
    return _adaptive(reasoning, losses) if dialect.thinks_adaptively else _by_budget(reasoning, losses)


def _adaptive(reasoning: ReasoningCapability, losses: Losses) -> Thinking:
    effort = reasoning.effort
    if reasoning.budget_tokens is not None:
        losses.approximate(f"{_PATH}.budget_tokens", "said as an effort, or left to the model")
        effort = effort or (effort_of(reasoning.budget_tokens) if reasoning.budget_tokens > 0 else "")
    elif reasoning.mode != "adaptive":
        losses.approximate(f"{_PATH}.mode", "the model thinks adaptively")
    if effort in _EFFORTS:
        losses.approximate(f"{_PATH}.effort", f"said as {_EFFORTS[effort]}")
    return Thinking(thinking={"type": "adaptive"}, effort=_EFFORTS.get(effort, effort))


def _by_budget(reasoning: ReasoningCapability, losses: Losses) -> Thinking:
    budget = reasoning.budget_tokens
    if budget is None or budget < 0:
        losses.approximate(f"{_PATH}.effort", "said as a budget of tokens")
        budget = budget_of(reasoning.effort or "medium")
    elif reasoning.mode != "enabled" or reasoning.effort:
        losses.approximate(f"{_PATH}.budget_tokens", "said as a budget of tokens alone")
    return Thinking(thinking={"type": "enabled", "budget_tokens": budget}, budget=budget)


def _shown(reasoning: ReasoningCapability, plan: Thinking, losses: Losses) -> Thinking:
    """Say whether the thoughts are to be seen."""
    shown = reasoning.include_thoughts
    if not plan.is_on:
        if shown is not None:
            losses.drop(f"{_PATH}.include_thoughts", "nothing is thought")
        if reasoning.summary:
            losses.drop(f"{_PATH}.summary", "nothing is thought")
        return plan
    if reasoning.summary:
        losses.approximate(f"{_PATH}.summary", "thinking is shown as the model shows it")
        if shown is None and plan.budget is None:  # models that think by a budget show it unasked
            shown = True
    if shown is None:
        return plan
    return msgspec.structs.replace(plan, thinking={**(plan.thinking or {}), "display": _DISPLAYS[shown]})


def fit_budget(plan: Thinking, max_tokens: int, place: Place) -> Thinking:
    """Bring a bridged budget into [1024, max_tokens - 1]; off where that is empty, for the cap is a promise about money."""
    if plan.budget is None:
        return plan
    if max_tokens <= SMALLEST_BUDGET:
        place.losses.approximate(_PATH, "off, for the output cap leaves no room for it")
        return without_thinking(place.dialect)
    budget = min(max(plan.budget, SMALLEST_BUDGET), max_tokens - 1)
    if budget != plan.budget:
        place.losses.approximate(f"{_PATH}.budget_tokens", "brought between 1024 and the output cap")
        plan = msgspec.structs.replace(plan, budget=budget, thinking={**(plan.thinking or {}), "budget_tokens": budget})
    return plan
