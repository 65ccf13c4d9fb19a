"""Which protocol and operation a request line asks for, and which key it carries."""

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qs, unquote

import msgspec
from msgspec.structs import replace

from omnillm.testing.families import pictures, sounds, texts, vectors
from omnillm.testing.families.provided import Family
from omnillm.testing.replies import (
    ANTHROPIC_MESSAGES,
    BEDROCK_CONVERSE,
    BEDROCK_COUNTED,
    BEDROCK_INVOKED,
    BEDROCK_LLAMA,
    GEMINI_GENERATE_CONTENT,
    GEMINI_INTERACTIONS,
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    VERTEX_CLAUDE,
    VERTEX_COUNTED,
    Speaker,
)

Operation = Literal["generate", "count", "models", "live", "family", "nothing"]

PATHS: Mapping[tuple[str, str], tuple[Speaker, Operation]] = {
    ("POST", "/v1/chat/completions"): (OPENAI_CHAT, "generate"),
    ("POST", "/v1/responses"): (OPENAI_RESPONSES, "generate"),
    ("POST", "/v1/responses/input_tokens"): (OPENAI_RESPONSES, "count"),
    ("POST", "/v1/messages"): (ANTHROPIC_MESSAGES, "generate"),
    ("POST", "/v1/messages/count_tokens"): (ANTHROPIC_MESSAGES, "count"),
    ("POST", "/v1beta/interactions"): (GEMINI_INTERACTIONS, "generate"),
    ("POST", "/v1/interactions"): (GEMINI_INTERACTIONS, "generate"),
}
LIVE = re.compile(r"/ws/google\.ai\.generativelanguage\.v1(?:beta|alpha)?\.GenerativeService\.BidiGenerateContent")
VERTEX_LIVE = re.compile(r"/ws/google\.cloud\.aiplatform\.v1(?:beta1)?\.LlmBidiService/BidiGenerateContent")
FAMILIES: Mapping[tuple[str, str], Family] = {
    ("POST", "/v1/embeddings"): vectors.openai,
    ("POST", "/v1/moderations"): texts.moderation,
    ("POST", "/v1/rerank"): texts.rerank,
    ("POST", "/v1/images/generations"): pictures.generation,
    ("POST", "/v1/images/edits"): pictures.edit,
    ("POST", "/v1/images/variations"): pictures.variation,
    ("POST", "/v1/audio/speech"): sounds.speech,
    ("POST", "/v1/audio/transcriptions"): sounds.transcription,
    ("POST", "/v1/audio/translations"): sounds.translation,
}
GEMINI_FAMILIES: Mapping[str, Family] = {"embedContent": vectors.gemini, "batchEmbedContents": vectors.gemini_batch}
BEDROCK_FAMILIES: Mapping[str, Family] = {"amazon.titan-embed": vectors.titan, "cohere.embed": vectors.bedrock_cohere}
"""By a word of the model's name."""
GEMINI = re.compile(
    r"/v1(?:beta)?/models/(?P<model>[^:]+):(?P<method>generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents)"
)

