"""What OpenAI's events mean for money: turns, usage, transcriptions, refusals and farewells."""

import json
from typing import Any

import pytest
from tests.in_turn import in_turn

from omnillm.outcome import Verdict
from omnillm.protocols.protocol import Fault
from omnillm.protocols.sessions.openai_realtime import OPENAI_REALTIME, RealtimeWatch
from omnillm.protocols.sessions.session import IMAGE_TOKENS, OWN_TOKENS
from omnillm.usage import Usage

USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 100,
        "audio_tokens": 13,
        "image_tokens": 19,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 50, "audio_tokens": 4, "image_tokens": 10},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}


def event(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, "event_id": "event_1", **fields}).encode()


def created(number: str) -> bytes:
    return event("response.created", response={"id": number, "status": "in_progress", "usage": None})


def done(number: str, usage: Any = USAGE) -> bytes:
    return event("response.done", response={"id": number, "status": "completed", "usage": usage})


def test_usage_is_split_into_disjoint_counts() -> None:
    """What was cached is counted once, as cached; audio and pictures have rates of their own, cached ones too."""
    watch = RealtimeWatch()
    watch.from_provider(created("a"))
    [report] = watch.from_provider(done("a"))
    prompt = Usage(input=50, cache_read=50, input_audio=9, cache_read_audio=4, input_image=9, cache_read_image=10)
    assert report.usage == prompt + Usage(output=30, output_audio=91)
    assert report.usage.total_tokens == 253


def test_turns_are_open_from_asking_to_reporting() -> None:
    """Those that were asked for, and those that begin by themselves; several at once."""
    watch = RealtimeWatch()
    seen = []
    for verb, message in (
        ("to_provider", event("response.create")),
        ("to_provider", event("response.create")),
        ("from_provider", created("a")),
        ("from_provider", created("b")),
        ("from_provider", created("c")),
        ("from_provider", done("b")),
        ("from_provider", done("a")),
        ("from_provider", done("c")),
    ):
        getattr(watch, verb)(message)
        seen.append(watch.open_turns)
    assert seen == [1, 2, 2, 2, 3, 2, 1, 0]


@in_turn(
    ("error", "left"),
    [
        ({"code": "conversation_already_has_active_response"}, 1),
        ({"code": "invalid_value", "event_id": "first"}, 1),
        ({"code": "invalid_value", "event_id": "another"}, 2),
        ({"code": "invalid_value"}, 2),
        (None, 2),
    ],
)
def test_a_turn_that_was_refused_is_none(error: Any, left: int) -> None:
    """But an error of anything else forgives nothing: junk between two questions would hide the second."""
    watch = RealtimeWatch()
    watch.to_provider(json.dumps({"type": "response.create", "event_id": "first"}).encode())
    watch.to_provider(json.dumps({"type": "response.create", "event_id": "second"}).encode())
    watch.from_provider(event("error", error=error))
    assert watch.open_turns == left


@in_turn(
    "message",
    [
        rb'{"type":"response\u002ecreate"}',
        rb'{"\u0074ype": "response.create", "response": {"metadata": {"a": "input_audio_buffer.append"}}}',
        b' { "event_id" : "x" , "type" : "response.create" } ',
    ],
)
def test_a_question_in_disguise_is_one(message: bytes) -> None:
    """It is read as the provider reads it."""
    watch = RealtimeWatch()
    watch.to_provider(message)
    assert watch.open_turns == 1


def test_the_prompt_grows_with_what_was_sent() -> None:
    """A byte of text is a token at most, audio is counted by its length, a picture by its maximum."""
    watch = RealtimeWatch()
    text, audio = event("conversation.item.create", item={"text": "é" * 100}), event("input_audio_buffer.append", audio="A" * 51_200)
    picture = event("conversation.item.create", item={"content": [{"type": "input_image", "image_url": "https://x/y.png"}]})
    watch.to_provider(text)
    assert watch.prompt_tokens == OWN_TOKENS + len(text)
    watch.to_provider(audio)
    assert watch.prompt_tokens == OWN_TOKENS + len(text) + len(audio) // 512 + 1
    watch.to_provider(picture)
    assert watch.prompt_tokens == OWN_TOKENS + len(text) + len(audio) // 512 + 1 + len(picture) + IMAGE_TOKENS
    before = watch.prompt_tokens
    watch.from_provider(created("a"))
    watch.from_provider(done("a"))
    assert watch.prompt_tokens == before + 121
    assert not watch.is_unbounded


@pytest.mark.parametrize(
    "session", [{"prompt": {"id": "pmpt_1"}}, {"tools": [{"type": "mcp", "server_url": "https://x"}]}], ids=["prompt", "mcp"]
)
def test_what_did_not_pass_here_has_the_context_as_its_bound(session: Any) -> None:
    """A stored prompt, a server's tools."""
    watch = RealtimeWatch()
    watch.to_provider(event("session.update", session=session))
    assert watch.is_unbounded


