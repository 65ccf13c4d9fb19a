"""Bytes in JSON: base64, or a data: URL. Either alphabet, line breaks and missing padding are read; the standard form is written."""

import binascii
from urllib.parse import unquote_to_bytes

from omnillm.protocols.shapes import Unfit

_OTHER_ALPHABET = str.maketrans("-_", "+/")


def decode(text: str, path: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return _decode_loosely(text, path)


def _decode_loosely(text: str, path: str) -> bytes:
    text = "".join(text.split()).translate(_OTHER_ALPHABET).rstrip("=")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError as error:
        raise Unfit(path, "base64") from error


def encode(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def read_data_url(url: str, path: str) -> tuple[bytes, str]:
    """Return the bytes and the media type, without its parameters; "" where the URL has none."""
    head, comma, payload = url[5:].partition(",")
    if not comma:
        raise Unfit(path, "a data: URL with a comma")
    media_type = head.partition(";")[0].strip().lower()
    if head.endswith(";base64"):
        return decode(payload, path), media_type
    try:
        return unquote_to_bytes(payload), media_type
    except UnicodeEncodeError as error:
        raise Unfit(path, "a data: URL") from error


def data_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{encode(data)}"
