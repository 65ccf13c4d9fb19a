"""What routing, limits and money need of a generateContent request and of its reply."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from omnillm.errors import BadRequest
from omnillm.protocols.counts import UNREADABLE, decode_lenient
from omnillm.protocols.gemini_generate_content.failure import failure_of
from omnillm.protocols.gemini_generate_content.usage import searches_of, usage_of
from omnillm.protocols.gemini_generate_content.wire import (
    Blob,
    ContentChunk,
    GenerationConfig,
    MediaContent,
    Part,
    Reply,
    Shape,
)
from omnillm.protocols.members import read, read_config, require_array
from omnillm.protocols.prompt_size import may_hold, text_bytes
from omnillm.protocols.protocol import NOT_A_REPLY, WEIGHTLESS, Members, ReplyPeek, RequestPeek, Weight
from omnillm.usage import Usage

_PRICED = frozenset({"serviceTier", "service_tier", "cachedContent", "cached_content", "continuationToken", "continuation_token"})
"""Members that change the rate, or bring in input that the body does not show."""

_NOT_READ = _PRICED | {"model", "safetySettings", "safety_settings", "labels"}
"""Members that configure: the model never reads them."""

_FUNCTIONS = frozenset({"functionDeclarations", "function_declarations"})
"""The only kind of tool that runs on the caller's side."""

IMAGE_TOKENS = 4_128
"""The largest picture of the tiled models: 16 tiles of 258 tokens."""
WINDOW_TOKENS = 1_048_576
_STATIC = frozenset({"STATIC", "MEDIA_PROCESSING_UNSPECIFIED"})
_SHARE = 16
"""What media usually weigh is one part in so many of the most."""
TOKEN_BASE64_BYTES = 16
"""Sound, film and PDF pages weigh at least this much a token at the rates in use: 32 tokens a second of sound, 258 a frame or page."""

_CONFIG = msgspec.json.Decoder(GenerationConfig | None)
_TOOLS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]] | None)
_REPLIES: Any = Reply | list[Reply]
_REPLY: msgspec.json.Decoder[Reply | list[Reply]] = msgspec.json.Decoder(_REPLIES)
_CONVERSATION = msgspec.json.Decoder(list[MediaContent])
_text = msgspec.json.Decoder(str).decode
_DEFAULTS = GenerationConfig()
_QUOTE: Final = ord('"')
_MEDIA: Final = (b'"inlineData"', b'"fileData"', b'"inline_data"', b'"file_data"')
"""Names below which media stand."""


def rename(members: Members, model: str) -> dict[str, bytes]:
    """The model that a body names beside the path, below whatever it stands in ("models/")."""
    if "model" not in members:
        return {}
    try:
        told = _text(members["model"])
    except UNREADABLE:
        told = ""
    before, slash, named = told.rpartition("/")
    return {} if named == model else {"model": msgspec.json.encode(before + slash + model)}


def peek_request(members: Members) -> RequestPeek:
    """Read a body of generateContent, streamGenerateContent or countTokens; the path names the model and says whether it is a stream.

    Raises BadRequest.
    """
    if "contents" in members or not ("generateContentRequest" in members or "generate_content_request" in members):
        require_array(members, "contents")
    config = _config(members)
    cap = _one_of("maxOutputTokens", config.output_cap, config.output_cap_snake)
    n = _one_of("candidateCount", config.candidates, config.candidates_snake)
    return RequestPeek(model="", output_cap=cap, n=n or 1, price_members=_price_members(members, config))


def _config(members: Members) -> GenerationConfig:
    raw = members.get("generationConfig")
    snake = members.get("generation_config")
    if raw is not None and snake is not None:
        raise BadRequest("`generationConfig` stands twice, in two spellings")
    raw = snake if raw is None else raw
    if raw is None:
        return _DEFAULTS
    return read_config(raw, _CONFIG, "generationConfig") or _DEFAULTS


def _one_of(name: str, camel: int | None, snake: int | None) -> int | None:
    if camel is not None and snake is not None:
        raise BadRequest(f"`generationConfig.{name}` stands twice, in two spellings")
    return snake if camel is None else camel


def _price_members(members: Members, config: GenerationConfig) -> tuple[str, ...]:
    tools = read(members, "tools", _TOOLS, "an array of objects")
    speaks_or_paints = config.modalities or config.modalities_snake
    if not tools and not speaks_or_paints and _PRICED.isdisjoint(members):
        return ()
    names = [name for name in members if name in _PRICED]
    if tools and any(not _FUNCTIONS.issuperset(tool) for tool in tools):
        names.append("tools")
    if speaks_or_paints:
        names.append("generationConfig.responseModalities")
    return tuple(names)


def peek_reply(body: bytes) -> ReplyPeek:
    """Read a reply, or a stream that came as one JSON array of chunks, or an error, which also comes as an array of one."""
    try:
        decoded = decode_lenient(_REPLY, body)
    except UNREADABLE:
        return NOT_A_REPLY
    usage: Usage | None = None
    is_complete = False
    for peek in map(_peek_one, decoded if isinstance(decoded, list) else (decoded,)):
        if peek.failure is not None:
            return peek
        usage = peek.usage or usage
        is_complete = is_complete or peek.is_complete
    is_doubtful = usage is not None and not (usage.output or usage.completion_tokens)
    return ReplyPeek(usage=usage, is_complete=is_complete, has_content=is_doubtful and has_content(body))


