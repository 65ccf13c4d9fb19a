"""Requests and replies of the Responses API, peeked."""

import json

import pytest
from tests.in_turn import in_turn
from tests.protocols.peeking import members

from omnillm.errors import BadRequest
from omnillm.outcome import Verdict
from omnillm.protocols.openai_responses import PROTOCOL
from omnillm.protocols.protocol import WEIGHTLESS, Weight
from omnillm.usage import MAX_COUNT, Usage

ASK = {"model": "gpt-5-mini", "input": "Hello"}


def peek(**changes: object):
    return PROTOCOL.peek_request(members({**ASK, **changes}))


def reply(usage: object = None, **changes: object) -> bytes:
    message = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]}
    body = {"id": "resp_1", "object": "response", "status": "completed", "error": None, "output": [message], "usage": usage}
    return json.dumps({**body, **changes}).encode()


def test_plain_request_is_read():
    """A string or items, a cap, a stream that always reports its usage."""
    for given_input in ("Hello", [{"role": "user", "content": "Hello"}], []):
        asked = peek(input=given_input, stream=True, max_output_tokens=64)
        assert (asked.model, asked.is_stream, asked.output_cap, asked.n, asked.price_members) == ("gpt-5-mini", True, 64, 1, ())
        assert asked.wants_usage


@in_turn(
    ("changes", "message"),
    [
        *(({"max_output_tokens": cap}, "`max_output_tokens` must be an integer") for cap in (0, -1, 1.5, 1e30, "64", True, 2**70)),
        *(({"model": model}, "`model`") for model in ("", "m" * 257, 7, None)),
        *(({"stream": stream}, "`stream` must be a boolean") for stream in ("true", 1, {})),
        *(({"input": given_input}, "`input` must be a string or an array") for given_input in (None, {}, 7, True)),
        *(({"tools": tools}, "`tools` must be an array of objects") for tools in ({}, "x", [1], [{"type": 1}])),
    ],
)
def test_wrong_type_is_named(changes, message):
    """The message names the member and what it must be."""
    with pytest.raises(BadRequest, match=message):
        peek(**changes)


def test_absent_members_are_the_callers_mistake_unless_a_stored_prompt_stands_in():
    """The input may be all in a stored prompt, whose price the body does not show."""
    for body in ({"input": "x"}, {"model": "m"}):
        with pytest.raises(BadRequest):
            PROTOCOL.peek_request(members(body))
    assert PROTOCOL.peek_request(members({"model": "m", "prompt": {"id": "pmpt_1"}})).price_members == ("prompt",)


def test_members_that_decide_the_price_are_named():
    """Tiers, input that the body does not show, and tools that the provider runs; the client's own tools cost nothing."""
    assert peek(service_tier="priority", previous_response_id="resp_0").price_members == ("service_tier", "previous_response_id")
    assert peek(tools=[{"type": "function", "name": "f"}, {"type": "custom"}, {"type": "namespace"}]).price_members == ()
    assert peek(tools=[{"type": "function", "name": "f"}, {"type": "web_search"}]).price_members == ("tools",)
    assert peek(reasoning={"mode": "pro"}, tools=[{"type": "mcp"}]).price_members == ("reasoning", "tools")
    assert peek(reasoning={"effort": "low"}, temperature=0.5).price_members == ()


def test_usage_is_split_into_disjoint_counts():
    """Cached, written and reasoned tokens are taken out of the totals; paid tool calls and images are counted from the output."""
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {
            "cached_tokens": 40,
            "cache_write_tokens": 20,
            "cache_write_tokens_details": {"ttl_12h_tokens": 15, "ttl_30m_tokens": 5},
            "image_tokens": 12,
        },
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 30, "image_tokens": 8},
        "total_tokens": 150,
    }
    output = [{"type": kind} for kind in ("reasoning", "web_search_call", "web_search_call", "image_generation_call", "message")]
    prompt = Usage(input=28, cache_read=40, cache_write_short=5, cache_write_long=15, input_image=12)
    made = Usage(output=12, reasoning=30, output_image=8, tool_calls=2, images=1)
    assert PROTOCOL.peek_reply(reply(usage, output=output)).usage == prompt + made


