"""Recorded exchanges keep no secret and no blob, and nothing else of them is changed."""

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn

from omnillm.replay import (
    BinaryBody,
    JsonBody,
    MultipartBody,
    MultipartField,
    ReplayFixture,
    TextBody,
    TransportBody,
    TransportRequest,
    TransportResponse,
    sanitize_json_value,
    sanitize_transport_request,
    sanitize_transport_response,
)

SECRET = "sk-live-5EcReT"
BLOB = base64.b64encode(bytes(range(48))).decode()
NAMES = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "set-cookie",
    "api_key",
    "apikey",
    "access_token",
    "refresh_token",
    "client_secret",
    "token",
    "secret",
    "password",
    "key",
    "ak",
    "x-amz-security-token",
]


@in_turn("name", NAMES)
@in_turn("change", [str.lower, str.upper, str.title])
def test_secrets_are_redacted_by_name_in_any_case(name: str, change: Any) -> None:
    """In headers, in a query, in JSON and in a form."""
    spelt = change(name)
    redacted = f"<redacted:{name}>"
    request = sanitize_transport_request(
        TransportRequest(
            method="POST",
            url=f"https://host/v1?first=1&{spelt}={SECRET}&last=2",
            headers=((spelt, SECRET), ("accept", "*/*")),
            body=JsonBody({"before": 1, spelt: SECRET, "after": [{spelt: SECRET}]}),
        )
    )
    assert request.url == f"https://host/v1?first=1&{spelt}={redacted}&last=2"
    assert request.headers == ((spelt, redacted), ("accept", "*/*"))
    assert request.body == JsonBody({"before": 1, spelt: redacted, "after": [{spelt: redacted}]})
    form = sanitize_transport_request(TransportRequest(method="POST", url="/", body=TextBody(f"a=1&{spelt}={SECRET}&b=2")))
    assert form.body == TextBody(f"a=1&{spelt}={redacted}&b=2")


@in_turn(
    ("value", "cleaned"),
    [
        ({"b64_json": BLOB}, {"b64_json": "<redacted:b64_json_blob>"}),
        ({"file_data": BLOB, "filename": "a.pdf"}, {"file_data": "<redacted:file_data_blob>", "filename": "a.pdf"}),
        (
            {"type": "base64", "media_type": "image/png", "data": BLOB},
            {"type": "base64", "media_type": "image/png", "data": "<redacted:data_blob>"},
        ),
        (
            {"inlineData": {"mimeType": "image/png", "data": BLOB}},
            {"inlineData": {"mimeType": "image/png", "data": "<redacted:data_blob>"}},
        ),
        ({"image_url": {"url": f"data:image/png;base64,{BLOB}"}}, {"image_url": {"url": "<redacted:url_blob>"}}),
        ({"content": f"see data:image/png;base64,{BLOB} here"}, {"content": "see <redacted:data_blob> here"}),
        ({"data": [1, 2]}, {"data": [1, 2]}),
        ({"data": "text"}, {"data": "text"}),
        ({"logprobs": [{"token": "hi", "logprob": -0.1}]}, {"logprobs": [{"token": "hi", "logprob": -0.1}]}),
        ({"properties": {"key": {"type": "string"}}}, {"properties": {"key": {"type": "string"}}}),
        ({"max_tokens": 5, "total_tokens": 7}, {"max_tokens": 5, "total_tokens": 7}),
        ({"text": f"the header was Bearer {SECRET}."}, {"text": "the header was Bearer <redacted:authorization>"}),
        ({"content": "let key = 5"}, {"content": "let key = 5"}),
    ],
)
def test_blobs_go_and_everything_else_stays(value: Any, cleaned: Any) -> None:
    """A logprob's token is a word, a schema's `key` a property; prose keeps its assignments."""
    assert sanitize_json_value(value) == cleaned
    assert sanitize_json_value(cleaned) == cleaned


def test_text_bodies_are_cleaned_both_ways() -> None:
    """An event stream event by event, JSON that came as text member by member, also where it is cut; what was clean stays byte for byte."""
    stream = f'event: a\ndata: {{"api_key": "{SECRET}", "n": 1.50}}\n\ndata: {{"n": 1.50}}\n\ndata: [DONE]\n\n'
    response = sanitize_transport_response(TransportResponse(status=200, body=TextBody(stream)))
    assert isinstance(response.body, TextBody)
    cleaned = 'event: a\ndata: {"api_key":"<redacted:api_key>","n":1.5}\n\ndata: {"n": 1.50}\n\ndata: [DONE]\n\n'
    assert response.body.text == cleaned
    whole = sanitize_transport_response(TransportResponse(status=200, body=TextBody(f'{{"password": "{SECRET}"}}')))
    assert whole.body == TextBody('{"password":"<redacted:password>"}')
    secret, clean = rf"{SECRET} two; {SECRET}\n{SECRET}", "<redacted:api_key>"
    lines = ('data: {"api_key": "%s", "n": ', "{'api_key': '%s'}", 'id: {"api_key" : "%s', r'data: {"text": "{\"api_key\": \"%s\", ')
    cut = {line % secret: line % clean for line in lines}
    cut['data: {"key": {"type": "string"}, "keys": ["a'] = 'data: {"key": {"type": "string"}, "keys": ["a'
    for text, cleaned in cut.items():
        response = sanitize_transport_response(TransportResponse(status=200, body=TextBody(text)))
        assert response.body == TextBody(cleaned)
        assert sanitize_transport_response(response) == response


@in_turn(
    ("body", "cleaned"),
    [
        (BinaryBody(b"\x00\x01"), TextBody("<redacted:body_blob>")),
        (
            MultipartBody((MultipartField(name="file", value=BLOB, filename="a.wav"), MultipartField(name="model", value="whisper-1"))),
            MultipartBody(
                (
                    MultipartField(name="file", value="<redacted:file_blob>", filename="a.wav"),
                    MultipartField(name="model", value="whisper-1"),
                )
            ),
        ),
        (
            MultipartBody((MultipartField(name="token", value=SECRET),)),
            MultipartBody((MultipartField(name="token", value="<redacted:token>"),)),
        ),
        (None, None),
    ],
)
def test_bodies_of_every_kind_are_cleaned(body: TransportBody | None, cleaned: TransportBody | None) -> None:
    """Files of a multipart body and binary bodies are blobs as a whole."""
    assert sanitize_transport_response(TransportResponse(status=200, body=body)).body == cleaned


def test_userinfo_in_a_url_is_a_secret() -> None:
    """A proxy's, for example."""
    request = sanitize_transport_request(TransportRequest(method="GET", url=f"https://me:{SECRET}@host/v1"))
    assert request.url == "https://<redacted:userinfo>@host/v1"


def test_fixture_is_saved_clean_and_read_back(tmp_path: Path) -> None:
    """Whoever saves one cannot forget to sanitise it."""
    fixture = ReplayFixture(
        name="hello",
        protocol="openai_chat",
        request=TransportRequest(method="POST", url=f"/v1?key={SECRET}", headers=(("Authorization", f"Bearer {SECRET}"),)),
        response=TransportResponse(status=200, body=JsonBody({"choices": []})),
    )
    path = tmp_path / "hello.json"
    fixture.save(path)
    assert SECRET not in path.read_text("utf-8")
    assert ReplayFixture.load(path) == fixture.sanitized()
    path.write_text("{}", "utf-8")
    with pytest.raises(msgspec.ValidationError):
        ReplayFixture.load(path)
