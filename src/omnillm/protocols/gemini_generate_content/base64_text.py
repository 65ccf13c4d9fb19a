"""Bytes as protocol buffers' JSON has them: base64 in either alphabet is read, the standard one written."""

import binascii

from omnillm.protocols.shapes import Unfit

_OTHER_ALPHABET = str.maketrans("-_", "+/")


def decode(text: str, path: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return _decode_loosely(text, path)


def _decode_loosely(text: str, path: str) -> bytes:
    """Decode the URL-safe alphabet, line breaks and missing padding."""
    text = "".join(text.split()).translate(_OTHER_ALPHABET).rstrip("=")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError as error:
        raise Unfit(path, "base64") from error


def encode(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