def test_lying_or_missing_usage_is_clamped_or_unknown():
    """Absurd numbers become counts; absence is not zero."""
    assert PROTOCOL.peek_reply(reply({"input_tokens": -1, "output_tokens": 2**70})).usage == Usage(output=MAX_COUNT)
    assert PROTOCOL.peek_reply(reply()).usage is None
    assert PROTOCOL.peek_reply(reply({"input_tokens": 0, "output_tokens": 0})).usage == Usage()
    assert PROTOCOL.peek_reply(reply({"input_tokens": 1, "num_server_side_tools_used": 6})).usage == Usage(input=1, tool_calls=6)


def test_what_xai_runs_is_counted_but_for_what_is_not_paid_by_the_call():
    """Of a remote server's tools only the tokens cost."""
    told = {"num_server_side_tools_used": 9, "server_side_tool_usage_details": {"web_search_calls": 1, "x_search_calls": 6, "mcp_calls": 2}}
    assert PROTOCOL.peek_reply(reply({"input_tokens": 1, **told})).usage == Usage(input=1, tool_calls=7)


def test_what_perplexity_runs_is_counted_by_tool():
    """As its Agent API tells it."""
    told = {"search_web": {"invocation": 3, "cost_usd": 0.0075}, "fetch_url": {"invocation": 1}}
    usage = {"input_tokens": 4000, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 300, "tool_calls_details": told}
    assert PROTOCOL.peek_reply(reply(usage)).usage == Usage(input=4000, output=300, tool_calls=4)


@in_turn("status", ["completed", "incomplete", "queued", "in_progress"])
def test_finished_or_accepted_response_is_complete(status):
    """A response cut by its cap is a whole answer, and so is the receipt of a background response."""
    assert PROTOCOL.peek_reply(b"\n\n" + reply(status=status)).is_complete


@in_turn("body", [b"", b"<html>", b"{}", b"[]", b'{"status": "completed"}', b'{"output": []}', reply(status="cancelled"), b"\xff"])
def test_something_else_is_not_a_reply(body):
    """HTML, truncated JSON, another shape: never a success."""
    assert not PROTOCOL.peek_reply(body).is_complete


def test_failed_response_is_a_failure_with_its_usage():
    """Under a success status, `status: failed` and an error say that it failed, and what it cost."""
    error = {"code": "rate_limit_exceeded", "message": "m"}
    usage = {"input_tokens": 5, "output_tokens": 1}
    for body in (reply(usage, status="failed", error=error), reply(usage, error=error)):
        peek = PROTOCOL.peek_reply(body)
        assert not peek.is_complete
        assert peek.failure.verdict is Verdict.RATE_LIMITED
        assert PROTOCOL.read_failure(200, {}, body, 0.0).usage == peek.usage == Usage(input=5, output=1)
    assert PROTOCOL.peek_reply(reply(status="failed")).failure.verdict is Verdict.SERVER_FAULT


def test_media_weigh_their_maxima():
    """Images in messages, screenshots in tool outputs, files by id."""
    picture = {"type": "input_image", "image_url": "https://example.com/a.png"}
    message = {"role": "user", "content": [picture]}
    screenshot = {
        "type": "computer_call_output",
        "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,AA"},
        "acks": [],
    }
    one = PROTOCOL.weigh(members({"input": [message]}))[1]
    assert one.most > one.usual > 0
    assert PROTOCOL.weigh(members({"input": [message, screenshot]}))[1] == one + one
    assert PROTOCOL.weigh(members({"input": [{"content": [{"type": "input_file", "file_id": "file-1"}]}]}))[1] == Weight(400_000, 12_500)
    assert PROTOCOL.weigh(members(ASK))[1] == PROTOCOL.weigh(members({"model": "m"}))[1] == WEIGHTLESS
