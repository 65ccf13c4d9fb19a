"""How the tests read and write requests and replies of Interactions: with their losses, by path; Google's own types accept all of it."""

from typing import Any

from google.genai._gaos.types.interactions import CreateModelInteraction, Interaction

from omnillm.model import CapabilitySet, Issuer, LlmRequest, LlmResponse, Message, MessageRole, Opaque, user
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.dialects import GeminiDialect
from omnillm.protocols.gemini_interactions.emit.reply import emit_reply
from omnillm.protocols.gemini_interactions.emit.request import emit_request
from omnillm.protocols.gemini_interactions.parse.reply import parse_reply
from omnillm.protocols.gemini_interactions.parse.request import parse_request
from omnillm.protocols.loss import Losses

P = "gemini_interactions"
CONTEXT = ReplyContext(id="0123456789abcdef0123456789abcdef", created=1_795_608_000, model="model-1")
ISSUER = Issuer(protocol=P, provider="gemini", key="k1")
CLAUDE = Opaque(value="c2lnbmF0dXJl", issuer=Issuer(protocol="anthropic_messages", provider="anthropic"))
GEMINI = Opaque(value="c2ln", issuer=Issuer(protocol="gemini_generate_content", provider="gemini"))
QUESTION = user("How deep?")
PNG = "iVBORw0KGgo="
Lost = dict[str, str]


def lost(losses: Losses) -> Lost:
    return {reason.path: reason.kind for reason in losses.reasons}


def parse(**members: Any) -> LlmRequest:
    """A request that nothing is lost of."""
    losses = Losses()
    request = parse_request({"model": "m", "input": "Hi", **members}, losses)
    assert not losses
    return request


def steps(*given: dict[str, Any]) -> tuple[Any, ...]:
    return parse(input=list(given)).input


def emit(request: LlmRequest, **dialect: Any) -> tuple[dict[str, Any], Lost]:
    losses = Losses()
    body = emit_request(request, GeminiDialect(**dialect), losses)
    CreateModelInteraction.model_validate(body)
    return body, lost(losses)


def ask(*items: Any, protocol: str = "anthropic_messages", **members: Any) -> LlmRequest:
    return LlmRequest(model="m", input=items or (QUESTION,), protocol=protocol, **members)


def can(**members: Any) -> LlmRequest:
    return ask(capabilities=CapabilitySet(**members))


def said(*parts: Any, role: MessageRole = MessageRole.ASSISTANT) -> Message:
    return Message(role=role, parts=parts)


def read(interaction: dict[str, Any]) -> LlmResponse:
    losses = Losses()
    response = parse_reply({"status": "completed", **interaction}, ISSUER, losses)
    assert not losses
    return response


def write(response: LlmResponse) -> tuple[dict[str, Any], Lost]:
    losses = Losses()
    body = emit_reply(response, CONTEXT, losses)
    Interaction.model_validate(body)
    return body, lost(losses)
