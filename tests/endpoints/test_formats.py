"""Every wire format of every family: what does not fit is named, garbage is no reply, and bounds hold."""

import json
import re

import msgspec
import pytest
from tests.in_turn import in_turn

from omnillm import (
    EmbeddingRequest,
    File,
    ImageRequest,
    ImageResponse,
    ModerationRequest,
    ProtocolError,
    RerankRequest,
    RerankResponse,
    SpeechRequest,
    TranscriptionRequest,
    Usage,
    WireFormat,
    emit_api_request,
    emit_api_response,
    emit_transport_request,
    parse_api_request,
    parse_api_response,
    parse_transport_response,
    transcode_api_request,
)
from omnillm.endpoints.images import MadeImage
from omnillm.endpoints.registry import FORMATS
from omnillm.endpoints.rerank import Ranked
from omnillm.errors import BadRequest, UpstreamLost
from omnillm.framing.sse import Frame
from omnillm.protocols.protocol import Sight
from omnillm.replay import BinaryBody, JsonBody, TextBody, TransportResponse

ONE = EmbeddingRequest(model="m", inputs=("a text",), dimensions=3)
RERANK_FORMATS = [name for name, each in FORMATS.items() if each.operation == "rerank"]
RANKING = RerankRequest(model="m", query="q", documents=("a", "b"), top_n=1)
RANKED = RerankResponse(results=(Ranked(index=1, score=0.5),), model="m", id="r", usage=Usage(input=4))


def test_every_name_is_a_format() -> None:
    """What a program may name, and what is known, are the same, but for the canonical ones."""
    assert {each.value for each in WireFormat} == {name for name in FORMATS if not name.startswith("canonical_")}


