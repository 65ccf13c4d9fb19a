"""Uploads: forms whose fields are text, read as members like those of a JSON body, and whose files stay where they are."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from omnillm.endpoints.shapes import misfit

Whole = Annotated[str, Meta(pattern=r"^[0-9]{1,3}$")]
Flag = Literal["true", "false"]
Part = dict[str, Any]
"""Of a record that several formats share."""


class UploadedFile(Struct, frozen=True, kw_only=True):
    """What a form's member says of a file: its content is elsewhere."""

    filename: str
    content_type: str = ""
    size: int = 0
    """Bytes."""
    longest_ms: int | None = None
    """The most milliseconds of audio that it can hold; None: that cannot be known."""


class File(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file to upload."""

    filename: str
    content: bytes = b""
    content_type: str = "application/octet-stream"


def one(name: str, text: str, most: int, *, least: int = 1) -> int:
    """A whole number in a form. BadRequest: beyond its range."""
    number = int(text)
    if not least <= number <= most:
        raise misfit(name, f"it must be a whole number from {least} to {most}")
    return number


OPENING_BYTES: Final = 4096
"""The bytes of a file from which its length is told."""
_PCM: Final = frozenset({1, 3, 6, 7})
"""Codings of WAV whose blocks are all of one size: integers, floats, A-law, mu-law."""
_EXTENSIBLE: Final = 0xFFFE
_SLOWEST_MP3: Final = 1000
"""Bytes a second: 8 kbit/s is the lowest rate that MPEG audio layer III has."""


def longest_ms(opening: bytes, size: int) -> int | None:
    """Milliseconds of audio that a file can be at most. None: its format has no bound, because silence takes no room in it.

    WAV: all of the file in blocks of the size, and at the rate, that its header states. MP3: at the lowest rate.
    """
    if opening[:4] == b"RIFF" and opening[8:12] == b"WAVE":
        return _wav_ms(opening, size)
    if opening[:3] == b"ID3" or (opening[:1] == b"\xff" and opening[1:2] and opening[1] & 0xE6 == 0xE2):
        return -(-size * 1000 // _SLOWEST_MP3)
    return None


def _wav_ms(opening: bytes, size: int) -> int | None:
    at = 12
    while opening[at : at + 4] != b"fmt ":  # whatever else stands before it may hold those letters
        if len(opening) < at + 8:
            return None
        length = int.from_bytes(opening[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    if len(opening) < at + 24:
        return None
    chunk = opening[at + 8 :]
    coding, rate, block = (int.from_bytes(chunk[start:end], "little") for start, end in ((0, 2), (4, 8), (12, 14)))
    if coding == _EXTENSIBLE and len(chunk) >= 26:
        coding = int.from_bytes(chunk[24:26], "little")
    if coding not in _PCM or not rate or not block:
        return None
    return -(-size * 1000 // (rate * block))


def described(filename: str, content_type: str, size: int, opening: bytes) -> msgspec.Raw:
    """A file, as the member of its form."""
    file = UploadedFile(filename=filename, content_type=content_type, size=size, longest_ms=longest_ms(opening, size))
    return msgspec.Raw(msgspec.json.encode(file))
