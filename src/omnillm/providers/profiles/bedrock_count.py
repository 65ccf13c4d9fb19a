"""Bedrock's count of tokens: a generation in an envelope, answered with a number.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
"""

import binascii
import re
from typing import Any, Final

import msgspec

from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, BEDROCK_CONVERSE
from omnillm.providers.endpoint import Counter

_GEOGRAPHY: Final = re.compile(r"^(?:us|us-gov|eu|apac|jp|au|ca|global)\.(?=[a-z0-9]+\.)")
_COUNTED: Final = ("messages", "system", "toolConfig", "additionalModelRequestFields")
"""Members of Converse that a count takes."""
_SAID_ELSEWHERE: Final = ("model", "stream")


class _Told(msgspec.Struct, frozen=True, rename="camel"):
    input_tokens: int


_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def foundation_model(model: str) -> str:
    """The model of a geographic inference profile. Counts take no profiles, while generations of newer models take nothing else."""
    return _GEOGRAPHY.sub("", model)


def ask(protocol: str, body: bytes) -> bytes:
    """The request for a count, made of a generation's body in Claude's own protocol, or in Converse."""
    members = _members(body)
    if protocol == ANTHROPIC_MESSAGES:
        invoked = _invoked(members)
        return msgspec.json.encode({"input": {"invokeModel": {"body": binascii.b2a_base64(invoked, newline=False).decode()}}})
    return msgspec.json.encode({"input": {"converse": {name: members[name] for name in _COUNTED if name in members}}})


def _invoked(members: dict[str, msgspec.Raw]) -> bytes:
    """A body for InvokeModel, which needs an output cap above the budget of thinking."""
    kept: dict[str, Any] = {name: value for name, value in members.items() if name not in _SAID_ELSEWHERE}
    thinking = msgspec.json.decode(members.get("thinking", msgspec.Raw(b"{}")))
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    kept.setdefault("max_tokens", budget + 1 if isinstance(budget, int) and budget > 0 else 1)
    return msgspec.json.encode(kept)


def read(body: bytes) -> int | None:
    """The number in a reply; None: it is no count."""
    try:
        return msgspec.json.decode(body, type=_Told).input_tokens
    except UNREADABLE:
        return None


COUNTER: Final = Counter(protocol=BEDROCK_CONVERSE, name=foundation_model, ask=ask, read=read)
