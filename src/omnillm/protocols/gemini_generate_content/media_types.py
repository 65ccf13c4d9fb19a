"""What a media type, or the end of an address, says of a medium."""

_BY_ENDING = {
    **{ending: f"image/{ending}" for ending in ("png", "jpeg", "webp", "gif", "heic", "heif", "bmp")},
    **{ending: f"audio/{ending}" for ending in ("wav", "mp3", "flac", "ogg", "aac", "aiff", "m4a")},
    **{ending: f"video/{ending}" for ending in ("mp4", "webm", "mpeg")},
    **{ending: f"text/{ending}" for ending in ("html", "csv", "xml")},
    **{ending: f"application/{ending}" for ending in ("pdf", "json")},
} | {"jpg": "image/jpeg", "mov": "video/quicktime", "mpg": "video/mpeg", "txt": "text/plain", "md": "text/markdown"}
_FORMATS = {word: word for word in ("wav", "mp3", "flac", "ogg", "aac", "aiff", "opus")} | {
    **dict.fromkeys(("x-wav", "wave"), "wav"),
    "mpeg": "mp3",
    **dict.fromkeys(("pcm", "l16"), "pcm16"),
}
_OF_FORMAT = {"pcm16": "audio/pcm"}


def guess(url: str) -> str:
    """Return the media type that the address ends in; "" where it says none."""
    path = url.partition("?")[0].partition("#")[0]
    return _BY_ENDING.get(path.rpartition("/")[2].rpartition(".")[2].lower(), "")


def family(media_type: str) -> str:
    return media_type.partition("/")[0].lower()


def is_youtube(url: str) -> bool:
    host = url.partition("://")[2].partition("/")[0].lower()
    return host in {"youtu.be", "youtube.com"} or host.endswith(".youtube.com")


def audio_format(media_type: str) -> str:
    """Return OpenAI's word for a media type; "" where it has none."""
    return _FORMATS.get(media_type.partition(";")[0].rpartition("/")[2].strip().lower(), "")


def type_of_format(word: str) -> str:
    return _OF_FORMAT.get(word) or (f"audio/{word}" if word else "")
