"""A reply of the Messages API, read to the canonical model."""

from typing import Any

import msgspec

from omnillm.model.message import Issuer, Message, MessageRole, Opaque
from omnillm.model.response import Candidate, FinishReason, LlmResponse
from omnillm.protocols.anthropic_messages.finish import read_finish
from omnillm.protocols.anthropic_messages.parse.parts import REPLY_BLOCKS, Known, parse_block
from omnillm.protocols.anthropic_messages.place import NAME
from omnillm.protocols.anthropic_messages.usage import usage_of_counts
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit, each_with, rest, typed
from omnillm.usage import Usage

MEMBERS = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage"})


def parse_reply(body: dict[str, Any], issuer: Issuer, losses: Losses, counted: Usage | None = None) -> LlmResponse:  # noqa: ARG001 - nothing is lost
    if body.get("type") != "message":
        raise Unfit("type", '"message"')
    reply = typed(body, _Reply)
    usage, details = reply.usage, reply.stop_details
    content = each_with(known_in_replies(issuer), reply.content, "content", parse_block)
    reason, native = read_finish(reply.stop_reason) if reply.stop_reason else (FinishReason.OTHER, "")
    return LlmResponse(
        id=reply.id or "",
        model=reply.model or "",
        candidates=(
            Candidate(
                message=Message(role=MessageRole.ASSISTANT, parts=tuple(content)),
                finish_reason=reason,
                native_finish_reason=native,
                stop_sequence=reply.stop_sequence or None,
                vendor_extensions={} if details is None else {"stop_details": details},
            ),
        ),
        usage=usage_of_counts(usage) if counted is None and usage is not None else counted,
        raw_usage=usage,
        service_tier=service_tier_of(usage),
        protocol=NAME,
        vendor_extensions=rest(body, MEMBERS),
    )


class _Reply(msgspec.Struct, gc=False):
    content: list[Any]
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None


def known_in_replies(issuer: Issuer) -> Known:
    """Tag what a provider issues."""
    return Known(lambda value: Opaque(value=value, issuer=issuer), REPLY_BLOCKS)


def service_tier_of(usage: dict[str, Any] | None) -> str:
    tier = (usage or {}).get("service_tier")
    return tier if type(tier) is str else ""
