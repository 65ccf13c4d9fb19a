"""What Google keeps for the project of one key: interactions, and where they ran code."""

from typing import Final

import msgspec

from omnillm.protocols.bound import CACHED_CONTENT, ENVIRONMENT, INTERACTION, files_at, named_by, stores_in
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.gemini_interactions.stream import InteractionsWatch
from omnillm.protocols.gemini_interactions.wire import BEING_WRITTEN
from omnillm.protocols.protocol import Bound, Members, StreamWatch
from omnillm.records import BATCH_BILL

_NAMES: Final = (
    ("previous_interaction_id", INTERACTION),
    ("previousInteractionId", INTERACTION),
    ("cached_content", CACHED_CONTENT),
    ("cachedContent", CACHED_CONTENT),
)


class _Place(msgspec.Struct, frozen=True, gc=False):
    environment_id: str | None = None
    environmentId: str | None = None  # noqa: N815  the other spelling of protocol buffers


class _Made(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None
    status: str | None = None
    environment_id: str | None = None


_environment = msgspec.json.Decoder(str | _Place | None).decode
_made = msgspec.json.Decoder(_Made).decode


def interactions_named(members: Members, body: bytes) -> tuple[Bound, ...]:
    """The interaction that this one goes on from, cached content, an environment that exists already, files of the File API, stores."""
    found: tuple[Bound, ...] = ()
    for name, kind in _NAMES:
        if name in members:
            found += named_by(members[name], kind)
    return found + _environment_named(members.get("environment")) + stores_in(members) + files_at(body)


def _environment_named(raw: msgspec.Raw | None) -> tuple[Bound, ...]:
    """A member whose value is an id, or a description that may have one."""
    try:
        value = None if raw is None else _environment(raw)
    except UNREADABLE:
        return ()  # the provider says what is wrong with it
    named = (value.environment_id, value.environmentId) if isinstance(value, _Place) else (value,)
    return tuple((ENVIRONMENT, each) for each in named if each)


def interaction_made(members: Members, final: bytes, watch: StreamWatch | None) -> tuple[Bound, ...]:
    """The interaction, unless it is not kept, and its environment. One that is still being written in the background is a bill, too."""
    if watch is None:
        try:
            made = _made(final)
        except UNREADABLE:
            return ()
    else:
        made = _Made(id=watch.response_id, environment_id=watch.environment_id if isinstance(watch, InteractionsWatch) else "")
    found: tuple[Bound, ...] = ()
    if made.id and bytes(members.get("store", b"")) != b"false":
        found = ((INTERACTION, made.id),)
    if made.id and made.status in BEING_WRITTEN:
        found += ((BATCH_BILL, made.id),)
    return found + (((ENVIRONMENT, made.environment_id),) if made.environment_id else ())
