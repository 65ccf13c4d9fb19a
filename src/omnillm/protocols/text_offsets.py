"""Offsets in a text, which some protocols count in characters and others in bytes of UTF-8."""

from collections.abc import Iterable
from itertools import accumulate
from typing import Final

_BLOCK: Final = 1024
_CONTINUATION: Final = bytes(range(0x80, 0xC0))
"""The bytes of a character behind its first."""


class Offsets:
    """Of one text. Each offset that is asked for costs the same, however long the text is."""

    __slots__ = ("_bytes", "_characters", "_raw", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._raw = raw = _encode(text)
        is_ascii = len(raw) == len(text)
        self._bytes = [] if is_ascii else _sums(len(_encode(text[at : at + _BLOCK])) for at in range(0, len(text), _BLOCK))
        """How many bytes there are before each block of characters."""
        self._characters = [] if is_ascii else _sums(_count(raw[at : at + _BLOCK]) for at in range(0, len(raw), _BLOCK))
        """How many characters begin before each block of bytes."""

    def character(self, byte: int) -> int | None:
        """The number of the character that begins there, or behind the last one; None: none does."""
        raw = self._raw
        if not 0 <= byte <= len(raw) or (byte < len(raw) and raw[byte] in _CONTINUATION):
            return None
        block, at = divmod(byte, _BLOCK)
        return self._characters[block] + _count(raw[byte - at : byte]) if self._characters else byte

    def byte(self, character: int) -> int:
        """Where a character of the text begins; of the number behind the last one, the end."""
        block, at = divmod(character, _BLOCK)
        return self._bytes[block] + len(_encode(self._text[character - at : character])) if self._bytes else character


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _sums(lengths: Iterable[int]) -> list[int]:
    return [0, *accumulate(lengths)]


def _count(raw: bytes) -> int:
    """How many characters begin in it."""
    return len(raw.translate(None, _CONTINUATION))
