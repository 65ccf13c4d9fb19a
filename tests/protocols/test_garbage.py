"""What is garbled says nothing where only a look is taken at it: whoever is asked for it next tells what is wrong with it."""

import json
from typing import Any

import pytest
from tests.in_turn import in_turn

from omnillm.errors import BadRequest
from omnillm.framing.eventstream import event, exception
from omnillm.framing.sse import Frame
from omnillm.outcome import Verdict
from omnillm.protocols.bedrock_converse.frames import EventFrames
from omnillm.protocols.members import read_members, repeats_a_name
from omnillm.protocols.protocol import Sight
from omnillm.protocols.registry import PROTOCOLS
from omnillm.protocols.sessions.gemini_live import LiveWatch
from omnillm.protocols.sessions.openai_realtime import RealtimeWatch
from omnillm.protocols.token_counts import read_count
from omnillm.usage import Usage

DEEP = b"[" * 5_000 + b"]" * 5_000
EVERY = ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content", "gemini_interactions", "bedrock_converse")
HOSTILE = (
    *(b"", b"<html>502</html>", b"[]", b"[1,2]", b"[null]", b'[{"error":1}]', b'"x"', b"null", b"7", b"\xff\xfe"),
    *(b'{"error":null}', b'{"error":[1]}', b'{"message":7}', b"[" * 9_000),
)


@in_turn(
    ("protocol", "members"),
    [
        ("anthropic_messages", {"thread": 7}),
        ("anthropic_messages", {"container": 7}),
        ("gemini_generate_content", {"cachedContent": 7}),
        ("gemini_interactions", {"previous_interaction_id": 7, "environment": 7}),
        ("gemini_interactions", {"environment": {"type": "remote"}}),
        ("openai_responses", {"conversation": 7, "previous_response_id": 7}),
    ],
)
def test_request_that_names_something_odd_names_nothing(protocol: str, members: dict[str, Any]) -> None:
    """It goes to any key, and the provider refuses it."""
    body = json.dumps(members).encode()
    assert PROTOCOLS[protocol].named_ids(read_members(body), body) == ()


def test_body_that_hides_names_in_what_is_no_json_is_refused() -> None:
    """An id behind an escape could be another caller's."""
    body = b'{"input":"file_id \\u0066' + b"\\ud8"
    with pytest.raises(BadRequest, match="not valid JSON"):
        PROTOCOLS["openai_responses"].named_ids({}, body)


@in_turn("protocol", EVERY)
@in_turn("body", [b"", b"{", b"[]", b"\xff", b'{"usage":7,"usageMetadata":7}', DEEP])
def test_reply_that_is_none_has_no_usage(protocol: str, body: bytes) -> None:
    """Nor is it whole; an error that cannot be read is one all the same."""
    peek = PROTOCOLS[protocol].peek_reply(body)
    assert (peek.usage, peek.is_complete) == (None, False)
    assert PROTOCOLS[protocol].read_failure(503, {}, body, 0.0).status == 503
    assert read_count(protocol, body) is None


@in_turn("protocol", EVERY)
@in_turn("body", HOSTILE)
def test_hostile_body_is_judged_by_the_status(protocol: str, body: bytes) -> None:
    """Whatever a proxy puts in place of an error, the status still says whose trouble it is."""
    assert PROTOCOLS[protocol].read_failure(502, {}, body, 0.0).verdict is Verdict.SERVER_FAULT
    assert PROTOCOLS[protocol].read_failure(429, {}, body, 0.0).verdict is Verdict.RATE_LIMITED


@in_turn("usage", [7, {}, {"totalTokens": 9}, {"inputTokens": "3"}])
def test_usage_of_converse_that_counts_nothing_is_none(usage: Any) -> None:
    """A bill without numbers: what was reserved is settled."""
    reply = {"output": {"message": {"role": "assistant", "content": []}}, "stopReason": "end_turn", "usage": usage}
    assert PROTOCOLS["bedrock_converse"].peek_reply(json.dumps(reply).encode()).usage is None


def test_end_of_a_converse_stream_that_is_garbled_is_a_failure() -> None:
    """What follows messageStop has the bill; an exception without a body is known by its name."""
    watch = PROTOCOLS["bedrock_converse"].watch(False)
    [frame] = EventFrames().feed(event("metadata", b"{"))
    assert watch.see(frame) == Sight.FAILED
    assert watch.failure is not None
    assert not watch.at_end_of_stream()
    other = PROTOCOLS["bedrock_converse"].watch(False)
    [frame] = EventFrames().feed(exception("throttlingException", b"{"))
    assert other.see(frame) == Sight.FAILED
    assert other.failure is not None
    assert other.failure.verdict is Verdict.RATE_LIMITED


def test_container_that_is_none_is_not_kept() -> None:
    """What a reply of Anthropic's ran its code in is another thing to name; its end is the end all the same."""
    watch = PROTOCOLS["anthropic_messages"].watch(False)
    start = b'{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":1,"output_tokens":1}}}'
    change = b'{"type":"message_delta","delta":{"container":7},"usage":{"output_tokens":2}}'
    sights = [watch.see(Frame(b"", data, b"")) for data in (start, change, b'{"type":"message_stop"}')]
    assert sights[-1] == Sight.END
    assert watch.usage == Usage(input=1, output=2)
    made = PROTOCOLS["anthropic_messages"].made_ids
    assert made is not None
    assert ("container", "7") not in made({}, b"", watch)


def test_invoked_body_does_not_say_what_its_path_says() -> None:
    """As the service has it."""
    for name in ("model", "stream"):
        with pytest.raises(BadRequest, match=f"\\[{name}\\] is not permitted"):
            PROTOCOLS["bedrock_invoke"].peek_request(read_members(json.dumps({name: "x", "max_tokens": 9, "messages": []}).encode()))


def test_what_is_too_deep_to_look_into_may_repeat_a_name() -> None:
    """So that it is refused, and not believed."""
    assert repeats_a_name(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


def test_message_of_a_live_session_that_cannot_be_read_is_paid_for() -> None:
    """It may be a question, and as long as it is; counts that lie are clamped, and a bill that is none is none."""
    watch = LiveWatch()
    before = watch.prompt_tokens
    watch.to_provider(b"{")
    assert (watch.open_turns, watch.prompt_tokens) == (1, before + 1)
    assert list(watch.from_provider(b'{"usageMetadata":7}')) == []
    [report] = watch.from_provider(
        b'{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":-5,"responseTokenCount":3.9}}'
    )
    assert report.usage == Usage(output=3)


def test_event_of_a_realtime_session_that_cannot_be_read_reports_nothing() -> None:
    """Neither a bill nor a transcriber."""
    watch = RealtimeWatch()
    assert list(watch.from_provider(b'{"type":"response.done","response":7}')) == []
    before = watch.prompt_tokens
    watch.to_provider(b'{"type":"session.update","session":7}')
    watch.to_provider(b'{"type":"session.update","session":"\\u0069 \\ud8')
    assert watch.prompt_tokens > before
