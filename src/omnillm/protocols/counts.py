"""Counts that a provider reports. They are bounded while they are decoded; a count that cannot be true is clamped and read again.

If a usage cannot be read even so, it is left out: the usage is unknown then, and the rest of the reply is used.
"""

from contextlib import suppress
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec

from omnillm.usage import MAX_COUNT, count

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
"""The decoder checks it, at no cost. If it fails, decode again with `decode_clamped`."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a stranger's JSON can raise. A ValidationError is a DecodeError."""

USAGE: Final = frozenset({"usage", "usageMetadata"})
"""The members that hold usage."""

_NUMBERS: Final[frozenset[type]] = frozenset({int, float})
_NUMBERS_AND_BOOLEANS: Final = _NUMBERS | {bool}
T = TypeVar("T")


def decode_lenient(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """Decode a reply; when a count in it lies, again with every number made a count. Raises one of `UNREADABLE`."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        return decode_clamped(body, cast("type[T]", decoder.type))


def decode_clamped(body: bytes | msgspec.Raw, into: type[T]) -> T:
    """Decode JSON with every number in it made a count. Raises one of `UNREADABLE`."""
    return convert_clamped(msgspec.json.decode(body), into)


def convert_clamped(value: Any, into: type[T]) -> T:
    """Bring decoded JSON into a struct; when a count in it lies, with every number made a count. Raises one of `UNREADABLE`."""
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError:
        clamped = _clamped(value, _NUMBERS)
    for one in (clamped, _clamped(value, _NUMBERS_AND_BOOLEANS)):  # a boolean becomes a count where nothing else fits
        with suppress(msgspec.ValidationError):
            return msgspec.convert(one, into)
    return msgspec.convert(_without_usage(clamped), into)


def _without_usage(value: Any) -> Any:
    """In the object, and in those that it holds as its members."""
    if not isinstance(value, dict):
        return value
    return {name: _without_usage(inner) for name, inner in value.items() if name not in USAGE}


def _clamped(value: Any, numbers: frozenset[type]) -> Any:
    if isinstance(value, dict):
        # Some hosts write an object without members as an array without elements.
        return {name: _clamped(inner, numbers) for name, inner in value.items() if not (inner == [] and name.endswith("_details"))}
    if isinstance(value, list):
        return [_clamped(inner, numbers) for inner in value]
    return count(value) if type(value) in numbers else value
