"""What the JSON body of a native call names: its model, and the ids that only one provider key knows, anywhere in it and in any size.

If somebody could hide a name from us, the call would reach objects of others. So a body that two readers could read differently is refused.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from mmap import mmap
from typing import Final, NamedTuple

import msgspec

from omnillm.errors import BadRequest
from omnillm.protocols.bound import (
    CACHED_CONTENT,
    CONTAINER,
    CONVERSATION,
    ENVIRONMENT,
    FILE,
    INTERACTION,
    ITEM,
    LISTED,
    LISTS_OF_FILES,
    LISTS_OF_STORES,
    MESSAGE,
    OBJECT,
    REFERENCE,
    REFERENCED,
    RESPONSE,
    responses_named,
)
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.lookalikes import is_in_odd_letters
from omnillm.protocols.members import has_repeated_members, read_members
from omnillm.protocols.protocol import Bound
from omnillm.transport.spool import Body, Spool

MOST_FILES: Final = 1024
"""The most files that a body names: the ledger is asked for each."""
WINDOW: Final = 1024 * 1024
LONGEST_MATCH: Final = 4096
"""No match of the patterns is longer."""
BEFORE: Final = b"\xef\xbb\xbf \t\r\n"
"""What may stand before an object: a byte order mark, too."""
_MEMBER: Final = re.compile(
    rb'file(?:_id|(_?[uU]ri|Name|_name))"(?:\s{0,512}:\s{0,512}"((?:[^"\\]|\\.){0,512})"|\s{0,511}:\s{512}|\s{512})', re.DOTALL
)
"""The end of a member's name, whether it is one of Gemini's, and its value; no value: more space than any writer leaves."""
_KEPT: Final = re.compile(
    rb'"(previous_(?:response|message|interaction)_id|previousInteractionId|conversation|container|environment(?:_id|Id)|cached(?:_c|C)ontent)"'
    rb"(?:(\s{0,512}:\s{0,512})(?!\s)|\s{0,512}:\s{512}|\s{512})"
)
"""The name of a member that names something else that a provider keeps, and what stands before its value; nothing: too much space."""
_STRING: Final = re.compile(rb'"((?:[^"\\]|\\.){0,512})"', re.DOTALL)
OBJECT_BYTES: Final = 1024 * 1024
"""The most bytes of an object that has the id of such a thing."""
MOST_DEPTH: Final = 8


def _object() -> re.Pattern[bytes]:
    """A JSON object with so many levels at most; without its end: it has more, or ends too early. No byte is looked at twice."""
    flat = rb'(?:[^{}\[\]"]++|"(?:[^"\\]++|\\.)*+"'
    inside = flat + rb")*+"
    for _ in range(MOST_DEPTH):
        inside = flat + rb"|[{\[]%b[}\]])*+" % inside
    return re.compile(rb"\{%b(\}?)" % inside, re.DOTALL)


_OBJECT: Final = _object()
_KINDS: Final = {
    b"previous_response_id": RESPONSE,
    b"previous_message_id": MESSAGE,
    b"previous_interaction_id": INTERACTION,
    b"previousInteractionId": INTERACTION,
    b"environment_id": ENVIRONMENT,
    b"environmentId": ENVIRONMENT,
    b"conversation": CONVERSATION,
    b"container": CONTAINER,
    b"cachedContent": CACHED_CONTENT,
    b"cached_content": CACHED_CONTENT,
}
_LETTER: Final = re.compile(rb"\\u00(?:4[3eE]|5[fF]|55|6[1-9a-fA-F]|7[0-9aA])")
"""A letter of such a name as an escape, which no client writes."""
_OF_GEMINI: Final = re.compile(r"files/[\w-]{1,128}")


class _Named(msgspec.Struct):
    model: str | None = None


_named = msgspec.json.Decoder(_Named).decode
_pairs = json.JSONDecoder(object_pairs_hook=list, strict=False).decode
_text = msgspec.json.Decoder(str).decode


def is_object(body: Body) -> bool:
    """Whether a body is a JSON object that a client sent: not a form, and not a file of the program's own."""
    if not isinstance(body, bytes | Spool):
        return False
    head = body[:64] if isinstance(body, bytes) else body.read_at(0, 64)
    return head.lstrip(BEFORE)[:1] == b"{" or (len(head) == 64 and not head.strip(BEFORE))


def model_named(body: Body) -> str:
    """The model that a body names; "": none can be read."""
    try:
        return (_named(body.lstrip(BEFORE)).model or "").removeprefix("models/") if isinstance(body, bytes) else ""
    except UNREADABLE:
        return ""


def is_ambiguous(body: Body) -> bool:
    """Whether a JSON body names a member twice, or in odd letters, so that its provider could read another model than we did."""
    if not (isinstance(body, bytes) and is_object(body)):
        return False
    members = read_members(body)
    return has_repeated_members(body, members) or is_in_odd_letters(members)


