"""Requests and replies of generateContent, peeked."""

import json

import pytest
from tests.in_turn import in_turn
from tests.protocols.conftest import recordings
from tests.protocols.peeking import members

from omnillm.errors import BadRequest
from omnillm.outcome import Verdict
from omnillm.protocols.gemini_generate_content import PROTOCOL
from omnillm.protocols.protocol import WEIGHTLESS
from omnillm.usage import MAX_COUNT, Usage

ASK = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


def peek(**changes: object):
    return PROTOCOL.peek_request(members({**ASK, **changes}))


def reply(usage: object, **changes: object) -> bytes:
    candidate = {"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP", "index": 0}
    return json.dumps({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-3-pro", **changes}).encode()


def test_plain_request_has_no_model_and_one_candidate():
    """The path names the model and says whether it is a stream; a model in the body is passed over."""
    asked = peek(model="models/other")
    assert (asked.model, asked.is_stream, asked.output_cap, asked.n, asked.price_members) == ("", False, None, 1, ())


@pytest.mark.parametrize(
    "config",
    [
        {"generationConfig": {"maxOutputTokens": 64, "candidateCount": 3}},
        {"generation_config": {"max_output_tokens": 64, "candidate_count": 3}},
        {"generationConfig": {"max_output_tokens": 64, "candidateCount": 3, "temperature": 0.5, "responseSchema": {"type": "object"}}},
    ],
)
def test_both_spellings_are_read(config):
    """The JSON of protocol buffers has two names for each field, and a budget must know both."""
    asked = peek(**config)
    assert (asked.output_cap, asked.n) == (64, 3)


@pytest.mark.parametrize(
    "config",
    [
        {"generationConfig": {"maxOutputTokens": 5, "max_output_tokens": 5000}},
        {"generationConfig": {"candidateCount": 1, "candidate_count": 8}},
        {"generationConfig": {"maxOutputTokens": 5}, "generation_config": {"maxOutputTokens": 5000}},
    ],
)
def test_two_spellings_at_once_are_refused(config):
    """Which of the two counts would be the provider's choice, and the budget's risk."""
    with pytest.raises(BadRequest, match="stands twice"):
        peek(**config)


@in_turn("value", [0, -1, 1.5, 64.0, 1e30, "64", True, [64], {}, 2**31 + 1, 2**70])
@in_turn("name", ["maxOutputTokens", "max_output_tokens", "candidateCount", "candidate_count"])
def test_absurd_number_is_the_callers_mistake(name, value):
    """The message names the member and the type that it must have."""
    with pytest.raises(BadRequest, match=rf"`generationConfig`: Expected `int.*\$\.{name}`"):
        peek(generationConfig={name: value})


@pytest.mark.parametrize("count", [129, 2**20])
def test_too_many_candidates_are_refused(count):
    """Each candidate costs output."""
    with pytest.raises(BadRequest, match="candidateCount"):
        peek(generationConfig={"candidateCount": count})


@in_turn(
    ("body", "name"),
    [
        ({}, "contents"),
        ({"contents": "Hello"}, "contents"),
        ({"contents": {"parts": []}}, "contents"),
        ({"contents": None}, "contents"),
        ({**ASK, "tools": {}}, "tools"),
        ({**ASK, "tools": ["x"]}, "tools"),
        ({**ASK, "generationConfig": []}, "generationConfig"),
        ({**ASK, "generationConfig": "x"}, "generationConfig"),
    ],
)
def test_wrong_type_is_named(body, name):
    """The message of a refused request says which member was wrong."""
    with pytest.raises(BadRequest, match=f"`{name}`"):
        PROTOCOL.peek_request(members(body))


def test_count_tokens_may_hold_a_whole_request():
    """countTokens takes contents, or a generateContent request in their place."""
    assert PROTOCOL.peek_request(members({"generateContentRequest": {"model": "models/m", **ASK}})).output_cap is None
    assert PROTOCOL.peek_request(members(ASK)).output_cap is None
    assert peek(generationConfig=None).output_cap is None


def test_members_that_decide_the_price_are_named():
    """Tiers, cached content, tools on the provider's side and other modalities; not the caller's own functions."""
    functions = {"functionDeclarations": [{"name": "googleSearch"}]}
    assert peek(tools=[functions, {"function_declarations": []}]).price_members == ()
    assert peek(serviceTier="flex", cachedContent="cachedContents/x", tools=[functions, {"googleSearch": {}}]).price_members == (
        "serviceTier",
        "cachedContent",
        "tools",
    )
    assert peek(generationConfig={"responseModalities": ["AUDIO"]}).price_members == ("generationConfig.responseModalities",)


def test_usage_is_disjoint():
    """Cached input and sound are inside the prompt, what tools brought in and thoughts are outside."""
    usage = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "toolUsePromptTokenCount": 7,
        "candidatesTokenCount": 30,
        "thoughtsTokenCount": 12,
        "totalTokenCount": 149,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 75}, {"modality": "AUDIO", "tokenCount": 25}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}],
    }
    seen = PROTOCOL.peek_reply(reply(usage))
    assert seen.is_complete
    assert seen.usage == Usage(input=47, cache_read=35, input_audio=20, cache_read_audio=5, output=20, output_audio=10, reasoning=12)
    assert seen.usage.total_tokens == usage["totalTokenCount"]


