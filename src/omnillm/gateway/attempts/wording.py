"""The client's own body as one host needs it: a few members are replaced, everything else stays verbatim."""

from collections.abc import Mapping

import msgspec

from omnillm.errors import BadRequest
from omnillm.gateway.call import Call
from omnillm.gateway.quotes.quote import Quote
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.members import emit, spelling
from omnillm.protocols.protocol import Members, Protocol

STREAM_OPTIONS = "stream_options"


class Rewording(msgspec.Struct, frozen=True, kw_only=True):
    """Members that a host knows by another name, or refuses."""

    renamed: Mapping[str, str] = {}
    """A client's member -> the name that the host knows it by."""
    refused: frozenset[str] = frozenset()
    """Members that the host refuses. Leaving them out changes nothing."""

    def of(self, members: Members) -> Members:
        """The members as this host takes them. If it takes them all, the same dict."""
        if self.renamed.keys().isdisjoint(members) and self.refused.isdisjoint(members):
            return members
        renamed = self.renamed
        kept = {name: raw for name, raw in members.items() if name not in self.refused}
        # If both names are there, the host's own name wins: the host would have read that one.
        return {renamed.get(name, name): raw for name, raw in kept.items() if renamed.get(name) not in kept}


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """Where a host's words differ from its protocol's own."""

    output_cap_member: str
    asks_usage: bool = False
    """Streams report usage only when asked to."""
    rewording: Rewording | None = None
    """None: it knows every member."""


def splice(call: Call, quote: Quote, model: str, wording: Wording) -> bytes:
    """The body for one target. If nothing must change, the client's bytes; else the members in their order, with their values verbatim."""
    members = call.members if wording.rewording is None else wording.rewording.of(call.members)
    changes: dict[str, bytes | msgspec.Raw] = {}
    if model != call.peek.model:  # also where the path names it: a body that names one, too, must not name another
        changes |= _renamed(call.protocol, members, model)
    if quote.injected_cap is not None:
        _inject_cap(changes, call, wording.output_cap_member, quote.injected_cap)
    if quote.tool_caps:
        changes |= quote.tool_caps
    if wording.asks_usage and call.is_stream and not call.peek.wants_usage:
        changes[STREAM_OPTIONS] = _with_usage(members.get(STREAM_OPTIONS))
    return emit(members, changes) if changes or members is not call.members else call.body


def _renamed(protocol: Protocol, members: Members, model: str) -> dict[str, bytes]:
    """The members that name the model, where the body does."""
    if protocol.rename is not None:
        return protocol.rename(members, model)
    return {"model": msgspec.json.encode(model)} if "model" in members else {}


def _inject_cap(changes: dict[str, bytes | msgspec.Raw], call: Call, member: str, cap: int) -> None:
    outer, dot, inner = member.partition(".")
    if not dot:
        changes[outer] = b"%d" % cap
        return
    name = spelling(call.members, outer)
    raw = call.members.get(name)
    config = {} if raw is None or bytes(raw) == b"null" else _object(raw, name)
    changes[name] = msgspec.json.encode({**config, inner: cap})


def _with_usage(options: msgspec.Raw | None) -> bytes:
    if options is None or bytes(options) == b"null":
        return b'{"include_usage":true}'
    return msgspec.json.encode({**_object(options, STREAM_OPTIONS), "include_usage": True})


def _object(raw: msgspec.Raw, name: str) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except UNREADABLE as error:
        raise BadRequest(f"{name} must be an object.") from error
