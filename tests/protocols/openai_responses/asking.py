"""How the tests of this protocol's requests ask: what is read and written, with its losses."""

from typing import Any

from omnillm.model import Issuer, LlmRequest, user
from omnillm.protocols.dialects import ResponsesDialect
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import CODEC

OWN = "openai_responses"
PNG = "data:image/png;base64,iVBORw=="
PDF = "data:application/pdf;base64,JVBERg=="
SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}}
FUNCTION = {"type": "function", "name": "search", "parameters": SCHEMA}
LOCATION = {"type": "approximate", "city": "Oslo", "country": "NO"}
GEMINI = Issuer(protocol="gemini_generate_content")
ANTHROPIC = Issuer(protocol="anthropic_messages", provider="anthropic", key="k1", model="m")


def parse(body: dict[str, Any]) -> LlmRequest:
    losses = Losses()
    request = CODEC.parse_request({"model": "m", "input": "Hi", **body}, losses)
    assert not losses
    return request


def emit(request: LlmRequest, **dialect: Any) -> tuple[dict[str, Any], list[str]]:
    losses = Losses()
    body = CODEC.emit_request(request, ResponsesDialect(**dialect), losses)
    return body, [f"{reason.kind}:{reason.path}" for reason in losses.reasons]


def foreign(*items: Any, **members: Any) -> LlmRequest:
    return LlmRequest(model="m", input=items or (user("Hi"),), protocol="anthropic_messages", **members)


def items_of(*items: dict[str, Any]) -> tuple[Any, ...]:
    return parse({"input": list(items)}).input
