"""Bedrock and Vertex AI as data: places, paths, bodies, and the Messages API inside an event stream."""

import base64
import json
from typing import Any

import pytest

from omnillm.errors import BadRequest, ConfigError, UpstreamLost
from omnillm.framing.eventstream import event, exception
from omnillm.protocols.anthropic_messages import PROTOCOL as MESSAGES
from omnillm.protocols.protocol import Sight
from omnillm.providers.bedrock import BEDROCK, InvokeFrames
from omnillm.providers.kinds import endpoint
from omnillm.providers.places import base_url_of, placed
from omnillm.providers.vertex_ai import VERTEX_AI
from omnillm.secret import Secret

CONVERSE, MESSAGES_API, GEMINI = "bedrock_converse", "anthropic_messages", "gemini_generate_content"


@pytest.mark.parametrize(
    ("kind", "region", "project", "expected"),
    [
        ("bedrock", "us-gov-west-1", "", "https://bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("vertex_ai", "global", "p-1", "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global"),
        ("vertex_ai", "eu", "p-1", "https://aiplatform.eu.rep.googleapis.com/v1/projects/p-1/locations/eu"),
        ("vertex_ai", "us-east5", "d.com:p", "https://us-east5-aiplatform.googleapis.com/v1/projects/d.com:p/locations/us-east5"),
    ],
)
def test_region_makes_the_base_url(kind: str, region: str, project: str, expected: str) -> None:
    """Of a cloud's own hosts."""
    made = base_url_of(kind, region=region, project=project)
    assert made is not None
    assert made.reveal() == expected


@pytest.mark.parametrize(
    ("kind", "region", "project", "path"),
    [
        ("openai", "us-east-1", "", "region"),
        ("bedrock", "", "p", "project"),
        ("bedrock", "us-east-1.evil.com/", "", "region"),
        ("vertex_ai", "", "p", "region"),
        ("vertex_ai", "global", "", "project"),
        ("vertex_ai", "global", "../p", "project"),
    ],
)
def test_places_that_are_none_are_refused(kind: str, region: str, project: str, path: str) -> None:
    """By the name of the parameter; nothing of them reaches a host."""
    with pytest.raises(ConfigError) as caught:
        base_url_of(kind, region=region, project=project)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"),
        ("bedrock-runtime-fips.ca-central-1.amazonaws.com", "ca-central-1"),
        ("vpce-1-2.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
        ("127.0.0.1:4010", ""),
    ],
)
def test_region_is_read_off_a_host(host: str, region: str) -> None:
    """A signature names it; one that was given wins."""
    made = endpoint("bedrock", base_url=Secret(f"https://{host}"))
    assert placed(made, "").region == region
    assert placed(made, "eu-north-1").region == "eu-north-1"


def test_models_decide_the_protocols() -> None:
    """A pinned protocol serves every model."""
    claude, arn = "eu.anthropic.claude-opus-4-7", "arn:aws:bedrock:us-east-1:1:application-inference-profile/x"
    assert BEDROCK.protocols_for(claude) == (CONVERSE, MESSAGES_API)
    assert BEDROCK.protocols_for(arn) == (CONVERSE,)
    assert VERTEX_AI.protocols_for("claude-opus-4-7") == (MESSAGES_API,)
    assert VERTEX_AI.protocols_for("gemini-2.5-pro") == (GEMINI,)
    pinned = endpoint("bedrock", base_url=Secret("http://h"), protocol=MESSAGES_API)
    assert pinned.protocols_for(arn) == (MESSAGES_API,)
    assert endpoint("bedrock", base_url=Secret("http://h"), protocol="converse").protocols_for(claude) == (CONVERSE,)
    assert BEDROCK.counts_in(MESSAGES_API, model=claude) == MESSAGES_API
    assert BEDROCK.counts_in(GEMINI, model=claude) == BEDROCK.counts_in(MESSAGES_API, model="amazon.nova-pro-v1:0") == CONVERSE
    assert (BEDROCK.counts_in("openai_chat", model=claude), VERTEX_AI.counts_in(GEMINI, model="claude-opus-4-7")) == ("", "")
    assert (
        BEDROCK.target(MESSAGES_API, "count_tokens", model="eu.anthropic.claude-x-v1:0") == b"/model/anthropic.claude-x-v1%3A0/count-tokens"
    )
    assert VERTEX_AI.speaks(MESSAGES_API, "count_tokens", model="claude-opus-4-7")
    assert not VERTEX_AI.speaks(GEMINI, "models", model="gemini-2.5-pro")


