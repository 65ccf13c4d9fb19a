"""What money needs of a Converse body."""

import json
from typing import Any

import msgspec
import pytest

from omnillm.errors import BadRequest
from omnillm.protocols.bedrock_converse import PROTOCOL
from omnillm.protocols.priced import read_asked
from omnillm.protocols.protocol import Members

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
    assert PROTOCOL.media_tokens(text) == 0
    assert PROTOCOL.text_bytes(text) > 5000
    for content in (IMAGE, {"toolResult": {"toolUseId": "t", "content": [IMAGE]}}):
        pictured = conversation({"text": "x" * 5000}, content)
        assert 5000 < PROTOCOL.text_bytes(pictured) < 5300
        assert PROTOCOL.media_tokens(pictured) == 4784
    hidden = conversation({"toolUse": {"toolUseId": "t", "name": "n", "input": {"image": IMAGE["image"]}}})
    assert PROTOCOL.text_bytes(hidden) > 8000


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
    ("kind", "media", "least"),
    [
        ("document", {"format": "pdf", "source": {"bytes": "A" * 8000}}, 2 * 4600),
        ("document", {"format": "txt", "source": {"bytes": "A" * 8000}}, 6000),
        ("document", {"format": "docx", "source": {"bytes": "A" * 8000}}, 400_000),
        ("document", {"format": "pdf", "source": {"s3Location": {"uri": "s3://b/k"}}}, 400_000),
        ("video", {"format": "mp4", "source": {"bytes": "A" * 80}}, 100_000),
        ("audio", {"format": "wav", "source": {"bytes": "A" * 80}}, 80),
    ],
)
def test_documents_and_videos_weigh_what_they_can(kind: str, media: dict[str, Any], least: int) -> None:
    """Where nothing is known of a length, the most that there can be."""
    assert PROTOCOL.media_tokens(conversation({kind: media})) >= least