def check_readable(body: Body, headers: Mapping[bytes, bytes]) -> None:
    """BadRequest: a provider could read the body of a request in another way than we do, and find names in it that we do not."""
    if not len(body):
        return
    check_uncompressed(headers)
    head = body[:4] if isinstance(body, bytes) else body.read_at(0, 4)
    if b"\0" in head or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadRequest("The body of this call must be JSON in UTF-8.", code="ambiguous_body")


def check_uncompressed(headers: Mapping[bytes, bytes]) -> None:
    """BadRequest: a provider could unpack the body, and find names in it that we do not."""
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise BadRequest("The body of this call must not be compressed: what it names is looked for.", code="ambiguous_body")


def history_named(body: Body) -> tuple[Bound, ...]:
    """What a history in OpenAI's words names: the response that it goes on from, what is encrypted in it, files. BadRequest: it is none."""
    text = body.read_at(0, len(body)) if isinstance(body, Spool) else body
    assert isinstance(text, bytes)
    return responses_named(read_members(text), text)


class Named(NamedTuple):
    """What a body names that only one provider key knows."""

    files: tuple[Bound, ...]
    """Named by members that can mean nothing else."""
    others: tuple[Bound, ...]
    """Named by members that may mean anything: only what is known to be another's is refused."""


async def named_in(body: Body) -> Named:
    """BadRequest: too much, or hidden. Other calls go on between two mebibytes of a large body."""
    files: dict[Bound, None] = {}
    others: dict[Bound, None] = {}
    view = view_of(body)
    for start in range(0, len(view), WINDOW):
        files |= dict.fromkeys(_bound(_values(view, start, start + WINDOW)))
        others |= dict.fromkeys(_kept(view, start, start + WINDOW))
        check_number(len(files) + len(others))
        if len(view) > WINDOW:
            await asyncio.sleep(0)
    return Named(tuple(files), tuple(others))


def view_of(body: Body) -> bytes | mmap:
    """All of what a client sent. It goes with the frame that asks for it: what searches it, when it raises, keeps it from being closed."""
    if isinstance(body, bytes):
        return body
    assert isinstance(body, Spool)
    return body.view() if body.is_on_disk else body.read_at(0, len(body))


def _kept(body: bytes | mmap, start: int, end: int) -> Iterator[Bound]:
    """What is named by the members that begin within these places, files by their own apart."""
    last = end + LONGEST_MATCH
    for member in _KEPT.finditer(body, start, last):
        if member.start() < end:
            if member[2] is None:
                raise _hidden()
            yield from ((_KINDS[member[1]], text) for text in _ids_at(body, member.end()))
    references = [item[1] for item in REFERENCE.finditer(body, start, last) if item.start() < end]
    yield from ((ITEM, text.decode()) for inside in references for text in REFERENCED.findall(inside))
    for kind, lists in ((FILE, LISTS_OF_FILES), (OBJECT, LISTS_OF_STORES)):
        begun = [listed.start() for listed in lists.finditer(body, start, last) if listed.start() < end]
        yield from ((kind, text) for at in begun for text in _listed(lists.match(body, at), kind))


def _listed(found: re.Match[bytes] | None, kind: str) -> Iterator[str]:
    """The ids in a list, which may be longer than where it was looked for; those of stores as they stand in a path, in one segment."""
    assert found is not None
    said = (_said(each[1]) for each in LISTED.finditer(found[1]))
    return (text for each in said if (text := each.rpartition("/")[2] if kind == OBJECT else each))


def _ids_at(body: bytes | mmap, at: int) -> Iterator[str]:
    """The ids that a value is, or has, which begins there: of an id that stands twice a reader may take either."""
    if body[at : at + 1] == b'"':
        text = _STRING.match(body, at)
        if text is not None and (said := _said(text[1])):
            yield said
    elif body[at : at + 1] == b"{":
        found = _OBJECT.match(body, at, at + OBJECT_BYTES)
        assert found is not None
        if not found[1] and found.end() < len(body):
            raise _hidden()
        if b'"id"' not in found[0]:
            return
        try:
            members = _pairs(found[0].decode("utf-8", "replace"))
        except ValueError:
            return  # the provider says what is wrong with it
        yield from (value for name, value in members if name == "id" and isinstance(value, str) and value)


def _said(value: bytes) -> str:
    """What a string says; "": the provider says what is wrong with it."""
    try:
        return _text(b'"%b"' % value)
    except UNREADABLE:
        return ""


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
        text = _said(value)
        found = _OF_GEMINI.search(text)
        if found is not None:
            names[found[0]] = None
        elif text and not is_gemini:
            names[text] = None
        check_number(len(names))
    return tuple((FILE, name) for name in names)


def check_number(number: int) -> None:
    if number > MOST_FILES:
        raise BadRequest(f"The body names more than {MOST_FILES} files.", code="too_many_files")


def _hidden() -> BadRequest:
    return BadRequest("The body spells what it names as no JSON writer does; it must be sure.", code="ambiguous_body")
