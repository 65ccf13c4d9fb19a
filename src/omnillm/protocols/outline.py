"""A long request without the prose of its conversation: whatever in it can name an id or be an image, in a fraction of its length.

What looks for such things reads the outline, so that a prompt's length costs one walk that builds nothing. Prose is a string that stands as
`content` or `text` in an item of the conversation, or in a part of one.
"""

from typing import Final

import msgspec

from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.members import is_compact
from omnillm.protocols.protocol import Members

_LONG: Final = 8_192
"""Below this the walk costs more than it saves."""
_LONG_ITEM: Final = 1_024
"""Of many items that are shorter, each would cost as much as reading its words."""
_LEVELS: Final = 3
"""Items, their parts, and the parts of a tool's result: each level is a walk of its own over what lies below it."""
_SPOKEN: Final = ("messages", "input", "contents", "system", "instructions")
_PROSE: Final = ("content", "text", "parts")
_NOTHING: Final = msgspec.Raw(b'""')
_QUOTE, _BRACKET = b'"['

_objects = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


class Outline(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    members: Members
    """All of the request's; those of the conversation have "" for each of its longer texts."""
    body: bytes
    """The same as a JSON object."""


def outline(members: Members, body: bytes) -> Outline | None:
    """None: look at the request itself. It is short or plain, or says something twice or with blanks, so that the outline might hide it.

    The outline is shown to be all of the request but its prose by its length: what is encoded has no shorter spelling, so the two lengths
    differ by more than the prose wherever a blank, a repeated member or an escape in a name was lost on the way.
    """
    if len(body) < _LONG or _is_plain(body) or not is_compact(members, body):
        return None
    shortened = dict(members)
    left_out = 0
    try:
        for name in _SPOKEN:
            if name in members:
                shortened[name], less = _without_prose(members[name], _LEVELS)
                left_out += less
    except UNREADABLE:
        return None
    if not left_out:
        return None
    bare = msgspec.json.encode(shortened)
    return Outline(members=shortened, body=bare) if len(bare) + left_out == len(body) else None


def _is_plain(body: bytes) -> bool:
    """Whether one look at single bytes tells that there is nothing to be found: no array in an array, no name of two words, no escape."""
    return body.find(b"[", body.find(b"[") + 1) < 0 and b"_" not in body and b"\\" not in body


def _without_prose(value: msgspec.Raw, levels: int) -> tuple[msgspec.Raw, int]:
    """A member that may hold prose, and by how many bytes it became shorter. One of `UNREADABLE`: its items are no objects."""
    first = memoryview(value)[0]
    if first == _QUOTE:
        return _NOTHING, len(value) - len(_NOTHING)
    if first != _BRACKET or not levels:
        return value, 0
    items = _objects(value)
    if len(value) < _LONG_ITEM * len(items):
        return value, 0
    left_out = 0
    for item in items:
        for name in _PROSE:
            if name in item and len(item[name]) > _LONG_ITEM:
                item[name], less = _without_prose(item[name], levels - 1)
                left_out += less
    return (msgspec.Raw(msgspec.json.encode(items)), left_out) if left_out else (value, 0)
