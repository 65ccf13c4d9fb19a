"""The codecs by protocol name, and whose mistake it is if one of them finds a value unfit."""

from collections.abc import Mapping
from typing import Any

from omnillm.errors import BadRequest, ProtocolError, UpstreamLost
from omnillm.model.message import Issuer
from omnillm.protocols import (
    anthropic_messages,
    bedrock_converse,
    canonical,
    gemini_generate_content,
    gemini_interactions,
    openai_chat,
    openai_responses,
)
from omnillm.protocols.codec import Codec
from omnillm.protocols.protocol_names import meant_by
from omnillm.protocols.shapes import Unfit


class _Codecs(dict[str, Codec[Any]]):
    """By protocol, in any of its spellings."""

    def __missing__(self, protocol: str) -> Codec[Any]:
        name = meant_by(protocol)
        if name:
            return self[name]
        raise ProtocolError(f"There is no protocol {protocol!r}; there are {', '.join(self)}.", reason="unsupported_wire_format")


CODECS: Mapping[str, Codec[Any]] = _Codecs(
    {
        package.CODEC.name: package.CODEC
        for package in (
            openai_chat,
            openai_responses,
            anthropic_messages,
            gemini_generate_content,
            gemini_interactions,
            bedrock_converse,
            canonical,
        )
    }
)
"""By protocol, in any of its spellings: `name` of what is found is its own. One that is not there is a ProtocolError."""


_TOO_DEEP = Unfit("", "nested less deeply")
"""JSON that could be read, but cannot be written with the levels that another protocol puts around it."""


def client_mistake(error: Unfit | RecursionError) -> BadRequest:
    """What the client wrote is not what its protocol says, or nested more deeply than anybody reads."""
    if isinstance(error, RecursionError):
        error = _TOO_DEEP
    refused = BadRequest(f"{error}.", code="invalid_value" if error.path else "invalid_json")
    refused.details = {"param": error.path or None}
    return refused


def provider_mistake(error: Exception, issuer: Issuer | None) -> UpstreamLost:
    """What the provider answered is not what its protocol says."""
    provider = f" {issuer.provider!r}" if issuer is not None and issuer.provider else ""
    if isinstance(error, RecursionError):
        error = _TOO_DEEP
    reason = str(error) if isinstance(error, Unfit) else "an event is not JSON"
    return UpstreamLost(f"The provider{provider} answered what its protocol does not allow: {reason}.", code="garbled_reply")
