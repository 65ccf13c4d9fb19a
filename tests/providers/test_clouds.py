"""Bedrock and Vertex AI as data: places, paths, bodies, and the Messages API inside an event stream."""

import base64
import json
from typing import Any

import pytest
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, ConfigError, UpstreamLost
from omnillm.framing.eventstream import event, exception
from omnillm.protocols.anthropic_messages import PROTOCOL as MESSAGES
from omnillm.protocols.bedrock_converse.frames import EventFrames
from omnillm.protocols.protocol import Sight
from omnillm.providers.endpoint import OwnPath
from omnillm.providers.kinds import endpoint
from omnillm.providers.own_paths import operation_at
from omnillm.providers.places import base_url_of, place_of, placed
from omnillm.providers.profiles.bedrock import BEDROCK
from omnillm.providers.profiles.bedrock_invoke import InvokedFrames, InvokeFrames, read_usage, streamed_usage
from omnillm.providers.profiles.vertex_ai import VERTEX_AI
from omnillm.providers.url_rule import request_target
from omnillm.secret import Secret

CONVERSE, MESSAGES_API, GEMINI = "bedrock_converse", "anthropic_messages", "gemini_generate_content"


@in_turn(
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


@in_turn(
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


@in_turn(
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
    assert VERTEX_AI.protocols_for("gemini-2.5-pro") == (GEMINI, "gemini_interactions")
    pinned = endpoint("bedrock", base_url=Secret("http://h"), protocol=MESSAGES_API)
    assert pinned.protocols_for(arn) == (MESSAGES_API,)
    assert endpoint("bedrock", base_url=Secret("http://h"), protocol="converse").protocols_for(claude) == (CONVERSE,)
    assert BEDROCK.counts_in(MESSAGES_API, model=claude) == MESSAGES_API
    assert BEDROCK.counts_in(GEMINI, model=claude) == BEDROCK.counts_in(MESSAGES_API, model="amazon.nova-pro-v1:0") == CONVERSE
    assert (BEDROCK.counts_in("openai_chat", model=claude), VERTEX_AI.counts_in(GEMINI, model="claude-opus-4-7")) == ("", MESSAGES_API)
    assert (
        request_target(BEDROCK, MESSAGES_API, "count_tokens", model="eu.anthropic.claude-x-v1:0")
        == b"/model/anthropic.claude-x-v1%3A0/count-tokens"
    )
    assert VERTEX_AI.speaks(MESSAGES_API, "count_tokens", model="claude-opus-4-7")
    assert not VERTEX_AI.speaks(GEMINI, "models", model="gemini-2.5-pro")


@in_turn("model", ["../../admin", "a//b", "", "a/./b"])
def test_model_cannot_leave_its_segment(model: str) -> None:
    """Nor an ARN, whose slashes are encoded."""
    with pytest.raises(BadRequest):
        request_target(BEDROCK, CONVERSE, "generate", model=model)
    assert request_target(BEDROCK, CONVERSE, "generate", model="a/b:1") == b"/model/a%2Fb%3A1/converse"


@in_turn("ending", ["", "/", "/publishers/google/models", "/publishers/google/models/x:generateContent"])
def test_trailing_operation_is_not_doubled(ending: str) -> None:
    """A base URL may have been copied whole; its query is kept."""
    place = "http://h/v1/projects/p/locations/global"
    made = endpoint("vertex_ai", base_url=Secret(f"{place}{ending}?a=b"))
    expected = b"/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-pro:streamGenerateContent?a=b&alt=sse"
    assert request_target(made, GEMINI, "generate", model="gemini-2.5-pro", is_stream=True) == expected
    assert (
        request_target(endpoint("bedrock", base_url=Secret("http://h/model/m/converse")), CONVERSE, "generate", model="n")
        == b"/model/n/converse"
    )


def test_body_is_fitted() -> None:
    """The rest stays verbatim, a version of the client's own stays, and counting keeps the model."""
    fit = VERTEX_AI.bodies["anthropic_messages"].fit
    body = b'{"model":"m","max_tokens":1e1,"stream":true}'
    assert fit(body, operation="generate", headers={}) == b'{"max_tokens":1e1,"stream":true,"anthropic_version":"vertex-2023-10-16"}'
    counted = fit(body, operation="count_tokens", headers={})
    assert counted == b'{"model":"m","max_tokens":1e1,"stream":true,"anthropic_version":"vertex-2023-10-16"}'
    own = b'{"anthropic_version":"2026-10-21"}'
    assert fit(own, operation="generate", headers={b"anthropic-beta": b"x"}) == own
    fit = BEDROCK.bodies["anthropic_messages"].fit
    fitted = json.loads(fit(body, operation="generate", headers={b"anthropic-beta": b"a-1, b-2"}))
    assert fitted == {"max_tokens": 10, "anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["a-1", "b-2"]}


def test_where_models_run_is_told_as_price_lists_call_it() -> None:
    """By Vertex AI's region and the host of OpenAI, Mistral or xAI; elsewhere it has no price of its own."""

    def place(kind: str, base_url: str = "", region: str = "") -> str:
        return place_of(placed(endpoint(kind, base_url=Secret(base_url) if base_url else None), region))

    base = "https://{}/v1/projects/p/locations/{}"
    assert place("vertex_ai", base.format("aiplatform.googleapis.com", "global")) == ""
    assert place("vertex_ai", base.format("europe-west4-aiplatform.googleapis.com", "europe-west4")) == "regional"
    assert place("openai") == place("anthropic") == ""
    assert place("openai", "https://eu.api.openai.com/v1") == "eu"
    assert place("openai", "https://us.api.openai.com/v1") == "us"
    assert place("openai", "https://eu.api.openai.com.example/v1") == ""
    assert place("mistral", "https://api.eu.mistral.ai/v1") == "eu"
    assert place("xai", "https://us.api.x.ai/v1") == "us"
    assert place("mistral") == place("xai") == place("xai", "https://eu-west-1.api.x.ai/v1") == ""


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


@in_turn("payload", [b"{", b"{}", b'{"bytes":"%%%"}', b'{"bytes":7}', json.dumps({"bytes": base64.b64encode(b"[]").decode()}).encode()])
def test_chunk_without_an_event_is_the_providers_mistake(payload: bytes) -> None:
    """Never an exception of another kind."""
    with pytest.raises(UpstreamLost):
        InvokeFrames().feed(event("chunk", payload))


CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = "arn:aws:bedrock:us-east-1:1:application-inference-profile/a"
PLACED_VERTEX = placed(endpoint("vertex_ai", base_url=base_url_of("vertex_ai", region="global", project="p-1")), "global")


@in_turn(
    ("path", "protocol", "operation", "model", "is_stream"),
    [
        (f"/model/{CLAUDE}/converse", CONVERSE, "generate", CLAUDE, False),
        (f"/model/{ARN}/converse-stream", CONVERSE, "generate", ARN, True),
        (f"/model/{CLAUDE[3:]}/count-tokens", CONVERSE, "count_tokens", CLAUDE[3:], False),
        (f"/model/{CLAUDE}/invoke", "bedrock_invoke", "generate", CLAUDE, False),
        (f"/model/{CLAUDE}/invoke-with-response-stream", "bedrock_invoke", "generate", CLAUDE, True),
    ],
)
def test_bedrocks_own_paths_are_read(path: str, protocol: str, operation: str, model: str, is_stream: bool) -> None:
    """With the decoded name, whatever it holds; and what they ask for is asked at the same path, encoded."""
    own = operation_at(BEDROCK, path)
    assert own == OwnPath(protocol=protocol, operation=operation, model=model, is_stream=is_stream)
    placed_here = endpoint("bedrock", base_url=base_url_of("bedrock", region="us-east-1", project=""))
    told = request_target(placed_here, protocol, operation, model=model, is_stream=is_stream).decode()
    assert told == path.replace(model, model.replace(":", "%3A").replace("/", "%2F"))


def test_invoked_model_is_claude_by_its_name_or_by_the_configuration() -> None:
    """Of others nobody knows the words; an ARN tells nothing, unless the provider is pinned."""
    for model in ("meta.llama4", ARN, "amazon.titan-embed-text-v2:0"):
        assert operation_at(BEDROCK, f"/model/{model}/invoke") is None
    pinned = endpoint("bedrock", base_url=Secret("https://b"), protocol=MESSAGES_API)
    assert operation_at(pinned, f"/model/{ARN}/invoke") == OwnPath(protocol="bedrock_invoke", operation="generate", model=ARN)
    assert operation_at(pinned, f"/model/{ARN}/converse") == OwnPath(protocol=CONVERSE, operation="generate", model=ARN)
    assert operation_at(BEDROCK, "/guardrail/g/version/1/apply") is None


@in_turn("version", ["v1", "v1beta1"])
@in_turn("place", ["", "/projects/x/locations/us-east5"])
def test_vertex_own_paths_are_read(version: str, place: str) -> None:
    """Of both publishers, with the client's version and location; the project is not looked at."""
    location = "us-east5" if place else ""
    publishers = f"/{version}{place}/publishers"
    for path, protocol, operation, model, is_stream in (
        (f"{publishers}/google/models/g-3:generateContent", GEMINI, "generate", "g-3", False),
        (f"{publishers}/google/models/g-3:streamGenerateContent", GEMINI, "generate", "g-3", True),
        (f"{publishers}/google/models/g-3:countTokens", GEMINI, "count_tokens", "g-3", False),
        (f"{publishers}/anthropic/models/claude-x@1:rawPredict", MESSAGES_API, "generate", "claude-x@1", False),
        (f"{publishers}/anthropic/models/claude-x@1:streamRawPredict", MESSAGES_API, "generate", "claude-x@1", True),
        (f"{publishers}/anthropic/models/count-tokens:rawPredict", MESSAGES_API, "count_tokens", "", False),
    ):
        asked = OwnPath(protocol=protocol, operation=operation, model=model, is_stream=is_stream, version=version, location=location)
        assert operation_at(PLACED_VERTEX, path) == asked
        told = request_target(PLACED_VERTEX, protocol, operation, model=model, is_stream=is_stream, version=version).decode()
        assert told.startswith(f"/{version}/projects/p-1/locations/global/publishers/")
    for path in ("google/models/g:predict", "google/models/a/b:generateContent", "meta/models/m:rawPredict", "anthropic/models/c:predict"):
        assert operation_at(PLACED_VERTEX, f"{publishers}/{path}") is None


def test_another_location_is_no_place_of_the_provider() -> None:
    """A provider whose base URL names none takes any."""
    PLACED_VERTEX.check_request({}, "global")
    PLACED_VERTEX.check_request({}, "")
    with pytest.raises(BadRequest, match="global"):
        PLACED_VERTEX.check_request({}, "us-east5")
    placed(endpoint("vertex_ai", base_url=Secret("https://aiplatform.googleapis.com/v1")), "").check_request({}, "us-east5")


@in_turn(
    ("members", "is_foreign"),
    [
        ({"cachedContent": "projects/p-1/locations/global/cachedContents/1"}, False),
        ({"cachedContent": "projects/123/locations/global/cachedContents/1"}, True),
        ({"cached_content": "projects/p-12/x"}, True),
        ({"tools": [{"retrieval": {"vertexRagStore": {"ragResources": [{"ragCorpus": "projects/o/x/ragCorpora/1"}]}}}]}, True),
        ({"tools": [{"retrieval": {"x": "//discoveryengine.googleapis.com/projects/o/x"}}]}, True),
        ({"tools": [{"functionDeclarations": [{"description": "projects/o/x"}]}]}, False),
        ({"contents": [{"parts": [{"text": "projects/o/x"}]}]}, False),
        ({"modelArmorConfig": {"promptTemplateName": "projects/o/locations/l/templates/1"}}, True),
        ({"setup": {"model": "projects/o/x"}}, True),
        ({"setup": {}, "cachedContent": "projects/o/x"}, True),
        ({"setup": 5, "labels": {"a": "projects/p-1/x"}}, False),
    ],
)
@in_turn("is_hidden", [False, True])
def test_names_of_another_project_are_found(members: dict[str, Any], is_foreign: bool, is_hidden: bool) -> None:
    """In members that name what is kept, written plainly or with escapes; not in what is only said."""
    body = json.dumps(members)
    if is_hidden:
        body = body.replace("projects/", "\\u0070rojects\\/")
    check = PLACED_VERTEX.checks["gemini_generate_content"]
    if not is_foreign:
        check(PLACED_VERTEX, body.encode())
        return
    with pytest.raises(BadRequest) as caught:
        check(PLACED_VERTEX, body.encode())
    assert caught.value.code == "foreign_project"


def test_events_of_invoke_model_keep_their_messages_bytes() -> None:
    """Cut anywhere, the frames are the same; their bytes together are what came, what tells nothing included."""
    raw = (
        chunk({"type": "message_start", "message": {"usage": {"input_tokens": 1}}}) + event("ping", b"{}") + chunk({"type": "message_stop"})
    )
    for cut in range(len(raw)):
        frames = InvokedFrames()
        told = [*frames.feed(raw[:cut]), *frames.feed(raw[cut:])]
        assert b"".join(frame.raw for frame in told) == raw
        assert [frame.event for frame in told] == [b"message_start", b"", b"message_stop"]
        assert frames.finish()


def test_tokens_of_models_that_go_through_unread() -> None:
    """In the header of a whole reply, in the last chunk of a stream; nonsense there is nothing."""
    headers = {b"x-amzn-bedrock-input-token-count": b"7", b"x-amzn-bedrock-output-token-count": b"9"}
    usage = read_usage(headers | {b"x-amzn-bedrock-cache-read-input-token-count": b"2"})
    assert usage is not None
    assert (usage.input, usage.output, usage.cache_read) == (7, 9, 2)
    assert read_usage({}) is None
    assert read_usage({b"x-amzn-bedrock-input-token-count": b"-1"}) is None
    told = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 7, "outputTokenCount": 9, "invocationLatency": 1}}
    for last, expected in ((told, 16), ({"outputText": "x"}, 0), ([], 0)):
        [frame] = EventFrames().feed(chunk(last))
        read = streamed_usage(frame)
        assert (0 if read is None else read.total_tokens) == expected


@pytest.mark.parametrize(
    ("field", "word"), [("x-amzn-bedrock-service-tier", "priority"), ("x-amzn-bedrock-performanceconfig-latency", "optimized")]
)
def test_header_fields_that_change_the_price_are_refused(field: str, word: str) -> None:
    """By name; the words for the usual price are not."""
    with pytest.raises(BadRequest, match=field):
        BEDROCK.check_request({field.encode(): word.encode()})
    with pytest.raises(BadRequest, match="x-vertex-ai-llm-shared-request-type changes the price"):
        VERTEX_AI.check_request({b"x-vertex-ai-llm-shared-request-type": word.encode()})
    BEDROCK.check_request({b"x-amzn-bedrock-service-tier": b"default", b"x-amzn-bedrock-performanceconfig-latency": b"standard"})
