"""What a request of either OpenAI protocol weighs: its text, and at most its images, audio and files."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from omnillm.protocols.prompt_size import content_parts, may_hold, text_bytes
from omnillm.protocols.protocol import WEIGHTLESS, Members, Weigh, Weight

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


_FILM_TOKENS = 1_048_576
"""A model's window: of film and sound at an address nothing is known."""
_BASE64_PER_FILM_TOKEN = 16
"""290 tokens a second, as Gemini counts it behind the protocol that its hosts share, and 28 kbit/s."""

Part = dict[str, Any]
_TEXT = (0, 0)


def weigher(skip: frozenset[str], conversation: str) -> Weigh:
    """Make what weighs a protocol's requests. `skip`: members that are not read; `conversation`: the one whose parts can be media."""

    def weigh(members: Members) -> tuple[int, Weight]:
        text, spoken = text_bytes(members, skip), members.get(conversation)
        if spoken is None or not _may_hold_media(bytes(spoken)):
            return text, WEIGHTLESS
        most = 0
        for part in content_parts(spoken):
            tokens, inline_bytes = _read_part(part)
            most += tokens
            text -= inline_bytes
        return text, Weight(most, most // _SHARE) if most else WEIGHTLESS

    return weigh


def _may_hold_media(spoken: bytes) -> bool:
    """Whether one of the types that are read here may stand in it: in most there is none, and to decode them takes six times as long."""
    if spoken.find(b"[", 1) < 0:  # no array inside the outer array: every content is a string
        return False
    return _TYPED.search(spoken) is not None or may_hold(spoken)


def _read_part(part: Part) -> tuple[int, int]:
    """(tokens at most, bytes of base64 in the request). What is of no kind that is known here is text, whatever it holds."""
    kind = part.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    return _TEXT if read is None else read(part)


def _image_url(part: Part) -> tuple[int, int]:
    image = part.get("image_url")
    return _image(image) if isinstance(image, dict) else _image({"url": image})


def _input_image(part: Part) -> tuple[int, int]:
    return _image({"url": part.get("image_url"), "detail": part.get("detail")})


def _image(image: Part) -> tuple[int, int]:
    return _LOW_DETAIL_TOKENS if image.get("detail") == "low" else _IMAGE_TOKENS, _inline_bytes(image.get("url"))


def _drawn(part: Part) -> tuple[int, int]:
    """An image that the model made before."""
    result = part.get("result")
    return _IMAGE_TOKENS, len(result) if isinstance(result, str) else 0


def _input_audio(part: Part) -> tuple[int, int]:
    audio = part.get("input_audio")
    encoded = audio.get("data") if isinstance(audio, dict) else None
    return (1 + len(encoded) // _BASE64_PER_AUDIO_TOKEN, len(encoded)) if isinstance(encoded, str) else _TEXT


def _film(part: Part) -> tuple[int, int]:
    """Film, or sound at an address: of hosts that take more than OpenAI does."""
    film = part.get(part["type"])
    size = _inline_bytes(film.get("url") if isinstance(film, dict) else film)
    return min(_FILM_TOKENS, _IMAGE_TOKENS + size // _BASE64_PER_FILM_TOKEN) if size else _FILM_TOKENS, size


def _file(part: Part) -> tuple[int, int]:
    file = part.get("file")
    if not isinstance(file, dict):
        return _input_file({})
    return _TEXT if file.get("type") == "input_file" else _input_file(file)  # which is a part itself: nothing is taken off twice


def _input_file(file: Part) -> tuple[int, int]:
    encoded = file.get("file_data")
    if not isinstance(encoded, str):  # by id or URL: nothing is known of its length
        return _MAX_PAGES * _PAGE_TOKENS, 0
    if encoded.startswith("data:") and not encoded.startswith("data:application/pdf"):
        return len(encoded) * 3 // 4, len(encoded)  # a text: at most a token a byte
    return min(_MAX_PAGES, 1 + len(encoded) // _PAGE_BASE64) * _PAGE_TOKENS, len(encoded)


def _inline_bytes(url: Any) -> int:
    return len(url) if isinstance(url, str) and url.startswith("data:") else 0


_READERS: Final[Mapping[str, Callable[[Part], tuple[int, int]]]] = {
    "image_url": _image_url,
    "input_image": _input_image,
    "computer_screenshot": _input_image,
    "image_generation_call": _drawn,
    "input_audio": _input_audio,
    "file": _file,
    "input_file": _input_file,
    "video_url": _film,
    "audio_url": _film,
}
_TYPED: Final = re.compile(rb'"type"\s*:\s*"(?:%b)"' % "|".join(_READERS).encode())