BEDROCK = re.compile(r"/model/(?P<model>[^/]+)/(?P<method>converse|converse-stream|count-tokens|invoke|invoke-with-response-stream)")
VERTEX_PLACE = re.compile(r"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers/(?P<rest>.+)")
VERTEX_INTERACTIONS = re.compile(r"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/interactions")
VERTEX_GEMINI = re.compile(r"google/models/(?P<model>[^/:]+):(?P<method>generateContent|streamGenerateContent|countTokens)")
VERTEX_CLAUDES = re.compile(r"anthropic/models/(?P<model>[^/:]+):(?P<method>rawPredict|streamRawPredict)")


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What a request line asks for. The model is "" where it stands in the body."""

    speaker: Speaker
    operation: Operation
    model: str = ""
    is_stream: bool = False
    is_array: bool = False
    """Gemini streaming without `alt=sse`."""
    family: Family | None = None
    is_placed: bool = False
    """Gemini at Vertex AI."""


ROUTES: Mapping[tuple[str, str], Route] = {
    **{line: Route(speaker=speaker, operation=operation) for line, (speaker, operation) in PATHS.items()},
    **{line: Route(speaker=OPENAI_CHAT, operation="family", family=family) for line, family in FAMILIES.items()},
}


def route(method: str, target: str, headers: Mapping[bytes, bytes]) -> Route:
    """An unknown path is `nothing`, in the protocol that its caller seems to speak."""
    path, _, query = target.partition("?")
    if (known := ROUTES.get((method, path))) is not None:
        return known
    if method == "POST" and (match := GEMINI.fullmatch(unquote(path))) is not None:
        if (family := GEMINI_FAMILIES.get(match["method"])) is not None:
            return Route(speaker=GEMINI_GENERATE_CONTENT, operation="family", model=match["model"], family=family)
        return _gemini(match, query)
    if method == "POST" and VERTEX_INTERACTIONS.fullmatch(path) is not None:
        return Route(speaker=GEMINI_INTERACTIONS, operation="generate")
    if method == "POST" and (cloud := _cloud(path, query)) is not None:
        return cloud
    if method == "GET" and path == "/v1/realtime":
        return Route(speaker=OPENAI_CHAT, operation="live", model=parse_qs(query).get("model", [""])[0])
    if method == "GET" and (LIVE.fullmatch(path) or VERTEX_LIVE.fullmatch(path)):
        return Route(speaker=GEMINI_GENERATE_CONTENT, operation="live", is_placed=LIVE.fullmatch(path) is None)
    is_list = method == "GET" and path in {"/v1/models", "/v1beta/models"}
    return Route(speaker=_speaker_of(path, query, headers), operation="models" if is_list else "nothing")


def _gemini(match: re.Match[str], query: str) -> Route:
    streams = match["method"] == "streamGenerateContent"
    return Route(
        speaker=GEMINI_GENERATE_CONTENT,
        operation="count" if match["method"] == "countTokens" else "generate",
        model=match["model"],
        is_stream=streams,
        is_array=streams and "sse" not in parse_qs(query).get("alt", ()),
    )


def _cloud(path: str, query: str) -> Route | None:
    """Bedrock, where a model's name is one encoded segment, and Vertex AI."""
    if (match := BEDROCK.fullmatch(path)) is not None:
        family = next((each for word, each in BEDROCK_FAMILIES.items() if word in match["model"] and match["method"] == "invoke"), None)
        if family is not None:
            return Route(speaker=BEDROCK_CONVERSE, operation="family", model=unquote(match["model"]), family=family)
        if match["method"] == "count-tokens":
            return Route(speaker=BEDROCK_COUNTED, operation="count", model=unquote(match["model"]))
        invoked = BEDROCK_LLAMA if "meta.llama" in match["model"] else BEDROCK_INVOKED
        speaker = BEDROCK_CONVERSE if match["method"].startswith("converse") else invoked
        return Route(speaker=speaker, operation="generate", model=unquote(match["model"]), is_stream=match["method"].endswith("stream"))
    if (place := VERTEX_PLACE.fullmatch(unquote(path))) is None:
        return None
    if (match := VERTEX_GEMINI.fullmatch(place["rest"])) is not None:
        return replace(_gemini(match, query), is_placed=True)
    if (match := VERTEX_CLAUDES.fullmatch(place["rest"])) is None:
        return None
    if match["model"] == "count-tokens":
        return Route(speaker=VERTEX_COUNTED, operation="count")
    is_stream = match["method"] == "streamRawPredict"
    return Route(speaker=VERTEX_CLAUDE, operation="generate", model=match["model"], is_stream=is_stream)


def _speaker_of(path: str, query: str, headers: Mapping[bytes, bytes]) -> Speaker:
    """All three SDKs ask for the same /v1/models; their header fields tell them apart."""
    if "/interactions/" in path:
        return GEMINI_INTERACTIONS
    if b"anthropic-version" in headers:
        return ANTHROPIC_MESSAGES
    if path.startswith("/v1beta/") or b"x-goog-api-key" in headers or b"x-goog-api-client" in headers or "key" in parse_qs(query):
        return GEMINI_GENERATE_CONTENT
    return OPENAI_CHAT


def key_of(target: str, headers: Mapping[bytes, bytes]) -> str:
    """The provider key, wherever an SDK puts it; "" without one."""
    scheme, _, secret = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and secret:
        return secret.strip().decode("latin-1")
    for name in (b"x-api-key", b"x-goog-api-key", b"api-key"):
        if name in headers:
            return headers[name].decode("latin-1")
    return parse_qs(target.partition("?")[2]).get("key", [""])[0]
