"""Reasoning, asked for as an effort, which is all that Chat knows of it."""

from typing import Any

from omnillm.model.capabilities import ReasoningCapability
from omnillm.protocols.differences.effort import BUDGETS, effort_of, is_off, nearest
from omnillm.protocols.openai_chat.place import Place

_PATH = "capabilities.reasoning"
_EVERYWHERE = ("none", "low", "medium", "high")
"""Efforts that compatible hosts know."""
_SWITCHED_OFF = {"type": "disabled"}


def write_effort(wanted: ReasoningCapability, body: dict[str, Any], place: Place) -> None:
    if _is_switched(place) and is_off(wanted):
        body["thinking"] = _SWITCHED_OFF
        return
    effort = "" if _is_always_on(wanted, place) else _effort(wanted, place)
    if effort:
        effort = _known_effort(effort, wanted, place)
    if effort:
        body["reasoning_effort"] = effort
    if wanted.summary:
        place.losses.drop(f"{_PATH}.summary", "Chat has no summaries of reasoning")
    if wanted.include_thoughts is not None:
        place.losses.drop(f"{_PATH}.include_thoughts", "Chat does not say whether reasoning is shown")
    place.losses.drop_extensions(wanted.vendor_extensions, f"{_PATH}.", "not a member of Chat's")


def free_choice(wanted: ReasoningCapability | None, body: dict[str, Any], place: Place) -> None:
    """Stop thoughts that let no call of a tool be forced; where the client wants them, nothing is forced."""
    if not _is_switched(place) or body.get("tool_choice", "auto") in ("auto", "none"):
        return
    if wanted is None:
        place.losses.default(_PATH, "switched off: a model that thinks cannot be forced to call a tool")
        body["thinking"] = _SWITCHED_OFF
    elif not is_off(wanted):
        place.losses.approximate("capabilities.tool_choice", "a model that thinks cannot be forced to call a tool")
        body["tool_choice"] = "auto"


def rest_beside_tools(body: dict[str, Any], place: Place) -> None:
    """Tell a model not to reason that else takes no tools."""
    if not place.dialect.rests_beside_tools or place.is_own or "tools" not in body:
        return
    why = "switched off: in Chat the model takes no tools while it reasons"
    if body.get("reasoning_effort", "none") != "none":
        place.losses.approximate(f"{_PATH}.effort", why)
    elif place.dialect.rests is False and "reasoning_effort" not in body:
        place.losses.default(f"{_PATH}.effort", why)
    body["reasoning_effort"] = "none"


def _is_switched(place: Place) -> bool:
    return place.dialect.switches_thoughts and not place.is_own


def _is_always_on(wanted: ReasoningCapability, place: Place) -> bool:
    """Tell whether no reasoning is asked of a model that would refuse that; then nothing is said to it."""
    if place.is_own or place.dialect.can_stop_thinking or not is_off(wanted):
        return False
    for name in ("mode", "effort", "budget_tokens"):
        if getattr(wanted, name) not in {"", None}:
            place.losses.approximate(f"{_PATH}.{name}", "left out: the model cannot be told not to reason")
    return True


def _effort(wanted: ReasoningCapability, place: Place) -> str:
    """Say mode, effort and budget as an effort."""
    is_disabled = wanted.mode == "disabled"
    effort = "none" if is_disabled else wanted.effort
    if wanted.budget_tokens is not None:
        if effort:
            place.losses.drop(f"{_PATH}.budget_tokens", "the effort says it")
        else:
            effort = effort_of(wanted.budget_tokens)
            place.losses.approximate(f"{_PATH}.budget_tokens", "said as an effort")
    if is_disabled and wanted.effort not in {"", "none"}:
        place.losses.drop(f"{_PATH}.effort", "reasoning is disabled")
    if wanted.mode and not effort:
        place.losses.drop(f"{_PATH}.mode", "Chat knows an effort only")
    elif wanted.mode and not is_disabled:
        place.losses.approximate(f"{_PATH}.mode", "said as an effort")
    return effort


def _known_effort(effort: str, wanted: ReasoningCapability, place: Place) -> str:
    """Return the nearest effort that the model knows, or compatible hosts."""
    if place.has_own_extensions and effort != "none" and effort not in BUDGETS:
        return effort
    efforts = None if place.is_own else place.dialect.efforts
    if efforts is None and not place.takes_openai_members:
        efforts = _EVERYWHERE
    known = nearest(effort, efforts)
    if not known:
        place.losses.drop(f"{_PATH}.effort", "the host may not know it")
    elif known != effort and wanted.effort:
        place.losses.approximate(f"{_PATH}.effort", "the nearest that the model knows")
    return known
