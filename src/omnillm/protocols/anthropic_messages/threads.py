"""Threads: conversations that the provider keeps under the id of each reply, so that the next call brings the new turn alone.

Anthropic's SDK makes them by itself where it runs an application's tools, and does without where one is refused as
`priced.THREAD_REFUSED`.
"""

from typing import Any

import msgspec

from omnillm.protocols.anthropic_messages.stream import MessageWatch
from omnillm.protocols.bound import MESSAGE, files_named
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import Bound, Members, StreamWatch

THREAD = "thread"
_CREATE = "create"


class _Thread(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    previous_message_id: str | None = None


class _Made(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None


_thread = msgspec.json.Decoder(_Thread | None).decode
_made = msgspec.json.Decoder(_Made).decode


def messages_named(members: Members, body: bytes) -> tuple[Bound, ...]:
    """The reply that this call goes on from, and files."""
    found = files_named(members, body)
    if THREAD not in members:
        return found
    try:
        thread = _thread(members[THREAD])
    except UNREADABLE:
        return found  # the provider says what is wrong with it
    previous = None if thread is None else thread.previous_message_id
    return ((MESSAGE, previous), *found) if previous else found


def message_made(members: Members, final: bytes, watch: StreamWatch | None) -> tuple[Bound, ...]:
    """The reply's id, where its conversation is kept. A stream says it in its first event."""
    if THREAD not in members or bytes(members[THREAD]) == b"null":
        return ()
    told: str | None
    if watch is not None:
        told = watch.message_id if isinstance(watch, MessageWatch) else ""
    else:
        try:
            told = _made(final).id
        except UNREADABLE:
            return ()
    return ((MESSAGE, told),) if told else ()


def goes_on(value: Any) -> bool:
    """Whether `thread` is one that exists already: what it holds, the call does not bring along."""
    return type(value) is dict and value.get("type") != _CREATE
