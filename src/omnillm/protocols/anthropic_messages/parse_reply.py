"""A reply of the Messages API, read to the canonical model."""

from typing import Any

from omnillm.model.message import Issuer, Message, MessageRole, Opaque
from omnillm.model.response import Candidate, FinishReason, LlmResponse
from omnillm.protocols.anthropic_messages.finish import read_finish
from omnillm.protocols.anthropic_messages.parse_blocks import NAME, REPLY_BLOCKS, ReadOpaque, parse_blocks
from omnillm.protocols.anthropic_messages.peek import usage_of_counts
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit, array, optional_mapping, optional_text, rest
from omnillm.usage import Usage

_KNOWN = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage"})


def parse_reply(body: dict[str, Any], issuer: Issuer, losses: Losses, counted: Usage | None = None) -> LlmResponse:  # noqa: ARG001 - nothing is lost
    if body.get("type") != "message":
        raise Unfit("type", '"message"')
    usage = optional_mapping(body, "usage")
    content = parse_blocks(array(body.get("content"), "content"), opaque_reader(issuer), "content", REPLY_BLOCKS)
    stop_reason = optional_text(body, "stop_reason")
    reason, native = read_finish(stop_reason) if stop_reason else (FinishReason.OTHER, "")
    details = optional_mapping(body, "stop_details")
    return LlmResponse(
        id=optional_text(body, "id"),
        model=optional_text(body, "model"),
        candidates=(
            Candidate(
                message=Message(role=MessageRole.ASSISTANT, parts=tuple(content)),
                finish_reason=reason,
                native_finish_reason=native,
                stop_sequence=optional_text(body, "stop_sequence") or None,
                vendor_extensions={} if details is None else {"stop_details": details},
            ),
        ),
        usage=usage_of_counts(usage) if counted is None and usage is not None else counted,
        raw_usage=usage,
        service_tier=tier_of(usage),
        protocol=NAME,
        vendor_extensions=rest(body, _KNOWN),
    )


def opaque_reader(issuer: Issuer) -> ReadOpaque:
    """Tag what a provider issues."""
    return lambda value: Opaque(value=value, issuer=issuer)


def tier_of(usage: dict[str, Any] | None) -> str:
    tier = (usage or {}).get("service_tier")
    return tier if type(tier) is str else ""
