"""What the messages of Gemini's Live API mean for money, and what its setup says."""

import json
from itertools import pairwise
from typing import Any

import pytest
from tests.in_turn import in_turn

from omnillm.errors import BadRequest
from omnillm.outcome import Verdict
from omnillm.protocols.protocol import Fault
from omnillm.protocols.sessions.gemini_live import GEMINI_LIVE, LiveWatch, read_setup
from omnillm.protocols.sessions.session import IMAGE_TOKENS, OWN_TOKENS
from omnillm.usage import Usage

TALK = {"serverContent": {"modelTurn": {"parts": [{"text": "hello"}]}}}
COMPLETE = {"serverContent": {"turnComplete": True}}


def say(value: Any) -> bytes:
    return json.dumps(value).encode()


def usage(prompt: int, response: int, **more: Any) -> dict[str, Any]:
    return {"usageMetadata": {"promptTokenCount": prompt, "responseTokenCount": response, **more}}


def reports(watch: LiveWatch, *messages: Any) -> list[Usage | None]:
    return [report.usage for message in messages for report in watch.from_provider(say(message))]


def test_usage_is_split_into_disjoint_counts() -> None:
    """Audio heard and spoken, what was cached, thoughts, and searches that grounded the answer."""
    watch = LiveWatch()
    audio = [{"modality": "TEXT", "tokenCount": 40}, {"modality": "AUDIO", "tokenCount": 60}]
    told = usage(
        100,
        30,
        cachedContentTokenCount=10,
        thoughtsTokenCount=5,
        promptTokensDetails=audio,
        cacheTokensDetails=[{"modality": "AUDIO", "tokenCount": 4}, {"modality": "TEXT", "tokenCount": 6}],
        responseTokensDetails=[{"modality": "AUDIO", "tokenCount": 25}],
    )
    told["serverContent"] = {"turnComplete": True, "groundingMetadata": {"webSearchQueries": ["a", "b"]}}
    [found] = reports(watch, told)
    prompt = Usage(input=34, cache_read=6, input_audio=56, cache_read_audio=4)
    assert found == prompt + Usage(output=5, output_audio=25, reasoning=5, tool_calls=2)


def test_turns_are_reported_one_by_one() -> None:
    """Each reads the conversation again, and its report is its own."""
    watch = LiveWatch()
    assert reports(watch, TALK, COMPLETE | usage(143, 19), TALK, COMPLETE | usage(181, 24)) == [
        Usage(input=143, output=19),
        Usage(input=181, output=24),
    ]
    assert watch.open_turns == 0


def test_a_report_that_repeats_the_one_before_counts_once() -> None:
    """The same prompt, counted on: a snapshot. Another prompt within the turn (after a tool) is another generation."""
    watch = LiveWatch()
    found = reports(watch, TALK, usage(100, 5), usage(100, 12), {"toolCall": {}}, usage(130, 7), COMPLETE | usage(130, 7))
    assert found == [Usage(input=100, output=5), Usage(output=7), Usage(input=130, output=7), Usage()]


def test_what_is_observed_of_an_open_turn() -> None:
    """What came since its last report bounds what a turn that breaks off has cost: a byte is a token, but of sound."""
    watch = LiveWatch()
    assert reports(watch, {"sessionResumptionUpdate": {}}) == []
    assert (watch.observed_tokens, watch.open_turns) == (0, 0)
    sound = {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "A" * 5000}}]}}}
    assert reports(watch, sound, TALK) == []
    assert watch.observed_tokens == len(say(sound)) // 512 + 1 + len(say(TALK))
    reports(watch, usage(10, 2))
    assert watch.observed_tokens == 0


@in_turn("message", [TALK, {"server_content": {"model_turn": {"parts": []}}}, {"toolCall": {"functionCalls": []}}])
def test_a_model_that_has_begun_has_a_turn(message: dict[str, Any]) -> None:
    """Whoever asked for it; also one that only calls a tool."""
    watch = LiveWatch()
    assert reports(watch, message) == []
    assert watch.open_turns == 1


