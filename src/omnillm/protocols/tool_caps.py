"""A cap on the calls of a provider's own tools, for a request that sets none, in its protocol's own member.

Calls that are paid one by one have no bound until the provider is told one; then the provider keeps to it.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from omnillm.protocols.priced import RESPONSES_PAID
from omnillm.protocols.priced_messages import MESSAGES_SEARCH
from omnillm.protocols.protocol import Members


def tool_caps(protocol: str, members: Members, calls: int) -> Members:
    """The members that must be sent in the place of the request's own, so that at most so many calls are made; none: nothing can be capped.

    Only of members that the peek has taken. A cap that the request states, however badly, is left to whoever reads it.
    """
    cap = _CAPS.get(protocol)
    return {} if cap is None else cap(members, calls)


def _is_absent(raw: msgspec.Raw | None) -> bool:
    return raw is None or bytes(raw) == b"null"


def _cap_all(members: Members, calls: int) -> Members:
    """Responses has one figure for all tools, those of a kept prompt included."""
    if not _is_absent(members.get("max_tool_calls")):
        return {}
    tools = msgspec.json.decode(members.get("tools", b"null")) or ()
    is_paid = any(tool.get("type", "").startswith(RESPONSES_PAID) for tool in tools)
    return {"max_tool_calls": msgspec.Raw(b"%d" % calls)} if is_paid or not _is_absent(members.get("prompt")) else {}


def _cap_each(members: Members, calls: int) -> Members:
    """Messages has one for each search."""
    tools = msgspec.json.decode(members.get("tools", b"null"), type=list[dict[str, msgspec.Raw]] | None) or []
    open_ended = [tool for tool in tools if _is_search(tool) and _is_absent(tool.get("max_uses"))]
    for tool in open_ended:
        tool["max_uses"] = msgspec.Raw(b"%d" % calls)
    return {"tools": msgspec.Raw(msgspec.json.encode(tools))} if open_ended else {}


def _is_search(tool: Mapping[str, msgspec.Raw]) -> bool:
    kind = msgspec.json.decode(tool.get("type", b"null"))
    return kind is not None and kind.startswith(MESSAGES_SEARCH)


_CAPS: Final[Mapping[str, Callable[[Members, int], Members]]] = {
    "openai_responses": _cap_all,
    "anthropic_messages": _cap_each,
    "bedrock_invoke": _cap_each,
}
