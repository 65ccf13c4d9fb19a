"""Ids that only one provider key knows: those that a request names, and those that a reply made.

They are found without decoding a body. Only a request that holds one of a few words is searched.
"""

import re
from collections.abc import Collection, Iterator

import msgspec

from omnillm.errors import BadRequest
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import Bound, Members, StreamWatch
from omnillm.records import BATCH_BILL

MOST = 1024
"""The most ids of one kind in one body: the ledger may be asked for each."""
MOST_REASONING = 64
"""Of encrypted reasoning only the last ones are looked at: its key is preferred, and not required."""
KEY_BOUND = frozenset({"openai_responses"})
"""Protocols whose opaque values only one account can read. In the others every key of the provider can."""
RESPONSE, CONVERSATION, REASONING, ITEM, FILE, CACHED_CONTENT = "response", "conversation", "reasoning", "item", "file", "cached_content"
MESSAGE = "message"
"""A reply of Anthropic's under whose id a conversation is kept."""
INTERACTION = "interaction"
"""A kept answer of Gemini's."""
ENVIRONMENT = "environment"
"""Where Gemini runs code for an interaction, and keeps its files."""
COMPACTION = "compaction"
"""A shortened history that only its maker's account can read. Unlike reasoning, it cannot be left out."""
OBJECT = "object"
"""Whatever else an account keeps: what is made at paths that the configuration adds (vector stores)."""
CONTAINER = "container"
"""Where a provider runs code: it holds the files of whoever it ran for."""

_UNDERSCORE, _BACKSLASH = b"_\\"
"""As numbers: to look for bytes in bytes, CPython first raises and clears a TypeError."""
_FILE_ID = re.compile(rb'"file_id"\s*:\s*"([\w.:/-]{1,256})"')
LISTS_OF_FILES = re.compile(rb'"file_ids"\s*:\s*\[((?:\s*+(?:"(?:[^"\\]|\\.)*+"|[^\s"\[\]{},]++)\s*+,?)*+)')
"""A list of file ids: the files that a container begins with."""
LISTS_OF_STORES = re.compile(LISTS_OF_FILES.pattern.replace(b"file_ids", b"(?:vector_store_ids|file_?[sS]earch_?[sS]tore_?[nN]ames)"))
"""A list of ids of vector stores, or of names of Gemini's, which a tool of the provider searches."""
LISTED = re.compile(rb'"((?:[^"\\]|\\.)*+)"')
_LISTED = re.compile(rb'"([\w.:/-]{1,256})"')
_LAST = re.compile(rb'"(?:[\w.:/-]{0,256}/)?([\w.:-]{1,256})"')
"""As it stands in a path, in one segment."""
_CONTAINER = re.compile(rb'"container"\s*:\s*"([\w.:/-]{1,256})"')
_FILE_URI = re.compile(rb'"file_?[uU]ri"\s*:\s*"[^"]{0,2048}?(files/[\w-]{1,128})')
_URI = re.compile(rb'"uri"\s*:\s*"[^"]{0,2048}?(files/[\w-]{1,128})')
_REASONING_ID = re.compile(rb'"id"\s*:\s*"(rs_(?!sig_|[0-9a-f]{32}_)[\w-]{1,200})"')
"""Not those that we write: their envelopes tell whose they are."""
_COMPACTION_ID = re.compile(rb'"id"\s*:\s*"(cmp_[\w-]{1,200})"')
_ID_OR_TYPE = rb'"(?:type|id)"\s*:\s*(?:"[\w-]{0,200}"|null)'
REFERENCE = re.compile(rb"\{\s*((?:%b\s*,\s*)*+%b)\s*\}" % (_ID_OR_TYPE, _ID_OR_TYPE))
"""An object of an id and perhaps its type, nothing else: what a reference to a kept item, such as a picture, looks like."""
REFERENCED = re.compile(rb'"id"\s*:\s*"([\w-]{1,200})"')
_text = msgspec.json.Decoder(str | None).decode


