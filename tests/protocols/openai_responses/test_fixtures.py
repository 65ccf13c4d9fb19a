"""Recorded Responses of OpenAI, Azure, xAI and LM Studio: each is read whole, and no cut one counts as whole."""

from pathlib import Path

import msgspec
import pytest
from tests.in_turn import in_turn

from omnillm.framing.sse import SseReader
from omnillm.outcome import Verdict
from omnillm.protocols.openai_responses import PROTOCOL
from omnillm.protocols.protocol import Sight

RECORDED = Path(__file__).parents[4] / "shared" / "fixtures" / "vercel-ai"
FAMILIES = ("openai/responses", "azure", "xai/responses", "open-responses/responses")

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded replies are not on this machine")


def files(pattern: str, marker: bytes) -> list[Path]:
    return sorted(path for family in FAMILIES for path in (RECORDED / family).glob(pattern) if marker in path.read_bytes())


def responses() -> list[Path]:
    found = files("*.json", b'"response"')
    return [path for path in found if msgspec.json.decode(path.read_bytes()).get("object") == "response"]


def streams() -> list[tuple[str, list[bytes]]]:
    """Every recorded stream from its `response.created` on; a file can hold several, one a turn."""
    turns: list[tuple[str, list[bytes]]] = []
    for path in files("*.chunks.txt", b'"response.created"'):
        for line in path.read_bytes().splitlines():
            if b'"type":"response.created"' in line:
                turns.append((f"{path.name}-{len(turns)}", []))
            if line.strip():
                turns[-1][1].append(line)
    return [(name, lines) for name, lines in turns if b'"type":"response.completed"' in lines[-1] and is_json(lines[-1])]


def is_json(line: bytes) -> bool:
    """One recording lacks its last brace."""
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return True


def framed(lines: list[bytes], is_named: bool) -> bytes:
    names = [b"event: " + msgspec.json.decode(line)["type"].encode() + b"\n" if is_named else b"" for line in lines]
    return b"".join(name + b"data: " + line + b"\n\n" for name, line in zip(names, lines, strict=True))


@in_turn("path", responses(), ids=lambda path: path.name)
def test_recorded_response_is_complete_and_its_usage_adds_up(path):
    """Every recorded token is found, each once."""
    body = path.read_bytes()
    peek = PROTOCOL.peek_reply(body)
    reported = msgspec.json.decode(body)["usage"]
    assert peek.is_complete
    assert peek.failure is None
    assert peek.usage.prompt_tokens == reported["input_tokens"]
    assert peek.usage.completion_tokens == reported["output_tokens"]
    assert peek.usage.cache_read == reported["input_tokens_details"]["cached_tokens"]
    assert peek.usage.reasoning == reported["output_tokens_details"]["reasoning_tokens"]
    for cut in range(0, len(body.rstrip()) - 1, max(1, len(body) // 20)):
        assert not PROTOCOL.peek_reply(body[:cut]).is_complete


@in_turn("is_named", [False, True], ids=["unnamed", "named"])
@in_turn(("name", "lines"), streams(), ids=lambda value: value if isinstance(value, str) else "")
def test_recorded_stream_shows_content_usage_and_end(name, lines, is_named):
    """With and without event names: content once, then the end, and the last usage."""
    watch = PROTOCOL.watch(False)
    sights = [watch.see(frame) for frame in SseReader().feed(framed(lines, is_named))]
    last = msgspec.json.decode(lines[-1])
    assert [sight for sight in sights if sight] == [Sight.CONTENT, Sight.END]
    assert sights[-1] == Sight.END
    assert watch.usage.prompt_tokens == last["response"]["usage"]["input_tokens"]
    assert watch.usage.completion_tokens == last["response"]["usage"]["output_tokens"]
    assert watch.response_id
    assert watch.next_sequence == last.get("sequence_number", -1) + 1


def test_recorded_failure_is_a_quota_without_an_end():
    """`error` and then `response.failed`: the first says more, neither is an end."""
    lines = (RECORDED / "openai/responses/openai-error.1.chunks.txt").read_bytes().splitlines()
    watch = PROTOCOL.watch(False)
    sights = [watch.see(frame) for frame in SseReader().feed(framed(lines, True))]
    assert sights == [Sight.NOTHING, Sight.NOTHING, Sight.FAILED, Sight.FAILED]
    assert (watch.failure.verdict, watch.failure.code) == (Verdict.QUOTA_EXHAUSTED, "insufficient_quota")
    assert not watch.at_end_of_stream()
