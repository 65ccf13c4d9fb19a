"""How the tests read and write requests of generateContent."""

from typing import Any

from tests.protocols.gemini_generate_content.bodies import sdk_accepts

from omnillm.model import CapabilitySet, Issuer, LlmRequest, Message, MessageRole, Opaque, user
from omnillm.protocols.dialects import GeminiDialect
from omnillm.protocols.gemini_generate_content import CODEC
from omnillm.protocols.loss import Losses

P = "gemini_generate_content"
FOREIGN = Opaque(value="c2ln", issuer=Issuer(protocol="anthropic_messages"))
QUESTION = user("Hi")


def parse(body: dict) -> tuple[LlmRequest, dict[str, str]]:
    losses = Losses()
    return CODEC.parse_request(body, losses), {reason.path: reason.kind for reason in losses.reasons}


def emit(request: LlmRequest, dialect: GeminiDialect = GeminiDialect()) -> tuple[dict, dict[str, str]]:  # noqa: B008 - frozen
    """The body, which the SDK accepts, and what was lost: paths to kinds."""
    losses = Losses()
    body = CODEC.emit_request(request, dialect, losses)
    sdk_accepts(body)
    return body, {reason.path: reason.kind for reason in losses.reasons}


def request(*items: Any, **members: Any) -> LlmRequest:
    return LlmRequest(model="gemini", input=items or (QUESTION,), **members)


def can(**members: Any) -> LlmRequest:
    return request(capabilities=CapabilitySet(**members))


def said(*parts: Any, role: MessageRole = MessageRole.ASSISTANT) -> Message:
    return Message(role=role, parts=parts)


def parts_of(*parts: Any, role: MessageRole = MessageRole.USER, **members: Any) -> tuple[list, dict[str, str]]:
    """What becomes of the parts of one message."""
    body, lost = emit(
        request(QUESTION, said(*parts, role=role), **members) if role is MessageRole.ASSISTANT else request(said(*parts), **members)
    )
    return body["contents"][-1]["parts"] if role is MessageRole.USER else body["contents"][1]["parts"], lost


def written(*items: Any, dialect: GeminiDialect = GeminiDialect()) -> tuple[list[list[str]], dict[str, str]]:  # noqa: B008 - frozen
    """Each content in short: its role, and the texts, calls and results of its parts."""
    body, lost = emit(request(*items), dialect)
    short = [[content["role"], *map(in_short, content["parts"])] for content in body["contents"]]
    return short, lost


def in_short(part: dict) -> str:
    [kind] = [name for name in part if name != "thoughtSignature"]
    inner = part[kind]
    return (
        str(inner)
        if kind == "text"
        else kind
        if kind == "inlineData"
        else f"{kind} {inner.get('id') or inner.get('response', {}).get('result')}"
    )