@in_turn(
    ("message", "is_unbounded"),
    [
        ({"clientContent": {"turns": [{"parts": [{"text": "hello"}]}]}}, False),
        ({"clientContent": {"turns": [{"parts": [{"fileData": {"fileUri": "https://host/film"}}]}]}}, True),
        ({"client_content": {"turns": [{"parts": [{"file_data": {"file_uri": "https://host/film"}}]}]}}, True),
    ],
)
def test_what_the_provider_fetches_has_no_bound(message: dict[str, Any], is_unbounded: bool) -> None:
    """What a client says itself has one."""
    watch = LiveWatch()
    watch.to_provider(say(message))
    assert watch.is_unbounded == is_unbounded


def test_a_report_behind_the_end_of_its_turn() -> None:
    """Until it comes, the turn is open: nobody knows what it cost."""
    watch = LiveWatch()
    assert reports(watch, TALK, COMPLETE) == []
    assert watch.open_turns == 1
    assert reports(watch, usage(10, 2)) == [Usage(input=10, output=2)]
    assert watch.open_turns == 0


@in_turn(
    ("message", "turns"),
    [
        ({"clientContent": {"turns": [], "turnComplete": True}}, 1),
        ({"client_content": {"turns": [], "turn_complete": True}}, 1),
        ({"clientContent": {"turns": []}}, 0),
        ({"toolResponse": {"functionResponses": []}}, 1),
        ({"realtimeInput": {"audio": {"data": "AAAA", "mimeType": "audio/pcm"}}}, 0),
    ],
)
def test_what_asks_for_a_turn(message: Any, turns: int) -> None:
    """In both spellings. What is said in real time may begin one, and is known when it has."""
    watch = LiveWatch()
    watch.to_provider(say(message))
    assert watch.open_turns == turns
    watch.from_provider(say(TALK))
    assert watch.open_turns == 1


def test_the_prompt_grows_with_what_was_sent() -> None:
    """Text by its bytes, audio by its length, a frame by its maximum."""
    watch = LiveWatch()
    grown = [watch.prompt_tokens]
    for message in (
        {"clientContent": {"turns": [{"parts": [{"text": "é" * 50}]}]}},
        {"realtimeInput": {"audio": {"data": "A" * 51_200, "mimeType": "audio/pcm"}}},
        {"realtimeInput": {"video": {"data": "A" * 51_200, "mimeType": "image/jpeg"}}},
        {"realtimeInput": {"text": "A" * 51_200}},
    ):
        watch.to_provider(say(message))
        grown.append(watch.prompt_tokens)
    text, audio, frame, typed = (after - before for before, after in pairwise(grown))
    assert grown[0] == OWN_TOKENS
    assert text > 50
    assert 100 <= audio < 110
    assert IMAGE_TOKENS <= frame - audio < IMAGE_TOKENS + 10
    assert typed > 51_200


@in_turn(
    ("plain", "hidden"),
    [
        (b'{"realtimeInput":{"text":"%b"}}' % (b"A" * 51_200), (b'"text"', b'"t\\u0065xt"')),
        (b'{"realtimeInput":{"video":{"data":"A","mimeType":"image/png"}}}', (b'"video"', b'"v\\u0069deo"')),
        (b'{"clientContent":{"turns":[{"parts":[{"inlineData":{"data":"A","mimeType":"image/png"}}]}]}}', (b"image/", b"image\\/")),
        (b'{"clientContent":{"turns":[{"parts":[{"inlineData":{"data":"A","mimeType":"image/png"}}]}]}}', (b"image/", b"Image/")),
    ],
)
def test_an_escape_hides_nothing_of_a_prompt(plain: bytes, hidden: tuple[bytes, bytes]) -> None:
    """What is as good for the provider counts as much."""
    watches = LiveWatch(), LiveWatch()
    for watch, message in zip(watches, (plain, plain.replace(*hidden)), strict=True):
        watch.to_provider(message)
    assert watches[1].prompt_tokens >= watches[0].prompt_tokens


def test_every_picture_of_a_message_counts() -> None:
    """Each is a few bytes and hundreds of tokens."""
    watch = LiveWatch()
    watch.to_provider(say({"realtimeInput": {"mediaChunks": [{"data": "A", "mimeType": "image/png"}] * 50}}))
    assert watch.prompt_tokens > OWN_TOKENS + 50 * IMAGE_TOKENS


