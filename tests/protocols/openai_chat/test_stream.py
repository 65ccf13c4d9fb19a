"""Streams of Chat Completions: what is content, what is the end, what is a failure."""

import json

from tests.in_turn import in_turn

from omnillm.framing.sse import Frame
from omnillm.outcome import Verdict
from omnillm.protocols.openai_chat import PROTOCOL
from omnillm.protocols.protocol import Sight
from omnillm.usage import Usage

USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def chunk(delta: object = None, **changes: object) -> bytes:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": None}
    return json.dumps({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], **changes}).encode()


HELLO = chunk({"content": "Hello"})


def follow(*data: bytes, withholds: bool = False):
    watch = PROTOCOL.watch(withholds)
    return [watch.see(Frame(b"data: " + piece + b"\n\n", piece)) for piece in data], watch


@in_turn(
    "delta",
    [
        {"content": "Hi"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
        {"refusal": "No."},
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"function_call": {"name": "f", "arguments": ""}},
        {"audio": {"id": "audio_1"}},
        {"images": [{"type": "image_url", "image_url": {"url": "data:"}}]},
    ],
)
def test_first_content_of_any_kind_is_seen_once(delta):
    """From the first content on nothing may be retried unseen; later chunks say nothing new."""
    sights, watch = follow(chunk({"role": "assistant", "content": ""}), chunk(delta), chunk(delta), b"[DONE]")
    assert sights == [Sight.NOTHING, Sight.CONTENT, Sight.NOTHING, Sight.END]
    assert watch.at_end_of_stream()


def test_empty_chunks_are_not_content():
    """A role, an empty content, a finish reason, Azure's filter results and comments can still be retried."""
    azure = b'{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[]}'
    quiet = [{"role": "assistant"}, {"content": ""}, {"content": None, "refusal": None}, {"tool_calls": []}, {}]
    sights, _ = follow(b"", azure, *map(chunk, quiet), chunk(usage=None), chunk(choices=None))
    assert set(sights) == {Sight.NOTHING}


def test_usage_is_read_from_its_chunk():
    """The last report wins, alone or beside a choice; a null is no report."""
    sights, watch = follow(
        HELLO,
        chunk({"content": "!"}, usage={"prompt_tokens": 9, "completion_tokens": 1}),
        chunk(choices=[], usage=USAGE),
        chunk(usage=None),
    )
    assert sights == [Sight.CONTENT, Sight.NOTHING, Sight.NOTHING, Sight.NOTHING]
    assert watch.usage == Usage(input=9, output=4)
    _, groq = follow(HELLO, chunk(x_groq={"id": "req_1", "usage": USAGE}))
    assert groq.usage == Usage(input=9, output=4)


def test_usage_chunk_is_withheld_only_when_it_was_asked_for_us():
    """Only the chunk without choices is ours; one with a choice belongs to the client."""
    alone, beside = chunk(choices=[], usage=USAGE), chunk({"content": "x"}, usage=USAGE)
    assert follow(HELLO, beside, alone, b"[DONE]", withholds=True)[0] == [Sight.CONTENT, Sight.NOTHING, Sight.WITHHOLD, Sight.END]
    assert follow(HELLO, beside, alone, b"[DONE]")[0] == [Sight.CONTENT, Sight.NOTHING, Sight.NOTHING, Sight.END]


def test_lying_usage_does_not_break_the_stream():
    """Absurd numbers are clamped, another shape is unknown."""
    _, watch = follow(chunk(choices=[], usage={"prompt_tokens": -3, "completion_tokens": 2.0, "total_tokens": None}))
    assert watch.usage == Usage(output=2)


@in_turn("before", [[], [HELLO]])
@in_turn(
    ("failing", "verdict"),
    [
        (b'{"error":{"message":"m","type":"server_error","code":null,"param":null}}', Verdict.SERVER_FAULT),
        (b'{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}', Verdict.RATE_LIMITED),
        (b'{"error":{"message":"m","type":"server_error","code":"server_is_overloaded"}}', Verdict.OVERLOADED),
        (b'{"error":{"message":"m","code":502},"choices":[]}', Verdict.SERVER_FAULT),
        (b'{"error":"it broke"}', Verdict.SERVER_FAULT),
        (
            b'{"id":"1","error":{"code":429,"message":"m"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}',
            Verdict.RATE_LIMITED,
        ),
        (b'{"choices":[{"delta":{},"finish_reason":"error","error":{"code":503,"message":"m"}}]}', Verdict.SERVER_FAULT),
        (b'{"choices":[{"delta":{},"finish_reason":"error"}]}', Verdict.SERVER_FAULT),
        (b'{"x_groq":{"error":"over capacity"},"choices":[]}', Verdict.SERVER_FAULT),
        (b'{"choices":[{"delta":{"content":"cut', Verdict.SERVER_FAULT),
        (b"<html>", Verdict.SERVER_FAULT),
        (b"[]", Verdict.SERVER_FAULT),
        (b"null", Verdict.SERVER_FAULT),
    ],
)
def test_failing_chunk_is_seen_before_and_after_content(before, failing, verdict):
    """An error or garbage stops the stream, keeps what was used, and never counts as the end."""
    if failing.endswith(b"cut") and before:
        failing += b'_tokens"'  # after content only chunks that can matter are decoded
    sights, watch = follow(chunk(choices=[], usage=USAGE), *before, failing)
    assert sights[-1] == Sight.FAILED
    assert watch.failure.verdict is verdict
    assert watch.failure.usage == Usage(input=9, output=4)
    assert not watch.at_end_of_stream()


def test_event_named_error_is_a_failure_whatever_it_holds():
    """Some hosts put the error object itself under the name."""
    watch = PROTOCOL.watch(False)
    watch.see(Frame(b"", HELLO))
    assert watch.see(Frame(b"", b'{"code":500,"message":"m"}', b"error")) == Sight.FAILED


def test_words_that_look_like_errors_in_the_content_are_content():
    """Escaped quotes never match a member's name."""
    text = chunk({"content": 'the "error": {"prompt_tokens": 3} [DONE]'}, error=None)
    sights, watch = follow(HELLO, text, text)
    assert sights == [Sight.CONTENT, Sight.NOTHING, Sight.NOTHING]
    assert watch.usage is None


def test_stream_is_complete_only_after_done():
    """A finish reason alone is not the end: the usage may still be to come."""
    stop = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    assert not follow(HELLO, stop)[1].at_end_of_stream()
    sights, watch = follow(HELLO, stop, b" [DONE] ", HELLO, b'{"error":{}}')
    assert sights[2:] == [Sight.END, Sight.NOTHING, Sight.NOTHING]
    assert watch.at_end_of_stream()
