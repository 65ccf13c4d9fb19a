"""Forms with files. Their fields are read as members, as of a JSON body; their files stay where they are."""

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
_TAG_BYTES: Final = 10
"""The head of an ID3 tag, and its foot if it has one."""
_MOST_TAGS: Final = 8
"""What stands behind more of them is not looked at, and has no bound."""
_SAMPLE_BYTES: Final = {1: 0, 3: 0, 6: 1, 7: 1}
"""Codings of WAV whose blocks are all of one size: integers and floats, of as many bytes as the header states, A-law, mu-law."""
_EXTENSIBLE: Final = 0xFFFE
_SLOWEST_MP3: Final = 1000
"""Bytes a second: 8 kbit/s is the lowest rate that MPEG audio layer III has."""


class Opening:
    """The first bytes of a file, without ID3 tags in front, which may hold a picture: sound of any format may stand behind them."""

    __slots__ = ("_tags", "_to_skip", "kept")

    def __init__(self) -> None:
        self.kept = b""
        self._tags = self._to_skip = 0

    def feed(self, piece: bytes) -> None:
        while piece and len(self.kept) < OPENING_BYTES:
            skipped = min(self._to_skip, len(piece))
            self._to_skip -= skipped
            room = OPENING_BYTES - len(self.kept)
            self.kept += piece[skipped : skipped + room]
            piece = piece[skipped + room :]
            self._leave_tags_out()

    def _leave_tags_out(self) -> None:
        while self.kept[:3] == b"ID3" and len(self.kept) >= _TAG_BYTES and self._tags < _MOST_TAGS:
            self._tags += 1
            size = _tag_bytes(self.kept)
            self._to_skip = max(size - len(self.kept), 0)
            self.kept = self.kept[size:]


def _tag_bytes(opening: bytes) -> int:
    """Its size is written in seven bits of each byte."""
    content = 0
    for figure in opening[6:_TAG_BYTES]:
        content = content << 7 | figure & 0x7F
    has_foot = opening[5] & 0x10
    return _TAG_BYTES + content + (_TAG_BYTES if has_foot else 0)


def longest_ms(opening: bytes, size: int) -> int | None:
    """Milliseconds of audio that a file can be at most. None: its format has no bound, because silence takes no room in it.

    WAV: all of the file in blocks of the size, and at the rate, that its header states. MP3: at the lowest rate.
    """
    if opening[:4] == b"RIFF" and opening[8:12] == b"WAVE":
        return _wav_ms(opening, size)
    sound = opening.lstrip(b"\0")
    if sound[:1] == b"\xff" and sound[1:2] and sound[1] & 0xE6 == 0xE2:
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
    places = ((0, 2), (2, 4), (4, 8), (12, 14), (14, 16))
    coding, channels, rate, block, bits = (int.from_bytes(chunk[start:end], "little") for start, end in places)
    if coding == _EXTENSIBLE and len(chunk) >= 26:
        coding = int.from_bytes(chunk[24:26], "little")
    if coding not in _SAMPLE_BYTES:
        return None
    # Players count in blocks, or in samples: a header may say one thing of the former, and another of the latter.
    block = min(block, channels * (_SAMPLE_BYTES[coding] or -(-bits // 8)))
    return -(-size * 1000 // (rate * block)) if rate and block else None


def described(filename: str, content_type: str, size: int, opening: bytes) -> msgspec.Raw:
    """A file, as the member of its form."""
    file = UploadedFile(filename=filename, content_type=content_type, size=size, longest_ms=longest_ms(opening, size))
    return msgspec.Raw(msgspec.json.encode(file))
