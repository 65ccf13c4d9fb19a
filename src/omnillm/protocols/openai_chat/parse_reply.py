"""A provider's reply, read."""

from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.model.message import Issuer, Message, MessagePart, MessageRole, Opaque, Refusal, ToolCall, VendorExtensions
from omnillm.model.response import Candidate, LlmResponse
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat import assistant
from omnillm.protocols.openai_chat.finish import read_finish
from omnillm.protocols.openai_chat.logprobs import read_logprobs
from omnillm.protocols.openai_chat.place import NAME
from omnillm.protocols.openai_chat.reasoning import OpaqueOf
from omnillm.protocols.openai_chat.usage import usage_in
from omnillm.protocols.shapes import Unfit, inside, integer, rest, typed
from omnillm.usage import Usage

_MEMBERS = frozenset({"id", "object", "created", "model", "choices", "usage", "service_tier"})
_CHOICE_MEMBERS = frozenset({"index", "message", "finish_reason", "logprobs"})


def parse_reply(body: dict[str, Any], issuer: Issuer, losses: Losses, counted: Usage | None = None) -> LlmResponse:  # noqa: ARG001 - nothing of a reply is lost
    def opaque_of(value: str) -> Opaque:
        return Opaque(value=value, issuer=issuer)

    reply = typed(body, _Reply)
    reply_id = reply.id or ""
    candidates = []
    for number, choice in enumerate(reply.choices):
        try:
            candidates.append(_candidate(choice, opaque_of, f"{number}_{reply_id[-24:]}", rest(body["choices"][number], _CHOICE_MEMBERS)))
        except Unfit as error:
            raise inside(error, f"choices[{number}]") from error
    return LlmResponse(
        id=reply_id,
        model=reply.model or "",
        created=None if reply.created is None else integer(reply.created, "created"),
        candidates=tuple(candidates),
        usage=usage_in(body) if counted is None else counted,
        raw_usage=reply.usage,
        service_tier=reply.service_tier or "",
        protocol=NAME,
        vendor_extensions=rest(body, _MEMBERS),
    )


class _Choice(msgspec.Struct, gc=False):
    message: dict[str, Any]
    finish_reason: str | None = None
    logprobs: Any = None


class _Reply(msgspec.Struct, gc=False):
    choices: list[_Choice]
    id: str | None = None
    model: str | None = None
    created: int | float | None = None
    usage: Any = None
    service_tier: str | None = None


def _candidate(choice: _Choice, opaque_of: OpaqueOf, mark: str, extensions: VendorExtensions) -> Candidate:
    """`mark`: what tells calls without an id from those of other replies."""
    message = choice.message
    try:
        parts = assistant.read_parts(message, opaque_of)
    except Unfit as error:
        raise inside(error, "message") from error
    kinds = set(map(type, parts))
    has_calls = ToolCall in kinds
    if has_calls:
        parts = _with_ids(parts, mark)
    reason, native = read_finish(choice.finish_reason or "", has_calls=has_calls, is_refused=Refusal in kinds)
    return Candidate(
        message=Message(role=MessageRole.ASSISTANT, parts=parts, vendor_extensions=rest(message, assistant.MEMBERS)),
        finish_reason=reason,
        native_finish_reason=native,
        logprobs=None if choice.logprobs is None else read_logprobs(choice.logprobs, "logprobs"),
        vendor_extensions=extensions,
    )


def _with_ids(parts: tuple[MessagePart, ...], mark: str) -> tuple[MessagePart, ...]:
    """Give an id to every call that has none of its own, the same for the same reply."""
    return tuple(
        replace(part, call_id=made_call_id(number, mark))
        if type(part) is ToolCall and part.call_id in {"", assistant.LEGACY_CALL_ID}
        else part
        for number, part in enumerate(parts)
    )


def made_call_id(number: int, mark: str) -> str:
    return f"call_{number}_{mark}"