def test_pictures_and_film_are_told_apart():
    """Cached or not, read or made; a document is text, and so is what nobody knows."""
    usage = {
        "promptTokenCount": 1000,
        "cachedContentTokenCount": 400,
        "candidatesTokenCount": 1300,
        "promptTokensDetails": modalities(TEXT=100, IMAGE=516, VIDEO=300, DOCUMENT=80, SMELL=4),
        "cacheTokensDetails": modalities(IMAGE=258, VIDEO=100, TEXT=42),
        "candidatesTokensDetails": modalities(IMAGE=1290, VIDEO=6),
    }
    prompt = Usage(input=142, cache_read=42, input_image=258, input_video=200, cache_read_image=358)
    assert PROTOCOL.peek_reply(reply(usage)).usage == prompt + Usage(output=4, output_image=1290, output_video=6)


def modalities(**counts):
    return [{"modality": name, "tokenCount": tokens} for name, tokens in counts.items()]


def test_searches_are_counted():
    """Each query that grounds the answer is paid for, an empty one is not."""
    candidate = {"finishReason": "STOP", "groundingMetadata": {"webSearchQueries": ["a", "", "b"], "groundingChunks": [{"web": {}}]}}
    assert PROTOCOL.peek_reply(reply({"promptTokenCount": 1}, candidates=[candidate])).usage == Usage(input=1, tool_calls=2)


