"""How the tests of Converse's requests ask: what is written, which botocore's model of the service accepts, and what is told as lost."""

import json
from typing import Any

from tests.protocols.bedrock_converse.oracle import CLAUDE, problems

from omnillm.model import CapabilitySet, Issuer, LlmRequest, Message, MessageRole, Opaque, ToolCall, ToolDefinition, user
from omnillm.protocols.dialects import ConverseDialect
from omnillm.protocols.loss import ConversionReport
from omnillm.protocols.transcode import emit_request

SEARCH = ToolDefinition(name="search", description="Search.", input_schema={"type": "object", "properties": {"q": {"type": "string"}}})
CALL = ToolCall(call_id="t1", name="search", arguments="{}")
TOOLS = CapabilitySet(tools=(SEARCH,))
NOVA = "us.amazon.nova-2-lite-v1:0"
FOREIGN = Opaque(value="x", issuer=Issuer(protocol="gemini_generate_content"))


def emit(request: LlmRequest, **dialect: Any) -> ConversionReport[bytes]:
    return emit_request("bedrock_converse", request, dialect=ConverseDialect(provider="aws", **dialect))


def body(request: LlmRequest, **dialect: Any) -> dict[str, Any]:
    written = json.loads(emit(request, **dialect).value)
    assert problems(written) == ""
    return written


def asked(*items: Any, model: str = CLAUDE, **members: Any) -> LlmRequest:
    return LlmRequest(model=model, input=items or (user("hi"),), **members)


def losses(request: LlmRequest, **dialect: Any) -> set[str]:
    return {f"{reason.kind}:{reason.path}" for reason in emit(request, **dialect).loss_reasons}


def said(*parts: Any) -> Message:
    return Message(role=MessageRole.ASSISTANT, parts=parts)
