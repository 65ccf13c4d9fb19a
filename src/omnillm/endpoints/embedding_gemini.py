"""Embeddings in Gemini's words: one text, or a batch of requests."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from omnillm.endpoints.embeddings import MOST_INPUTS, Dimensions, EmbeddingRequest, EmbeddingResponse, matched
from omnillm.endpoints.format import reply_reader
from omnillm.endpoints.shapes import Shape
from omnillm.errors import ProtocolError
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import Members
from omnillm.usage import NO_USAGE, Usage, count


class GeminiPart(Struct, frozen=True, forbid_unknown_fields=True):
    text: str


class GeminiContent(Struct, frozen=True):
    parts: list[GeminiPart]


class GeminiEmbed(Struct, frozen=True, rename="camel"):
    """The body of embedContent, and each element of a batch's `requests`."""

    content: GeminiContent
    model: str = ""
    task_type: str = ""
    title: str = ""
    output_dimensionality: Dimensions | None = None


class GeminiBatch(Struct, frozen=True):
    requests: Annotated[list[GeminiEmbed], Meta(min_length=1, max_length=MOST_INPUTS)]


GEMINI: Final = Shape(GeminiEmbed)
GEMINI_BATCH: Final = Shape(GeminiBatch)


def parse_gemini_request(members: Members, *, model: str = "") -> EmbeddingRequest:
    return _from_gemini([GEMINI.read(members)], model, GEMINI.rest(members))


def parse_gemini_batch_request(members: Members, *, model: str = "") -> EmbeddingRequest:
    return _from_gemini(GEMINI_BATCH.read(members).requests, model, GEMINI_BATCH.rest(members))


def _from_gemini(asked: list[GeminiEmbed], model: str, rest: dict[str, Any]) -> EmbeddingRequest:
    first = asked[0]
    settings = {(each.task_type, each.title, each.output_dimensionality) for each in asked}
    if len(settings) > 1:
        raise ProtocolError("The requests of a batch differ in taskType, title or outputDimensionality.", reason="unsupported_feature")
    return EmbeddingRequest(
        model=model or first.model.removeprefix("models/"),
        inputs=tuple("".join(part.text for part in each.content.parts) for each in asked),
        dimensions=first.output_dimensionality,
        task=first.task_type,
        title=first.title,
        vendor_extensions=rest,
    )


def _gemini_one(request: EmbeddingRequest, given: str | tuple[int, ...]) -> dict[str, Any]:
    if not isinstance(given, str):
        raise ProtocolError("Gemini embeds texts, and an input of this call is a list of tokens.", reason="unsupported_feature")
    settings = {"taskType": request.task, "title": request.title, "outputDimensionality": request.dimensions}
    return {
        "model": gemini_resource(request.model),
        "content": {"parts": [{"text": given}]},
        **{key: value for key, value in settings.items() if value},
    }


def emit_gemini_request(request: EmbeddingRequest, losses: Losses) -> dict[str, Any]:
    if len(request.inputs) != 1:
        raise ProtocolError("embedContent embeds one text; batchEmbedContents takes several.", reason="unsupported_feature")
    _lose_user(request, losses)
    return _gemini_one(request, request.inputs[0])


def emit_gemini_batch_request(request: EmbeddingRequest, losses: Losses) -> dict[str, Any]:
    _lose_user(request, losses)
    return {"requests": [_gemini_one(request, given) for given in request.inputs]}


def rename_gemini(members: Members, model: str) -> dict[str, bytes]:
    """Each request of a batch must name the model that the path names. One that does already is left as it is."""
    name = msgspec.json.encode(gemini_resource(model))
    changes = {"model": name} if "model" in members and bytes(members["model"]) != name else {}
    if "requests" in members:
        requests = _objects(members["requests"])
        if any(bytes(each.get("model", b"")) != name for each in requests):
            changes["requests"] = msgspec.json.encode([each | {"model": msgspec.Raw(name)} for each in requests])
    return changes


_objects = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


def gemini_resource(model: str) -> str:
    return model if "/" in model else f"models/{model}"


def _lose_user(request: EmbeddingRequest, losses: Losses) -> None:
    if request.user:
        losses.drop("user", "Gemini's embeddings have no end user")


class GeminiCounts(Struct, frozen=True, rename="camel"):
    prompt_token_count: Any = None


class _GeminiVector(Struct, frozen=True):
    values: list[float]


class _GeminiReply(Struct, frozen=True, rename="camel"):
    embedding: _GeminiVector | None = None
    embeddings: list[_GeminiVector] = []
    usage_metadata: GeminiCounts | None = None


_reply = reply_reader(_GeminiReply)


def parse_gemini_response(body: bytes) -> EmbeddingResponse:
    """Of either method. ValueError: there is no vector in it."""
    reply = _reply(body)
    found = [reply.embedding] if reply.embedding is not None else reply.embeddings
    if not found:
        raise ValueError("no embedding")
    return EmbeddingResponse(vectors=tuple(tuple(each.values) for each in found), usage=gemini_usage(reply.usage_metadata))


def gemini_usage(told: GeminiCounts | None) -> Usage:
    return NO_USAGE if told is None else Usage(input=count(told.prompt_token_count))


def emit_gemini_response(response: EmbeddingResponse, request: EmbeddingRequest, _: Losses) -> dict[str, Any]:
    return {"embedding": {"values": matched(response, request)[0]}, **_counts(response)}


def emit_gemini_batch_response(response: EmbeddingResponse, request: EmbeddingRequest, _: Losses) -> dict[str, Any]:
    return {"embeddings": [{"values": vector} for vector in matched(response, request)], **_counts(response)}


def _counts(response: EmbeddingResponse) -> dict[str, Any]:
    return {"usageMetadata": {"promptTokenCount": response.usage.prompt_tokens}} if response.usage.prompt_tokens else {}
