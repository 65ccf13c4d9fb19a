"""A provider's reply, read."""

from collections.abc import Sequence
from typing import Any, Final, final

import msgspec
from msgspec.structs import replace

from omnillm.model.message import Issuer, Message, MessagePart, MessageRole, Opaque, Refusal, ToolCall, VendorExtensions
from omnillm.model.response import Candidate, LlmResponse
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.finish import read_finish
from omnillm.protocols.openai_chat.logprobs import read_logprobs
from omnillm.protocols.openai_chat.parse import assistant
from omnillm.protocols.openai_chat.parse.reasoning import OpaqueOf
from omnillm.protocols.openai_chat.place import NAME
from omnillm.protocols.openai_chat.usage import usage_in
from omnillm.protocols.shapes import Unfit, inside, integer, rest, typed
from omnillm.usage import Usage

_ASSISTANT: Final = MessageRole.ASSISTANT
_MEMBERS = frozenset({"id", "object", "created", "model", "choices", "usage", "service_tier"})
_CHOICE_MEMBERS = frozenset({"index", "message", "finish_reason", "logprobs"})


def parse_reply(
    body: "dict[str, Any] | OwnReply",
    issuer: Issuer,
    losses: Losses,  # noqa: ARG001 - nothing of a reply is lost
    counted: Usage | None = None,
) -> LlmResponse:
    def opaque_of(value: str) -> Opaque:
        return Opaque(value=value, issuer=issuer)

    reply: _Reply
    beside: list[VendorExtensions] = []
    raw_usage = None
    if type(body) is OwnReply:
        reply = body
        extensions = {} if body.system_fingerprint is None else {"system_fingerprint": body.system_fingerprint}
        if counted is None:
            raw_usage = _decoded(body.usage)
    else:
        reply = typed(body, _Reply)
        extensions = rest(body, _MEMBERS)
        beside = [rest(choice, _CHOICE_MEMBERS) for choice in body["choices"]]
        raw_usage = reply.usage
    reply_id = reply.id or ""
    candidates = []
    for number, choice in enumerate(reply.choices):
        try:
            candidates.append(_candidate(choice, opaque_of, (number, reply_id), beside[number] if beside else {}))
        except Unfit as error:
            raise inside(error, f"choices[{number}]") from error
    return LlmResponse(
        id=reply_id,
        model=reply.model or "",
        created=None if reply.created is None else integer(reply.created, "created"),
        candidates=tuple(candidates),
        usage=usage_in({"usage": raw_usage}) if counted is None else counted,
        raw_usage=raw_usage,
        service_tier=reply.service_tier or "",
        protocol=NAME,
        vendor_extensions=extensions,
    )


def _decoded(usage: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(usage)
    except UNREADABLE as error:
        raise Unfit("usage", "JSON whose numbers a double can hold") from error


class _Choice(msgspec.Struct, gc=False):
    message: dict[str, Any]
    finish_reason: str | None = None
    logprobs: Any = None


class _Reply(msgspec.Struct, gc=False):
    choices: Sequence[_Choice]
    id: str | None = None
    model: str | None = None
    created: int | float | None = None
    usage: Any = None
    service_tier: str | None = None


class _OwnChoice(_Choice, forbid_unknown_fields=True, gc=False):
    index: Any = None


@final
class OwnReply(_Reply, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A reply that has no members but those that OpenAI writes, decoded in one step: nothing of it is left to look for."""

    choices: list[_OwnChoice]
    usage: msgspec.Raw = msgspec.Raw(b"null")
    """Decoded for who reads it."""
    object: Any = None
    system_fingerprint: Any = None


def _candidate(choice: _Choice, opaque_of: OpaqueOf, place: tuple[int, str], extensions: VendorExtensions) -> Candidate:
    """`place`: the choice's number and the reply's id, which tell calls without an id from those of other replies."""
    message = choice.message
    try:
        parts, beside = assistant.read_message(message, opaque_of)
    except Unfit as error:
        raise inside(error, "message") from error
    has_calls = is_refused = False
    for part in parts:
        kind = type(part)
        has_calls = has_calls or kind is ToolCall
        is_refused = is_refused or kind is Refusal
    if has_calls:
        parts = _with_ids(parts, f"{place[0]}_{place[1][-24:]}")
    reason, native = read_finish(choice.finish_reason or "", has_calls=has_calls, is_refused=is_refused)
    return Candidate(
        message=Message(role=_ASSISTANT, parts=parts, vendor_extensions=beside),
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
