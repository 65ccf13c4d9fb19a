"""Members of a request, read strictly: what is not exactly what the protocol says is the caller's mistake, and named."""

from typing import Annotated, TypeVar

import msgspec

from omnillm.errors import BadRequest
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import Members

T = TypeVar("T")

_OPENING_BRACKET = ord("[")

OUTPUT_CAP = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1, le=2**31)] | None)
OUTPUT_CAP_RANGE = "an integer from 1 to 2147483648"
MODEL = msgspec.json.Decoder(Annotated[str, msgspec.Meta(min_length=1, max_length=256)])
FLAG = msgspec.json.Decoder(bool | None)


def read(members: Members, name: str, decoder: msgspec.json.Decoder[T], expected: str) -> T | None:
    """The value of a member, None when it is absent. Raises BadRequest that says what was expected."""
    raw = members.get(name)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except UNREADABLE as error:
        raise BadRequest(f"`{name}` must be {expected}") from error


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
