"""Streams of streamGenerateContent, followed."""

import json

from tests.in_turn import in_turn
from tests.protocols.conftest import recordings

from omnillm.framing.sse import Frame
from omnillm.outcome import Verdict
from omnillm.protocols.gemini_generate_content import PROTOCOL
from omnillm.protocols.protocol import Sight
from omnillm.usage import Usage


def frame(chunk: object) -> Frame:
    data = json.dumps(chunk).encode()
    return Frame(raw=b"data: " + data + b"\r\n\r\n", data=data)


def chunk(*parts: dict, finish: str | None = None, index: int | None = None, usage: dict | None = None, **more: object) -> dict:
    candidate: dict = {"content": {"parts": list(parts), "role": "model"}}
    if finish is not None:
        candidate["finishReason"] = finish
    if index is not None:
        candidate["index"] = index
    return {"candidates": [candidate], **({} if usage is None else {"usageMetadata": usage}), "modelVersion": "gemini-3-pro", **more}


def follow(*chunks: object):
    watch = PROTOCOL.watch(False)
    return watch, [watch.see(frame(each)) for each in chunks]


def test_whole_stream_is_seen_step_by_step():
    """Content begins with the first text; the end of the connection is success once the finishReason was seen; the last usage counts."""
    watch, seen = follow(
        chunk({"text": "Hi"}, usage={"promptTokenCount": 4, "candidatesTokenCount": 1}),
        chunk({"text": " there"}, usage={"promptTokenCount": 4, "candidatesTokenCount": 3}),
    )
    assert not watch.at_end_of_stream()
    assert watch.usage == Usage(input=4, output=3)
    watch.see(frame(chunk({"text": ""}, finish="STOP", usage={"promptTokenCount": 4, "candidatesTokenCount": 5, "thoughtsTokenCount": 2})))
    assert seen == [Sight.CONTENT, Sight.CONTENT]
    assert watch.usage == Usage(input=4, output=5, reasoning=2)
    assert watch.at_end_of_stream()
    assert watch.failure is None


@in_turn(
    ("parts", "sight"),
    [
        ([], Sight.NOTHING),
        ([{"text": ""}], Sight.NOTHING),
        ([{"text": "", "thoughtSignature": "c2ln"}], Sight.NOTHING),
        ([{"text": "hm", "thought": True}], Sight.CONTENT),
        ([{"text": ""}, {"text": "x"}], Sight.CONTENT),
        ([{"functionCall": {"name": "f", "args": {}}}], Sight.CONTENT),
        ([{"functionCall": {}}], Sight.CONTENT),
        ([{"inlineData": {"mimeType": "image/png", "data": ""}}], Sight.CONTENT),
        ([{"executableCode": {"code": "1"}}], Sight.CONTENT),
    ],
)
def test_content_is_a_part_that_says_something(parts, sight):
    """A retry stays invisible until there is text, a thought, a call or a medium."""
    assert follow(chunk(*parts))[1] == [sight]


def test_chunk_without_candidates_says_nothing():
    """Usage or an empty object alone shows the client nothing."""
    watch, seen = follow({"usageMetadata": {"promptTokenCount": 4}}, {}, {"candidates": []}, {"candidates": [{"content": {}}]})
    assert seen == [Sight.NOTHING] * 4
    assert watch.usage == Usage(input=4)


def test_every_candidate_must_finish():
    """A stream of two candidates that ends after one has finished was cut."""
    watch, _ = follow(chunk({"text": "a"}, index=0), chunk({"text": "b"}, index=1), chunk(finish="STOP", index=0))
    assert not watch.at_end_of_stream()
    watch.see(frame(chunk(finish="MAX_TOKENS", index=1)))
    assert watch.at_end_of_stream()
    watch.see(frame(chunk(index=1)))
    assert watch.at_end_of_stream()


def test_unspecified_reason_is_none():
    """The zero of the enumeration says that the model has not stopped."""
    assert not follow(chunk({"text": "a"}, finish="FINISH_REASON_UNSPECIFIED"))[0].at_end_of_stream()


def test_blocked_prompt_is_a_whole_stream():
    """A refused prompt has no candidate that could finish."""
    watch, _ = follow({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 8}})
    assert watch.at_end_of_stream()
    assert watch.usage == Usage(input=8)


