"""A response, read: its items are the parts of one message."""

from collections.abc import Callable
from itertools import chain
from typing import Any

from msgspec.structs import replace

from omnillm.model.message import Issuer, Message, MessagePart, MessageRole, Native, Opaque, Text
from omnillm.model.response import Candidate, LlmResponse
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses.finish import incomplete_reason, read_finish
from omnillm.protocols.openai_responses.logprobs import read_tokens
from omnillm.protocols.openai_responses.parse.parts import assistant_parts, call_of, custom_call_of, reasoning_of
from omnillm.protocols.openai_responses.place import NAME
from omnillm.protocols.openai_responses.usage import read_usage
from omnillm.protocols.shapes import array, each_with, mapping, optional_integer, optional_text, rest, text
from omnillm.usage import Usage

ECHOES = frozenset(
    {
        *("access_programs", "background", "instructions", "max_output_tokens", "max_tool_calls", "metadata"),
        *("parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_retention"),
        *("reasoning", "safety_identifier", "store", "temperature", "text", "tool_choice", "tools"),
        *("top_logprobs", "top_p", "truncation", "user", "frequency_penalty", "presence_penalty"),
    }
)
"""Members of a response that say again what was asked: of no interest to a client of another protocol, and made anew for one of this."""

_TYPED = frozenset({"id", "object", "created_at", "model", "output", "usage", "service_tier", "status", "incomplete_details", "error"})
_LOGPROBS = "logprobs"


def parse_reply(body: dict[str, Any], issuer: Issuer, losses: Losses, counted: Usage | None = None) -> LlmResponse:  # noqa: ARG001 - nothing is lost
    """Read a response. What repeats the request is left out: `emit_reply` makes it anew from the request itself."""
    items = each_with(issuer, array(body.get("output"), "output"), "output", item_parts)
    parts, logprobs = gather_logprobs(list(chain.from_iterable(items)))
    message = Message(role=MessageRole.ASSISTANT, parts=tuple(parts))
    finish, native = read_finish(optional_text(body, "status"), incomplete_reason(body), set(map(type, parts)))
    raw_usage = body.get("usage")
    return LlmResponse(
        id=optional_text(body, "id"),
        model=optional_text(body, "model"),
        created=created_of(body),
        candidates=(Candidate(message=message, finish_reason=finish, native_finish_reason=native, logprobs=logprobs),),
        usage=read_usage(body) if counted is None else counted,
        raw_usage=raw_usage if type(raw_usage) is dict else None,
        service_tier=optional_text(body, "service_tier"),
        protocol=NAME,
        vendor_extensions=response_members(body),
    )


def response_members(response: dict[str, Any]) -> dict[str, Any]:
    """Return the members that neither have a canonical home nor repeat the request."""
    more = rest(response, _TYPED | ECHOES)
    error = response.get("error")
    if error is not None:
        more["error"] = error
    return more


def created_of(response: dict[str, Any]) -> int | None:
    created = response.get("created_at")
    return int(created) if type(created) is float and -1e15 < created < 1e15 else optional_integer(response, "created_at")


def item_parts(item: Any, issuer: Issuer) -> tuple[MessagePart, ...]:
    """Read one item of the output."""
    kind = text(mapping(item, "").get("type"), "type")
    if kind == "message":
        return assistant_parts(item)
    if kind == "reasoning":
        return (reasoning_of(item, opaque_of(item, issuer)),)
    read = _CALLS.get(kind)
    return (read(item) if read is not None else Native(protocol=NAME, kind=kind, value=item),)


def opaque_of(item: dict[str, Any], issuer: Issuer) -> Opaque | None:
    encrypted = optional_text(item, "encrypted_content")
    return Opaque(value=encrypted, issuer=issuer) if encrypted else None


_CALLS: dict[str, Callable[[dict[str, Any]], MessagePart]] = {"function_call": call_of, "custom_tool_call": custom_call_of}


def gather_logprobs(parts: list[MessagePart]) -> tuple[list[MessagePart], Any]:
    """Take the logprobs out of the texts, to one object as Chat has it."""
    found: list[Any] = []
    for number, part in enumerate(parts):
        if type(part) is Text and _LOGPROBS in part.vendor_extensions:
            more = dict(part.vendor_extensions)
            found += read_tokens(more.pop(_LOGPROBS))
            parts[number] = replace(part, vendor_extensions=more)
    return parts, {"content": found, "refusal": None} if found else None
