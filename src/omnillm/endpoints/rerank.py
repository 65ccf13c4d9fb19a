"""Rerank: documents are ordered by how well they answer a query. In the words of OpenAI-compatible hosts, of Cohere and of Jina."""

from typing import Annotated, Any, Final

from msgspec import Meta, Raw, Struct

from omnillm.endpoints.format import (
    ABSENT,
    RERANK,
    Format,
    openai_protocol,
    raw_weight,
    reply_peek,
    reply_reader,
    request_peek,
    text_alone,
    utf8_bytes,
)
from omnillm.endpoints.shapes import ModelName, Shape, Text
from omnillm.protocols.extras import Asked
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import Members
from omnillm.usage import NO_USAGE, Usage, count

MOST_DOCUMENTS: Final = 10_000
CHUNK_TOKENS: Final = 500
"""Cohere cuts longer documents, counted with the query, and counts each piece as a document."""
DOCUMENTS_A_UNIT: Final = 100


class RerankRequest(Struct, frozen=True, kw_only=True, tag="rerank", tag_field="family", omit_defaults=True):
    """Documents to be put in the order in which they answer a query."""

    model: str
    query: str
    documents: tuple[str, ...]
    top_n: int | None = None
    """How many of the best are wanted; None: all."""
    returns_documents: bool = False
    """Whether the results bring their texts along."""
    max_tokens_per_doc: int | None = None
    """Beyond this a document is cut (Cohere)."""
    vendor_extensions: dict[str, Any] = {}


class Ranked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    index: int
    """Of the document in the request."""
    score: float
    document: str | None = None


class RerankResponse(Struct, frozen=True, kw_only=True, tag="rerank", tag_field="family", omit_defaults=True):
    """The documents by their place in the request, with scores."""

    results: tuple[Ranked, ...]
    """The best first."""
    model: str = ""
    id: str = ""
    usage: Usage = NO_USAGE
    """Tokens, or search units as `tool_calls`."""


class _Document(Struct, frozen=True):
    text: str


class WireRerank(Struct, frozen=True):
    """The request, which is the same in all three formats."""

    model: ModelName
    query: Text
    documents: Annotated[list[str | _Document], Meta(min_length=1, max_length=MOST_DOCUMENTS)]
    top_n: Annotated[int, Meta(ge=1)] | None = None
    return_documents: bool = False
    max_tokens_per_doc: Annotated[int, Meta(ge=1)] | None = None


SHAPE: Final = Shape(WireRerank)


def _texts(asked: WireRerank) -> list[str]:
    return [each if isinstance(each, str) else each.text for each in asked.documents]


def parse_request(members: Members, *, model: str = "") -> RerankRequest:
    asked = SHAPE.read(members)
    return RerankRequest(
        model=model or asked.model,
        query=asked.query,
        documents=tuple(_texts(asked)),
        top_n=asked.top_n,
        returns_documents=asked.return_documents,
        max_tokens_per_doc=asked.max_tokens_per_doc,
        vendor_extensions=SHAPE.rest(members),
    )


def emit_request(request: RerankRequest, losses: Losses) -> dict[str, Any]:
    """As OpenAI-compatible hosts and Jina want it."""
    if request.max_tokens_per_doc is not None:
        losses.drop("max_tokens_per_doc", "this format cuts documents where the model does")
    body: dict[str, Any] = {"model": request.model, "query": request.query, "documents": request.documents}
    if request.top_n is not None:
        body["top_n"] = request.top_n
    return {**body, "return_documents": request.returns_documents}


def emit_cohere_request(request: RerankRequest, _: Losses) -> dict[str, Any]:
    """Cohere's version 2 does not return the texts: they are added to the reply here."""
    body: dict[str, Any] = {"model": request.model, "query": request.query, "documents": request.documents}
    if request.top_n is not None:
        body["top_n"] = request.top_n
    if request.max_tokens_per_doc is not None:
        body["max_tokens_per_doc"] = request.max_tokens_per_doc
    return body


