"""What money needs of a Converse body."""

import json
from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn

from omnillm.errors import BadRequest
from omnillm.protocols.bedrock_converse import PROTOCOL
from omnillm.protocols.bedrock_converse.usage import usage_of_counts
from omnillm.protocols.claude_media import UNKNOWN
from omnillm.protocols.priced import read_asked
from omnillm.protocols.protocol import WEIGHTLESS, Members, Weight
from omnillm.usage import Usage

IMAGE = {"image": {"format": "png", "source": {"bytes": "A" * 8000}}}


def members(**body: Any) -> Members:
    return msgspec.json.decode(json.dumps({"messages": [], **body}), type=Members)


def conversation(*content: Any) -> Members:
    return members(messages=[{"role": "user", "content": list(content)}])


def test_output_cap_and_priced_members_are_read() -> None:
    """The cap that was written is the cap that is paid for; tiers have prices of their own."""
    peek = PROTOCOL.peek_request(members(inferenceConfig={"maxTokens": 77}, serviceTier={"type": "priority"}))
    assert (peek.output_cap, peek.price_members, peek.model) == (77, ("serviceTier",), "")
    assert PROTOCOL.peek_request(members()).output_cap is None
    for body in ({"messages": {}}, {"inferenceConfig": {"maxTokens": 0}}, {"inferenceConfig": {"maxTokens": True}}):
        with pytest.raises(BadRequest):
            PROTOCOL.peek_request(members(**body))


def test_media_weigh_as_media_and_text_as_text() -> None:
    """Base64 is taken off the text, wherever it stands, and only there."""
    text = conversation({"text": "x" * 5000})
    assert PROTOCOL.weigh(text)[1] == WEIGHTLESS
    assert PROTOCOL.weigh(text)[0] > 5000
    for content in (IMAGE, {"toolResult": {"toolUseId": "t", "content": [IMAGE]}}):
        pictured = conversation({"text": "x" * 5000}, content)
        assert 5000 < PROTOCOL.weigh(pictured)[0] < 5300
        assert PROTOCOL.weigh(pictured)[1] == Weight(4784, 1600)
    hidden = conversation({"toolUse": {"toolUseId": "t", "name": "n", "input": {"image": IMAGE["image"]}}})
    assert PROTOCOL.weigh(hidden)[0] > 8000


@in_turn(
    ("body", "tier"),
    [
        ({"serviceTier": {"type": "default"}}, ""),
        ({"serviceTier": {"type": "priority"}}, "priority"),
        ({"performanceConfig": {"latency": "standard"}}, ""),
        ({"performanceConfig": {"latency": "optimized"}}, "optimized"),
    ],
)
def test_dearer_tiers_are_asked_for_by_name(body: dict[str, Any], tier: str) -> None:
    """So that a tier whose price nobody knows is not charged as the standard one."""
    asked = members(**body)
    read = read_asked("bedrock_converse", asked, PROTOCOL.peek_request(asked).price_members, 1)
    assert (read.tier, read.unbounded) == (tier, "")


@in_turn(
    ("kind", "media", "weight"),
    [
        ("document", {"format": "pdf", "source": {"bytes": "A" * 100_000}}, Weight(25 * 4_600, 2 * 2_300)),
        ("document", {"format": "txt", "source": {"bytes": "A" * 8000}}, Weight(8000, 2000)),
        ("document", {"format": "docx", "source": {"bytes": "A" * 8000}}, UNKNOWN),
        ("document", {"format": ["txt"], "source": {"bytes": 7}}, UNKNOWN),
        ("document", {"format": "pdf", "source": {"s3Location": {"uri": "s3://b/k"}}}, UNKNOWN),
        ("document", {"format": "txt", "source": {"s3Location": {"uri": "s3://b/k"}}}, UNKNOWN),
        ("video", {"format": "mp4", "source": {"bytes": "A" * 80}}, Weight(300_000, 100_000)),
        ("audio", {"format": "wav", "source": {"bytes": "A" * 80}}, Weight(80, 20)),
    ],
)
def test_documents_and_videos_weigh_what_they_can(kind: str, media: dict[str, Any], weight: Weight) -> None:
    """Where nothing is known of a length, the most that there can be."""
    assert PROTOCOL.weigh(conversation({kind: media}))[1] == weight


