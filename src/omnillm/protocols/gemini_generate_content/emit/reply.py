"""A canonical reply, written for a client of generateContent."""

from collections.abc import Sequence
from typing import Any

from omnillm.model.events import Finished
from omnillm.model.message import Refusal, Text, ToolCall, VendorExtensions
from omnillm.model.response import Candidate, LlmResponse
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.gemini_generate_content.carrier import Cargo
from omnillm.protocols.gemini_generate_content.citations import Cites, write_grounding
from omnillm.protocols.gemini_generate_content.emit.parts import GeminiPart, emit_part
from omnillm.protocols.gemini_generate_content.finish import write_finish
from omnillm.protocols.gemini_generate_content.logprobs import write_logprobs
from omnillm.protocols.gemini_generate_content.place import NAME, Place
from omnillm.protocols.gemini_generate_content.shapes_of_replies import OF_CANDIDATE, OF_NOTHING, OF_REPLY
from omnillm.protocols.gemini_generate_content.usage import write_usage
from omnillm.protocols.loss import Losses

_BLOCKED = {"blockReason": "OTHER"}
"""What is said of a prompt that has no answer, where no more is known."""


_USUAL_TIERS = frozenset({"", "auto", "default", "standard"})


def emit_reply(response: LlmResponse, context: ReplyContext, losses: Losses) -> dict[str, Any]:
    is_own = response.protocol == NAME
    place = Place(losses, is_own=is_own, is_reply=True, names=context.names)
    candidates = [_candidate(candidate, number, place) for number, candidate in enumerate(response.candidates)]
    usage = write_usage(response.usage, response.raw_usage if is_own else None, losses)
    drop_tier(response.service_tier, losses)
    identity = identity_of(response.id if is_own else "", response.model, context)
    return body_of(candidates, usage, identity, response.vendor_extensions, place)


def identity_of(reply_id: str, model: str, context: ReplyContext) -> dict[str, Any]:
    """Write what every chunk of a stream says, too. `reply_id`: of this protocol's own provider."""
    return {"modelVersion": model or context.model, "responseId": reply_id or context.id}


def body_of(
    candidates: list[dict[str, Any]], usage: dict[str, Any] | None, identity: dict[str, Any], extensions: VendorExtensions, place: Place
) -> dict[str, Any]:
    """Put a reply together, or the last chunk of a stream."""
    body: dict[str, Any] = {"candidates": candidates} if candidates else {}
    if usage is not None:
        body["usageMetadata"] = usage
    body.update(identity)
    if extensions:
        place.extend(body, extensions, lambda member: member[1:], OF_REPLY)
    if not candidates:
        body.setdefault("promptFeedback", _BLOCKED)
    return body


def drop_tier(tier: str, losses: Losses) -> None:
    if tier not in _USUAL_TIERS:
        losses.drop("service_tier", "Gemini does not say how a request was served")


def _candidate(candidate: Candidate, number: int, place: Place) -> dict[str, Any]:
    message, losses = candidate.message, place.losses
    place.number = number
    parts, cites = _parts(candidate, place)
    content: dict[str, Any] = {"parts": parts, "role": "model"}
    if message.name:
        losses.drop(place.around(".message.name"), "Gemini has no names of participants")
    if message.vendor_extensions:
        place.extend(content, message.vendor_extensions, place.around, OF_NOTHING)
    written: dict[str, Any] = {"content": content}
    kinds = set(map(type, message.parts))
    written["finishReason"] = write_finish(
        candidate.finish_reason, candidate.native_finish_reason, losses, number, has_call=ToolCall in kinds, has_refusal=Refusal in kinds
    )
    written["index"] = number
    end_candidate(written, candidate, cites, place, candidate.logprobs)
    return written


def end_candidate(written: dict[str, Any], end: Candidate | Finished, cites: Sequence[Cites], place: Place, logprobs: Any = None) -> None:
    """Add what the end of a candidate says beside its reason. `place` stands at the candidate."""
    if end.stop_sequence is not None:
        place.losses.drop(place.around(".stop_sequence"), "Gemini does not say which")
    if end.vendor_extensions:
        place.extend(written, end.vendor_extensions, place.around, OF_CANDIDATE)
    if (
        logprobs is not None
        and "logprobsResult" not in written
        and (told := write_logprobs(logprobs, place.losses, place.number)) is not None
    ):
        written["logprobsResult"] = told
    if cites and "groundingMetadata" not in written and (grounding := write_grounding(cites, place.losses, place.number)) is not None:
        written["groundingMetadata"] = grounding


def _parts(candidate: Candidate, place: Place) -> tuple[list[GeminiPart], list[Cites]]:
    parts: list[GeminiPart] = []
    cites: list[Cites] = []
    cargo = Cargo()
    for number, part in enumerate(candidate.message.parts):
        place.part = number
        written = emit_part(part, place)
        cargo.see(part, written)
        if written is None:
            continue
        if type(part) is Text and part.citations:
            cites += [Cites(len(parts), part.text, 0, citation) for citation in part.citations]
        parts.append(written)
    return parts, cites
