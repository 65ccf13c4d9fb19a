"""A provider's reply, read."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.message import Issuer, Message, MessagePart, MessageRole, Opaque, Refusal, ToolCall
from omnillm.model.response import Candidate, LlmResponse
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat import assistant
from omnillm.protocols.openai_chat.finish import read_finish
from omnillm.protocols.openai_chat.logprobs import read_logprobs
from omnillm.protocols.openai_chat.place import NAME
from omnillm.protocols.openai_chat.reasoning import OpaqueOf
from omnillm.protocols.openai_chat.usage import usage_in
from omnillm.protocols.shapes import Unfit, array, inside, mapping, optional_integer, optional_text, rest
from omnillm.usage import Usage

_MEMBERS = frozenset({"id", "object", "created", "model", "choices", "usage", "service_tier"})
_CHOICE_MEMBERS = frozenset({"index", "message", "finish_reason", "logprobs"})


def parse_reply(body: dict[str, Any], issuer: Issuer, losses: Losses, counted: Usage | None = None) -> LlmResponse:  # noqa: ARG001 - nothing of a reply is lost
    def opaque_of(value: str) -> Opaque:
        return Opaque(value=value, issuer=issuer)

    reply_id = optional_text(body, "id")
    candidates = []
    for number, choice in enumerate(array(body.get("choices"), "choices")):
        try:
            candidates.append(_read_choice(mapping(choice, ""), opaque_of, (number, reply_id)))
        except Unfit as error:
            raise inside(error, f"choices[{number}]") from error
    return LlmResponse(
        id=reply_id,
        model=optional_text(body, "model"),
        created=optional_integer(body, "created"),
        candidates=tuple(candidates),
        usage=usage_in(body) if counted is None else counted,
        raw_usage=body.get("usage"),
        service_tier=optional_text(body, "service_tier"),
        protocol=NAME,
        vendor_extensions=rest(body, _MEMBERS),
    )


def _read_choice(choice: dict[str, Any], opaque_of: OpaqueOf, place: tuple[int, str]) -> Candidate:
    """`place`: its number in which reply."""
    message = mapping(choice.get("message"), "message")
    try:
        parts = assistant.read_parts(message, opaque_of)
    except Unfit as error:
        raise inside(error, "message") from error
    kinds = set(map(type, parts))
    has_calls = ToolCall in kinds
    if has_calls:
        number, reply_id = place
        parts = _with_ids(parts, f"{number}_{reply_id[-24:]}")
    reason, native = read_finish(optional_text(choice, "finish_reason"), has_calls=has_calls, is_refused=Refusal in kinds)
    return Candidate(
        message=Message(role=MessageRole.ASSISTANT, parts=parts, vendor_extensions=rest(message, assistant.MEMBERS)),
        finish_reason=reason,
        native_finish_reason=native,
        logprobs=read_logprobs(choice.get("logprobs"), "logprobs"),
        vendor_extensions=rest(choice, _CHOICE_MEMBERS),
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
