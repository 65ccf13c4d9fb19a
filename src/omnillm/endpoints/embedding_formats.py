"""The wire formats of embeddings: for each its `Protocol` and its codec."""

from typing import Any, Final

from msgspec import Raw, Struct
from msgspec.structs import replace

from omnillm.endpoints import embedding_gemini as gemini
from omnillm.endpoints import embedding_hosts as hosts
from omnillm.endpoints import embeddings
from omnillm.endpoints.format import (
    ABSENT,
    EMBEDDINGS,
    TOKENS_AROUND,
    Format,
    openai_protocol,
    raw_weight,
    reply_peek,
    request_peek,
    text_alone,
    text_weight,
)
from omnillm.protocols.gemini_generate_content import PROTOCOL as GEMINI_PROTOCOL
from omnillm.protocols.protocol import Members, RequestPeek, Weight, no_ids
from omnillm.usage import Usage, count


def _told(usage: Usage) -> Usage | None:
    """None: it counts nothing, and is unknown."""
    return usage if usage.input else None


# OpenAI


class _OpenAiSeen(Struct, frozen=True):
    data: Raw = ABSENT
    usage: embeddings.OpenAiCounts | None = None
    error: Raw = ABSENT


def _peek_openai(members: Members) -> RequestPeek:
    asked = embeddings.OPENAI.read(members)
    embeddings.openai_inputs(asked)
    return RequestPeek(model=asked.model, output_cap=0)


def _weigh_openai(members: Members) -> tuple[int, Weight]:
    """Inputs may be tokens already, and count as such."""
    inputs = embeddings.openai_inputs(embeddings.OPENAI.read(members))
    tokens = sum(len(given) + TOKENS_AROUND for given in inputs if not isinstance(given, str))
    return text_weight([given for given in inputs if isinstance(given, str)]), Weight(tokens, tokens)


OPENAI_EMBEDDINGS: Final = Format(
    protocol=openai_protocol(
        "openai_embeddings",
        peek_request=_peek_openai,
        peek_reply=reply_peek(_OpenAiSeen, lambda seen: _told(embeddings.openai_usage(seen.usage)), whole=("data",)),
        weigh=_weigh_openai,
    ),
    operation=EMBEDDINGS,
    parse_request=embeddings.parse_openai_request,
    emit_request=embeddings.emit_openai_request,
    parse_response=embeddings.parse_openai_response,
    emit_response=embeddings.emit_openai_response,
)


# Gemini


class _GeminiSeen(Struct, frozen=True, rename="camel"):
    embedding: Raw = ABSENT
    embeddings: Raw = ABSENT
    usage_metadata: gemini.GeminiCounts | None = None
    error: Raw = ABSENT


_peek_gemini_reply = reply_peek(
    _GeminiSeen,
    lambda seen: _told(gemini.gemini_usage(seen.usage_metadata)),
    whole=("embedding", "embeddings"),
    read_failure=GEMINI_PROTOCOL.read_failure,
)


def _peek_gemini(members: Members) -> RequestPeek:
    gemini.GEMINI.read(members)
    return RequestPeek(model="", output_cap=0)


def _gemini_text(members: Members) -> int:
    asked = gemini.GEMINI.read(members)
    return raw_weight(members, "content", [asked.title, *(part.text for part in asked.content.parts)])


def _peek_gemini_batch(members: Members) -> RequestPeek:
    gemini.GEMINI_BATCH.read(members)
    return RequestPeek(model="", output_cap=0)


def _gemini_batch_text(members: Members) -> int:
    asked = gemini.GEMINI_BATCH.read(members).requests
    return raw_weight(members, "requests", [text for each in asked for text in (each.title, *(part.text for part in each.content.parts))])


GEMINI_EMBED: Final = Format(
    protocol=replace(
        GEMINI_PROTOCOL,
        name="gemini_embed_content",
        peek_request=_peek_gemini,
        peek_reply=_peek_gemini_reply,
        output_cap_member="",
        weigh=text_alone(_gemini_text),
        named_ids=no_ids,
        rename=gemini.rename_gemini,
    ),
    operation=EMBEDDINGS,
    parse_request=gemini.parse_gemini_request,
    emit_request=gemini.emit_gemini_request,
    parse_response=gemini.parse_gemini_response,
    emit_response=gemini.emit_gemini_response,
)
GEMINI_BATCH_EMBED: Final = Format(
    protocol=replace(
        GEMINI_EMBED.protocol, name="gemini_batch_embed_contents", peek_request=_peek_gemini_batch, weigh=text_alone(_gemini_batch_text)
    ),
    operation=EMBEDDINGS,
    parse_request=gemini.parse_gemini_batch_request,
    emit_request=gemini.emit_gemini_batch_request,
    parse_response=gemini.parse_gemini_response,
    emit_response=gemini.emit_gemini_batch_response,
)


# Cohere and Titan


class _CohereSeen(Struct, frozen=True):
    embeddings: Raw = ABSENT
    meta: hosts.CohereMeta | None = None
    error: Raw = ABSENT


class _TitanSeen(Struct, frozen=True, rename="camel"):
    embedding: Raw = ABSENT
    input_text_token_count: Any = None
    error: Raw = ABSENT


COHERE_EMBED: Final = Format(
    protocol=openai_protocol(
        "cohere_embed",
        peek_request=request_peek(hosts.COHERE),
        peek_reply=reply_peek(_CohereSeen, lambda seen: _told(hosts.cohere_usage(seen.meta)), whole=("embeddings",)),
        weigh=text_alone(lambda members: text_weight(hosts.COHERE.read(members).texts)),
    ),
    operation=EMBEDDINGS,
    parse_request=hosts.parse_cohere_request,
    emit_request=hosts.emit_cohere_request,
    parse_response=hosts.parse_cohere_response,
    emit_response=hosts.emit_cohere_response,
)
BEDROCK_COHERE_EMBED: Final = replace(
    COHERE_EMBED,
    protocol=replace(COHERE_EMBED.protocol, name="bedrock_cohere_embed"),
    emit_request=hosts.emit_bedrock_cohere_request,
)
"""Cohere's models inside Bedrock, whose replies count no tokens."""
TITAN_EMBED: Final = Format(
    protocol=openai_protocol(
        "titan_embed",
        peek_request=request_peek(hosts.TITAN),
        peek_reply=reply_peek(_TitanSeen, lambda seen: _told(Usage(input=count(seen.input_text_token_count))), whole=("embedding",)),
        weigh=text_alone(lambda members: text_weight([hosts.TITAN.read(members).input_text])),
    ),
    operation=EMBEDDINGS,
    parse_request=hosts.parse_titan_request,
    emit_request=hosts.emit_titan_request,
    parse_response=hosts.parse_titan_response,
    emit_response=hosts.emit_titan_response,
)
