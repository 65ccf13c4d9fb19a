"""The members of a JSON body: its top level, read and written without decoding the values; and single members, read strictly.

What is not exactly what it must be is the caller's mistake, and named.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec

from omnillm.errors import BadRequest
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import Members

T = TypeVar("T")

OUTPUT_CAP = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1, le=2**31)] | None)
OUTPUT_CAP_RANGE = "an integer from 1 to 2147483648"
_MODEL = msgspec.json.Decoder(Annotated[str, msgspec.Meta(min_length=1, max_length=256)])
FLAG = msgspec.json.Decoder(bool | None)
MOST_MEMBERS: Final = 1024
"""The most members of a body. Each takes up to fifteen times the memory of its text, as long as its call lasts."""
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MEMBER = re.compile(rb'[ \t\r\n]*[{,][ \t\r\n]*"([^"\\]*)"[ \t\r\n]*:[ \t\r\n]*')
"""What stands before a value: brace or comma, a name without escapes, a colon."""
_OPENING_BRACKET = ord("[")


def read_members(body: bytes) -> Members:
    """The top level of a JSON object, its values verbatim; anything else is the caller's fault, and said so."""
    try:
        if not body.isascii():
            body.decode()
        members = _members(body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The request body must be a JSON object: {error}.", code="invalid_json") from error
    except msgspec.DecodeError as error:
        if not body.strip():
            raise BadRequest("The request body is empty.", code="invalid_json") from error
        # of a surrogate without its other half the decoder says that the whole ends
        reason = str(error) if "truncated" not in str(error) else "it ends too early, or holds half a surrogate pair"
        raise BadRequest(f"The request body is not valid JSON: {reason}.", code="invalid_json") from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"The request body is not valid UTF-8 at byte {error.start}.", code="invalid_json") from error
    except RecursionError as error:
        raise _too_deep() from error
    if len(members) > MOST_MEMBERS:
        raise BadRequest(f"The request body has more than {MOST_MEMBERS} members.", code="invalid_json")
    return members


def with_model(members: Members, model: str) -> Members:
    """The members with the model that the path names (Azure's older paths); "": the path names none."""
    return {"model": msgspec.Raw(msgspec.json.encode(model)), **members} if model and "model" not in members else members


def emit(members: Mapping[str, msgspec.Raw], changes: Mapping[str, bytes | msgspec.Raw]) -> bytes:
    """A JSON object of `members`, with `changes` in their places or, where they are new, at the end."""
    pieces: list[bytes | msgspec.Raw] = []
    for name, raw in members.items():
        pieces += (b",", msgspec.json.encode(name), b":", changes.get(name, raw))
    for name, value in changes.items():
        if name not in members:
            pieces += (b",", msgspec.json.encode(name), b":", value)
    pieces[0] = b"{"
    pieces.append(b"}")
    return b"".join(pieces)


def spelling(members: Members, name: str) -> str:
    """`name` as it stands in the body: protocol buffers' JSON is read in both spellings, generationConfig and generation_config."""
    if name in members:
        return name
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return snake if snake in members else name


def read(members: Members, name: str, decoder: msgspec.json.Decoder[T], expected: str) -> T | None:
    """The value of a member, None when it is absent. Raises BadRequest that says what was expected."""
    raw = members.get(name)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except UNREADABLE as error:
        raise BadRequest(f"`{name}` must be {expected}") from error


def read_config(raw: msgspec.Raw, decoder: msgspec.json.Decoder[T], name: str) -> T:
    """The value of a member that holds others. Raises BadRequest that says which of them is wrong, and how."""
    try:
        return decoder.decode(raw)
    except UNREADABLE as error:
        # The decoder's words name the member and the type that it must have, and quote nothing.
        raise BadRequest(f"`{name}`: {error}") from error


def read_model(members: Members) -> str:
    """The name of the model. Raises BadRequest unless there is one."""
    raw = members.get("model")
    try:
        model = None if raw is None else _MODEL.decode(raw)
    except UNREADABLE as error:
        raise BadRequest("`model` must be a string of 1 to 256 characters") from error
    if model is None:
        raise BadRequest("`model` is required", code="missing_model")
    return model


def require_array(members: Members, name: str) -> None:
    """Raises BadRequest unless the member is there and an array."""
    raw = members.get(name)
    # A view, since the conversation can be megabytes; the decoder has checked its syntax and skipped the blanks before it.
    if raw is None or memoryview(raw)[0] != _OPENING_BRACKET:
        raise BadRequest(f"`{name}` must be an array")


def is_compact(members: Members, body: bytes) -> bool:
    """Whether the body's length is the sum of its parts: no member stands in it twice, no blank between them, no escape in a name."""
    length = 1 + 4 * len(members)  # braces, and quotes, colon and comma of each
    for name, value in members.items():
        length += len(name) + len(value)
    return length == len(body)


def has_repeated_members(body: bytes, members: Members) -> bool:
    """Whether a member name stands twice at the top level, so that a price check could read another value than the provider.

    The compact form that every SDK sends is settled by arithmetic, one with blanks is compared with its members, one by one. Only other
    spellings are decoded once more, name by name.
    """
    return not is_compact(members, body) and not _is_all(members, body) and _count_members(body) != len(members)


def _is_all(members: Members, body: bytes) -> bool:
    """Whether the body is these members, one after the other, and nothing else. A value is valid JSON, so its end is certain."""
    at = 0
    for name, raw in members.items():
        value = bytes(raw)
        opening = _MEMBER.match(body, at)
        if opening is None or opening[1] != name.encode() or not body.startswith(value, opening.end()):
            return False
        at = opening.end() + len(value)
    return body[at:].strip() == b"}"


def _count_members(body: bytes) -> int:
    found = 0

    def count(pairs: list[tuple[str, object]]) -> None:
        nonlocal found
        found = len(pairs)  # objects end inside out: the last one counted is the outermost

    try:
        json.loads(body, object_pairs_hook=count, parse_int=str)
    except RecursionError as error:
        raise _too_deep() from error
    return found


def repeats_a_name(raw: bytes) -> bool:
    """Whether a name stands twice in an object, at any depth, so that two readers could read two values."""
    found = False

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        read = dict(pairs)
        found = found or len(read) != len(pairs)
        return read

    try:
        json.loads(raw, object_pairs_hook=look, parse_int=str)
    except RecursionError:
        return True
    return found


def _too_deep() -> BadRequest:
    return BadRequest("The request body is nested too deeply.", code="invalid_json")
