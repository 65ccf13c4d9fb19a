"""Canonical requests, and how they are written for the Messages API and read from it."""

import binascii
from typing import Any

from omnillm.model.message import Issuer, Message, MessageRole, Opaque
from omnillm.model.request import GenerationConfig, LlmRequest, user
from omnillm.protocols.anthropic_messages import CODEC
from omnillm.protocols.dialects import ClaudeDialect
from omnillm.protocols.loss import Losses

P = "anthropic_messages"
PNG = b"\x89PNG\r\n\x1a\n...."


def b64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def parse(body: dict) -> tuple[LlmRequest, Losses]:
    losses = Losses()
    return CODEC.parse_request(body, losses), losses


def emit(request: LlmRequest, dialect: ClaudeDialect = CODEC.dialect) -> tuple[dict, dict[str, str]]:
    """The body, and what was lost: paths to kinds."""
    losses = Losses()
    body = CODEC.emit_request(request, dialect, losses)
    return body, {reason.path: reason.kind for reason in losses.reasons}


def ask(*items: Any, **members: Any) -> LlmRequest:
    generation = members.pop("generation", GenerationConfig(max_output_tokens=100))
    return LlmRequest(model="m", input=items or (user("Hi"),), generation=generation, **members)


def said(*parts: Any, role: MessageRole = MessageRole.ASSISTANT) -> Message:
    return Message(role=role, parts=parts)


def user_of(*parts: Any) -> Message:
    return said(*parts, role=MessageRole.USER)


def opaque(value: str, protocol: str = P, provider: str = "") -> Opaque:
    return Opaque(value=value, issuer=Issuer(protocol=protocol, provider=provider))
