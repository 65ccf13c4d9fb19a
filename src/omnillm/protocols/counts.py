"""Counts that a provider reports: bounded while they are decoded, and when one of them lies, clamped and read again."""

from typing import Annotated, Any, TypeVar

import msgspec

from omnillm.usage import MAX_COUNT, count

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
"""Checked by the decoder, at no cost; whoever decodes it reads again with `decode_clamped` when that fails."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a stranger's JSON can raise. A ValidationError is a DecodeError."""

T = TypeVar("T")


def decode_lenient(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """Decode a reply; when a count in it lies, again with every number made a count. Raises one of `UNREADABLE`."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        return decode_clamped(body, decoder.type)


def decode_clamped(body: bytes | msgspec.Raw, into: type[T]) -> T:
    """Decode JSON with every number in it made a count. Raises one of `UNREADABLE`."""
    return convert_clamped(msgspec.json.decode(body), into)


def convert_clamped(value: Any, into: type[T]) -> T:
    """Bring decoded JSON into a struct; when a count in it lies, with every number made a count. Raises one of `UNREADABLE`."""
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError:
        return msgspec.convert(_clamped(value), into)


def _clamped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clamped(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_clamped(inner) for inner in value]
    return count(value) if isinstance(value, int | float) else value
