"""Requests and replies of the Messages API, peeked."""

import json

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.conftest import recordings
from tests.protocols.peeking import members

from omnillm.errors import BadRequest
from omnillm.outcome import Verdict
from omnillm.pricing.estimate import HIDDEN_TOKENS
from omnillm.protocols.anthropic_messages import PROTOCOL
from omnillm.protocols.extras import Served
from omnillm.protocols.protocol import WEIGHTLESS, Weight
from omnillm.usage import MAX_COUNT, Usage

ASK = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}


def peek(**changes: object):
    return PROTOCOL.peek_request(members({**ASK, **changes}))


def reply(usage: object, **changes: object) -> bytes:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
    }
    return json.dumps({**message, "usage": usage, **changes}).encode()


def test_request_names_its_model_cap_and_stream():
    """What routing and limits need is read, and a plain request decides no price."""
    asked = peek(stream=True)
    assert (asked.model, asked.is_stream, asked.output_cap, asked.n, asked.price_members) == ("claude-sonnet-5", True, 64, 1, ())
    assert asked.wants_usage


def test_absent_cap_is_none():
    """The engine injects a cap where the caller gave none; the token count endpoint has none."""
    assert PROTOCOL.peek_request(members({"model": "m", "messages": []})).output_cap is None
    assert peek(max_tokens=None).output_cap is None
    assert peek(stream=None).is_stream is False


@in_turn("cap", [0, -1, 1.5, 64.0, 1e30, "64", True, [64], {}, 2**31 + 1, 2**70])
def test_absurd_cap_is_the_callers_mistake(cap):
    """A budget cannot be bypassed by a cap that is not a plain positive integer."""
    with pytest.raises(BadRequest, match="`max_tokens` must be an integer from 1 to 2147483648"):
        peek(max_tokens=cap)


@in_turn(
    ("member", "value"),
    [
        ("model", ""),
        ("model", "m" * 257),
        ("model", 5),
        ("model", None),
        ("stream", "true"),
        ("stream", 1),
        ("messages", {}),
        ("messages", "hello"),
        ("messages", None),
        ("tools", {}),
        ("tools", [1]),
    ],
)
def test_wrong_type_is_named(member, value):
    """The message of a refused request says which member was wrong."""
    with pytest.raises(BadRequest, match=f"`{member}` "):
        peek(**{member: value})


@pytest.mark.parametrize("member", ["model", "messages"])
def test_required_member_is_missed(member):
    """A request without a model or a conversation goes nowhere."""
    body = {name: value for name, value in ASK.items() if name != member}
    with pytest.raises(BadRequest, match=f"`{member}` "):
        PROTOCOL.peek_request(members(body))


def test_members_that_decide_the_price_are_named():
    """A tier, a speed, further servers and tools that the provider runs are named; the caller's own tools are not."""
    own = {"name": "web_search_of_mine", "input_schema": {}}
    search = {"type": "web_search_20260318", "name": "web_search"}
    assert peek(tools=[own, {"type": "custom", **own}, {"type": "bash_20250124"}]).price_members == ()
    assert peek(speed="fast").price_members == ("speed",)
    assert peek(service_tier="auto", speed="fast", tools=[own, search]).price_members == ("service_tier", "speed", "tools")


def test_escaped_tool_type_is_seen():
    """A tool's type that is spelt with escapes is still that type."""
    body = json.dumps(ASK)[:-1] + ', "tools": [{"type": "web\\u005fsearch_20260318"}]}'
    decoded = msgspec.json.decode(body.encode(), type=dict[str, msgspec.Raw])
    assert PROTOCOL.peek_request(decoded).price_members == ("tools",)


def test_usage_is_disjoint():
    """Cache reads and writes are outside the input, thinking is inside the output, searches alone are paid by the call."""
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 70,
        "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 40},
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 15},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 3},
        "service_tier": "standard",
    }
    seen = PROTOCOL.peek_reply(reply(usage))
    assert seen.is_complete
    assert seen.usage == Usage(input=10, cache_read=20, cache_write_short=30, cache_write_long=40, output=35, reasoning=15, tool_calls=2)
    told = [{"inference_geo": "global"}, {"speed": "standard", "inference_geo": 5}, {"speed": "fast"}, {"inference_geo": "us"}]
    assert [PROTOCOL.peek_reply(reply(usage | each)).tier for each in told] == ["standard", "standard", "fast", Served("standard", "us")]


