"""What a request of either OpenAI protocol weighs: its text, and at most its images, audio and files."""

from collections.abc import Collection
from typing import Any

from omnillm.protocols.protocol import WEIGHTLESS, Members, Weight
from omnillm.protocols.text import content_parts, media_bytes, text_bytes

_IMAGE_TOKENS = 48_169
"""gpt-4o-mini, eight tiles of 5,667 and a base of 2,833. Elsewhere an image weighs less: 10,000 patches at 2.46 at most."""
_LOW_DETAIL_TOKENS = 2_833

_BASE64_PER_AUDIO_TOKEN = 100
"""10 tokens a second; an MP3 of the lowest rate, 8 kbit/s, has 1,333 base64 characters a second."""

_PAGE_TOKENS = 4_000
"""A page of a PDF is read as text and as a picture."""
_PAGE_BASE64 = 4_096
_MAX_PAGES = 100
_SHARE = 32
"""What media usually weigh is one part in so many of the most."""


def weigh(members: Members, skip: Collection[str], conversation: str) -> tuple[int, Weight]:
    """`skip`: members that are not read; `conversation`: the one whose parts can be media."""
    text = text_bytes(members, skip)
    parts = content_parts(members[conversation]) if conversation in members else ()
    if not parts:
        return text, WEIGHTLESS
    most = sum(map(_part_tokens, parts))
    return text - media_bytes(parts), Weight(most, most // _SHARE) if most else WEIGHTLESS


def _part_tokens(part: dict[str, Any]) -> int:
    kind = part.get("type")
    if kind == "image_url":
        image = part.get("image_url")
        return _image_tokens(image.get("detail") if isinstance(image, dict) else None)
    if kind in {"input_image", "computer_screenshot", "image_generation_call"}:
        return _image_tokens(part.get("detail"))
    if kind == "input_audio":
        audio = part.get("input_audio")
        encoded = audio.get("data") if isinstance(audio, dict) else None
        return 1 + len(encoded) // _BASE64_PER_AUDIO_TOKEN if isinstance(encoded, str) else 0
    if kind == "file":
        file = part.get("file")
        return _file_tokens(file.get("file_data") if isinstance(file, dict) else None)
    if kind == "input_file":
        return _file_tokens(part.get("file_data"))
    return 0


def _image_tokens(detail: Any) -> int:
    return _LOW_DETAIL_TOKENS if detail == "low" else _IMAGE_TOKENS


def _file_tokens(encoded: Any) -> int:
    if not isinstance(encoded, str):  # by id or URL: nothing is known of its length
        return _MAX_PAGES * _PAGE_TOKENS
    if encoded.startswith("data:") and not encoded.startswith("data:application/pdf"):
        return len(encoded) * 3 // 4  # a text: at most a token a byte
    return min(_MAX_PAGES, 1 + len(encoded) // _PAGE_BASE64) * _PAGE_TOKENS