@pytest.mark.parametrize("model", ["../../admin", "a//b", "", "a/./b"])
def test_model_cannot_leave_its_segment(model: str) -> None:
    """Nor an ARN, whose slashes are encoded."""
    with pytest.raises(BadRequest):
        BEDROCK.target(CONVERSE, "generate", model=model)
    assert BEDROCK.target(CONVERSE, "generate", model="a/b:1") == b"/model/a%2Fb%3A1/converse"


@pytest.mark.parametrize("ending", ["", "/", "/publishers/google/models", "/publishers/google/models/x:generateContent"])
def test_trailing_operation_is_not_doubled(ending: str) -> None:
    """A base URL may have been copied whole; its query is kept."""
    place = "http://h/v1/projects/p/locations/global"
    made = endpoint("vertex_ai", base_url=Secret(f"{place}{ending}?a=b"))
    expected = b"/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-pro:streamGenerateContent?a=b&alt=sse"
    assert made.target(GEMINI, "generate", model="gemini-2.5-pro", is_stream=True) == expected
    assert endpoint("bedrock", base_url=Secret("http://h/model/m/converse")).target(CONVERSE, "generate", model="n") == b"/model/n/converse"


def test_body_is_fitted() -> None:
    """The rest stays verbatim, a version of the client's own stays, and counting keeps the model."""
    fit = VERTEX_AI.anthropic_body.fit  # type: ignore[union-attr]  # it has one
    body = b'{"model":"m","max_tokens":1e1,"stream":true}'
    assert fit(body, operation="generate", headers={}) == b'{"max_tokens":1e1,"stream":true,"anthropic_version":"vertex-2023-10-16"}'
    assert b'"model":"m"' in fit(body, operation="count_tokens", headers={})
    own = b'{"anthropic_version":"2026-10-21"}'
    assert fit(own, operation="generate", headers={b"anthropic-beta": b"x"}) == own
    fit = BEDROCK.anthropic_body.fit  # type: ignore[union-attr]
    fitted = json.loads(fit(body, operation="generate", headers={b"anthropic-beta": b"a-1, b-2"}))
    assert fitted == {"max_tokens": 10, "anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["a-1", "b-2"]}


def test_errors_of_a_cloud_are_its_own() -> None:
    """Bedrock's are AWS's; on Vertex Claude's come through, and the others are Google's."""
    tell = VERTEX_AI.error_protocol
    assert tell is not None
    assert BEDROCK.error_protocol is not None
    assert BEDROCK.error_protocol(MESSAGES_API, b"{}") == CONVERSE
    assert tell(MESSAGES_API, b'{"type":"error","error":{}}') == MESSAGES_API
    assert tell(MESSAGES_API, b'{"error":{"code":429}}') == GEMINI
    assert tell(MESSAGES_API, b"<html>") == GEMINI
    assert tell(GEMINI, b"{}") == GEMINI


def chunk(value: Any) -> bytes:
    inner = value if isinstance(value, bytes) else json.dumps(value).encode()
    return event("chunk", json.dumps({"bytes": base64.b64encode(inner).decode(), "p": "abc"}).encode())


def test_chunks_become_server_sent_events() -> None:
    """At every split; padding and strange messages are left out, and an event over two lines is joined."""
    raw = (
        chunk({"type": "message_start", "message": {}})
        + event("initial-response", b"{}")
        + chunk(b'{"type":\n"ping"}')
        + exception("throttlingException", b'{"message":"slow down"}')
    )
    reader = InvokeFrames()
    whole = reader.feed(raw)
    assert reader.finish()
    assert [frame.event for frame in whole] == [b"message_start", b"ping", b"error"]
    assert whole[0].raw == b'event: message_start\ndata: {"type": "message_start", "message": {}}\n\n'
    assert whole[1].raw == b'event: ping\ndata: {"type":"ping"}\n\n'
    assert json.loads(whole[2].data)["error"] == {"type": "rate_limit_error", "message": "slow down"}
    assert MESSAGES.watch(False).see(whole[2]) == Sight.FAILED
    for cut in range(0, len(raw), 7):
        reader = InvokeFrames()
        assert [*reader.feed(raw[:cut]), *reader.feed(raw[cut:])] == whole


@pytest.mark.parametrize(
    "payload", [b"{", b"{}", b'{"bytes":"%%%"}', b'{"bytes":7}', json.dumps({"bytes": base64.b64encode(b"[]").decode()}).encode()]
)
def test_chunk_without_an_event_is_the_providers_mistake(payload: bytes) -> None:
    """Never an exception of another kind."""
    with pytest.raises(UpstreamLost):
        InvokeFrames().feed(event("chunk", payload))