@in_turn(
    ("split", "short", "long"),
    [(None, 100, 0), ((60, 0), 100, 0), ((0, 60), 0, 100), ((60, 40), 60, 40), ((80, 80), 80, 80)],
)
def test_cache_writes_without_a_whole_split_are_never_cheaper(split, short, long):
    """What the split does not explain of a total goes to the dearer term that is in use."""
    usage = {"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 100}
    if split is not None:
        usage["cache_creation"] = {"ephemeral_5m_input_tokens": split[0], "ephemeral_1h_input_tokens": split[1]}
    seen = PROTOCOL.peek_reply(reply(usage)).usage
    assert (seen.cache_write_short, seen.cache_write_long) == (short, long)


def test_turns_outside_the_total_are_added():
    """Compaction and an adviser's turns are billed and stand in no total; the other turns do."""
    turns = [
        {"type": "compaction", "input_tokens": 1000, "output_tokens": 100},
        {"type": "advisor_message", "input_tokens": 200, "output_tokens": 20},
        {"type": "message", "input_tokens": 5, "output_tokens": 3},
    ]
    seen = PROTOCOL.peek_reply(reply({"input_tokens": 5, "output_tokens": 3, "iterations": turns}))
    assert seen.usage == Usage(input=1205, output=123)


@in_turn(
    ("usage", "expected"),
    [
        ({"input_tokens": -5, "output_tokens": 7}, Usage(output=7)),
        ({"input_tokens": 2**63, "output_tokens": 7}, Usage(input=MAX_COUNT, output=7)),
        ({"input_tokens": 3.9, "output_tokens": 7}, Usage(input=3, output=7)),
        ({"input_tokens": 1, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 9}}, Usage(input=1, reasoning=5)),
        ({"input_tokens": None, "output_tokens": 0}, Usage()),
        ({}, None),
        (None, None),
    ],
)
def test_lies_are_clamped_and_silence_is_unknown(usage, expected):
    """A count is never negative nor absurd, and no usage is not the usage of nothing."""
    seen = PROTOCOL.peek_reply(reply(usage))
    assert seen.is_complete
    assert seen.usage == expected


@in_turn(
    "body",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        reply({"input_tokens": 1, "output_tokens": 1})[:-1],
        reply({"input_tokens": 1, "output_tokens": 1}) + b"{}",
        b"null",
        b"[]",
        b'"message"',
        b"{}",
        b'{"type":"message"}',
        b'{"type":"message","content":"hi"}',
        b'{"type":"completion","content":[]}',
        b'{"id":"chatcmpl-1","object":"chat.completion","choices":[]}',
        b'\xff{"type":"message","content":[]}',
        b"[" * 5000,
    ],
)
def test_other_bodies_are_no_replies(body):
    """HTML, cut JSON and other shapes under a 200 are not a complete reply."""
    seen = PROTOCOL.peek_reply(body)
    assert not seen.is_complete
    assert seen.usage is None


def test_error_under_a_success_status_is_a_failure():
    """An error body is an error whatever its status."""
    seen = PROTOCOL.peek_reply(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}')
    assert not seen.is_complete
    assert seen.failure.verdict is Verdict.OVERLOADED


@in_turn("anthropic_reply", recordings("anthropic", ".json"))
def test_recorded_replies_are_complete_with_usage(anthropic_reply):
    """Every recorded reply is complete, and its counts add up to what it reported."""
    body = anthropic_reply.read_bytes()
    reported = json.loads(body)["usage"]
    apart = [turn for turn in reported.get("iterations") or () if turn["type"] in {"compaction", "advisor_message"}]
    seen = PROTOCOL.peek_reply(body)
    assert seen.is_complete
    assert seen.failure is None
    assert seen.usage.completion_tokens == reported["output_tokens"] + sum(turn["output_tokens"] for turn in apart)
    prompt = sum(reported.get(name) or 0 for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"))
    assert seen.usage.prompt_tokens == prompt + sum(turn["input_tokens"] for turn in apart)


def test_media_are_weighed_where_they_stand():
    """Pictures weigh the same inline and by address, also in a tool's result; plain text in a document counts as text."""
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    inline = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 9000}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [picture]}
    notes = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "word " * 2000}}

    def weigh(*blocks: object) -> int:
        return PROTOCOL.weigh(members({**ASK, "messages": [{"role": "user", "content": list(blocks)}]}))[1].most

    assert PROTOCOL.weigh(members(ASK))[1] == WEIGHTLESS
    assert weigh(picture) == weigh(inline) == weigh(result) > 1600
    assert weigh(picture, inline, result) == 3 * weigh(picture)
    assert weigh(notes) >= 10_000
    assert weigh({"type": "document", "source": {"type": "file", "file_id": "f"}}) > weigh(
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "A" * 9000}}
    )
    assert weigh({"type": "document", "source": {"type": "content", "content": [picture]}}) == weigh(picture)


