"""Streams of the Messages API, followed."""

import json

from tests.in_turn import in_turn
from tests.protocols.conftest import recordings

from omnillm.framing.sse import Frame
from omnillm.outcome import Verdict
from omnillm.protocols.anthropic_messages import PROTOCOL
from omnillm.protocols.protocol import Sight
from omnillm.usage import Usage

START = {"type": "message_start", "message": {"id": "msg_1", "content": [], "usage": {"input_tokens": 17, "output_tokens": 1}}}
OPEN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
CLOSE = {"type": "content_block_stop", "index": 0}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
STOP = {"type": "message_stop"}


def frame(event: dict, padding: str = "") -> Frame:
    data = json.dumps(event, separators=(",", ":")) + padding
    return Frame(raw=f"event: {event['type']}\ndata: {data}\n\n".encode(), data=data.encode(), event=event["type"].encode())


def follow(*events: dict):
    watch = PROTOCOL.watch(False)
    return watch, [watch.see(frame(event)) for event in events]


def test_whole_stream_is_seen_step_by_step():
    """Content begins at the first delta, success at message_stop, and usage is that of the start with the delta's over it."""
    watch, seen = follow(START, {"type": "ping"}, OPEN, TEXT, TEXT, CLOSE, DELTA, STOP)
    nothing, content = Sight.NOTHING, Sight.CONTENT
    assert seen == [nothing, nothing, nothing, content, content, nothing, nothing, Sight.END]
    assert watch.usage == Usage(input=17, output=5)
    assert watch.failure is None
    assert watch.at_end_of_stream()


@in_turn(
    ("block", "sight"),
    [
        ({"type": "text", "text": ""}, Sight.NOTHING),
        ({"type": "thinking", "thinking": "", "signature": ""}, Sight.NOTHING),
        ({"type": "text", "text": "Hi"}, Sight.CONTENT),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, Sight.CONTENT),
        ({"type": "redacted_thinking", "data": "x"}, Sight.CONTENT),
        ({"type": "web_search_tool_result", "content": [{"type": "web_search_result"}]}, Sight.CONTENT),
    ],
)
def test_block_that_opens_empty_says_nothing_yet(block, sight):
    """A retry stays invisible until a block holds something."""
    assert follow(START, {"type": "content_block_start", "index": 0, "content_block": block})[1][-1] is sight


def test_usage_survives_a_stream_that_is_cut():
    """What message_start reported stands when nothing came after it."""
    watch, _ = follow(START, OPEN, TEXT)
    assert watch.usage == Usage(input=17, output=1)
    assert not watch.at_end_of_stream()


def test_delta_overrides_only_what_it_names():
    """Counts are cumulative: named ones replace, omitted and null ones stay."""
    start = {
        "type": "message_start",
        "message": {"usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "cache_creation": {"ephemeral_1h_input_tokens": 6}}},
    }
    delta = {"type": "message_delta", "usage": {"input_tokens": 12, "cache_read_input_tokens": None, "cache_creation_input_tokens": 8}}
    watch, _ = follow(start, delta)
    assert watch.usage == Usage(input=12, cache_read=4, cache_write_long=8)


def test_usage_that_cannot_be_read_is_unknown():
    """A count in quotes leaves the attempt's usage unknown, and the stream alive."""
    watch, seen = follow({"type": "message_start", "message": {"usage": {"input_tokens": "17", "output_tokens": 1}}}, TEXT)
    assert seen == [Sight.NOTHING, Sight.CONTENT]
    assert watch.usage is None


@in_turn(
    ("error", "verdict"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, Verdict.OVERLOADED),
        ({"type": "rate_limit_error", "message": "slow down"}, Verdict.RATE_LIMITED),
        ({"type": "rate_limit_error", "details": {"error_code": "enforced_spend_limit_reached"}}, Verdict.QUOTA_EXHAUSTED),
        ({"type": "authentication_error"}, Verdict.KEY_DEAD),
        ({"type": "invalid_request_error", "message": "no"}, Verdict.CALLER_FAULT),
        ({"type": "api_error"}, Verdict.SERVER_FAULT),
        ({"type": "of_tomorrow"}, Verdict.SERVER_FAULT),
        ("text", Verdict.SERVER_FAULT),
        (None, Verdict.SERVER_FAULT),
    ],
)
def test_error_event_is_classified(error, verdict):
    """An error inside a 200 stream fails it, for the reason that it gives."""
    watch, seen = follow(START, {"type": "error", "error": error})
    assert seen[-1] is Sight.FAILED
    assert watch.failure.verdict is verdict
    assert not watch.at_end_of_stream()


