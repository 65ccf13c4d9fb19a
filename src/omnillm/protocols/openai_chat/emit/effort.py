"""Reasoning, asked for as an effort, which is all that Chat knows of it."""

from typing import Any

from omnillm.model.capabilities import ReasoningCapability
from omnillm.protocols.differences.effort import effort_of
from omnillm.protocols.openai_chat.place import Place

_PATH = "capabilities.reasoning"
_EVERYWHERE = frozenset({"none", "low", "medium", "high"})
"""Efforts that compatible hosts know."""
_NEAREST = {"minimal": "low", "xhigh": "high", "max": "high"}


def write_effort(wanted: ReasoningCapability, body: dict[str, Any], place: Place) -> None:
    effort = "" if _is_always_on(wanted, place) else _effort(wanted, place)
    if effort and not place.takes_openai_members and effort not in _EVERYWHERE:
        effort = _known_effort(effort, wanted, place)
    if effort:
        body["reasoning_effort"] = effort
    if wanted.summary:
        place.losses.drop(f"{_PATH}.summary", "Chat has no summaries of reasoning")
    if wanted.include_thoughts is not None:
        place.losses.drop(f"{_PATH}.include_thoughts", "Chat does not say whether reasoning is shown")
    for name in wanted.vendor_extensions:
        place.losses.drop(f"{_PATH}.vendor_extensions.{name}", "not a member of Chat's")


def _is_always_on(wanted: ReasoningCapability, place: Place) -> bool:
    """Tell whether no reasoning is asked of a model that would refuse that; then nothing is said to it."""
    if place.is_native or place.dialect is None or place.dialect.can_stop_thinking:
        return False
    is_off = wanted.mode == "disabled" or wanted.effort == "none" or (wanted.budget_tokens == 0 and not wanted.effort)
    for name in ("mode", "effort", "budget_tokens") if is_off else ():
        if getattr(wanted, name) not in {"", None}:
            place.losses.approximate(f"{_PATH}.{name}", "left out: the model cannot be told not to reason")
    return is_off


def _effort(wanted: ReasoningCapability, place: Place) -> str:
    """Say mode, effort and budget as an effort."""
    is_off = wanted.mode == "disabled"
    effort = "none" if is_off else wanted.effort
    if wanted.budget_tokens is not None:
        if effort:
            place.losses.drop(f"{_PATH}.budget_tokens", "the effort says it")
        else:
            effort = effort_of(wanted.budget_tokens)
            place.losses.approximate(f"{_PATH}.budget_tokens", "said as an effort")
    if wanted.mode and not effort:
        place.losses.drop(f"{_PATH}.mode", "Chat knows an effort only")
    elif is_off is not (wanted.effort == "none") or (wanted.mode and not is_off):
        place.losses.approximate(f"{_PATH}.mode", "said as an effort")
    return effort


def _known_effort(effort: str, wanted: ReasoningCapability, place: Place) -> str:
    """Return the nearest effort that compatible hosts know."""
    nearest = _NEAREST.get(effort, "")
    if not nearest:
        place.losses.drop(f"{_PATH}.effort", "the host may not know it")
    elif wanted.effort:
        place.losses.approximate(f"{_PATH}.effort", "the nearest that every host knows")
    return nearest
