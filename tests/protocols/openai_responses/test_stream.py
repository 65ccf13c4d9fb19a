"""Streams of the Responses API: what is content, what is the end, what is a failure, and how the gateway ends one."""

import json

import openai
import pytest
from openai.types.responses import ResponseErrorEvent, ResponseFailedEvent
from tests.in_turn import in_turn

from omnillm.framing.sse import Frame, SseReader
from omnillm.outcome import Verdict
from omnillm.protocols.openai_responses import PROTOCOL
from omnillm.protocols.protocol import Fault, Sight
from omnillm.usage import Usage

USAGE = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}


def event(kind: str, **members: object) -> bytes:
    return json.dumps({"type": kind, **members}).encode()


def lifecycle(kind: str, **members: object) -> bytes:
    return event(kind, sequence_number=members.pop("sequence_number", 0), response={"id": "resp_1", "output": [], **members})


CREATED = lifecycle("response.created", status="in_progress", usage=None, max_output_tokens=None)
DELTA = event("response.output_text.delta", sequence_number=4, delta="Hi", item_id="msg_1", output_index=0, content_index=0)
COMPLETED = lifecycle("response.completed", sequence_number=9, status="completed", usage=USAGE)


def follow(*data: bytes):
    watch = PROTOCOL.watch(False)
    return [watch.see(Frame(b"", piece)) for piece in data], watch


