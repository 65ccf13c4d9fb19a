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
_BEGINNING: Final = 512
"""A list with an image so near its beginning is left as it is: it is mostly images, and walking it would save nothing."""
_NAMED_IN_TWO_WORDS: Final = ("messages", "input", "system", "instructions")
"""Conversations of protocols in which all names of ids have an underscore, and media stand in an array of parts."""
_SPOKEN: Final = (*_NAMED_IN_TWO_WORDS, "contents")
_PROSE: Final = ("content", "text", "parts")
_QUOTE, _BRACKET, _UNDERSCORE, _BACKSLASH = b'"[_\\'
_EMPTY: Final = {_QUOTE: msgspec.Raw(b'""'), _BRACKET: msgspec.Raw(b"[]")}

_objects = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


class Outline(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    members: Members
    """All members of the request; the conversation without its longer texts."""
    body: bytes
    """The same as a JSON object."""


def outline(members: Members, body: bytes) -> Outline | None:
    """None: read the request itself. It is short, or is spelt so that the outline might hide something (repeated members, blanks).

    The outline is shown to be all of the request but its prose by its length: what is encoded has no shorter spelling, so the two lengths
    differ by more than the prose wherever a blank, a repeated member or an escape in a name was lost on the way.
    """
    if len(body) < _LONG or not is_compact(members, body):
        return None
    shortened = dict(members)
    left_out = 0
    is_plain = _is_plain(body) and not ("input" in members and _holds_media(body))
    names, shorten = (_NAMED_IN_TWO_WORDS, _emptied) if is_plain else (_SPOKEN, _without_prose)
    try:
        for name in names:
            if name in members:
                shortened[name], less = shorten(members[name])
                left_out += less
    except UNREADABLE:
        return None
    if not left_out:
        return None
    bare = msgspec.json.encode(shortened)
    return Outline(members=shortened, body=bare) if len(bare) + left_out == len(body) else None


def _is_plain(body: bytes) -> bool:
    """Whether a few bytes show that there is nothing to be found: no array in another, no name of two words, no escape."""
    return body.find(b"[", body.find(b"[") + 1) < 0 and _UNDERSCORE not in body and _BACKSLASH not in body


def _holds_media(body: bytes) -> bool:
    """Whether there may be media, or files, by names of one word: of Gemini's Interactions, whose parts may be the conversation's items."""
    return b'"uri"' in body or b'"data"' in body


def _emptied(value: msgspec.Raw) -> tuple[msgspec.Raw, int]:
    """As `_without_prose`, for a conversation of prose alone."""
    first = memoryview(value)[0]
    if first not in _EMPTY:
        return value, 0
    return _EMPTY[first], len(value) - 2


def _without_prose(value: msgspec.Raw, levels: int = 3) -> tuple[msgspec.Raw, int]:
    """(a conversation without its prose, the bytes that it became shorter by). Raises one of `UNREADABLE`: its items are no objects.

    `levels`: items, their parts, and the parts of a tool's result. Each is a walk of its own over all that lies below it.
    """
    first = memoryview(value)[0]
    if first == _QUOTE:
        return _emptied(value)
    if first != _BRACKET or not levels or b"base64" in bytes(memoryview(value)[:_BEGINNING]):
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