_ESCAPED = re.compile(rb"\\(?:u00[2-7]|/)")
"""Escapes of characters that need none: a search would not find an id that is written so."""
_STAYS_ESCAPED = ((b"\\\\", b"\0"), (b"\\u005c", b"\0"), (b"\\u005C", b"\0"), (b'\\"', b"\1"), (b"\\u0022", b"\1"))
"""A backslash and a quote, which would end a text that they stand in; and what no JSON holds."""


def _found(kind: str, pattern: re.Pattern[bytes], body: bytes) -> tuple[Bound, ...]:
    ids = dict.fromkeys(match[1].decode() for match in pattern.finditer(body))
    if len(ids) > MOST:
        raise BadRequest(f"The body names more than {MOST} files or items.", code="too_many_files")
    return tuple((kind, found) for found in ids)


def _spelt_out(body: bytes) -> bytes:
    """The body and, where plain letters are escaped, its text without escapes. A hidden id could be that of another's object."""
    if _BACKSLASH not in body or _ESCAPED.search(body) is None:
        return body
    spelt = body
    for escaped, meanwhile in _STAYS_ESCAPED:
        spelt = spelt.replace(escaped, meanwhile)
    try:
        spelt = spelt.replace(b"\\/", b"/").decode("unicode_escape").encode("latin-1", "replace")
    except ValueError as error:
        raise BadRequest("The request body is not valid JSON.", code="invalid_json") from error
    return body + spelt.replace(b"\1", b'\\"').replace(b"\0", b"\\\\")


def files_named(members: Members, body: bytes) -> tuple[Bound, ...]:  # noqa: ARG001 - one signature for all protocols
    """Ids of files that were uploaded to OpenAI or Anthropic."""
    return _files(_spelt_out(body) if _BACKSLASH in body else body)


def _files(body: bytes) -> tuple[Bound, ...]:
    # One byte is found fifty times as fast as nine, and nine more than twice as fast from behind.
    if not (_UNDERSCORE in body and body.rfind(b'"file_id') >= 0):
        return ()
    listed = b",".join(match[1] for match in LISTS_OF_FILES.finditer(body))
    return _found(FILE, _FILE_ID, body) + (_found(FILE, _LISTED, listed) if listed else ())


def responses_named(members: Members, body: bytes) -> tuple[Bound, ...]:
    """The response or conversation that this one goes on from, containers, vector stores, kept items, what is encrypted, and files."""
    previous = _member("previous_response_id", members) if "previous_response_id" in members else ""
    found: tuple[Bound, ...] = ((RESPONSE, previous),) if previous else ()
    if "conversation" in members:
        found += named_by(members["conversation"], CONVERSATION)
    body = _spelt_out(body)
    if "tools" in members:
        tools = _spelt_out(bytes(members["tools"]))
        found += _found(CONTAINER, _CONTAINER, tools)
        found += _stores(tools)
    if body.rfind(b'"id"') >= 0 and "input" in members:
        references = REFERENCE.findall(_spelt_out(bytes(members["input"])))
        found += _found(ITEM, REFERENCED, b"".join(references))
    if body.rfind(b'"encrypted_content"') >= 0:
        found += _found(REASONING, _REASONING_ID, body)[-MOST_REASONING:]
        found += _found(COMPACTION, _COMPACTION_ID, body)
    return found + _files(body)


def gemini_named(members: Members, body: bytes) -> tuple[Bound, ...]:
    """Cached content, files of the File API, and stores that are searched."""
    cached = (_member("cachedContent", members), _member("cached_content", members))
    found = tuple((CACHED_CONTENT, each) for each in cached if each) + stores_in(members)
    body = _spelt_out(body)
    return found + (_found(FILE, _FILE_URI, body) if body.rfind(b'"fileUri"') >= 0 or body.rfind(b'"file_uri"') >= 0 else ())


def files_at(body: bytes) -> tuple[Bound, ...]:
    """Files of the File API, by the URIs that an interaction names."""
    body = _spelt_out(body)
    return _found(FILE, _URI, body) if b'"uri"' in body else ()


