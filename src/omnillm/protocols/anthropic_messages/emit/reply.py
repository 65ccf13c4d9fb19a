"""A canonical reply, written for a client of the Messages API."""

from typing import Any, Final

from msgspec.structs import replace

from omnillm.model.message import (
    ImageBase64,
    Issuer,
    Message,
    MessagePart,
    MessageRole,
    Opaque,
    Reasoning,
    Text,
    ToolCall,
    VendorExtensions,
    lone_words,
)
from omnillm.model.response import Candidate, FinishReason, LlmResponse
from omnillm.protocols.anthropic_messages.emit.parts import emit_block, reasoning_block
from omnillm.protocols.anthropic_messages.finish import write_finish
from omnillm.protocols.anthropic_messages.parse.parts import GEMINI
from omnillm.protocols.anthropic_messages.place import NAME, THINKING, Place
from omnillm.protocols.anthropic_messages.usage import usage_object
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.differences.turns import Block
from omnillm.protocols.envelope import seal
from omnillm.protocols.loss import Losses

PREFIX = "msg_"
_MALFORMED: Final = FinishReason.MALFORMED_TOOL_CALL
"""Bound once: CPython 3.11 looks a member up on its enum ten times as slowly as a name in a module."""
_UNSHOWN = frozenset({"image", "document", "tool_result"})
"""Blocks that no reply of the Messages API has."""
MALFORMED = "The model made a malformed tool call."
"""Said where a reply would have nothing else: an agent must not end in silence."""
NO_LOGPROBS = "the Messages API has no logprobs"
LATE_SIGNATURE = "no block can carry it after its text: clients show the last block as the answer"
"""Gemini recommends that a text's signature comes back, and does not require it."""


def emit_reply(response: LlmResponse, context: ReplyContext, losses: Losses) -> dict[str, Any]:
    is_own = response.protocol == NAME
    place = Place(losses, protocol=response.protocol, is_own=is_own, is_reply=True, names=context.names)
    candidate = response.candidates[0] if len(response.candidates) == 1 else _first(response.candidates, losses)
    usage = usage_object(response.usage, response.raw_usage if is_own else None, losses, response.service_tier)
    body = begun(response.id if is_own else "", response.model, usage, context)
    kinds: set[type] = set()
    if words := lone_words(candidate.message):
        body["content"] = [{"type": "text", "text": words}]
    else:
        body["content"] = _content(candidate, place)
        kinds.update(map(type, candidate.message.parts))
    body["stop_reason"] = write_finish(candidate.finish_reason, candidate.native_finish_reason, kinds, place)
    body["stop_sequence"] = candidate.stop_sequence
    if candidate.logprobs is not None:
        losses.drop("candidates[0].logprobs", NO_LOGPROBS)
    if candidate.message.name:
        losses.drop("candidates[0].message.name", "the Messages API has no names of participants")
    if is_own:
        if (details := stop_details(candidate.vendor_extensions, body["stop_reason"])) is not None:
            body["stop_details"] = details
        for name, value in response.vendor_extensions.items():
            body.setdefault(name, value)
        return body
    _drop_members(response, candidate, place)
    return body