@in_turn(
    ("body", "named"),
    [
        ({"additionalModelRequestFields": {"thinking": {"type": "enabled"}, "top_k": 5, "anthropic_beta": ["a"]}}, ""),
        ({"additionalModelRequestFields": {"inferenceConfig": {"topK": 5}, "tools": [{"type": "computer_20250124"}]}}, ""),
        ({"additionalModelRequestFields": {"max_tokens": 9}}, "additionalModelRequestFields.max_tokens"),
        ({"additionalModelRequestFields": {"inferenceConfig": {"maxTokens": 9}}}, "additionalModelRequestFields.inferenceConfig"),
        ({"additionalModelRequestFields": {"tools": [{"type": "web_search_20250305"}]}}, "additionalModelRequestFields.tools"),
        ({"toolConfig": {"tools": [{"toolSpec": {"name": "systemTool"}}]}}, ""),
        (
            {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}},
            "the tool systemTool (no member caps what it costs: leave it out)",
        ),
        ({"promptVariables": {"x": {"text": "y"}}}, "promptVariables"),
    ],
)
def test_what_could_hide_a_cost_is_named(body: dict[str, Any], named: str) -> None:
    """What a client may tell a model beside Converse's words is bounded, or has no bound; escapes change nothing."""
    for text in (json.dumps({"messages": [], **body}), json.dumps({"messages": [], **body}).replace("systemTool", "\\u0073ystemTool")):
        asked = msgspec.json.decode(text, type=Members)
        assert read_asked("bedrock_converse", asked, PROTOCOL.peek_request(asked).price_members, 1).unbounded == named


@pytest.mark.parametrize("name", ["additionalModelRequestFields", "toolConfig"])
def test_member_that_stands_twice_hides_nothing(name: str) -> None:
    """Which of the two the service reads is not sure."""
    twice = {
        "additionalModelRequestFields": b'{"inferenceConfig":{"maxTokens":9},"inferenceConfig":{"topK":1}}',
        "toolConfig": b'{"tools":[{"systemTool":{"name":"x"}}],"tools":[]}',
    }
    asked = msgspec.json.decode(b'{"messages":[],"%b":%b}' % (name.encode(), twice[name]), type=Members)
    assert "twice" in read_asked("bedrock_converse", asked, PROTOCOL.peek_request(asked).price_members, 1).unbounded


@in_turn(
    "messages",
    [[], [7], [{"content": 7}], [{"content": [7, None, {"image": 7}, {"image": {"source": 7}}, {"toolResult": 7}, {"guardContent": 7}]}]],
)
def test_odd_conversations_are_weighed_and_left_to_the_service(messages: list[Any]) -> None:
    """Whatever a client wrote, nothing raises but a BadRequest."""
    odd = members(messages=[*messages, "source"])
    assert PROTOCOL.peek_request(odd).output_cap is None
    assert PROTOCOL.weigh(odd)[1] == WEIGHTLESS
    assert PROTOCOL.weigh(odd)[0] > 0


def test_pictures_cannot_hide() -> None:
    """In what is guarded, or behind escapes."""
    guarded = conversation({"guardContent": IMAGE})
    hidden = msgspec.json.decode(json.dumps({"messages": [{"content": [IMAGE]}]}).replace("source", "\\u0073ource"), type=Members)
    assert PROTOCOL.weigh(guarded)[1] == PROTOCOL.weigh(hidden)[1] == Weight(4784, 1600)


def test_body_that_counts_tokens_needs_no_messages() -> None:
    """Its input stands in a member of its own."""
    asked = msgspec.json.decode(b'{"input":{"converse":{}}}', type=Members)
    assert PROTOCOL.peek_request(asked).price_members == ()
    for body in (b"{}", b'{"input":{"converse":{}},"messages":{}}'):
        with pytest.raises(BadRequest):
            PROTOCOL.peek_request(msgspec.json.decode(body, type=Members))


def test_the_makers_own_tools_weigh_what_they_do_not_show() -> None:
    """As at their maker's own API; a caller's own tools weigh their text."""
    own = {"tools": [{"type": "bash_20250124", "name": "bash"}, {"type": "text_editor_20250728", "name": "edit"}]}
    told: dict[str, Any] = {"messages": [], "additionalModelRequestFields": own}
    for fields, least in ((own, 945), ({"top_k": 5}, 0), (5, 0)):
        body = msgspec.json.decode(json.dumps(told | {"additionalModelRequestFields": fields}), type=dict[str, msgspec.Raw])
        assert PROTOCOL.weigh(body)[1].most >= least


@in_turn(
    ("counts", "usage"),
    [
        ({"inputTokens": 5}, Usage(input=5)),
        ({"outputTokens": 7}, Usage(output=7)),
        ({"totalTokens": 7}, None),
        ({"inputTokens": "x"}, None),
        (
            {"inputTokens": 5, "outputTokens": 7, "cacheReadInputTokens": 11, "cacheWriteInputTokens": 13},
            Usage(input=5, output=7, cache_read=11, cache_write_short=13),
        ),
        (
            {
                "inputTokens": 5,
                "cacheWriteInputTokens": 13,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, {"ttl": "1h"}, {"inputTokens": 9}],
            },
            Usage(input=5, cache_write_short=9, cache_write_long=4),
        ),
        (
            {"inputTokens": 5, "cacheWriteInputTokens": 3, "cacheDetails": [{"ttl": "1h", "inputTokens": 4}]},
            Usage(input=5, cache_write_long=3),
        ),
    ],
)
def test_usage_is_brought_to_disjoint_counts(counts: dict[str, Any], usage: Usage | None) -> None:
    """What is written for an hour is a part of what is written; without input and output there is no usage."""
    assert usage_of_counts(counts) == usage