@pytest.mark.parametrize(("word", "hidden"), [(b'"mcp"', b'"\\u006dcp"'), (b'"prompt"', b'"promp\\u0074"')], ids=["prompt", "mcp"])
def test_an_escape_hides_no_bound(word: bytes, hidden: bytes) -> None:
    """What is as good for the provider is as good for us."""
    watch = RealtimeWatch()
    watch.to_provider(event("session.update", session={"x": "WORD"}).replace(b'"WORD"', word).replace(word, hidden))
    assert watch.is_unbounded


def test_what_is_observed_of_an_open_turn() -> None:
    """Bytes of text, lengths of audio; forgotten when the turn is reported."""
    watch = RealtimeWatch()
    watch.from_provider(event("rate_limits.updated"))
    assert watch.observed_tokens == 0
    watch.from_provider(created("a"))
    watch.from_provider(event("response.output_audio.delta", delta="A" * 5120))
    text = event("response.output_audio_transcript.delta", delta="hello")
    watch.from_provider(text)
    assert watch.observed_tokens == 11 + len(text)
    watch.from_provider(done("a"))
    assert watch.observed_tokens == 0


@in_turn("usage", [None, {}, {"total_tokens": 5}, "x"])
def test_a_turn_that_reports_nothing_is_a_report_without_usage(usage: Any) -> None:
    """Or none at all where the event cannot be read: the turn then stays open."""
    watch = RealtimeWatch()
    watch.from_provider(created("a"))
    reports = watch.from_provider(done("a", usage))
    assert reports == () or reports[0].usage is None
    assert watch.open_turns == (0 if reports else 1)


@in_turn("lie", [-5, 2**70, 1.5, "12"])
def test_lies_are_clamped(lie: Any) -> None:
    """No count is negative or beyond 2^53; one that is no number makes the usage unknown."""
    watch = RealtimeWatch()
    watch.from_provider(created("a"))
    [report] = watch.from_provider(done("a", {"input_tokens": 10, "output_tokens": lie}))
    assert report.usage is None if lie == "12" else 0 <= report.usage.output <= 2**53
    assert not watch.open_turns


def test_a_transcription_is_reported_with_its_model() -> None:
    """That of the session's configuration, in the place of today or of the beta; by tokens or by seconds."""
    watch = RealtimeWatch()
    watch.to_provider(event("session.update", session={"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}))
    kind = "conversation.item.input_audio_transcription.completed"
    [report] = watch.from_provider(
        event(kind, usage={"type": "tokens", "input_tokens": 20, "output_tokens": 4, "input_token_details": {"audio_tokens": 20}})
    )
    assert (report.model, report.usage) == ("gpt-4o-transcribe", Usage(input_audio=20, output=4))
    watch.to_provider(event("session.update", session={"input_audio_transcription": {"model": "whisper-1"}}))
    [report] = watch.from_provider(event(kind, usage={"type": "duration", "seconds": 2.5}))
    assert (report.model, report.usage, report.audio_s) == ("whisper-1", None, 2.5)
    assert watch.open_turns == 0


def test_words_in_a_text_end_nothing() -> None:
    """A model may say `response.done`."""
    watch = RealtimeWatch()
    watch.from_provider(created("a"))
    assert watch.from_provider(event("response.output_text.delta", delta='"type":"response.done","usage"')) == ()
    assert watch.open_turns == 1


def test_a_fault_is_an_event() -> None:
    """As the SDK reads one."""
    told = json.loads(OPENAI_REALTIME.write_fault(Fault(status=402, code="budget_exceeded", message="No room.", request_id="r1")))
    assert told["type"] == "error"
    assert told["event_id"] == "event_r1"
    assert (told["error"]["code"], told["error"]["message"], told["error"]["type"]) == ("budget_exceeded", "No room.", "insufficient_quota")


@in_turn(
    ("code", "reason", "verdict"),
    [
        (1008, "invalid_request_error.invalid_api_key", Verdict.KEY_DEAD),
        (1011, "", Verdict.SERVER_FAULT),
        (1013, "try again", Verdict.SERVER_FAULT),
        (1007, "what?", Verdict.CALLER_FAULT),
        (3000, "invalid_request_error", Verdict.KEY_DEAD),
        (4000, "bad", Verdict.CALLER_FAULT),
        (4999, "whatever", Verdict.CALLER_FAULT),
    ],
)
def test_what_a_farewell_means(code: int, reason: str, verdict: Verdict) -> None:
    """A documented word says more than the code; a private code that nobody knows is nobody's health."""
    assert OPENAI_REALTIME.read_end(code, reason).verdict is verdict


def test_a_session_that_begins_with_an_error() -> None:
    """Is judged as an error under a 200; anything else is a beginning."""
    refusal = OPENAI_REALTIME.read_refusal(
        event("error", error={"type": "invalid_request_error", "code": "model_not_found", "message": "no"})
    )
    assert refusal is not None
    assert refusal.verdict is Verdict.NOT_FOUND
    assert OPENAI_REALTIME.read_refusal(event("session.created", session={"error": None})) is None
    assert OPENAI_REALTIME.read_refusal(b"garbage") is None
