"""Recorded replies of OpenAI, Azure, DeepSeek, Groq, Mistral and xAI: each is read whole, and no cut one counts as whole."""

from pathlib import Path

import msgspec
import pytest
from tests.in_turn import in_turn

from omnillm.framing.sse import SseReader
from omnillm.protocols.openai_chat import PROTOCOL
from omnillm.protocols.protocol import Sight, StreamWatch

RECORDED = Path(__file__).parents[4] / "shared" / "fixtures" / "vercel-ai"
FAMILIES = ("openai/chat", "azure", "deepseek/chat", "groq", "mistral", "xai", "openai-compatible/chat")

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded replies are not on this machine")


def files(pattern: str) -> list[Path]:
    return sorted(path for family in FAMILIES for path in (RECORDED / family).glob(pattern))


def chat_replies() -> list[Path]:
    return [path for path in files("*.json") if b'"chat.completion"' in path.read_bytes()]


def chat_streams() -> list[Path]:
    return [path for path in files("*.chunks.txt") if b"chat.completion.chunk" in path.read_bytes()[:2000]]


def framed(path: Path) -> list[bytes]:
    return [b"data: " + line + b"\n\n" for line in path.read_bytes().splitlines() if line.strip()] + [b"data: [DONE]\n\n"]


def follow(raw: bytes) -> tuple[list[int], StreamWatch]:
    watch = PROTOCOL.watch(False)
    return [watch.see(frame) for frame in SseReader().feed(raw)], watch


@in_turn("path", chat_replies(), ids=lambda path: path.name)
def test_recorded_reply_is_complete_and_its_usage_adds_up(path):
    """Prompt and everything generated are found, each token once."""
    body = path.read_bytes()
    peek = PROTOCOL.peek_reply(body)
    reported = msgspec.json.decode(body)["usage"]
    assert peek.is_complete
    assert peek.failure is None
    assert peek.usage.prompt_tokens == reported["prompt_tokens"]
    assert peek.usage.total_tokens == reported["total_tokens"]
    assert peek.usage.cache_read == ((reported.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)


@in_turn("path", chat_replies(), ids=lambda path: path.name)
def test_recorded_reply_cut_anywhere_is_not_complete(path):
    """Truncated JSON is never a reply."""
    body = path.read_bytes().rstrip()
    for cut in range(0, len(body) - 1, max(1, len(body) // 40)):
        peek = PROTOCOL.peek_reply(body[:cut])
        assert not peek.is_complete
        assert peek.usage is None


@in_turn("path", chat_streams(), ids=lambda path: path.name)
def test_recorded_stream_shows_content_usage_and_end(path):
    """Content comes once and first, then usage, then the end, which is the last sight."""
    pieces = framed(path)
    sights, watch = follow(b"".join(pieces))
    reported = [usage for piece in pieces[:-1] if (usage := msgspec.json.decode(piece[6:]).get("usage"))]
    assert sights.count(Sight.CONTENT) == 1
    assert [sight for sight in sights if sight] == [Sight.CONTENT, Sight.END]
    assert watch.at_end_of_stream()
    assert watch.usage.total_tokens == reported[-1]["total_tokens"]


def test_recorded_usage_frame_is_withheld_only_when_it_stands_alone():
    """Azure's first chunk has no choices either, but no usage: it is forwarded."""
    pieces = framed(RECORDED / "openai/chat/azure-model-router.1.chunks.txt")
    watch = PROTOCOL.watch(True)
    sights = [watch.see(frame) for frame in SseReader().feed(b"".join(pieces))]
    assert [at for at, sight in enumerate(sights) if sight & Sight.WITHHOLD] == [len(pieces) - 2]
    assert watch.usage.reasoning == 64


def test_recorded_xai_reasoning_outside_the_completion_is_counted():
    """xAI's completion leaves reasoning out: only its total shows what is billed."""
    usage = PROTOCOL.peek_reply((RECORDED / "xai/xai-text.json").read_bytes()).usage
    assert (usage.input, usage.cache_read, usage.output, usage.reasoning) == (10, 2, 1, 228)
