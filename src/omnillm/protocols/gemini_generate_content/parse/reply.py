"""A reply of generateContent, read to the canonical model."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.message import Citation, Issuer, Message, MessagePart, MessageRole, Reasoning, Text, ToolCall, VendorExtensions
from omnillm.model.response import Candidate, LlmResponse
from omnillm.protocols.gemini_generate_content.citations import read_citations
from omnillm.protocols.gemini_generate_content.finish import read_finish
from omnillm.protocols.gemini_generate_content.logprobs import read_logprobs, says_all
from omnillm.protocols.gemini_generate_content.parse.parts import ReplyReader, parse_parts
from omnillm.protocols.gemini_generate_content.place import NAME
from omnillm.protocols.gemini_generate_content.shapes_of_replies import OF_CANDIDATE, OF_REPLY, is_known
from omnillm.protocols.gemini_generate_content.usage import count_searches, read_usage_object
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit, inside, mapping, optional_array, optional_integer, optional_mapping, optional_text, rest
from omnillm.usage import Usage

REPLY = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId"})
CANDIDATE = frozenset({"content", "finishReason", "index"})
_CONTENT = frozenset({"role", "parts"})


def parse_reply(body: dict[str, Any], issuer: Issuer, losses: Losses, counted: Usage | None = None) -> LlmResponse:
    """Read a reply. One without candidates is whole only if the prompt was blocked."""
    given = optional_array(body, "candidates")
    extensions = known_members(body, REPLY, OF_REPLY, losses, "")
    if not given and not blocks_prompt(body):
        raise Unfit("candidates", "an array of answers")
    reply_id = optional_text(body, "responseId")
    usage = optional_mapping(body, "usageMetadata")
    reader = ReplyReader(issuer, id_source(body))
    numbered: list[tuple[int, Candidate]] = []
    for number, candidate in enumerate(given):
        try:
            numbered.append(_candidate(mapping(candidate, ""), number, reader, losses))
        except Unfit as error:
            raise inside(error, f"candidates[{number}]") from error
    if counted is None and usage is not None:
        counted = read_usage_object(usage, sum(map(count_searches, given)))
    return LlmResponse(
        id=reply_id,
        model=optional_text(body, "modelVersion"),
        candidates=tuple(candidate for _, candidate in sorted(numbered, key=lambda pair: pair[0])),
        usage=counted,
        raw_usage=None if counted is None else usage,
        protocol=NAME,
        vendor_extensions=extensions,
    )


def id_source(body: dict[str, Any]) -> str:
    """Return what tells this reply from the others of its conversation, for calls without an id."""
    reply_id = body.get("responseId")
    return reply_id if type(reply_id) is str and reply_id else f"{body.get('modelVersion')}{body.get('usageMetadata')}"


def blocks_prompt(body: dict[str, Any]) -> bool:
    feedback = body.get("promptFeedback")
    return type(feedback) is dict and feedback.get("blockReason") is not None


def known_members(owner: dict[str, Any], known: frozenset[str], shapes: dict[str, Any], losses: Losses, place: str) -> VendorExtensions:
    """Return the members without a canonical home. One that no SDK could read is left out."""
    if owner.keys() <= known:
        return {}
    extensions = rest(owner, known)
    for name in [name for name, value in extensions.items() if not is_known(name, value, shapes)]:
        losses.drop(f"{place}vendor_extensions.{name}", "not of the shape that it must have")
        del extensions[name]
    return extensions


def _candidate(candidate: dict[str, Any], position: int, reader: ReplyReader, losses: Losses) -> tuple[int, Candidate]:
    index = optional_integer(candidate, "index", lowest=0)
    content = optional_mapping(candidate, "content") or {}
    parts = signed_before(parse_parts(optional_array(content, "parts", "content"), reader, "content.parts"))
    extensions = known_members(candidate, CANDIDATE, OF_CANDIDATE, losses, f"candidates[{position}].")
    logprobs = None
    if "logprobsResult" in extensions:
        logprobs = read_logprobs(extensions["logprobsResult"])
        if says_all(logprobs, extensions["logprobsResult"]):
            del extensions["logprobsResult"]
    if "groundingMetadata" in extensions:
        parts = _cited(parts, extensions["groundingMetadata"])
    native = optional_text(candidate, "finishReason")
    reason, native = read_finish(native or "STOP", has_call=ToolCall in map(type, parts))
    message = Message(
        role=MessageRole.ASSISTANT,
        parts=tuple(parts),
        vendor_extensions=rest(content, _CONTENT),
    )
    read = Candidate(message=message, finish_reason=reason, native_finish_reason=native, logprobs=logprobs, vendor_extensions=extensions)
    return (position if index is None else index), read


def signed_before(parts: list[MessagePart]) -> list[MessagePart]:
    """Give a signature that stands alone, on an empty text, to the text or thought before it: a stream signs so."""
    joined: list[MessagePart] = []
    for part in parts:
        signature = lone_signature(part)
        last = joined[-1] if joined else None
        if signature is None or last is None:
            joined.append(part)
        elif type(last) is Text and last.signature is None and type(part) is Text:
            joined[-1] = replace(last, signature=signature)
        elif type(last) is Reasoning and last.opaque is None:
            joined[-1] = replace(last, opaque=signature)
        else:
            joined.append(part)
    return joined


def lone_signature(part: MessagePart) -> Any:
    """Return the signature of a part that has nothing else."""
    if not isinstance(part, Text | Reasoning) or part.text or part.vendor_extensions:
        return None
    return part.signature if isinstance(part, Text) else part.opaque


def _cited(parts: list[MessagePart], metadata: Any) -> list[MessagePart]:
    cited = list(parts)
    found: dict[int, list[Citation]] = {}
    for number, citation in read_citations(metadata, [part.text if type(part) is Text else None for part in parts]):
        found.setdefault(number, []).append(citation)
    for number, citations in found.items():
        part = cited[number]
        if type(part) is Text:
            cited[number] = replace(part, citations=(*part.citations, *citations))
    return cited
