"""Embeddings in the words of Cohere and of Amazon Bedrock."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from omnillm.endpoints.embeddings import MOST_INPUTS, Dimensions, EmbeddingRequest, EmbeddingResponse, matched, vector_of, written
from omnillm.endpoints.shapes import ModelName, Shape, Text
from omnillm.errors import ProtocolError
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import Members
from omnillm.usage import NO_USAGE, Usage, count

COHERE_TASKS: Final = {
    "RETRIEVAL_QUERY": "search_query",
    "QUESTION_ANSWERING": "search_query",
    "FACT_VERIFICATION": "search_query",
    "CODE_RETRIEVAL_QUERY": "search_query",
    "RETRIEVAL_DOCUMENT": "search_document",
    "CLASSIFICATION": "classification",
    "CLUSTERING": "clustering",
}
_TASKS: Final = {
    "search_query": "RETRIEVAL_QUERY",
    "search_document": "RETRIEVAL_DOCUMENT",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}


# Cohere, its own API (version 2) and inside Bedrock


class CohereEmbed(Struct, frozen=True):
    texts: Annotated[list[Text], Meta(min_length=1, max_length=MOST_INPUTS)]
    model: ModelName = ""
    input_type: str = ""
    embedding_types: list[str] = []
    output_dimension: Dimensions | None = None


COHERE: Final = Shape(CohereEmbed)


def parse_cohere_request(members: Members, *, model: str = "") -> EmbeddingRequest:
    asked = COHERE.read(members)
    odd = [kind for kind in asked.embedding_types if kind not in {"float", "base64"}]
    if odd:
        raise ProtocolError(f"Vectors of type {odd[0][:32]!r} are made by Cohere alone.", reason="unsupported_feature")
    return EmbeddingRequest(
        model=model or asked.model,
        inputs=tuple(asked.texts),
        dimensions=asked.output_dimension,
        encoding="base64" if asked.embedding_types == ["base64"] else "float",
        task=_TASKS.get(asked.input_type, asked.input_type.upper()),
        vendor_extensions=COHERE.rest(members),
    )


def emit_cohere_request(request: EmbeddingRequest, losses: Losses) -> dict[str, Any]:
    """Every request says what its vectors are for; one that does not is taken for documents."""
    texts = _texts(request, "Cohere")
    task = COHERE_TASKS.get(request.task)
    if task is None:
        task = "search_document"
        if request.task:
            losses.approximate("taskType", "Cohere has no such task, and embeds documents")
        else:
            losses.default("input_type", "Cohere must be told what vectors are for: search_document")
    _lose(request, losses, "Cohere")
    body: dict[str, Any] = {"model": request.model, "texts": texts, "input_type": task, "embedding_types": ["float"]}
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    return body


def emit_bedrock_cohere_request(request: EmbeddingRequest, losses: Losses) -> dict[str, Any]:
    """Which model is asked stands in the path, and in the body it is refused."""
    body = emit_cohere_request(request, losses)
    del body["model"]
    return body


class _ByType(Struct, frozen=True):
    floats: list[list[float]] | None = field(default=None, name="float")
    base64: list[str] | None = None


class _Units(Struct, frozen=True):
    input_tokens: Any = None


class CohereMeta(Struct, frozen=True):
    billed_units: _Units | None = None


class _CohereReply(Struct, frozen=True):
    embeddings: list[list[float]] | _ByType
    meta: CohereMeta | None = None


def parse_cohere_response(body: bytes) -> EmbeddingResponse:
    """ValueError: there are no vectors of floats in it."""
    reply = msgspec.json.decode(body, type=_CohereReply)
    found = reply.embeddings
    vectors = found if isinstance(found, list) else found.floats or found.base64
    if not vectors:
        raise ValueError("no embedding")
    return EmbeddingResponse(vectors=tuple(vector_of(each) for each in vectors), usage=cohere_usage(reply.meta))


def cohere_usage(meta: CohereMeta | None) -> Usage:
    units = meta.billed_units if meta else None
    return NO_USAGE if units is None else Usage(input=count(units.input_tokens))


def emit_cohere_response(response: EmbeddingResponse, request: EmbeddingRequest, _: Losses) -> dict[str, Any]:
    return {
        "id": "",
        "response_type": "embeddings_by_type",
        "embeddings": {request.encoding: [written(vector, request.encoding) for vector in matched(response, request)]},
        "texts": [given for given in request.inputs if isinstance(given, str)],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": response.usage.prompt_tokens}},
    }


# Amazon Titan


class TitanEmbed(Struct, frozen=True, rename="camel"):
    input_text: Text
    dimensions: Dimensions | None = None
    normalize: bool = True
    embedding_types: list[Literal["float", "binary"]] = []


TITAN: Final = Shape(TitanEmbed)


def parse_titan_request(members: Members, *, model: str = "") -> EmbeddingRequest:
    asked = TITAN.read(members)
    if "binary" in asked.embedding_types or not asked.normalize:
        raise ProtocolError("Binary vectors, and such as are not normalised, are made by Titan alone.", reason="unsupported_feature")
    return EmbeddingRequest(model=model, inputs=(asked.input_text,), dimensions=asked.dimensions, vendor_extensions=TITAN.rest(members))


def emit_titan_request(request: EmbeddingRequest, losses: Losses) -> dict[str, Any]:
    """Which model is asked stands in the path."""
    texts = _texts(request, "Titan")
    if len(texts) != 1:
        raise ProtocolError("Titan embeds one text a call, and this one has several.", reason="unsupported_feature")
    if request.task:
        losses.drop("taskType", "Titan is not told what vectors are for")
    _lose(request, losses, "Titan")
    return {"inputText": texts[0]} if request.dimensions is None else {"inputText": texts[0], "dimensions": request.dimensions}


class _TitanReply(Struct, frozen=True, rename="camel"):
    embedding: list[float]
    input_text_token_count: Any = None


def parse_titan_response(body: bytes) -> EmbeddingResponse:
    reply = msgspec.json.decode(body, type=_TitanReply)
    return EmbeddingResponse(vectors=(tuple(reply.embedding),), usage=Usage(input=count(reply.input_text_token_count)))


def emit_titan_response(response: EmbeddingResponse, request: EmbeddingRequest, _: Losses) -> dict[str, Any]:
    [vector] = matched(response, request)
    return {"embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": response.usage.prompt_tokens}


def _texts(request: EmbeddingRequest, host: str) -> list[str]:
    texts = [given for given in request.inputs if isinstance(given, str)]
    if len(texts) != len(request.inputs):
        raise ProtocolError(f"{host} embeds texts, and an input of this call is a list of tokens.", reason="unsupported_feature")
    return texts


def _lose(request: EmbeddingRequest, losses: Losses, host: str) -> None:
    if request.title:
        losses.drop("title", f"{host} has no title of a document")
    if request.user:
        losses.drop("user", f"{host}'s embeddings have no end user")
