"""How the tests of Chat's requests ask: bodies of its clients, requests of others, and what is read and written of them, with its losses."""

import base64
from collections.abc import Iterable
from typing import Any

import msgspec

from omnillm.model import LlmRequest, Message, MessageRole, ToolCall
from omnillm.protocols.dialects import ChatDialect
from omnillm.protocols.loss import Losses, LossReason
from omnillm.protocols.openai_chat import CODEC
from omnillm.protocols.transcode import transcode_request

CHAT = "openai_chat"
QUESTION = {"role": "user", "content": "How deep is the lake?"}
OPENAI = ChatDialect()
HOST = ChatDialect(provider="host", system_role="system", output_cap_member="max_tokens", is_openai=False, can_stop_thinking=False)
PNG = base64.b64encode(b"\x89PNG").decode()
TOOL = {"type": "function", "function": {"name": "search", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {"type": "object", "properties": {"depth": {"type": "integer"}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "search", "arguments": '{"q": "lake"}'}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ANSWERED = {"role": "tool", "tool_call_id": "call_1", "content": "149 m"}


def parsed(body: dict[str, Any]) -> tuple[LlmRequest, list[str]]:
    losses = Losses()
    request = CODEC.parse_request(body, losses)
    return request, told(losses.reasons)


def emitted(request: LlmRequest, dialect: ChatDialect = OPENAI) -> tuple[dict[str, Any], list[str]]:
    losses = Losses()
    body = CODEC.emit_request(request, dialect, losses)
    return msgspec.json.decode(msgspec.json.encode(body)), told(losses.reasons)


def told(reasons: Iterable[LossReason]) -> list[str]:
    return sorted(f"{reason.kind}:{reason.path}" for reason in reasons)


def asks(**members: Any) -> dict[str, Any]:
    return {"model": "gpt-5", "messages": [QUESTION], **members}


def converses(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"model": "gpt-5", "messages": list(messages)}


def foreign(*items: Any, protocol: str = "anthropic_messages", **members: Any) -> LlmRequest:
    return LlmRequest(model="m", input=items, protocol=protocol, **members)


HI = {"role": "user", "content": "Hi"}


def translated(source: str, body: dict[str, Any], dialect: ChatDialect = OPENAI) -> tuple[dict[str, Any], list[str]]:
    report = transcode_request(source, "openai_chat", msgspec.json.encode({"model": "m", **body}), dialect=dialect)
    return msgspec.json.decode(report.value), told(report.loss_reasons)


def said(*parts: Any) -> Message:
    return Message(role=MessageRole.ASSISTANT, parts=parts)


def calls(*names: str) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(call_id=name, name="f", arguments="{}") for name in names)