@in_turn(
    ("usage", "expected"),
    [
        ({"promptTokenCount": -5, "candidatesTokenCount": 7}, Usage(output=7)),
        ({"promptTokenCount": 2**63, "candidatesTokenCount": 7}, Usage(input=MAX_COUNT, output=7)),
        ({"promptTokenCount": 3, "cachedContentTokenCount": 9}, Usage(cache_read=3)),
        (
            {"promptTokenCount": 9, "cachedContentTokenCount": 7, "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}]},
            Usage(input=2, cache_read=3, cache_read_audio=4),
        ),
        ({"candidatesTokenCount": 3, "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 9}]}, Usage(output_audio=3)),
        ({"promptTokenCount": 0}, Usage()),
        ({"trafficType": "ON_DEMAND"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_lies_are_clamped_and_silence_is_unknown(usage, expected):
    """A count is never negative nor absurd, and no usage is not the usage of nothing."""
    seen = PROTOCOL.peek_reply(reply(usage))
    assert seen.is_complete
    assert seen.usage == expected


def test_refused_prompt_is_a_complete_reply():
    """A blocked prompt is answered without candidates, and its input is paid."""
    seen = PROTOCOL.peek_reply(b'{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":8}}')
    assert seen.is_complete
    assert seen.usage == Usage(input=8)


@in_turn(
    "body",
    [
        b"",
        b"<!doctype html><title>Error 502</title>",
        reply({"promptTokenCount": 1})[:-1],
        reply({"promptTokenCount": 1}) + b"{}",
        b"null",
        b"[]",
        b"{}",
        b'{"candidates":[]}',
        b'{"candidates":"x"}',
        b'{"promptFeedback":{}}',
        b'{"type":"message","content":[]}',
        b'\xff{"candidates":[{}]}',
        b"[" * 5000,
    ],
)
def test_other_bodies_are_no_replies(body):
    """HTML, cut JSON and other shapes under a 200 are not a complete reply."""
    assert not PROTOCOL.peek_reply(body).is_complete


@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: [error], lambda error: [json.loads(reply({})), error]])
def test_error_under_a_success_status_is_a_failure(wrap):
    """An error is an error whatever its status, alone or in an array."""
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    seen = PROTOCOL.peek_reply(json.dumps(wrap(error)).encode())
    assert not seen.is_complete
    assert seen.failure.verdict is Verdict.OVERLOADED


def test_stream_that_came_as_an_array_is_read():
    """Without alt=sse a stream is one JSON array, and its last usage counts."""
    chunks = [json.loads(reply({"promptTokenCount": 4, "candidatesTokenCount": n})) for n in (1, 2, 3)]
    seen = PROTOCOL.peek_reply(json.dumps(chunks).encode())
    assert seen.is_complete
    assert seen.usage == Usage(input=4, output=3)


@in_turn("google_reply", recordings("google", ".json"))
def test_recorded_replies_are_complete_with_usage(google_reply):
    """Every recorded reply is complete with its counts, and every recorded error is a failure."""
    body = google_reply.read_bytes()
    recorded = json.loads(body)
    seen = PROTOCOL.peek_reply(body)
    if "error" in recorded:
        assert seen.failure is not None
        return
    assert seen.is_complete
    assert seen.usage.total_tokens == recorded["usageMetadata"]["totalTokenCount"]


def test_media_are_weighed_where_they_stand():
    """A picture weighs the same inline and by address, in both spellings, also in a function's response; film by its size."""
    picture = {"inlineData": {"mimeType": "image/png", "data": "A" * 9000}}
    snake = {"inline_data": {"mime_type": "image/png", "data": "A" * 9000}}
    remote = {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}}
    returned = {"functionResponse": {"name": "f", "response": {}, "parts": [picture]}}

    def weigh(*parts: object) -> int:
        return PROTOCOL.weigh(members({"contents": [{"parts": list(parts)}]}))[1].most

    def film(size: int) -> dict:
        return {"inlineData": {"mimeType": "video/mp4", "data": "A" * size}}

    assert PROTOCOL.weigh(members(ASK))[1] == WEIGHTLESS
    assert weigh(picture) == weigh(snake) == weigh(remote) == weigh(returned) > 258
    assert weigh(picture, remote, returned) == 3 * weigh(picture)
    far = {"file_data": {"file_uri": "gs://film"}}
    assert weigh(film(1_000)) < weigh(film(1_000_000)) < weigh(far)
    near = film(1_000)
    assert weigh(near) == weigh(near | {"videoMetadata": {"startOffset": "1s"}, "mediaProcessing": "STATIC"})
    assert weigh(far) == weigh(near | {"videoMetadata": {"fps": 24}}) == weigh(near | {"video_metadata": {"fps": 24}})
    assert 2 * weigh(far) == weigh(near | {"mediaProcessing": "AGENTIC"}) == weigh(far | {"media_processing": "AGENTIC"})
    for odd in ({"parts": far}, {"parts": [{"functionResponse": {"parts": far}}]}, {"parts": [[far]]}):
        assert PROTOCOL.weigh(members({"contents": [odd]}))[1].most == weigh(far)


def test_media_bytes_are_not_text():
    """Base64 is not counted as text, while all that the model reads is."""
    parts = [{"inlineData": {"mimeType": "image/png", "data": "A" * 90_000}}]
    assert PROTOCOL.weigh(members({"contents": [{"parts": parts}]}))[0] < 1000
    assert PROTOCOL.weigh(members({**ASK, "systemInstruction": {"parts": [{"text": "s" * 5000}]}}))[0] > 5000
    for odd in ({"data": "A" * 9_000}, {"mimeType": "image/png", "data": {"a": "A" * 9_000}}):
        assert PROTOCOL.weigh(members({"contents": [{"parts": [{"inlineData": odd}]}]}))[0] > 9_000


@in_turn("kind", ["text/plain", "text/csv", "application/json", "of/tomorrow"])
def test_a_document_of_text_weighs_a_token_a_byte(kind):
    """Inline it is read as the text that it is, however long; only film, sound and the pages of a PDF weigh less."""
    document = {"inlineData": {"mimeType": kind, "data": "A" * 400_000}}
    assert PROTOCOL.weigh(members({"contents": [{"parts": [document]}]}))[1].most >= 300_000