def begun(own_id: str, model: str, usage: dict[str, Any], context: ReplyContext) -> dict[str, Any]:
    """Write a message that says nothing yet. `own_id`: the provider's, where it is one of this protocol's."""
    return {
        "id": own_id or PREFIX + context.id,
        "type": "message",
        "role": "assistant",
        "model": model or context.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _drop_members(response: LlmResponse, candidate: Candidate, place: Place) -> None:
    if response.vendor_extensions:
        place.losses.drop_extensions(response.vendor_extensions, "", place.unknown)
    if candidate.vendor_extensions:
        place.losses.drop_extensions(candidate.vendor_extensions, "candidates[0].", place.unknown)
    if candidate.message.vendor_extensions:
        place.losses.drop_extensions(candidate.message.vendor_extensions, "candidates[0].message.", place.unknown)


def _first(candidates: tuple[Candidate, ...], losses: Losses) -> Candidate:
    if not candidates:
        losses.approximate("candidates", "no answer is said as an empty one, refused")
        return _BLOCKED
    for number in range(1, len(candidates)):
        losses.drop(f"candidates[{number}]", "the Messages API gives one answer")
    return candidates[0]


_BLOCKED = Candidate(message=Message(role=MessageRole.ASSISTANT), finish_reason=FinishReason.REFUSAL)


def _is_thinking(block: Block) -> bool:
    return block["type"] in THINKING


def stop_details(extensions: VendorExtensions, stop_reason: str) -> dict[str, Any] | None:
    """Return what a refusal of this protocol's own says of itself."""
    details = extensions.get("stop_details")
    return details if stop_reason == "refusal" and type(details) is dict and details.get("type") == "refusal" else None


def _content(candidate: Candidate, place: Place) -> list[Block]:
    content = _blocks(candidate.message.parts, place)
    if candidate.finish_reason is _MALFORMED and not place.is_own and all(map(_is_thinking, content)):
        place.losses.approximate("candidates[0].message", "what happened is said as text")
        content.append({"type": "text", "text": MALFORMED})
    return content


def _blocks(parts: tuple[MessagePart, ...], place: Place) -> list[Block]:
    content: list[Block] = []
    for place.part, part in enumerate(parts):
        if type(part) is Reasoning:
            block = reply_reasoning(part, place)
            content += [] if block is None else [block]
        elif (type(part) is Text or type(part) is ToolCall or type(part) is ImageBase64) and part.signature is not None:
            content += _signed_part(part, place)
        elif type(part) is not Text or part.text:  # an empty text says nothing, and clients that send it back are refused
            content += shown(emit_block(named(part, place) if place.names else part, place), place)
    return content


def named(part: MessagePart, place: Place) -> MessagePart:
    """Give a call its tool's own name."""
    return replace(part, name=place.names[part.name]) if type(part) is ToolCall and part.name in place.names else part


def _signed_part(part: Text | ToolCall | ImageBase64, place: Place) -> list[Block]:
    """Write a part whose signature, of another protocol, stands in a block of its own."""
    signature = part.signature
    assert signature is not None
    if type(part) is Text and not part.text:
        place.drop(".signature", LATE_SIGNATURE)
        return []
    written = shown(emit_block(named(replace(part, signature=None), place), place), place)
    if type(part) is ImageBase64 or not written:
        place.drop(".signature", "no block can carry it")
        return written
    return [carrier(signature), *written]


def carrier(signature: Opaque) -> Block:
    """Write the block that carries a signature right before the part that it signs."""
    return {"type": "redacted_thinking", "data": seal(signature)}


def reply_reasoning(part: Reasoning, place: Place) -> Block | None:
    opaque = part.opaque
    if opaque is None and (part.is_redacted or not (part.text or part.summary)):
        place.drop("", "reasoning without content")
        return None
    if opaque is not None and part.is_redacted and opaque.issuer.protocol == GEMINI:
        place.approximate(".is_redacted", "said as thinking without text")
        part = replace(part, is_redacted=False)
    block = reasoning_block(part, signature_of(opaque, place), place)
    if part.vendor_extensions:
        place.extend(block, part.vendor_extensions, place.here("."))
    return block


def signature_of(opaque: Opaque | None, place: Place) -> str:
    """Return what the client sees as the signature of reasoning; None: nobody signed it.

    Of another protocol that is an envelope of nothing: agents replay reasoning with an empty signature as visible text. It comes back as
    reasoning, for providers that want it without a signature, and is never sent as one.
    """
    if opaque is None:
        opaque = Opaque(value="", issuer=Issuer(protocol=place.protocol or NAME))
    return opaque.value if opaque.issuer.protocol == NAME else seal(opaque)


def shown(block: Block | None, place: Place) -> list[Block]:
    if block is None:
        return []
    if block["type"] in _UNSHOWN:
        place.drop("", "replies of the Messages API show none")
        return []
    return [block]
