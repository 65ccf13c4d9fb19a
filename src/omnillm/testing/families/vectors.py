"""Embeddings: a vector is a function of its text, so that the same text has the same one through every format."""

import base64
import struct
from typing import Any
from zlib import crc32

from msgspec.structs import replace

from omnillm.testing.families.provided import Provided, in_json
from omnillm.testing.generation import count_tokens
from omnillm.testing.replies.reading import demand
from omnillm.testing.replies.speaker import Json, Malformed
from omnillm.testing.request import Request
from omnillm.usage import Usage

DIMENSIONS = 8


def vector(text: str, dimensions: int | None) -> list[float]:
    """Whole 1024ths, which 32-bit floats hold exactly."""
    return [(crc32(f"{place}\0{text}".encode()) % 2048 - 1024) / 1024 for place in range(dimensions or DIMENSIONS)]


def openai(request: Request) -> Provided:
    body = request.json
    model, given = demand(body, "model", str), body.get("input")
    texts, tokens = _inputs(given)
    vectors: list[Any] = [vector(text, body.get("dimensions")) for text in texts]
    if body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{len(each)}f", *each)).decode() for each in vectors]
    reply = {
        "object": "list",
        "data": [{"object": "embedding", "index": place, "embedding": each} for place, each in enumerate(vectors)],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return in_json(model, reply, Usage(input=tokens))


def _inputs(given: Any) -> tuple[list[str], int]:
    """(what stands for each input, tokens of all)."""
    inputs = given if isinstance(given, list) and not all(isinstance(each, int) for each in given) else [given]
    if not inputs or given in ("", []):
        raise Malformed("'$.input' is invalid. Please check the API reference.")
    texts = [each if isinstance(each, str) else " ".join(map(str, each)) for each in inputs]
    return texts, sum(count_tokens((each,)) if isinstance(each, str) else len(each) for each in inputs)


def gemini(request: Request) -> Provided:
    body = request.json
    text = _text(body, request.model)
    tokens = count_tokens((text,))
    reply = {"embedding": {"values": vector(text, body.get("outputDimensionality"))}, "usageMetadata": {"promptTokenCount": tokens}}
    return in_json(request.model, reply, Usage(input=tokens))


def gemini_batch(request: Request) -> Provided:
    requests = demand(request.json, "requests", list)
    texts = [_text(each, request.model) for each in requests]
    tokens = sum(count_tokens((text,)) for text in texts)
    vectors = [vector(text, each.get("outputDimensionality")) for text, each in zip(texts, requests, strict=True)]
    reply = {"embeddings": [{"values": each} for each in vectors], "usageMetadata": {"promptTokenCount": tokens}}
    return in_json(request.model, reply, Usage(input=tokens))


def titan(request: Request) -> Provided:
    body = request.json
    text = demand(body, "inputText", str)
    tokens = count_tokens((text,))
    return _invoked(request.model, {"embedding": vector(text, body.get("dimensions")), "inputTextTokenCount": tokens}, tokens)


def bedrock_cohere(request: Request) -> Provided:
    """As inside Bedrock: no model in the body, and no count in the reply."""
    body = request.json
    if body.keys() - {"texts", "input_type", "embedding_types", "output_dimension", "truncate", "images"}:
        raise Malformed(
            f"Malformed input request: #: extraneous key {sorted(body)} is not permitted, please reformat your input and try again."
        )
    demand(body, "input_type", str)
    texts = demand(body, "texts", list)
    vectors = {"float": [vector(text, body.get("output_dimension")) for text in texts]}
    return _invoked(request.model, {"response_type": "embeddings_by_type", "embeddings": vectors}, count_tokens(tuple(texts)))


def _invoked(model: str, reply: Json, tokens: int) -> Provided:
    """What is invoked in Bedrock is counted in a header too, whatever its body says."""
    return replace(in_json(model, reply, Usage(input=tokens)), fields={"x-amzn-bedrock-input-token-count": str(tokens)})


def _text(body: Json, model: str) -> str:
    named = body.get("model", f"models/{model}")
    if named != f"models/{model}":
        raise Malformed(f"Request contains an invalid argument: {named} is not the model of the path.")
    return "".join(part["text"] for part in demand(demand(body, "content", dict), "parts", list))