@in_turn(
    ("source", "most", "usual"),
    [
        ({"type": "url", "url": "https://example.com/a.pdf"}, 460_000, 11_500),
        ({"type": "file", "file_id": "f"}, 460_000, 11_500),
        ({"type": "base64", "media_type": "application/pdf", "data": "A" * 100_000}, 25 * 4_600, 2 * 2_300),
        ({"type": "base64", "media_type": "application/pdf", "data": "A" * 9_000_000}, 460_000, 100 * 2_300),
        ({"type": "text", "media_type": "text/plain", "data": "word " * 2000}, 10_002, 2_500),
        ({"type": "content", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}, 4_784, 1_600),
    ],
)
def test_a_document_is_bounded_by_the_longest_and_expected_to_be_a_usual_one(source, most, usual):
    """Money rests on the first; of a key's tokens a minute the second is reserved, until the provider has counted."""
    block = {"type": "document", "source": source}
    weighed = Weight(most, usual)
    assert PROTOCOL.weigh(members({**ASK, "messages": [{"role": "user", "content": [block]}]}))[1] == weighed
    result = {"type": "tool_result", "tool_use_id": "t", "content": [block]}
    assert PROTOCOL.weigh(members({**ASK, "messages": [{"role": "user", "content": [block, result]}]}))[1] == weighed + weighed


def test_the_makers_own_tools_weigh_what_they_do_not_show():
    """Each of them has a description in the prompt that is paid and that the request does not show; a caller's own has none."""
    own = [{"name": name, "type": f"{name}_20250728"} for name in ("computer", "text_editor", "bash")]
    _, weight = PROTOCOL.weigh(members({**ASK, "tools": own}))
    assert weight.most + HIDDEN_TOKENS["anthropic_messages"] >= 346 + 499 + 735 + 700 + 245
    callers = [{"name": "search", "input_schema": {"type": "object"}}, {"name": "find_2024", "type": "custom", "input_schema": {}}]
    assert PROTOCOL.weigh(members({**ASK, "tools": callers}))[1] == WEIGHTLESS
    hidden = members(ASK) | {"tools": msgspec.Raw(b'[{"type":"bash\\u005f20250124","name":"bash"}]')}
    assert PROTOCOL.weigh(hidden)[1].most > 0
    assert PROTOCOL.weigh(members({**ASK, "tools": "none"}))[1] == WEIGHTLESS


def test_media_bytes_are_not_text():
    """Base64 is not counted as text, while all that the model reads is."""
    blocks = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 90_000}}]
    assert PROTOCOL.weigh(members({**ASK, "messages": [{"role": "user", "content": blocks}]}))[0] < 1000
    assert PROTOCOL.weigh(members({**ASK, "system": "s" * 5000}))[0] > 5000


def test_a_text_counts_once_and_what_hides_in_the_place_of_bytes_as_text():
    """A document of plain text is weighed as what it is, short or long; `data` that is no string may hold whatever a host reads."""
    for size in (40, 40_000):
        blocks = [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "w" * size}}]
        text, media = PROTOCOL.weigh(members({**ASK, "messages": [{"role": "user", "content": blocks}]}))
        assert size < text + media.most < size + 200
    hidden = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ["w" * 9_000]}}]
    assert PROTOCOL.weigh(members({**ASK, "messages": [{"role": "user", "content": hidden}]}))[0] > 9_000


def test_unknown_shape_of_a_conversation_weighs_all_its_bytes():
    """A conversation that cannot be read cannot smuggle a picture past the budget."""
    odd = members({**ASK, "messages": [{"role": "user", "content": {"type": "image", "source": {"data": "A" * 9000}}}]})
    assert PROTOCOL.weigh(odd)[1].most > 9000