def test_a_file_that_is_named_has_no_length_here() -> None:
    """Then only the context bounds it."""
    watch = LiveWatch()
    watch.to_provider(say({"clientContent": {"turns": [{"parts": [{"fileData": {"fileUri": "https://x/files/a"}}]}]}}))
    assert watch.is_unbounded


def test_a_session_that_is_taken_up_again_brings_its_past() -> None:
    """Then only the context bounds it."""
    watch = LiveWatch()
    watch.to_provider(say({"setup": {"model": "models/x", "sessionResumption": {"handle": "abc"}}}))
    assert watch.is_unbounded


@pytest.mark.parametrize("model", ["models/x", "x"])
def test_the_setup_names_the_model(model: str) -> None:
    """With or without the collection."""
    assert read_setup(say({"setup": {"model": model, "tools": [{"functionDeclarations": []}]}})) == ("x", ())


@in_turn("message", [b"", b"[]", b"{", b'{"setup": 5}', b'{"setup": {"model": 5}}', b'{"realtimeInput": {}}', b'{"setup": {}}', b"\xff"])
def test_what_is_no_setup(message: bytes) -> None:
    """400, whatever it is."""
    with pytest.raises(BadRequest):
        read_setup(message)


def test_only_the_model_of_a_setup_is_changed() -> None:
    """Its other members keep their very bytes; the same model leaves the message alone."""
    message = b'{"setup": {"model":"models/fast", "generationConfig" : { "temperature":1.0e0 } } }'
    assert GEMINI_LIVE.with_model(message, "fast") is message
    changed = GEMINI_LIVE.with_model(message, "gemini-live")
    assert b'{ "temperature":1.0e0 }' in changed
    assert json.loads(changed)["setup"]["model"] == "models/gemini-live"
    assert json.loads(GEMINI_LIVE.with_model(message, "tunedModels/mine"))["setup"]["model"] == "tunedModels/mine"


def test_tools_with_a_price_have_no_bound() -> None:
    """They are named."""
    assert GEMINI_LIVE.unbounded_cost(say({"setup": {"model": "x", "tools": [{"googleSearch": {}}]}})).endswith(
        "googleSearch in a live session"
    )
    assert GEMINI_LIVE.unbounded_cost(say({"setup": {"model": "x"}})) == ""


@in_turn(
    ("code", "reason", "verdict"),
    [
        (1007, "API key not valid. Please pass a valid API key.", Verdict.KEY_DEAD),
        (1008, "Method doesn't allow unregistered callers (callers without established identity).", Verdict.KEY_DEAD),
        (1011, "You exceeded your current quota, please check your plan and billing details.", Verdict.RATE_LIMITED),
        (1008, "models/x is not found for API version v1beta, or is not supported for bidiGenerateContent.", Verdict.NOT_FOUND),
        (1007, "Request contains an invalid argument.", Verdict.CALLER_FAULT),
        (1011, "Internal error encountered.", Verdict.SERVER_FAULT),
        (1011, "The service is currently unavailable.", Verdict.OVERLOADED),
    ],
)
def test_what_a_farewell_means(code: int, reason: str, verdict: Verdict) -> None:
    """The reason says more than the code."""
    assert GEMINI_LIVE.read_end(code, reason).verdict is verdict


def test_a_fault_is_a_status() -> None:
    """Without the wrapping `error`, so that the SDK raises."""
    told = json.loads(GEMINI_LIVE.write_fault(Fault(status=402, code="budget_exceeded", message="No room.", request_id="r1")))
    assert (told["code"], told["status"], told["details"][0]["reason"]) == (402, "FAILED_PRECONDITION", "budget_exceeded")


def test_a_session_that_begins_with_an_error() -> None:
    """Is judged by it."""
    refusal = GEMINI_LIVE.read_refusal(say({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "no"}}))
    assert refusal is not None
    assert refusal.verdict is Verdict.RATE_LIMITED
    assert GEMINI_LIVE.read_refusal(say({"setupComplete": {}})) is None
