"""The response around the items: what SDKs require, and what repeats the request."""

from collections.abc import Collection
from typing import Any

import msgspec

from omnillm.model.events import ResponseStarted
from omnillm.model.request import LlmRequest
from omnillm.model.response import LlmResponse
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.differences.generation import tier_said
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses.emit.request import TIERS, write_settings
from omnillm.protocols.openai_responses.parse.reply import ECHOES
from omnillm.protocols.openai_responses.place import NAME, Place
from omnillm.protocols.openai_responses.usage import note_miscount, write_usage
from omnillm.usage import Usage

_OWN_MEMBERS = frozenset(
    {
        *("background", "billing", "completed_at", "content_filters", "conversation", "error", "image", "input_transformations"),
        *("moderation", "prompt_cache_diagnostics", "prompt_cache_options", "service_tier", "tool_usage"),
    }
)
"""Members of a response that its end may have brought."""

_PREFIX = "resp_"


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply says beside its items and its end."""

    id: str
    created: int
    model: str
    service_tier: str
    echo: dict[str, Any]

    def response(self, status: str, output: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        response = {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": self.model,
            "output": output,
            "usage": None,
            **self.echo,
        }
        if self.service_tier:
            response["service_tier"] = self.service_tier
        response.update(more)
        return response


def envelope_of(said: LlmResponse | ResponseStarted, context: ReplyContext, losses: Losses) -> Envelope:
    tier = said.service_tier
    return Envelope(
        id=response_id(said.id, said.protocol, context),
        created=context.created if said.created is None else said.created,
        model=said.model or context.model,
        service_tier=(tier and tier_said(tier, TIERS, losses, "a tier of another provider", "service_tier")) or "",
        echo=echo_of(context.request),
    )


def response_id(given: str, protocol: str, context: ReplyContext) -> str:
    """Keep an id of this protocol; make one of others."""
    if given and protocol == NAME:
        return given
    return f"{_PREFIX}{context.id}"


def echo_of(request: LlmRequest | None) -> dict[str, Any]:
    """Return the members that repeat the request, or say what holds without one."""
    echo: dict[str, Any] = {
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
    }
    if request is None:
        return echo
    said: dict[str, Any] = {}
    write_settings(request, said, Place(Losses(), protocol=request.protocol, is_own=request.protocol == NAME))
    echo.update((name, value) for name, value in said.items() if name in ECHOES)
    if "format" not in echo["text"]:
        echo["text"] = {"format": {"type": "text"}, **echo["text"]}
    conversation = request.vendor_extensions.get("conversation") if request.protocol == NAME else None
    if conversation is not None:
        echo["conversation"] = {"id": conversation} if type(conversation) is str else conversation
    return echo


def end_response(response: dict[str, Any], usage: Usage | None, raw: Any, brought: Collection[str], losses: Losses) -> None:
    """Add the usage, and tell what the response does not say. `raw`: the usage in this protocol's words; `brought`: its own members."""
    if usage is not None:
        response["usage"] = write_usage(usage, raw)
        note_miscount(usage, response, losses)
    if response["status"] == "failed" and "error" not in brought:
        losses.approximate("candidates[0].finish_reason", "said as failed, by a fault that names no reason")


def last_members(extensions: dict[str, Any], losses: Losses, *, is_own: bool) -> dict[str, Any]:
    """Return what the end of a stream brought for the response; another protocol's member may have the same name (Chat's `moderation`)."""
    members = {name: value for name, value in extensions.items() if name in _OWN_MEMBERS} if is_own else {}
    losses.drop_extensions(extensions.keys() - members.keys(), "", "not a member of a response here")
    return members
