"""Streams of the Interactions API: what is content, what is the end, what is a failure, and how the gateway ends one."""

from google.genai._gaos.types.interactions import ErrorEvent
from tests.in_turn import in_turn
from tests.protocols.gemini_interactions.saying import (
    CREATED,
    DONE,
    STOP,
    TEXT,
    UPDATE,
    USAGE,
    WHOLE,
    completed,
    delta,
    event,
    framed,
    step,
)

from omnillm.framing.sse import Frame, SseReader
from omnillm.outcome import Verdict
from omnillm.protocols.gemini_interactions import PROTOCOL
from omnillm.protocols.protocol import Fault, Sight
from omnillm.usage import Usage

TOLD = Usage(input=14, cache_read=4, output=90, reasoning=245)


def follow(*data: bytes):
    watch = PROTOCOL.watch(False)
    return [watch.see(Frame(b"", piece)) for piece in data], watch


def test_a_stream_is_followed_to_its_end():
    """Content once; the usage and the tier of the last event; the end is what ends the stream, and not what ends the interaction."""
    sights, watch = follow(*WHOLE)
    assert [place for place, sight in enumerate(sights) if sight == Sight.CONTENT] == [WHOLE.index(TEXT)]
    assert sights[-1] == Sight.END
    assert set(sights) == {Sight.NOTHING, Sight.CONTENT, Sight.END}
    assert (watch.usage, watch.tier, watch.response_id) == (TOLD, "standard", "v1_a")


def test_a_stream_cut_anywhere_is_not_complete():
    """Before its last event; a stream that ends there is whole, with [DONE] or without."""
    raw = framed(WHOLE)
    last = raw.index(b"event: done")
    for place in range(len(raw)):
        reader, watch = SseReader(), PROTOCOL.watch(False)
        for frame in reader.feed(raw[:place]):
            assert watch.see(frame) != Sight.END
        assert watch.at_end_of_stream() == (place >= last)


@in_turn(
    "content",
    [
        TEXT,
        delta(0, "thought_summary", content={"type": "text", "text": "hm"}),
        delta(0, "image", data="aGk=", mime_type="image/png"),
        delta(0, "of_tomorrow"),
        step(0, "function_call", id="a", name="f", arguments={}),
        step(0, "google_search_call", id="a", arguments={"queries": ["x"]}),
        step(0, "model_output", content=[{"type": "text", "text": "Based"}]),
        step(0, "thought", summary=[{"type": "text", "text": "hm"}]),
        event("of.tomorrow"),
    ],
)
def test_first_content_of_any_kind_is_seen_once(content):
    """Words, thoughts that are shown, pictures, calls, and whatever is not known to be empty."""
    sights, watch = follow(CREATED, content, content, completed(), DONE)
    assert sights == [Sight.NOTHING, Sight.CONTENT, Sight.NOTHING, Sight.NOTHING, Sight.END]
    assert watch.at_end_of_stream()


def test_openings_are_not_content():
    """The interaction's own events, steps that have just begun, signatures, what the user said, and comments: all of it can be retried."""
    sights, _ = follow(
        b"",
        CREATED,
        UPDATE,
        step(0, "thought"),
        step(0, "thought", summary=[], signature="EqkB"),
        delta(0, "thought_signature", signature="EqkB"),
        step(1, "model_output", content=[]),
        step(1, "user_input", content=[{"type": "text", "text": "Hi"}]),
        delta(1, "text", text=""),
        STOP,
    )
    assert set(sights) == {Sight.NOTHING}


def test_the_events_of_older_revisions_are_followed_too():
    """A client can ask for one, by a field of its head."""
    sights, watch = follow(
        event("interaction.start", interaction={"id": "v1_a", "status": "in_progress"}),
        event("content.start", index=0, content={"type": "text"}),
        event("content.delta", index=0, delta={"type": "text", "text": "Deep"}),
        event("content.stop", index=0),
        event("interaction.complete", interaction={"id": "v1_a", "status": "completed", "usage": USAGE}),
        DONE,
    )
    assert sights == [Sight.NOTHING, Sight.NOTHING, Sight.CONTENT, Sight.NOTHING, Sight.NOTHING, Sight.END]
    assert watch.usage == TOLD


@in_turn("status", ["completed", "requires_action", "incomplete", "cancelled", "budget_exceeded", "requires_continuation", "of_tomorrow"])
def test_whatever_an_interaction_ended_as_it_has_ended(status):
    """But for a failure; what comes behind it says nothing."""
    sights, watch = follow(CREATED, TEXT, completed(status, usage=USAGE), event("error"), DONE)
    assert sights[2:] == [Sight.NOTHING, Sight.NOTHING, Sight.END]
    assert watch.usage == TOLD