@in_turn("data", [b"{", b"[DONE]", b'"text"', b"[]", b"\xff", b'{"type":5}', b"[" * 3000])
def test_garbage_fails_the_stream(data):
    """An event that is not JSON of this protocol may have held tokens: it is not skipped."""
    watch = PROTOCOL.watch(False)
    assert watch.see(Frame(raw=b"", data=data)) is Sight.FAILED
    assert watch.failure.verdict is Verdict.SERVER_FAULT
    assert not watch.at_end_of_stream()


@in_turn("usage", [3, "none", [], False, {"output_tokens": "7"}])
def test_a_usage_that_cannot_be_read_is_unknown(usage):
    """The stream is as good as any, and charged by its bound."""
    watch, seen = follow(START, {"type": "message_delta", "delta": {}, "usage": usage}, {"type": "message_stop"})
    assert seen[-1] is Sight.END
    assert watch.at_end_of_stream()
    assert watch.usage is None


def test_what_follows_the_end_is_ignored():
    """Comments, padding and strangers' terminators after message_stop change nothing."""
    watch, _ = follow(START, TEXT, DELTA, STOP)
    assert watch.see(Frame(raw=b"", data=b"[DONE]")) is Sight.NOTHING
    assert watch.at_end_of_stream()
    assert watch.failure is None


def test_padding_comments_and_unknown_events_are_passed_over():
    """Padded data, frames without data and event types of tomorrow say nothing."""
    watch = PROTOCOL.watch(False)
    assert watch.see(frame(TEXT, padding="     ")) is Sight.CONTENT
    assert watch.see(Frame(raw=b": keep-alive\n\n", data=b"")) is Sight.NOTHING
    assert watch.see(frame({"type": "of_tomorrow", "usage": {"output_tokens": 9}})) is Sight.NOTHING
    assert watch.usage is None


def test_text_that_looks_like_events_is_text():
    """A model can write anything: only the event itself counts."""
    lure = {
        "type": "content_block_delta",
        "delta": {"type": "text_delta", "text": '{"type":"message_stop"} "output_tokens": 9 "type":"error"'},
    }
    watch, seen = follow(START, lure)
    assert seen[-1] is Sight.CONTENT
    assert watch.usage == Usage(input=17, output=1)
    assert not watch.at_end_of_stream()


def recorded_streams(path) -> list[list[dict]]:
    """The streams of a recording; some hold several, one a step of a conversation."""
    streams: list[list[dict]] = [[]]
    for line in path.read_text().splitlines():
        if line.strip():
            streams[-1].append(json.loads(line))
            if streams[-1][-1]["type"] == "message_stop":
                streams.append([])
    return [stream for stream in streams if stream]


@in_turn("anthropic_stream", recordings("anthropic", ".chunks.txt"))
def test_recorded_streams_end_well_and_only_at_their_end(anthropic_stream):
    """A recorded stream is complete with its last frame, with usage and content, and after no frame before it."""
    for events in recorded_streams(anthropic_stream):
        watch = PROTOCOL.watch(False)
        seen = Sight.NOTHING
        for event in events[:-1]:
            seen |= watch.see(frame(event))
            assert not watch.at_end_of_stream()
        assert watch.see(frame(events[-1])) is Sight.END
        assert watch.failure is None
        assert watch.usage is not None
        assert watch.at_end_of_stream()


@in_turn(
    ("event", "place"),
    [
        *(
            ({"type": "content_block_start", "index": 3, "content_block": {"type": kind}}, 3)
            for kind in ("server_tool_use", "mcp_tool_use")
        ),
        ({"type": "content_block_start", "index": 3, "content_block": {"type": "tool_use"}}, None),
        ({"type": "content_block_start", "index": 3, "content_block": {"type": "web_search_tool_result", "tool_use_id": "x"}}, None),
        ({"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "server_tool_use"}}, None),
        ({"type": "message_delta", "usage": {"server_tool_use": {"web_search_requests": 1}}}, None),
        ({"type": "content_block_start", "index": "3", "content_block": {"type": "server_tool_use"}}, None),
    ],
)
def test_calls_of_the_providers_tools_are_told_apart(event, place):
    """Each by its block; the client's own are none, and neither are results."""
    assert PROTOCOL.shown_call(json.dumps(event).encode()) == place
