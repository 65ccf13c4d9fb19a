"""A canonical reply, written as an interaction."""

from typing import Any

from omnillm.model.events import Finished
from omnillm.model.message import ToolCall
from omnillm.model.response import Candidate, FinishReason, LlmResponse
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.gemini_interactions.emit.results import Step
from omnillm.protocols.gemini_interactions.emit.steps import emit_steps
from omnillm.protocols.gemini_interactions.finish import write_finish
from omnillm.protocols.gemini_interactions.moment import write_moment
from omnillm.protocols.gemini_interactions.place import NAME, Place
from omnillm.protocols.gemini_interactions.usage import write_usage
from omnillm.protocols.loss import Losses

_TIERS = frozenset({"flex", "standard", "priority", "deferred"})
_USUAL = frozenset({"", "auto", "default"})
_PREFIX = "v1_"


def emit_reply(response: LlmResponse, context: ReplyContext, losses: Losses) -> dict[str, Any]:
    is_own = response.protocol == NAME
    place = Place(losses, is_own=is_own, is_reply=True, names=context.names)
    steps, status = _answer(response, place)
    moment = write_moment(context.created if response.created is None else response.created)
    body: dict[str, Any] = {
        "id": interaction_id(response.id, response.protocol, context),
        "object": "interaction",
        "status": status,
        "model": response.model or context.model,
        "created": moment,
        "updated": moment,
        "steps": steps,
    }
    usage = write_usage(response.usage, response.raw_usage if is_own else None, losses)
    if usage is not None:
        body["usage"] = usage
    if tier := tier_of(response.service_tier, losses):
        body["service_tier"] = tier
    place.extend(body, response.vendor_extensions, lambda member: member[1:])
    return body


def interaction_id(given: str, protocol: str, context: ReplyContext) -> str:
    """Keep an id of this protocol; make one of others."""
    return given if given and protocol == NAME else f"{_PREFIX}{context.id}"


def tier_of(tier: str, losses: Losses) -> str:
    if tier in _TIERS:
        return tier
    if tier not in _USUAL:
        losses.drop("service_tier", "a tier of another provider")
    return ""


def _answer(response: LlmResponse, place: Place) -> tuple[list[Step], str]:
    losses = place.losses
    for number in range(1, len(response.candidates)):
        losses.drop(f"candidates[{number}]", "Interactions gives one answer")
    if not response.candidates:
        losses.approximate("candidates", "no answer, as one that was filtered")
        return [], write_finish(FinishReason.CONTENT_FILTER, "", losses, is_own=False, has_call=False)
    candidate = response.candidates[0]
    message = candidate.message
    steps = emit_steps(message.parts, place)
    if message.name:
        losses.drop(place.around(".message.name"), "Gemini has no names of participants")
    losses.drop_extensions(message.vendor_extensions, place.around(".message."), "an answer has no members of its own here")
    if candidate.logprobs is not None:
        losses.drop("candidates[0].logprobs", "Interactions tells none")
    note_unsaid(candidate, losses)
    reason, native = candidate.finish_reason, candidate.native_finish_reason
    has_call = ToolCall in set(map(type, message.parts))
    return steps, write_finish(reason, native, losses, is_own=place.is_own, has_call=has_call)


def note_unsaid(end: Candidate | Finished, losses: Losses) -> None:
    """Tell what an answer's end says beside its reason."""
    if end.stop_sequence is not None:
        losses.drop("candidates[0].stop_sequence", "Interactions does not say which")
    losses.drop_extensions(end.vendor_extensions, "candidates[0].", "an answer has no members of its own here")
