"""The codecs of families that have one wire format: what a program writes with them it can read with them."""

import pytest
from tests.in_turn import in_turn

from omnillm import (
    File,
    ImageRequest,
    ImageResponse,
    ModerationRequest,
    ModerationResponse,
    ProtocolError,
    SpeechRequest,
    SpeechResponse,
    TranscriptionRequest,
    TranscriptionResponse,
    Usage,
    emit_api_request,
    emit_api_response,
    emit_transport_request,
    parse_api_request,
    parse_api_response,
    transcode_api_request,
    transcode_api_response,
)
from omnillm.endpoints.images import MadeImage
from omnillm.endpoints.moderation import Judgement
from omnillm.replay import BinaryBody

PARTS = ({"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}})
PICTURE = File(filename="a.png", content=b"png", content_type="image/png")
REQUESTS = [
    (
        "openai_image_generations",
        ImageRequest(
            model="m",
            prompt="a lake",
            n=2,
            size="512x512",
            quality="high",
            response_format="b64_json",
            user="u",
            is_stream=True,
            vendor_extensions={"background": "auto", "partial_images": 2},
        ),
    ),
    ("openai_image_generations", ImageRequest(model="m", prompt="a lake")),
    (
        "openai_speech",
        SpeechRequest(model="m", text="149 m.", voice="v", instructions="Slowly.", audio_format="wav", speed=1.5, is_events=True),
    ),
    ("openai_moderations", ModerationRequest(model="m", texts=("a", "b"))),
    ("openai_moderations", ModerationRequest(model="m", texts=("a",))),
    ("openai_moderations", ModerationRequest(model="m", parts=PARTS)),
]
FORMS = [
    ("openai_image_edits", ImageRequest(model="m", prompt="a lake", images=(PICTURE,), mask=PICTURE, is_stream=True)),
    ("openai_image_variations", ImageRequest(model="m", images=(PICTURE,))),
    ("openai_transcriptions", TranscriptionRequest(model="m", file=PICTURE, language="en", is_stream=True)),
    ("openai_translations", TranscriptionRequest(model="m", file=PICTURE, language="en", is_translation=True)),
]
REPLIES = [
    (
        "openai_moderations",
        ModerationResponse(
            results=(Judgement(is_flagged=True, categories={"violence": True}, scores={"violence": 0.9}),), model="m", id="i"
        ),
    ),
    (
        "openai_transcriptions",
        TranscriptionResponse(text="149 m.", language="en", duration_s=2.5, segments=({"id": 0},), usage=Usage(audio_ms=2500)),
    ),
    (
        "openai_image_generations",
        ImageResponse(
            images=(MadeImage(content=b"png"),),
            created=1,
            usage=Usage(input=10, cache_read=4, input_image=3, cache_read_image=2, output_image=9),
        ),
    ),
]


@in_turn(("name", "request_"), REQUESTS)
def test_a_request_survives_its_format(name: str, request_: ImageRequest | SpeechRequest | ModerationRequest) -> None:
    """Written and read again it is the same, and nothing is told as lost: what the caller added is written, too."""
    emitted = emit_api_request(name, request_)
    assert emitted.loss_reasons == ()
    assert parse_api_request(name, emitted.value) == request_
    assert transcode_api_request(name, name, emitted.value).value == emitted.value


@in_turn(("name", "request_"), FORMS)
def test_a_form_is_no_json(name: str, request_: ImageRequest | TranscriptionRequest) -> None:
    """It is written as a whole exchange: JSON with a file in it would be a body that no host takes."""
    sent = emit_transport_request(name, request_, base_url="https://host/v1")
    assert isinstance(sent.body, BinaryBody)
    assert b'filename="a.png"' in sent.body.data
    for refused in (lambda: emit_api_request(name, request_), lambda: parse_api_request(name, b'{"model":"m"}')):
        with pytest.raises(ProtocolError, match="emit_transport_request") as told:
            refused()
        assert told.value.reason == "unsupported_wire_format"


@in_turn(("name", "reply"), REPLIES)
def test_a_reply_survives_its_format(name: str, reply: ModerationResponse | TranscriptionResponse | ImageResponse) -> None:
    """Usage too: a program meters by it."""
    request = ModerationRequest(texts=("a",))
    emitted = emit_api_response(name, reply, request)
    assert emitted.loss_reasons == ()
    assert parse_api_response(name, emitted.value) == reply
    assert transcode_api_response(name, name, emitted.value, request=request).value == emitted.value


def test_speech_is_bytes() -> None:
    """Its reply is in no JSON."""
    with pytest.raises(ProtocolError, match="Speech"):
        parse_api_response("openai_speech", b"RIFF")
    with pytest.raises(ProtocolError, match="Speech"):
        emit_api_response("openai_speech", SpeechResponse(audio=b"RIFF"), SpeechRequest(model="m", text="a", voice="v"))


def test_translation_has_no_language_to_be_told() -> None:
    """Nor words, nor a stream: the report says what is left out."""
    request = TranscriptionRequest(model="m", file=PICTURE, language="de", is_stream=True, is_translation=True)
    sent = emit_transport_request("openai_translations", request, base_url="https://host/v1").body
    assert isinstance(sent, BinaryBody)
    assert b'name="language"' not in sent.data
    assert b'name="stream"' not in sent.data