class _Result(Struct, frozen=True):
    index: Annotated[int, Meta(ge=0)]
    relevance_score: float
    document: str | _Document | None = None


class _Units(Struct, frozen=True):
    search_units: Any = None
    input_tokens: Any = None


class _Meta(Struct, frozen=True):
    billed_units: _Units | None = None


class _Counts(Struct, frozen=True):
    total_tokens: Any = None
    prompt_tokens: Any = None


class _Reply(Struct, frozen=True):
    results: list[_Result]
    model: str = ""
    id: str = ""
    usage: _Counts | None = None
    meta: _Meta | None = None


class _Seen(Struct, frozen=True):
    results: Raw = ABSENT
    usage: _Counts | None = None
    meta: _Meta | None = None
    error: Raw = ABSENT


def usage_of(seen: _Seen | _Reply) -> Usage | None:
    """Hosts report tokens, or search units, or both; None: neither."""
    units = seen.meta.billed_units if seen.meta else None
    counted = seen.usage or _Counts()
    tokens = count(counted.total_tokens) or count(counted.prompt_tokens) or (count(units.input_tokens) if units else 0)
    searched = count(units.search_units) if units else 0
    return Usage(input=tokens, tool_calls=searched) if tokens or searched else None


_reply = reply_reader(_Reply)


def parse_response(body: bytes) -> RerankResponse:
    reply = _reply(body)
    return RerankResponse(
        results=tuple(
            Ranked(
                index=each.index,
                score=each.relevance_score,
                document=each.document.text if isinstance(each.document, _Document) else each.document,
            )
            for each in reply.results
        ),
        model=reply.model,
        id=reply.id,
        usage=usage_of(reply) or NO_USAGE,
    )


def _results(response: RerankResponse, request: RerankRequest) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for each in response.results:
        text = request.documents[each.index] if each.document is None and each.index < len(request.documents) else each.document
        document = {"document": {"text": text}} if request.returns_documents and text is not None else {}
        results.append({"index": each.index, "relevance_score": each.score, **document})
    return results


def emit_response(response: RerankResponse, request: RerankRequest, _: Losses) -> dict[str, Any]:
    tokens = response.usage.total_tokens
    return {
        "id": response.id,
        "object": "list",
        "model": response.model or request.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "results": _results(response, request),
    }


def emit_cohere_response(response: RerankResponse, request: RerankRequest, _: Losses) -> dict[str, Any]:
    return {
        "id": response.id,
        "results": _results(response, request),
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": response.usage.tool_calls}},
    }


def _text_bytes(members: Members) -> int:
    """A model reads the query anew with every document."""
    asked = SHAPE.read(members)
    return raw_weight(members, "documents", _texts(asked)) + utf8_bytes(asked.query) * len(asked.documents)


def _asks(members: Members) -> Asked:
    """Search units, for hosts that bill by them."""
    asked = SHAPE.read(members)
    room = max(CHUNK_TOKENS - utf8_bytes(asked.query), 1)
    pieces = sum(max(-(-utf8_bytes(text) // room), 1) for text in _texts(asked))
    return Asked(calls=-(-pieces // DOCUMENTS_A_UNIT))


def _format(name: str, emit: Any, write: Any) -> Format:
    return Format(
        protocol=openai_protocol(
            name,
            peek_request=request_peek(SHAPE),
            peek_reply=reply_peek(_Seen, usage_of, whole=("results",)),
            weigh=text_alone(_text_bytes),
            asks=_asks,
        ),
        operation=RERANK,
        parse_request=parse_request,
        emit_request=emit,
        parse_response=parse_response,
        emit_response=write,
    )


OPENAI_RERANK: Final = _format("openai_rerank", emit_request, emit_response)
COHERE_RERANK: Final = _format("cohere_rerank", emit_cohere_request, emit_cohere_response)
JINA_RERANK: Final = _format("jina_rerank", emit_request, emit_response)
