"""An interaction, read to the canonical model: its steps are the parts of one message."""

from itertools import chain
from typing import Any

from omnillm.model.message import Issuer, Message, MessageRole, ToolCall
from omnillm.model.response import Candidate, LlmResponse
from omnillm.protocols.gemini_interactions.finish import read_finish
from omnillm.protocols.gemini_interactions.moment import read_moment
from omnillm.protocols.gemini_interactions.parse.steps import reply_part
from omnillm.protocols.gemini_interactions.place import NAME
from omnillm.protocols.gemini_interactions.usage import read_usage, searches_in
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import each_with, optional_array, optional_mapping, optional_text, rest, text
from omnillm.usage import Usage

ECHOES = frozenset(
    {
        *("generation_config", "input", "labels", "previous_interaction_id", "response_format"),
        *("response_mime_type", "response_modalities", "safety_settings", "store", "stream"),
        *("system_instruction", "tools", "background", "cached_content", "webhook_config"),
    }
)
"""Members of an interaction that say again what was asked."""
_ADDED = frozenset({"output_text", "output_image", "output_audio", "output_video", "continuation_ids"})
"""Members that Google's SDK makes of the steps."""
_TYPED = frozenset({"id", "object", "status", "model", "created", "updated", "steps", "usage", "service_tier"})


def parse_reply(body: dict[str, Any], issuer: Issuer, losses: Losses, counted: Usage | None = None) -> LlmResponse:  # noqa: ARG001 - nothing is lost
    """Read an interaction. What repeats the request is left out."""
    status = text(body.get("status"), "status")
    parts = list(chain.from_iterable(each_with(issuer, optional_array(body, "steps"), "steps", reply_part)))
    reason, native = read_finish(status, has_call=ToolCall in set(map(type, parts)))
    message = Message(role=MessageRole.ASSISTANT, parts=tuple(parts))
    usage = optional_mapping(body, "usage")
    if counted is None and usage is not None:
        counted = read_usage(usage, searches_in(parts))
    return LlmResponse(
        id=optional_text(body, "id"),
        model=optional_text(body, "model"),
        created=read_moment(optional_text(body, "created")),
        candidates=(Candidate(message=message, finish_reason=reason, native_finish_reason=native),),
        usage=counted,
        raw_usage=None if counted is None else usage,
        service_tier=optional_text(body, "service_tier"),
        protocol=NAME,
        vendor_extensions=last_members(body),
    )


def last_members(interaction: dict[str, Any]) -> dict[str, Any]:
    """Return the members that neither have a canonical home nor repeat the request."""
    return {} if _TYPED.issuperset(interaction) else rest(interaction, _TYPED | ECHOES | _ADDED)
