"""A reply, written for a client."""

from typing import Any

from omnillm.model.response import Candidate, LlmResponse
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.differences.generation import tier_said
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.emit import assistant, reasoning
from omnillm.protocols.openai_chat.emit.request import NO_TIER, TIERS
from omnillm.protocols.openai_chat.finish import note_unsaid, write_finish
from omnillm.protocols.openai_chat.place import NAME, Place
from omnillm.protocols.openai_chat.usage import write_usage


def emit_reply(response: LlmResponse, context: ReplyContext, losses: Losses) -> dict[str, Any]:
    is_own = response.protocol == NAME
    place = Place(losses, protocol=response.protocol, is_own=is_own, is_reply=True, names=context.names)
    body: dict[str, Any] = {
        "id": response.id if is_own and response.id else f"chatcmpl-{context.id}",
        "object": "chat.completion",
        "created": context.created if response.created is None else response.created,
        "model": response.model or context.model,
        "choices": [_write_choice(candidate, number, place) for number, candidate in enumerate(response.candidates)] or [_blocked(losses)],
    }
    if response.usage is not None:
        body["usage"] = write_usage(response.usage, response.raw_usage if is_own else None, losses)
    if response.service_tier and (tier := written_tier(response.service_tier, losses)):
        body["service_tier"] = tier
    if response.vendor_extensions:
        _extend(body, response.vendor_extensions, "", place)
    return body


def written_tier(tier: str, losses: Losses) -> str | None:
    return tier_said(tier, TIERS, losses, NO_TIER, "service_tier")


def _write_choice(candidate: Candidate, number: int, place: Place) -> dict[str, Any]:
    place.number = number
    losses = place.losses
    spoken = assistant.put_parts(candidate.message.parts, place)
    path = f"candidates[{number}]."
    if candidate.native_finish_reason or candidate.stop_sequence is not None:
        note_unsaid(candidate.native_finish_reason, candidate.stop_sequence, path, losses)
    choice: dict[str, Any] = {
        "index": number,
        "message": _write_message(candidate, spoken, path, place),
        "logprobs": candidate.logprobs,
        "finish_reason": write_finish(candidate.finish_reason, path, losses, has_calls=bool(spoken.calls), is_refused=spoken.refusals > 0),
    }
    if candidate.vendor_extensions:
        _extend(choice, candidate.vendor_extensions, path, place)
    return choice


def _write_message(candidate: Candidate, spoken: assistant.Spoken, path: str, place: Place) -> dict[str, Any]:
    texts, refused = spoken.texts, spoken.refused if spoken.refusals else ()
    if len(texts) > 1 or len(refused) > 1:
        place.losses.approximate(f"{path}message.parts", "the content of a Chat answer is one text")
    is_silent = spoken.calls or refused or spoken.audio is not None
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts or not is_silent else None,
        "refusal": "".join(refused) if refused else None,
    }
    if spoken.reasonings:
        reasoning.write_reasoning(spoken.reasonings, message, place)
    spoken.add_members(message)
    if candidate.message.name:
        place.losses.drop(f"{path}message.name", "an answer of Chat has no name")
    if candidate.message.vendor_extensions:
        _extend(message, candidate.message.vendor_extensions, f"{path}message.", place)
    return message


def _extend(out: dict[str, Any], extensions: dict[str, Any], path: str, place: Place) -> None:
    for name, value in extensions.items():
        if place.is_own and name not in out and _is_fit(name, value):
            out[name] = value
        else:
            place.losses.drop(f"{path}vendor_extensions.{name}", "not a member of Chat's")


def _is_fit(name: str, value: Any) -> bool:
    """Tell whether the SDK reads it, of the members that it types."""
    if name == "system_fingerprint":
        return type(value) is str
    if name == "metadata":
        return type(value) is dict and all(type(said) is str for said in value.values())
    return name != "moderation" or type(value) is dict


def _blocked(losses: Losses) -> dict[str, Any]:
    """Answer a blocked prompt, which left no candidate: the SDKs' callers read the first choice."""
    losses.default("candidates", "Chat needs an answer: an empty one")
    return {
        "index": 0,
        "message": {"role": "assistant", "content": "", "refusal": None},
        "logprobs": None,
        "finish_reason": "content_filter",
    }
