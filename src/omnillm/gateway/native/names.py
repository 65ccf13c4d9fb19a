"""What the JSON body of a native call names: its model, and the files that only one key knows, wherever in it and however large it is.

Whoever could hide a name from us would reach what others made. So a body that two readers could read differently is refused.
"""

import asyncio
import re
from collections.abc import Iterator
from mmap import mmap
from typing import Final

import msgspec

from omnillm.errors import BadRequest
from omnillm.gateway.call import has_repeated_members, read_members
from omnillm.protocols.bound import FILE
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import Bound
from omnillm.transport.spool import Body, Spool

MOST_FILES: Final = 1024
"""Each is asked of the ledger."""
WINDOW: Final = 1024 * 1024
LONGEST_MATCH: Final = 4096
"""No match of the patterns is longer."""
_BEFORE: Final = b"\xef\xbb\xbf \t\r\n"
"""What may stand before an object: a byte order mark, too."""
_MEMBER: Final = re.compile(
    rb'file(?:_id|(_?[uU]ri|Name|_name))"(?:\s{0,512}:\s{0,512}"((?:[^"\\]|\\.){0,512})"|\s{0,511}:\s{512}|\s{512})', re.DOTALL
)
"""The end of a member's name, whether it is one of Gemini's, and its value; no value: more space than any writer leaves."""
_LETTER: Final = re.compile(rb"\\u00(?:4[eE]|5[fF]|55|6[1-9a-fA-F]|7[0-9aA])")
"""A letter of such a name, as no writer spells it."""
_OF_GEMINI: Final = re.compile(r"files/[\w-]{1,128}")


class _Named(msgspec.Struct):
    model: str | None = None


_named = msgspec.json.Decoder(_Named).decode
_text = msgspec.json.Decoder(str).decode


def is_object(body: Body) -> bool:
    """Of what a client sent: a form, or what is a file of the program's own, is none."""
    if not isinstance(body, bytes | Spool):
        return False
    head = body[:64] if isinstance(body, bytes) else body.read_at(0, 64)
    return head.lstrip(_BEFORE)[:1] == b"{" or (len(head) == 64 and not head.strip(_BEFORE))


def model_named(body: Body) -> str:
    """Return nothing where none can be read."""
    try:
        return (_named(body.lstrip(_BEFORE)).model or "").removeprefix("models/") if isinstance(body, bytes) else ""
    except UNREADABLE:
        return ""


def is_ambiguous(body: Body) -> bool:
    """Whether a JSON body names a member twice, so that its provider could read another model than we did."""
    return isinstance(body, bytes) and is_object(body) and has_repeated_members(body, read_members(body))


async def files_named(body: Body) -> tuple[Bound, ...]:
    """BadRequest: too many, or hidden ones. Other calls go on between two mebibytes of a large body."""
    if isinstance(body, bytes):
        return _bound(_values(body, 0, len(body)))
    assert isinstance(body, Spool)
    found: dict[Bound, None] = {}
    view = body.view()  # goes with this frame: what searches it, when it raises, keeps it from being closed
    for start in range(0, len(view), WINDOW):
        found |= dict.fromkeys(_bound(_values(view, start, start + WINDOW)))
        _check_number(len(found))
        await asyncio.sleep(0)
    return tuple(found)


def _values(body: bytes | mmap, start: int, end: int) -> Iterator[tuple[bytes, bool]]:
    """(value, is it Gemini's) of the members that begin within these places."""
    last = end + LONGEST_MATCH
    for letter in _LETTER.finditer(body, start, last):
        before = body[max(letter.start() - 64, 0) : letter.start()]
        if not (len(before) - len(before.rstrip(b"\\"))) % 2:
            raise _hidden()
    for member in _MEMBER.finditer(body, start, last):
        at = member.start()
        before = body[max(at - 7, 0) : at]
        if at < end and (before[-1:] == b'"' or before == b'"input_'):
            if member[2] is None:
                raise _hidden()
            yield member[2], member[1] is not None


def _bound(values: Iterator[tuple[bytes, bool]]) -> tuple[Bound, ...]:
    names: dict[str, None] = {}
    for value, is_gemini in values:
        try:
            text = _text(b'"%b"' % value)
        except UNREADABLE:
            continue  # the provider says what is wrong with it
        found = _OF_GEMINI.search(text)
        if found is not None:
            names[found[0]] = None
        elif text and not is_gemini:
            names[text] = None
        _check_number(len(names))
    return tuple((FILE, name) for name in names)


def _check_number(number: int) -> None:
    if number > MOST_FILES:
        raise BadRequest(f"The body names more than {MOST_FILES} files.", code="too_many_files")


def _hidden() -> BadRequest:
    return BadRequest("The body spells a member's name as no JSON writer does; what it names must be sure.", code="ambiguous_body")