def test_empty_stream_is_not_complete():
    """A stream that ends before it began is no success."""
    assert not PROTOCOL.watch(False).at_end_of_stream()


def test_text_that_looks_like_an_end_is_text():
    """A model can write anything: only the candidate's own finishReason ends it, and only the chunk's own usage counts."""
    lure = '"finishReason": "STOP"}],"usageMetadata":{"promptTokenCount":9'
    call = {
        "functionCall": {"name": "f", "args": {"finishReason": "STOP", "usageMetadata": {"promptTokenCount": 9}, "error": {"code": 500}}}
    }
    watch, seen = follow(chunk({"text": lure}, usage={"promptTokenCount": 4}), chunk({"text": "finishReason"}), chunk(call))
    assert seen == [Sight.CONTENT] * 3
    assert watch.usage == Usage(input=4)
    assert watch.failure is None
    assert not watch.at_end_of_stream()


def test_shorter_report_does_not_hide_usage():
    """Vertex names the traffic type alone in some chunks: the counts before stand."""
    watch, _ = follow(
        chunk({"text": "a"}, usage={"promptTokenCount": 4, "candidatesTokenCount": 2}), chunk(usage={"trafficType": "ON_DEMAND"})
    )
    assert watch.usage == Usage(input=4, output=2)


def test_searches_of_a_stream_are_counted_once():
    """Grounding that is repeated in the last chunks is not paid twice."""
    grounded = chunk(usage={"promptTokenCount": 4})
    grounded["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["a", "b"]}
    assert follow(grounded, grounded)[0].usage == Usage(input=4, tool_calls=2)


@in_turn(
    ("error", "verdict"),
    [
        ({"code": 503, "message": "busy", "status": "UNAVAILABLE"}, Verdict.OVERLOADED),
        ({"code": 429, "status": "RESOURCE_EXHAUSTED"}, Verdict.RATE_LIMITED),
        ({"code": 500}, Verdict.SERVER_FAULT),
        ({"code": 400}, Verdict.CALLER_FAULT),
        ({}, Verdict.SERVER_FAULT),
        ("text", Verdict.SERVER_FAULT),
    ],
)
@in_turn("is_list", [False, True])
def test_error_chunk_fails_the_stream(error, verdict, is_list):
    """An error inside a 200 stream, alone or in an array of one, fails it for the reason that it gives."""
    body = {"error": error}
    watch, seen = follow(chunk({"text": "a"}), [body] if is_list else body)
    assert seen[-1] is Sight.FAILED
    assert watch.failure.verdict is verdict
    assert not watch.at_end_of_stream()


@in_turn("data", [b"{", b"[DONE]", b'"x"', b"\xff", b'{"candidates":5}', b'{"candidates":[{"index":99999999}]}', b"[" * 3000])
def test_garbage_fails_the_stream(data):
    """A chunk that is not JSON of this protocol may have held tokens: it is not skipped."""
    watch = PROTOCOL.watch(False)
    assert watch.see(Frame(raw=b"", data=data)) is Sight.FAILED
    assert watch.failure.verdict is Verdict.SERVER_FAULT


def test_parts_of_an_unknown_shape_are_content():
    """What cannot be read is shown, not hidden behind a retry, and counts nothing; frames without data say nothing."""
    assert follow({"candidates": [{"content": {"parts": "x"}}]})[1] == [Sight.CONTENT]
    assert follow({"candidates": [{"content": {"parts": [{"text": "Hi"}]}}], "usageMetadata": "many"})[0].usage is None
    assert PROTOCOL.watch(False).see(Frame(raw=b": hello\n\n", data=b"")) is Sight.NOTHING


def recorded_chunks(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


@in_turn("google_stream", recordings("google", ".chunks.txt"))
def test_recorded_streams_end_well_and_only_at_their_end(google_stream):
    """A recorded stream is complete with its last chunk, with content and usage, and after none before it."""
    chunks = recorded_chunks(google_stream)
    watch = PROTOCOL.watch(False)
    seen = Sight.NOTHING
    for each in chunks[:-1]:
        seen |= watch.see(frame(each))
        assert not watch.at_end_of_stream()
    seen |= watch.see(frame(chunks[-1]))
    assert seen is Sight.CONTENT
    assert watch.failure is None
    assert watch.at_end_of_stream()
    assert watch.usage.total_tokens == chunks[-1]["usageMetadata"]["totalTokenCount"]