@in_turn(
    ("name", "body", "why"),
    [
        ("openai_embeddings", b'{"model":"m","input":[%b]}' % b",".join([b'"a"'] * 4097), "`input`: it has more than"),
        ("openai_embeddings", b'{"model":"m","input":[]}', "`input`: it is empty"),
        ("openai_moderations", b'{"input":[]}', "`input`: it must be a text"),
        ("openai_moderations", b'{"input":["a",{"type":"text","text":"b"}]}', "`input`: it must be a text"),
        ("openai_moderations", b'{"input":[{"type":"image_url","text":"b"}]}', "`input\\[0\\].image_url`: it is required"),
        ("openai_moderations", b'{"input":[{"text":"b"}]}', "`input\\[0\\].type`: it is required"),
        ("openai_moderations", b'{"input":"\xff"}', "not valid UTF-8 at byte 10"),
        ("openai_moderations", b"[", "must be a JSON object"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_does_not_fit_is_named(name: str, body: bytes, why: str) -> None:
    """Where it stands, in the words of the client's own body."""
    with pytest.raises(BadRequest, match=why):
        parse_api_request(name, body)


@in_turn(("name", "field"), [("openai_image_edits", "n"), ("openai_image_variations", "n"), ("openai_image_edits", "partial_images")])
def test_number_of_a_form_has_its_range(name: str, field: str) -> None:
    """A budget rests on it."""
    members = {"model": "m", "prompt": "a", "image": {"filename": "a.png"}, field: "11"}
    protocol = FORMATS[name].protocol
    assert protocol.asks is not None
    with pytest.raises(BadRequest, match=f"`{field}`: it must be a whole number"):
        protocol.asks({each: msgspec.Raw(msgspec.json.encode(value)) for each, value in members.items()})


@in_turn(
    ("name", "told"),
    [("openai_rerank", {"dropped:max_tokens_per_doc"}), ("jina_rerank", {"dropped:max_tokens_per_doc"}), ("cohere_rerank", set())],
)
def test_length_of_documents_is_cohere_s_to_cut(name: str, told: set[str]) -> None:
    """Others cut where the model does."""
    report = emit_api_request(name, msgspec.structs.replace(RANKING, max_tokens_per_doc=9, top_n=None))
    assert {f"{each.kind}:{each.path}" for each in report.loss_reasons} == told
    body = json.loads(report.value)
    assert (body.get("max_tokens_per_doc"), "top_n" in body) == (None if told else 9, False)


@in_turn(
    ("event", "code"),
    [
        (b'{"type":"error","error":{"message":"no","type":"server_error","code":"server_error"}}', "server_error"),
        (b"{", "malformed_event"),
    ],
)
@in_turn("name", ["openai_image_generations", "openai_speech"])
def test_stream_that_fails_is_seen_to_fail(name: str, event: bytes, code: str) -> None:
    """An error event, or what is none of the format; what came before it does not make the stream whole."""
    watch = FORMATS[name].protocol.watch(False)
    assert watch.see(Frame(b": ping\n\n", b"")) == Sight.NOTHING
    assert watch.see(Frame(b"", b'{"type":"image_generation.partial_image","b64_json":"aaaa"}')) == Sight.CONTENT
    assert watch.see(Frame(b"", event)) == Sight.FAILED
    assert watch.failure is not None
    assert watch.failure.code == code
    assert not watch.at_end_of_stream()


@in_turn("name", RERANK_FORMATS)
def test_a_ranking_survives_its_format(name: str) -> None:
    """Request and reply; Cohere's counts search units instead of tokens, and names no model."""
    is_cohere = name == "cohere_rerank"
    for returns_documents in (False, True):
        asked = msgspec.structs.replace(RANKING, returns_documents=returns_documents)
        request = parse_api_request(name, emit_api_request(name, asked).value)
        assert request == (RANKING if is_cohere else asked)
    ranked = msgspec.structs.replace(RANKED, usage=Usage(input=4, tool_calls=2))
    shown = {"cohere_rerank": {"model": "", "usage": Usage(tool_calls=2)}, "canonical_rerank": {"usage": ranked.usage}}
    reply = parse_api_response(name, emit_api_response(name, ranked, RANKING).value)
    assert reply == msgspec.structs.replace(RANKED, **shown.get(name, {"usage": Usage(input=4)}))


def test_documents_are_brought_along_for_who_asked() -> None:
    """Cohere's newer version does not return them: they are put to the reply from the request."""
    asked = msgspec.structs.replace(RANKING, returns_documents=True)
    results = (Ranked(index=1, score=0.5), Ranked(index=0, score=0.4, document="cut"), Ranked(index=2, score=0.3))
    reply = json.loads(emit_api_response("openai_rerank", msgspec.structs.replace(RANKED, results=results), asked).value)
    assert [each.get("document") for each in reply["results"]] == [{"text": "b"}, {"text": "cut"}, None]


@in_turn(
    ("counts", "usage"),
    [
        (b'"usage":{"total_tokens":5,"prompt_tokens":4}', Usage(input=5)),
        (b'"usage":{"prompt_tokens":4}', Usage(input=4)),
        (b'"meta":{"billed_units":{"search_units":1}}', Usage(tool_calls=1)),
        (b'"meta":{"billed_units":{"search_units":2,"input_tokens":3}}', Usage(input=3, tool_calls=2)),
        (b'"meta":{"tokens":{}}', None),
        (b'"usage":{}', None),
    ],
)
def test_a_ranking_is_counted_as_its_host_counts_it(counts: bytes, usage: Usage | None) -> None:
    """By tokens, by search units, or by both."""
    assert FORMATS["cohere_rerank"].protocol.peek_reply(b'{"results":[],%b}' % counts).usage == usage


@in_turn(
    ("query", "documents", "units"),
    [
        ("q" * 100, ["x" * 400] * 100, 1),
        ("q" * 100, ["x" * 401] * 100, 2),
        ("q" * 100, ["é" * 201] * 100, 2),
        ("q" * 100, [""] * 100, 1),
        ("q" * 100, ["x"] * 101, 2),
        ("q" * 600, ["xx"] * 100, 2),
        ("q", ["x" * 499 * 250], 3),
    ],
)
def test_search_units_have_a_bound(query: str, documents: list[str], units: int) -> None:
    """However short a token is: a byte at least. Cohere counts hundreds of pieces of 500 tokens, each with the query in it."""
    members = {
        name: msgspec.Raw(msgspec.json.encode(value)) for name, value in (("model", "m"), ("query", query), ("documents", documents))
    }
    assert FORMATS["cohere_rerank"].protocol.asks(members).calls == units
    assert FORMATS["cohere_rerank"].protocol.weigh(members)[0] >= len(documents) * len(query) + sum(map(len, documents))


def test_families_are_not_mixed() -> None:
    """And there are no formats but those known."""
    with pytest.raises(ProtocolError, match="openai_embeddings is of embeddings") as caught:
        transcode_api_request("openai_embeddings", "cohere_rerank", b"{}")
    assert caught.value.reason == "endpoint_mismatch"
    with pytest.raises(ProtocolError, match="no wire format"):
        parse_api_request("smoke_signals", b"{}")


@in_turn("name", [name for name in FORMATS if "transcri" not in name and "translat" not in name and name != "openai_speech"])
@in_turn("body", [b"", b"[]", b"<html>", b"{}", b'{"data":7,"results":7}', b'{"error":"x"}', b"\xff"])
def test_garbage_is_no_reply(name: str, body: bytes) -> None:
    """Neither when it is peeked at nor when it is read."""
    assert not FORMATS[name].protocol.peek_reply(body).is_complete
    with pytest.raises(UpstreamLost):
        parse_api_response(name, body)


@in_turn(
    ("name", "body"),
    [
        ("openai_embeddings", b'{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":null,"total_tokens":"many"}}'),
        ("openai_embeddings", b'{"data":[{"embedding":[0.5]}],"usage":7}'),
        ("gemini_embed_content", b'{"embedding":{"values":[0.5]},"usageMetadata":{"promptTokenCount":"7"}}'),
        ("cohere_embed", b'{"embeddings":{"float":[[0.5]]},"meta":{"billed_units":{"input_tokens":null,"search_units":null}}}'),
        ("titan_embed", b'{"embedding":[0.5],"inputTextTokenCount":null}'),
        ("openai_rerank", b'{"results":[{"index":0,"relevance_score":0.5}],"usage":7}'),
        ("openai_image_generations", b'{"data":[{"url":"http://u"}],"usage":7}'),
        ("openai_transcriptions", b'{"text":"heard","usage":null}'),
    ],
)
def test_a_reply_whose_usage_cannot_be_read_is_a_good_one(name: str, body: bytes) -> None:
    """Peeked at and read alike: its usage is unknown, and what was made is used."""
    peeked = FORMATS[name].protocol.peek_reply(body)
    assert peeked.is_complete
    read = parse_api_response(name, body)
    assert not read.usage.total_tokens  # type: ignore[union-attr]  # judgements have none


@in_turn("name", FORMATS)
def test_a_request_without_members_names_the_first_that_is_missing(name: str) -> None:
    """BadRequest, never anything else."""
    with pytest.raises(BadRequest):
        FORMATS[name].protocol.peek_request({})


def test_tokens_of_an_image_are_of_pictures_unless_they_are_told_to_be_of_text() -> None:
    """The dearer of the two; what was cached likewise, and text told beyond the total is no more than the total."""
    peek = FORMATS["openai_image_edits"].protocol.peek_reply
    counts = b'{"input_tokens":90,"output_tokens":70'
    assert peek(b'{"data":[{}],"usage":%b}}' % counts).usage == Usage(input_image=90, output_image=70)
    told = b',"input_tokens_details":{"text_tokens":30,"image_tokens":60},"output_tokens_details":{"text_tokens":5,"image_tokens":65}'
    assert peek(b'{"data":[{}],"usage":%b%b}}' % (counts, told)).usage == Usage(input=30, input_image=60, output=5, output_image=65)
    cached = told + b',"cached_tokens":50,"cached_tokens_details":{"cached_text_tokens":20,"cached_image_tokens":30}'
    found = peek(b'{"data":[{}],"usage":%b%b}}' % (counts, cached)).usage
    assert found == Usage(input=10, cache_read=20, input_image=30, cache_read_image=30, output=5, output_image=65)
    lie = b',"input_tokens_details":{"text_tokens":300},"output_tokens_details":[]'
    assert peek(b'{"data":[{}],"usage":%b%b}}' % (counts, lie)).usage == Usage(input=90, output_image=70)
    assert peek(b'{"data":[{}],"usage":{"input_tokens":0}}').usage == Usage(images=1)


REQUESTS = [
    ("openai_embeddings", ONE, "/embeddings", "application/json"),
    ("gemini_embed_content", ONE, "/models/m:embedContent", "application/json"),
    ("titan_embed", msgspec.structs.replace(ONE, model="amazon.titan:0"), "/model/amazon.titan%3A0/invoke", "application/json"),
    ("cohere_rerank", RANKING, "/rerank", "application/json"),
    ("openai_moderations", ModerationRequest(texts=("a",)), "/moderations", "application/json"),
    ("openai_image_generations", ImageRequest(model="m", prompt="a"), "/images/generations", "application/json"),
    ("openai_speech", SpeechRequest(model="m", text="a", voice="v", audio_format="wav"), "/audio/speech", "audio/wav"),
    (
        "openai_transcriptions",
        TranscriptionRequest(
            model="m",
            file=File(filename="a.wav", content=b"RIFF"),
            response_format="vtt",
            timestamp_granularities=("word",),
            prompt="lakes",
            language="en",
        ),
        "/audio/transcriptions",
        "text/vtt",
    ),
]
PICTURES = tuple(File(filename=f"{name}.png", content=b"png") for name in "ab")


@in_turn(("name", "request_", "path", "accept"), REQUESTS)
def test_a_request_becomes_an_exchange(name: str, request_: object, path: str, accept: str) -> None:
    """Its URL, and what it accepts by its format; a file is in a form."""
    sent = emit_transport_request(name, request_, base_url="https://host/v1/")
    assert sent.url == f"https://host/v1{path}"
    assert dict(sent.headers)["accept"] == accept
    if isinstance(sent.body, BinaryBody):
        for member in (b'timestamp_granularities[]"\r\n\r\nword', b'prompt"\r\n\r\nlakes', b'language"\r\n\r\nen'):
            assert b'name="%b\r\n' % member in sent.body.data
        assert b'name="stream"' not in sent.body.data
        assert b'filename="a.wav"' in sent.body.data
    else:
        assert isinstance(sent.body, JsonBody)


@in_turn(("pictures", "names"), [(PICTURES[:1], [b"image"]), (PICTURES, [b"image[]", b"image[]"])])
def test_several_pictures_stand_in_a_list(pictures: tuple[File, ...], names: list[bytes]) -> None:
    """As OpenAI's form has them; one stands alone."""
    asked = ImageRequest(model="m", prompt="a", images=pictures)
    sent = emit_transport_request("openai_image_edits", asked, base_url="https://host/v1/")
    assert isinstance(sent.body, BinaryBody)
    assert re.findall(rb'name="(image[^"]*)"; filename="[ab].png"', sent.body.data) == names


def test_a_reply_is_read_from_its_exchange() -> None:
    """JSON, text and bytes; an error is none."""
    fields = (("Content-Type", "audio/wav"),)
    assert parse_transport_response("openai_speech", TransportResponse(status=200, headers=fields, body=BinaryBody(b"a"))).audio == b"a"
    assert parse_transport_response("openai_transcriptions", TransportResponse(status=200, body=TextBody("hi"))).text == "hi"
    made = MadeImage(content=b"png", revised_prompt="a lake")
    for usage in (Usage(input=1, output=2), Usage(input=1, input_image=3, cache_read=4, cache_read_image=5, output=2, output_image=6)):
        images = ImageResponse(images=(made,), created=1, usage=usage)
        body = json.loads(emit_api_response("openai_image_generations", images, None).value)
        assert parse_transport_response("openai_image_generations", TransportResponse(status=200, body=JsonBody(body))) == images
    assert body["usage"]["input_tokens_details"] == {"text_tokens": 5, "image_tokens": 8}
    assert body["usage"]["output_tokens_details"] == {"text_tokens": 2, "image_tokens": 6}
    uncounted = parse_transport_response("openai_image_generations", TransportResponse(status=200, body=JsonBody({"data": [{}, {}]})))
    assert uncounted.usage == Usage(images=2)
    with pytest.raises(UpstreamLost, match="500"):
        parse_transport_response("openai_speech", TransportResponse(status=500))


NESTED = {
    "gemini_embed_content": b'{"content":{"parts":[{"text":"LONG","text":"s"}]}}',
    "gemini_batch_embed_contents": b'{"requests":[{"content":{"parts":[{"text":"LONG"}]},"content":{"parts":[{"text":"s"}]}}]}',
    "openai_rerank": b'{"model":"m","query":"q","documents":[{"text":"LONG","text":"s"}]}',
}


@in_turn("name", NESTED)
def test_a_bound_counts_what_another_reader_may_read(name: str) -> None:
    """A member that stands twice within another: the provider may take the longer."""
    body = NESTED[name].replace(b"LONG", b"x" * 10_000)
    assert FORMATS[name].protocol.weigh(msgspec.json.decode(body, type=dict[str, msgspec.Raw]))[0] >= 10_000