def _peek_one(reply: Reply) -> ReplyPeek:
    if reply.error is not None:
        return ReplyPeek(usage=None, is_complete=False, failure=failure_of(200, reply.error))
    reported = reply.usage_metadata
    usage = None if reported is None else usage_of(reported, searches_of(reply.candidates))
    return ReplyPeek(usage=usage, is_complete=bool(reply.candidates) or is_blocked(reply))


def is_blocked(reply: Shape) -> bool:
    """Tell whether the prompt was refused: a whole reply without candidates."""
    return reply.prompt_feedback is not None and reply.prompt_feedback.block_reason is not None


def weigh(members: Members) -> tuple[int, Weight]:
    text, contents = text_bytes(members, _NOT_READ), members.get("contents")
    if contents is None or not may_hold(bytes(contents), *_MEDIA):
        return text, WEIGHTLESS
    try:
        conversation = _CONVERSATION.decode(contents)
    except UNREADABLE:
        return text, weight_of_unknown(len(contents))
    return weighed(text, [medium for content in conversation for medium in _media(content.parts)])


def weighed(text: int, media: Iterable[tuple[int, int]]) -> tuple[int, Weight]:
    """`media`: of each medium the tokens at most, and its bytes of base64 in the request, which are no text."""
    most = 0
    for tokens, inline_bytes in media:
        most += tokens
        text -= inline_bytes
    return text, Weight(most, most // _SHARE) if most else WEIGHTLESS


def _media(parts: Iterable[Part] | Part | None) -> Iterator[tuple[int, int]]:
    """(tokens, bytes of base64 in the request) of all media, in the responses of functions too."""
    for part in (parts,) if isinstance(parts, Part) else parts or ():
        blob, file, response = part.inline or part.inline_snake, part.file or part.file_snake, part.response or part.response_snake
        processing, film = part.processing or part.processing_snake, part.film or part.film_snake
        if blob is not None:
            size = len(blob.data)
            tokens = IMAGE_TOKENS if _is_image(blob) else weight_of_inline(_type_of(blob), size)
            tokens = weight_as_seen(tokens, processing, film)
            # What is no string, or of no type, may be anything, and stays text.
            yield tokens, size if size and _type_of(blob) and memoryview(blob.data)[0] == _QUOTE else 0
        if file is not None:
            # By address alone nothing is known of its length.
            yield weight_as_seen(IMAGE_TOKENS if _is_image(file) else WINDOW_TOKENS, processing, film), 0
        if response is not None:
            yield from _media(response.parts)


def weight_as_seen(tokens: int, processing: Any, film: Any) -> int:
    """Tokens at most of what weighs so many at a frame a second, which the model may be told to look at in another way.

    `processing`: as often as it likes ("agentic"), like a tool that reads. `film`: an object that may say how many frames a second it has.
    """
    if processing is not None and str(processing).upper() not in _STATIC:
        return 2 * WINDOW_TOKENS
    return WINDOW_TOKENS if isinstance(film, dict) and film.get("fps") is not None else tokens


def weight_of_unknown(size: int) -> Weight:
    """So many bytes of a shape that is not known here: its provider may find a film in it."""
    return Weight(max(size, WINDOW_TOKENS), size // _SHARE)


def weight_of_inline(kind: str, size: int) -> int:
    """Tokens at most of so many bytes of base64, of this MIME type, that are no picture. A text has at most a token a byte."""
    if kind.startswith(("audio/", "video/")) or kind == "application/pdf":
        return min(WINDOW_TOKENS, IMAGE_TOKENS + size // TOKEN_BASE64_BYTES)
    return IMAGE_TOKENS + size * 3 // 4


def _type_of(blob: Blob) -> str:
    return blob.mime_type or blob.mime_type_snake or ""


def _is_image(blob: Blob) -> bool:
    return _type_of(blob).startswith("image/")


_PARTS: msgspec.json.Decoder[ContentChunk | list[ContentChunk]] = msgspec.json.Decoder(ContentChunk | list[ContentChunk])
_SILENT = frozenset({"text", "thought", "thoughtSignature", "partMetadata"})
"""A part with other members than these is content by itself; one with these alone if it has some text."""


def has_content(data: bytes) -> bool:
    """Tell whether a chunk says something: text, thoughts included, a function call, a picture; not a signature alone."""
    try:
        decoded = _PARTS.decode(data)
    except UNREADABLE:
        return True  # parts of an unknown shape are shown to the client, not hidden behind a retry
    for chunk in decoded if isinstance(decoded, list) else (decoded,):
        for candidate in chunk.candidates or ():
            parts = candidate.content.parts if candidate.content is not None else None
            if any(_says_something(part) for part in parts or ()):
                return True
    return False


def _says_something(part: dict[str, msgspec.Raw]) -> bool:
    text = part.get("text")
    return (text is not None and bytes(text) not in {b'""', b"null"}) or not _SILENT.issuperset(part)
