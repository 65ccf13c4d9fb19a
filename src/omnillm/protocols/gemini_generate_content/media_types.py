"""What a media type, or the end of an address, says of a medium."""

_BY_ENDING = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "bmp": "image/bmp",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "csv": "text/csv",
    "json": "application/json",
    "xml": "text/xml",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "wav": "audio/wav",
    "mp3": "audio/mp3",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "m4a": "audio/m4a",
}
_FORMATS = {
    "wav": "wav",
    "x-wav": "wav",
    "wave": "wav",
    "mpeg": "mp3",
    "mp3": "mp3",
    "flac": "flac",
    "ogg": "ogg",
    "aac": "aac",
    "aiff": "aiff",
    "opus": "opus",
    "pcm": "pcm16",
    "l16": "pcm16",
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
