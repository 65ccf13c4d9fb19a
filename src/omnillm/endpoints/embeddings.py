"""Embeddings: texts or tokens in, vectors out. The canonical types, and the format of OpenAI."""

from array import array
from base64 import b64decode, b64encode
from collections.abc import Sequence
from sys import byteorder
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from omnillm.endpoints.format import reply_reader
from omnillm.endpoints.shapes import ModelName, Shape, Text, misfit
from omnillm.errors import UpstreamLost
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import Members
from omnillm.usage import NO_USAGE, Usage, count

Token = Annotated[int, Meta(ge=0, le=2**31)]
Dimensions = Annotated[int, Meta(ge=1, le=2**20)]
Vector = tuple[float, ...]
MOST_INPUTS: Final = 4096


class EmbeddingRequest(Struct, frozen=True, kw_only=True, tag="embeddings", tag_field="family", omit_defaults=True):
    """What to embed, in order: each input is a text, or the tokens of one."""

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    encoding: Literal["float", "base64"] = "float"
    """How the client wants its vectors in JSON; base64 is of little-endian 32-bit floats."""
    task: str = ""
    """What the vectors are for, as Gemini says it: RETRIEVAL_QUERY, RETRIEVAL_DOCUMENT, CLASSIFICATION, ..."""
    title: str = ""
    """Of a document that is to be retrieved."""
    user: str = ""
    vendor_extensions: dict[str, Any] = {}
    """Members of the request's own format that have no place here."""


class EmbeddingResponse(Struct, frozen=True, kw_only=True, tag="embeddings", tag_field="family", omit_defaults=True):
    """The vectors of the inputs."""

    vectors: tuple[Vector, ...]
    """One an input, in their order."""
    model: str = ""
    usage: Usage = NO_USAGE


def matched(response: EmbeddingResponse, request: EmbeddingRequest) -> tuple[Vector, ...]:
    """The vectors, one for each input. UpstreamLost: there are more or fewer."""
    if len(response.vectors) != len(request.inputs):
        raise UpstreamLost("The provider answered another number of vectors than it was asked for.", code="garbled_reply")
    return response.vectors


# OpenAI


class OpenAiEmbeddings(Struct, frozen=True):
    model: ModelName
    input: Text | list[Text | Token | list[Token]]
    dimensions: Dimensions | None = None
    encoding_format: Literal["float", "base64"] = "float"
    user: str = ""


OPENAI: Final = Shape(OpenAiEmbeddings)


def openai_inputs(asked: OpenAiEmbeddings) -> tuple[str | tuple[int, ...], ...]:
    """A text, texts, tokens, or lists of tokens; a list of plain tokens is one input."""
    given = asked.input
    if isinstance(given, str):
        return (given,)
    if not given:
        raise misfit("input", "it is empty")
    if all(isinstance(each, int) for each in given):
        return (tuple(each for each in given if isinstance(each, int)),)
    if len(given) > MOST_INPUTS:
        raise misfit("input", f"it has more than {MOST_INPUTS} elements")
    inputs: list[str | tuple[int, ...]] = []
    for place, each in enumerate(given):
        if isinstance(each, int) or each == []:
            raise misfit(f"input[{place}]", "it must be a text, or a list of tokens")
        inputs.append(each if isinstance(each, str) else tuple(each))
    return tuple(inputs)


def parse_openai_request(members: Members, *, model: str = "") -> EmbeddingRequest:
    asked = OPENAI.read(members)
    return EmbeddingRequest(
        model=model or asked.model,
        inputs=openai_inputs(asked),
        dimensions=asked.dimensions,
        encoding=asked.encoding_format,
        user=asked.user,
        vendor_extensions=OPENAI.rest(members),
    )


def emit_openai_request(request: EmbeddingRequest, losses: Losses) -> dict[str, Any]:
    """Vectors come as floats, whatever the client wants: they are written anew for it."""
    _lose_task(request, losses)
    inputs = request.inputs
    body: dict[str, Any] = {"model": request.model, "input": inputs[0] if len(inputs) == 1 else inputs, "encoding_format": "float"}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.user:
        body["user"] = request.user
    return body


def _lose_task(request: EmbeddingRequest, losses: Losses) -> None:
    if request.task:
        losses.drop("taskType", "this format does not say what the vectors are for")
    if request.title:
        losses.drop("title", "this format has no title of a document")


class _OpenAiVector(Struct, frozen=True):
    embedding: list[float] | str
    index: int = 0


class OpenAiCounts(Struct, frozen=True):
    prompt_tokens: Any = None
    total_tokens: Any = None


class _OpenAiReply(Struct, frozen=True):
    data: list[_OpenAiVector]
    model: str = ""
    usage: OpenAiCounts | None = None


_reply = reply_reader(_OpenAiReply)


def parse_openai_response(body: bytes) -> EmbeddingResponse:
    reply = _reply(body)
    vectors = sorted(reply.data, key=lambda each: each.index)
    return EmbeddingResponse(
        vectors=tuple(vector_of(each.embedding) for each in vectors), model=reply.model, usage=openai_usage(reply.usage)
    )


def openai_usage(told: OpenAiCounts | None) -> Usage:
    return NO_USAGE if told is None else Usage(input=count(told.prompt_tokens or told.total_tokens))


def emit_openai_response(response: EmbeddingResponse, request: EmbeddingRequest, _: Losses) -> dict[str, Any]:
    tokens = response.usage.prompt_tokens
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": place, "embedding": written(vector, request.encoding)}
            for place, vector in enumerate(matched(response, request))
        ],
        "model": response.model or request.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def vector_of(written_vector: Sequence[float] | str) -> Vector:
    """ValueError: base64 that holds no 32-bit floats."""
    if not isinstance(written_vector, str):
        return tuple(written_vector)
    floats = array("f", b64decode(written_vector, validate=True))
    if byteorder == "big":
        floats.byteswap()
    return tuple(floats)


def written(vector: Vector, encoding: str) -> Vector | str:
    if encoding != "base64":
        return vector
    floats = array("f", vector)
    if byteorder == "big":
        floats.byteswap()
    return b64encode(floats.tobytes()).decode()