@in_turn("before", [[], [TEXT]])
@in_turn(
    ("failing", "verdict"),
    [
        (event("error", error={"code": "rate_limit_exceeded", "message": "m"}), Verdict.RATE_LIMITED),
        (event("error", error={"code": "gateway_timeout", "message": "m"}), Verdict.SERVER_FAULT),
        (event("error", error={"code": "prohibited_content", "message": "m"}), Verdict.CALLER_FAULT),
        (event("error"), Verdict.SERVER_FAULT),
        (b'{"error": {"message": "m", "code": 429, "status": "RESOURCE_EXHAUSTED"}}', Verdict.RATE_LIMITED),
        (completed("failed", errors=[{"code": "invalid_request", "message": "m"}]), Verdict.CALLER_FAULT),
        (completed("failed", steps=[{"type": "model_output", "error": {"code": 8, "message": "m"}}]), Verdict.SERVER_FAULT),
        (completed("failed"), Verdict.SERVER_FAULT),
        (b'{"event_type": "interaction.completed", "interaction": {', Verdict.SERVER_FAULT),
        (DONE, Verdict.SERVER_FAULT),
        (b"<html>", Verdict.SERVER_FAULT),
    ],
)
def test_failing_event_is_seen_before_and_after_content(before, failing, verdict):
    """Or [DONE] although nothing is done."""
    sights, watch = follow(CREATED, *before, failing)
    assert sights[-1] == Sight.FAILED
    assert watch.failure.verdict is verdict
    assert not watch.at_end_of_stream()


def test_a_refusal_without_a_fields_name_is_read():
    """A line of JSON, as it has come in mid-stream; any other event without data says nothing."""
    watch = PROTOCOL.watch(False)
    refused = b'{"error":{"message":"Blocked.","code":"prohibited_content"}}\n\n'
    sights = [watch.see(frame) for frame in SseReader().feed(framed([CREATED]) + b": ping\n\nid: 7\n\n" + refused)]
    assert sights == [Sight.NOTHING, Sight.NOTHING, Sight.NOTHING, Sight.FAILED]
    assert (watch.failure.verdict, watch.failure.code) == (Verdict.CALLER_FAULT, "prohibited_content")


def test_usage_that_was_told_before_a_failure_is_kept():
    """An agent tells it at the end of every step."""
    told = event("step.stop", index=2, usage=USAGE)
    _, watch = follow(CREATED, TEXT, told, event("error", error={"code": "api_error"}))
    assert watch.failure.usage == watch.usage == TOLD


@in_turn(
    ("events", "calls"),
    [
        ([step(0, "google_search_call", arguments={"queries": ["a", "", "b"]})], 2),
        ([step(0, "google_search_call"), delta(0, "google_search_call", arguments={"queries": ["a"]})], 1),
        ([step(0, "google_search_call", arguments="?")], 1),
        ([step(0, "google_maps_call", arguments={"queries": ["a"]}), step(0, "url_context_call")], 0),
    ],
)
def test_searches_are_counted_where_nobody_else_does(events, calls):
    """By their queries; the provider's own count stands above what was seen."""
    assert follow(CREATED, TEXT, *events, completed(usage=USAGE))[1].usage.tool_calls == calls
    counted = USAGE | {"grounding_tool_count": [{"type": "google_search", "count": 5}, {"type": "retrieval", "count": 9}]}
    assert follow(CREATED, TEXT, *events, completed(usage=counted))[1].usage.tool_calls == 5


@in_turn(
    ("members", "calls"),
    [
        ({"usage": USAGE}, None),
        ({"usage": USAGE, "steps": []}, 0),
        ({"usage": USAGE, "steps": [{"type": "google_search_call", "arguments": {"queries": ["a", "b"]}}]}, 2),
        ({"usage": USAGE | {"grounding_tool_count": [{"type": "google_search", "count": 5}]}}, 5),
        ({}, None),
    ],
)
def test_usage_of_a_stream_that_was_taken_up_later_is_believed_if_it_tells_of_all_searches(members, calls):
    """Those before its first event were not seen; a stream from its beginning has shown all."""
    usage = follow(event("step.stop", index=1, usage=USAGE), completed(**members))[1].usage
    assert (usage and usage.tool_calls) == calls
    assert follow(event("step.stop", index=1, usage=USAGE), event("interaction.completed"))[1].usage is None
    _, whole = follow(CREATED, event("step.stop", index=1, usage=USAGE), completed(), DONE)
    assert (whole.usage, whole.response_id) == (TOLD, "v1_a")


def test_our_last_words_are_an_event_of_the_sdks_and_read_back_as_a_failure():
    """A gateway behind a gateway sees the stream fail; nothing stands in it that only other protocols repeat."""
    fault = Fault(status=502, code="stream_cut", message="It ended early.", request_id="0190", details={"response_id": "v1_a"})
    [frame] = SseReader().feed(PROTOCOL.write_stream_fault(fault, 5))
    assert frame.event == b"error"
    told = ErrorEvent.model_validate_json(frame.data, strict=True)
    assert (told.event_type, told.error.code, told.error.message) == ("error", "stream_cut", "It ended early.")
    assert b"v1_a" not in frame.data
    watch = PROTOCOL.watch(False)
    assert watch.see(frame) == Sight.FAILED
    assert watch.failure.code == "stream_cut"
