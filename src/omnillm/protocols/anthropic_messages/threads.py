"""What Anthropic keeps between two calls: threads, and the containers in which it runs code.

A thread is a conversation under the id of each reply, so that the next call brings the new turn alone. Anthropic's SDK makes them by
itself where it runs an application's tools, and does without where one is refused as `priced_messages.THREAD_REFUSED`.
"""

from typing import Any

import msgspec

from omnillm.protocols.anthropic_messages.stream import MessageWatch
from omnillm.protocols.bound import CONTAINER, MESSAGE, Id, files_named, named_by
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import Bound, Members, StreamWatch

THREAD = "thread"
_CREATE = "create"


class _Thread(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    previous_message_id: str | None = None


class _Made(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None
    container: Id | None = None


_thread = msgspec.json.Decoder(_Thread | None).decode
_made = msgspec.json.Decoder(_Made).decode


def messages_named(members: Members, body: bytes) -> tuple[Bound, ...]:
    """The reply that this call goes on from, the container that it runs code in, and files."""
    found = files_named(members, body)
    if CONTAINER in members:
        found += named_by(members[CONTAINER], CONTAINER)
    if THREAD not in members:
        return found
    try:
        thread = _thread(members[THREAD])
    except UNREADABLE:
        return found  # the provider says what is wrong with it
    previous = None if thread is None else thread.previous_message_id
    return ((MESSAGE, previous), *found) if previous else found


def message_made(members: Members, final: bytes, watch: StreamWatch | None) -> tuple[Bound, ...]:
    """The reply's id, where its conversation is kept, and its container: a stream says them in its first event and its last."""
    is_kept = THREAD in members and bytes(members[THREAD]) != b"null"
    if not is_kept and "tools" not in members and CONTAINER not in members:
        return ()
    if watch is not None:
        told, container = (watch.message_id, watch.container_id) if isinstance(watch, MessageWatch) else ("", "")
    else:
        try:
            made = _made(final)
        except UNREADABLE:
            return ()
        told, container = made.id or "", (made.container.id if made.container is not None else "") or ""
    return (((MESSAGE, told),) if told and is_kept else ()) + (((CONTAINER, container),) if container else ())


def goes_on(value: Any) -> bool:
    """Whether `thread` is one that exists already: what it holds, the call does not bring along."""
    return type(value) is dict and value.get("type") != _CREATE