@in_turn(
    "content",
    [
        DELTA,
        event("response.refusal.delta", delta="No."),
        event("response.reasoning_summary_text.delta", delta="hm"),
        event("response.function_call_arguments.delta", delta="{"),
        event("response.output_item.added", item={"type": "function_call", "arguments": ""}),
        event("response.output_item.added", item={"type": "web_search_call"}),
        event("response.output_item.added", item={"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}),
        event("response.content_part.added", part={"type": "output_text", "text": "Hi"}),
        event("response.something.new"),
    ],
)
def test_first_content_of_any_kind_is_seen_once(content):
    """Deltas, tool calls, and whatever is not known to be empty."""
    sights, watch = follow(CREATED, content, content, COMPLETED)
    assert sights == [Sight.NOTHING, Sight.CONTENT, Sight.NOTHING, Sight.END]
    assert watch.at_end_of_stream()


def test_openings_are_not_content():
    """Lifecycle events, empty items and parts, and comments can still be retried."""
    sights, _ = follow(
        b"",
        CREATED,
        lifecycle("response.in_progress"),
        lifecycle("response.queued"),
        event("response.output_item.added", item={"type": "reasoning", "summary": []}),
        event("response.output_item.added", item={"type": "message", "content": []}),
        event("response.content_part.added", part={"type": "output_text", "text": "", "annotations": []}),
        event("keepalive"),
    )
    assert set(sights) == {Sight.NOTHING}


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete"])
def test_completed_and_incomplete_are_ends_with_usage(kind):
    """A response cut by its cap has ended well; what comes after the end says nothing."""
    sights, watch = follow(CREATED, DELTA, lifecycle(kind, usage=USAGE), b"[DONE]", DELTA)
    assert sights[2:] == [Sight.END, Sight.NOTHING, Sight.NOTHING]
    assert watch.usage == Usage(input=9, output=4)


@in_turn("before", [[], [DELTA]])
@in_turn(
    ("failing", "verdict"),
    [
        (event("error", error={"type": "tokens", "code": "rate_limit_exceeded", "message": "m"}), Verdict.RATE_LIMITED),
        (event("error", code="insufficient_quota", message="m", param=None), Verdict.QUOTA_EXHAUSTED),
        (event("error"), Verdict.SERVER_FAULT),
        (b'{"error": {"message": "m", "code": 429}}', Verdict.RATE_LIMITED),
        (lifecycle("response.failed", error={"code": "server_error", "message": "m"}), Verdict.SERVER_FAULT),
        (lifecycle("response.failed", error={"code": "invalid_prompt", "message": "m"}), Verdict.CALLER_FAULT),
        (lifecycle("response.failed"), Verdict.SERVER_FAULT),
        (b'{"type": "response.completed", "response": {', Verdict.SERVER_FAULT),
        (b"[DONE]", Verdict.SERVER_FAULT),
        (b"<html>", Verdict.SERVER_FAULT),
    ],
)
def test_failing_event_is_seen_before_and_after_content(before, failing, verdict):
    """Nested or flat, an error or garbage stops the stream and never counts as the end."""
    sights, watch = follow(CREATED, *before, failing)
    assert sights[-1] == Sight.FAILED
    assert watch.failure.verdict is verdict
    assert not watch.at_end_of_stream()


def test_usage_of_a_failed_response_is_kept():
    """What failed may have cost something; the first error says why."""
    failed = lifecycle("response.failed", error={"code": "server_error", "message": "m"}, usage=USAGE)
    _, watch = follow(CREATED, DELTA, event("error", error={"code": "rate_limit_exceeded"}), failed)
    assert watch.failure.usage == watch.usage == Usage(input=9, output=4)
    assert watch.failure.verdict is Verdict.RATE_LIMITED


def test_next_number_follows_the_last_event_that_was_forwarded():
    """A failed event is not forwarded, so its number is free; without numbers, or with one that is none, we begin at zero."""
    assert follow()[1].next_sequence == 0
    assert follow(CREATED, DELTA)[1].next_sequence == 5
    assert follow(CREATED, DELTA, event("error", sequence_number=5))[1].next_sequence == 5
    assert follow(CREATED, DELTA, DELTA, b"<html>")[1].next_sequence == 5
    assert follow(event("response.something"))[1].next_sequence == 0
    assert follow(event("response.something", sequence_number=-2))[1].next_sequence == 0
    assert follow(CREATED, DELTA)[1].response_id == "resp_1"


FAULT = Fault(
    status=502, code="stream_cut", message="The provider's stream ended early.", request_id="0190", details={"response_id": "resp_1"}
)


def test_last_words_are_two_events_in_sequence():
    """`error` nested and flat, then `response.failed` of the response that was begun; both as the SDK's types say."""
    error, failed = SseReader().feed(PROTOCOL.write_stream_fault(FAULT, 5))
    assert (error.event, failed.event) == (b"error", b"response.failed")
    announced = ResponseErrorEvent.model_validate_json(error.data, strict=True)
    assert (announced.sequence_number, announced.code, announced.message) == (5, "stream_cut", FAULT.message)
    assert json.loads(error.data)["error"] == {"message": FAULT.message, "type": "server_error", "param": None, "code": "stream_cut"}
    ended = ResponseFailedEvent.model_validate_json(failed.data)
    assert (ended.sequence_number, ended.response.id, ended.response.status) == (6, "resp_1", "failed")
    assert (ended.response.error.code, ended.response.error.message) == ("server_error", FAULT.message)


@in_turn(("status", "code"), [(429, "rate_limit_exceeded"), (400, "invalid_prompt"), (402, "server_error"), (503, "server_error")])
def test_code_of_a_failed_response_is_one_of_the_closed_list(status, code):
    """Strict clients know no other words there; without the provider's id the response is named after the request."""
    fault = Fault(status=status, code="whatever", message="m", request_id="0190")
    ended = ResponseFailedEvent.model_validate_json(SseReader().feed(PROTOCOL.write_stream_fault(fault, 0))[1].data)
    assert (ended.response.error.code, ended.response.id) == (code, "resp_0190")


def test_our_last_words_read_back_as_a_failure():
    """A gateway behind a gateway sees the stream fail."""
    frames = SseReader().feed(PROTOCOL.write_stream_fault(FAULT, 5))
    watch = PROTOCOL.watch(False)
    assert [watch.see(frame) for frame in frames] == [Sight.FAILED, Sight.FAILED]
    assert watch.failure.code == "stream_cut"


async def test_sdk_raises_in_the_middle_of_a_stream(serving):
    """What was said stands, then the error is raised."""
    stream = b"".join(b"data: " + piece + b"\n\n" for piece in (CREATED, DELTA)) + PROTOCOL.write_stream_fault(FAULT, 5)
    heard = []

    async def listen(client: openai.AsyncOpenAI) -> None:
        async for said in await client.responses.create(model="m", input="Hi", stream=True):
            heard.append(said.type)

    async with (
        serving(200, {"content-type": "text/event-stream"}, stream) as base_url,
        openai.AsyncOpenAI(base_url=base_url, api_key="sk-test", max_retries=0) as client,
    ):
        with pytest.raises(openai.APIError, match="ended early"):
            await listen(client)
    assert heard == ["response.created", "response.output_text.delta"]


@in_turn(
    ("data", "place"),
    [
        (event("response.output_item.added", output_index=2, item={"type": "web_search_call", "id": "ws_1"}), 2),
        (event("response.output_item.done", output_index=2, item={"type": "web_search_call", "id": "ws_1"}), 2),
        (event("response.web_search_call.searching", output_index=2, item_id="ws_1"), 2),
        (event("response.mcp_call.in_progress", item_id="mcp_1"), "mcp_1"),
        (event("response.output_item.added", item={"type": "of_tomorrow", "id": "x_1"}), "x_1"),
        (event("response.code_interpreter_call_code.delta", output_index=2, delta="output_item. _call."), None),
        (event("response.function_call_arguments.delta", output_index=1, delta="a web_search_call."), None),
        *(
            (event("response.output_item.added", output_index=0, item={"type": kind}), None)
            for kind in ("reasoning", "message", "function_call")
        ),
        (DELTA, None),
        (b"{_call.", None),
        (event("response.web_search_call.searching", output_index="2"), None),
    ],
)
def test_calls_of_the_providers_tools_are_told_apart(data, place):
    """Each by its place in the output, so that all events of a call are one."""
    assert PROTOCOL.shown_call(data) == place


def test_calls_without_a_place_are_each_one():
    """Rather too many than too few."""
    found = {PROTOCOL.shown_call(event("response.web_search_call.in_progress")) for _ in range(3)}
    assert len(found - {None}) == 3
