"""Embeddings in every wire format: what is said in one is read in it, and what another cannot say is told."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm import (
    ConversionReport,
    EmbeddingRequest,
    EmbeddingResponse,
    ProtocolError,
    Usage,
    emit_api_request,
    emit_api_response,
    parse_api_request,
    parse_api_response,
    transcode_api_request,
    transcode_api_response,
)
from omnillm.endpoints.registry import FORMATS
from omnillm.errors import UpstreamLost

ONE = EmbeddingRequest(model="m", inputs=("a text",), dimensions=3)
EMBEDDING_FORMATS = [name for name, each in FORMATS.items() if each.operation == "embeddings"]
VECTORS = EmbeddingResponse(vectors=((0.5, -0.25, 1.0),), model="m", usage=Usage(input=2))


@in_turn("name", EMBEDDING_FORMATS)
def test_an_embedding_survives_its_format(name: str) -> None:
    """Said and read again it is the same, request and reply; Cohere alone must be told what it is for."""
    emitted = emit_api_request(name, ONE)
    read = parse_api_request(name, emitted.value, model="m")
    assert msgspec.structs.replace(read, vendor_extensions={}, task="") == ONE
    assert [each.kind for each in emitted.loss_reasons] == (["defaulted"] if "cohere_embed" in name else [])
    reply = emit_api_response(name, VECTORS, ONE)
    assert msgspec.structs.replace(parse_api_response(name, reply.value), model="m") == VECTORS


@in_turn("source", EMBEDDING_FORMATS)
@in_turn("target", EMBEDDING_FORMATS)
def test_embeddings_are_said_in_every_other_format(source: str, target: str) -> None:
    """All to all: the texts, the dimensions and the vectors arrive."""
    body = emit_api_request(source, ONE).value
    report = transcode_api_request(source, target, body, model="m")
    assert isinstance(report, ConversionReport)
    assert report.bridged == (source != target)
    assert (report.wire_format, report.canonical_endpoint) == (target, "embeddings")
    assert parse_api_request(target, report.value, model="m").inputs == ONE.inputs
    back = transcode_api_response(target, source, emit_api_response(target, VECTORS, ONE).value, request=ONE)
    assert parse_api_response(source, back.value).vectors == VECTORS.vectors
    assert back.wire_format == source


def test_texts_and_tokens_may_stand_side_by_side() -> None:
    """In the canonical type; OpenAI takes both."""
    both = EmbeddingRequest(model="m", inputs=("a", (1, 2)))
    assert parse_api_request("openai_embeddings", emit_api_request("openai_embeddings", both).value).inputs == both.inputs
    for name in ("gemini_batch_embed_contents", "cohere_embed", "titan_embed"):
        with pytest.raises(ProtocolError, match="list of tokens"):
            emit_api_request(name, both)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_vectors_in_base64_are_the_same_numbers(vector: list[float]) -> None:
    """Little-endian 32-bit floats, as OpenAI writes them."""
    asked = EmbeddingRequest(model="m", inputs=("a",), encoding="base64")
    reply = emit_api_response("openai_embeddings", EmbeddingResponse(vectors=(tuple(vector),)), asked).value
    assert isinstance(json.loads(reply)["data"][0]["embedding"], str)
    assert parse_api_response("openai_embeddings", reply).vectors == (tuple(vector),)


LOSSES = {
    ("openai_embeddings", "task"): ("dropped", "taskType"),
    ("openai_embeddings", "title"): ("dropped", "title"),
    ("gemini_embed_content", "user"): ("dropped", "user"),
    ("cohere_embed", "title"): ("dropped", "title"),
    ("cohere_embed", "user"): ("dropped", "user"),
    ("cohere_embed", "task"): ("approximated", "taskType"),
    ("titan_embed", "task"): ("dropped", "taskType"),
    ("titan_embed", "user"): ("dropped", "user"),
}


@in_turn(("case", "told"), LOSSES.items())
def test_what_a_format_cannot_say_is_told(case: tuple[str, str], told: tuple[str, str]) -> None:
    """And so is every member that only the client's own format has."""
    name, member = case
    request = msgspec.structs.replace(ONE, **{member: "SEMANTIC_SIMILARITY"}, vendor_extensions={"odd": 1})
    reasons = emit_api_request(name, request).loss_reasons
    assert {told, ("dropped", "odd")} <= {(each.kind, each.path) for each in reasons}


REFUSED = [
    (
        "gemini_batch_embed_contents",
        "gemini_embed_content",
        b'{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}',
        "batchEmbedContents takes several",
    ),
    ("cohere_embed", "openai_embeddings", b'{"model":"m","texts":["a"],"input_type":"search_query","embedding_types":["int8"]}', "'int8'"),
    ("titan_embed", "openai_embeddings", b'{"inputText":"a","embeddingTypes":["binary"]}', "Binary"),
    ("titan_embed", "openai_embeddings", b'{"inputText":"a","normalize":false}', "normalised"),
]


@in_turn(("source", "target", "body", "why"), REFUSED)
def test_what_only_one_host_can_do_is_refused_by_others(source: str, target: str, body: bytes, why: str) -> None:
    """Before anything is sent: another kind of vector is another answer, and no loss."""
    with pytest.raises(ProtocolError, match=why):
        transcode_api_request(source, target, body, model="m")


def test_user_goes_along_to_openai() -> None:
    """It takes one in its embeddings."""
    asked = msgspec.structs.replace(ONE, user="u")
    assert parse_api_request("openai_embeddings", emit_api_request("openai_embeddings", asked).value) == asked


def test_a_batch_of_unlike_requests_is_not_translated() -> None:
    """One request of another format has one task and one size."""
    requests = [{"content": {"parts": [{"text": "a"}]}, "taskType": task} for task in ("CLUSTERING", "CLASSIFICATION")]
    with pytest.raises(ProtocolError, match="differ"):
        parse_api_request("gemini_batch_embed_contents", json.dumps({"requests": requests}).encode(), model="m")


@in_turn("name", EMBEDDING_FORMATS)
@in_turn("vectors", [(), ((0.5,), (0.25,))])
def test_a_vector_for_each_input_or_none(name: str, vectors: tuple[tuple[float, ...], ...]) -> None:
    """A provider that answers too few, or too many, is garbled: whoever asked could take one text's vector for another's."""
    with pytest.raises(UpstreamLost):
        emit_api_response(name, EmbeddingResponse(vectors=vectors), ONE)
