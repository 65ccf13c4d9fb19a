"""Recorded replies and streams, and what may differ when one is written again."""

from typing import Annotated, Any

import msgspec
from openai.types.responses import ResponseStreamEvent
from pydantic import Field, TypeAdapter

from omnillm.model import Issuer
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import CODEC
from omnillm.protocols.openai_responses.parse.reply import ECHOES

EVENT = TypeAdapter(Annotated[ResponseStreamEvent, Field(discriminator="type")])
"""An event of a stream as the SDK reads it: of the kind that it says."""
ISSUER = Issuer(protocol="openai_responses", provider="openai", key="k1")
_in_order = msgspec.json.Encoder(order="deterministic").encode


def context_of(response: dict[str, Any]) -> ReplyContext:
    """The request that it answers, as far as the response repeats it."""
    echoed = {name: response[name] for name in ECHOES & response.keys() if not (name == "instructions" and type(response[name]) is list)}
    request = CODEC.parse_request({**echoed, "model": "m", "input": "Hi"}, Losses())
    return ReplyContext(id="x1", created=1, model="m", request=request)


def said(value: Any) -> Any:
    """Without what says nothing: nulls, empty objects and lists, and that an item is completed."""
    if isinstance(value, dict):
        members = {name: said(member) for name, member in value.items()}
        return {
            name: member for name, member in members.items() if member not in (None, {}, []) and (name, member) != ("status", "completed")
        }
    return [said(member) for member in value] if isinstance(value, list) else value


def comparable(response: dict[str, Any], recorded: dict[str, Any]) -> dict[str, Any]:
    """A response without the members that this one adds to make it whole; tools in an order of their own."""
    plain = {name: value for name, value in said(response).items() if name in said(recorded)}
    plain["usage"].get("input_tokens_details", {}).pop("cache_write_tokens", None)
    plain["tools"] = sorted(plain.get("tools", ()), key=_in_order)
    return plain