def stores_in(members: Members) -> tuple[Bound, ...]:
    """The stores that a request's tools search."""
    return _stores(_spelt_out(bytes(members["tools"]))) if "tools" in members else ()


def _stores(tools: bytes) -> tuple[Bound, ...]:
    return _found(OBJECT, _LAST, b",".join(match[1] for match in LISTS_OF_STORES.finditer(tools))) if b"ore" in tools else ()


def _member(name: str, members: Members) -> str:
    raw = members.get(name)
    if raw is None:
        return ""
    try:
        return _text(raw) or ""
    except UNREADABLE:
        return ""  # the provider says what is wrong with it


class Id(msgspec.Struct, frozen=True, gc=False):
    """An object of which the id alone matters."""

    id: str | None = None


_id = msgspec.json.Decoder(str | Id | None).decode


def named_by(raw: msgspec.Raw, kind: str) -> tuple[Bound, ...]:
    """What a member names: its value is an id, or an object that has one."""
    try:
        value = _id(raw)
    except UNREADABLE:
        return ()  # the provider says what is wrong with it
    found = value.id if isinstance(value, Id) else value
    return ((kind, found),) if found else ()


class _Named(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None
    type: str | None = None


_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_named = msgspec.json.Decoder(_Named).decode


def without_reasoning(members: Members, ids: Collection[str]) -> tuple[Members, tuple[int, ...]]:
    """A Responses request without the reasoning items of these ids, all else verbatim; and the places in `input` that they had."""
    try:
        items = _items(members.get("input", b"[]"))
        named = [_named(raw) for raw in items]
    except UNREADABLE:
        return members, ()  # the provider says what is wrong with it
    left_out = dict.fromkeys(place for place, item in enumerate(named) if item.type == "reasoning" and item.id in ids)
    kept = [raw for place, raw in enumerate(items) if place not in left_out]
    return {**members, "input": msgspec.Raw(msgspec.json.encode(kept))}, tuple(left_out)


MOST_ITEMS = 64
_BEING_WRITTEN = frozenset({"queued", "in_progress"})


class _Item(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None
    encrypted_content: str | None = None
    container_id: str | None = None


class _Response(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None
    status: str | None = None
    store: bool | None = None
    output: list[_Item] | None = None
    conversation: Id | None = None
    response: "_Response | None" = None
    """In the last event of a stream."""


_response = msgspec.json.Decoder(_Response).decode


def response_made(members: Members, final: bytes, watch: StreamWatch | None) -> tuple[Bound, ...]:  # noqa: ARG001 - one signature for all protocols
    """The response's own id and its items' unless it is not kept, its conversation, its containers, and what it encrypted.

    One that is still being written in the background is a bill, too: its cost is told when it is fetched later.
    """
    try:
        made = _response(final)
    except UNREADABLE:
        return ()
    made = made.response or made
    items = (made.output or ())[:MOST_ITEMS]
    found: tuple[Bound, ...] = ()
    if made.id and made.store is not False:
        found = ((RESPONSE, made.id), *((ITEM, item.id) for item in items if item.id))
    if made.conversation is not None and made.conversation.id:
        found += ((CONVERSATION, made.conversation.id),)
    if made.id and made.status in _BEING_WRITTEN and watch is None:
        found += ((BATCH_BILL, made.id),)
    found += tuple((CONTAINER, item.container_id) for item in items if item.container_id)
    return found + tuple((_kind(item.id), item.id) for item in items if item.id and item.encrypted_content)


def encrypted_in(items: object) -> Iterator[Bound]:
    """Of a decoded list of items, those with encrypted content among the last. A compaction stands after what it keeps as it was."""
    for item in items[-MOST_ITEMS:] if isinstance(items, list) else ():
        name = item.get("id") if isinstance(item, dict) and item.get("encrypted_content") else None
        if isinstance(name, str) and name:
            yield (_kind(name), name)


def _kind(item: str) -> str:
    """The kind of an item with encrypted content."""
    return COMPACTION if item.startswith("cmp_") else REASONING
