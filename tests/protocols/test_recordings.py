"""What real providers sent, in all four clients' protocols: each SDK reads the body, and every event of the stream."""

from pathlib import Path

import msgspec
import pytest
from tests.in_turn import every_case, in_turn
from tests.protocols.cases import PROTOCOLS
from tests.protocols.conftest import FIXTURES
from tests.protocols.directions import CONTEXT, is_failure, sdk_reads, sdk_reads_events

from omnillm.errors import UpstreamLost
from omnillm.framing.sse import SseReader
from omnillm.protocols.protocol import Sight
from omnillm.protocols.registry import PROTOCOLS as REGISTRY
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import parse_response, transcode_response

pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"no recordings in {FIXTURES}")
SIGNS = {
    "openai_chat": b'"chat.completion',
    "openai_responses": b'"response',
    "anthropic_messages": b'"type":"message',
    "gemini_generate_content": b'"candidates"',
}
FAMILIES = {
    "openai_chat": ("openai/chat", "azure", "deepseek/chat", "groq", "mistral", "xai", "openai-compatible/chat"),
    "openai_responses": ("openai/responses", "azure", "xai", "open-responses"),
    "anthropic_messages": ("anthropic",),
    "gemini_generate_content": ("google",),
}
ODD = {
    "spliced-message-start.chunks.txt": "two streams in one recording",
    "parallel-tool-call-wrapper.1.chunks.txt": "the recording's JSON is broken",
}


def recorded(suffix: str) -> list[object]:
    """(protocol, file) of everything that is a reply of the protocol by its own reading."""
    found = []
    for protocol, families in FAMILIES.items():
        for family in families:
            for path in sorted((FIXTURES / family).glob(f"*{suffix}")):
                if is_of(protocol, path.read_bytes()[:4000].replace(b": ", b":")):
                    found.append(pytest.param(protocol, path, id=f"{protocol}-{path.name.removesuffix(suffix)}"))
    return found


def is_of(protocol: str, head: bytes) -> bool:
    return SIGNS[protocol] in head


def wire(protocol: str, path: Path) -> bytes:
    """A recording, which holds the events alone, as the bytes that came."""
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    raw = b"".join(b"data: " + line + b"\n\n" for line in lines)
    return raw + b"data: [DONE]\n\n" if protocol == "openai_chat" else raw


@pytest.mark.parametrize("target", PROTOCOLS)
@in_turn(("protocol", "path"), recorded(".json"))
def test_recorded_reply_is_valid_everywhere(protocol: str, path: Path, target: str) -> None:
    """And nothing is lost in silence: what does not come back is in the report."""
    body = path.read_bytes()
    if not REGISTRY[protocol].peek_reply(body).is_complete:
        pytest.skip("the recording is no whole reply of a generation")
    report = transcode_response(protocol, target, body, context=CONTEXT)
    if target != protocol:
        sdk_reads(target, report.value)
    assert msgspec.json.decode(report.value)


@in_turn(("protocol", "path"), recorded(".json"))
def test_peek_and_translation_count_a_recorded_reply_alike(protocol: str, path: Path) -> None:
    """So the gateway translates with the usage that it peeked, which says the same to the client."""
    body = path.read_bytes()
    peek = REGISTRY[protocol].peek_reply(body)
    if not peek.is_complete:
        pytest.skip("the recording is no whole reply of a generation")
    assert parse_response(protocol, body).value.usage == peek.usage
    target = "openai_chat" if protocol == "anthropic_messages" else "anthropic_messages"
    known = transcode_response(protocol, target, body, context=CONTEXT, counted=peek.usage)
    assert known == transcode_response(protocol, target, body, context=CONTEXT)


@pytest.mark.parametrize("target", PROTOCOLS)
@in_turn(("protocol", "path"), recorded(".chunks.txt"))
def test_recorded_stream_is_valid_everywhere(protocol: str, path: Path, target: str) -> None:
    """However it is cut into pieces."""
    if path.name in ODD:
        pytest.skip(ODD[path.name])
    raw = wire(protocol, path)
    transcoder = StreamTranscoder(protocol, target, context=CONTEXT)
    told = transcoder.feed(raw) + transcoder.feed(b"")
    if target != protocol:
        frames = list(SseReader().feed(told))
        assert frames
        sdk_reads_events(target, [frame for frame in frames if not is_failure(frame)])
    pieces = StreamTranscoder(protocol, target, context=CONTEXT)
    step = max(1, len(raw) // 97)
    assert b"".join(pieces.feed(raw[at : at + step]) for at in range(0, len(raw), step)) + pieces.feed(b"") == told


BEGINS = {"openai_responses": b'"type":"response.created"', "anthropic_messages": b'"type":"message_start"'}
ENDS = {
    "openai_chat": b"[DONE]",
    "openai_responses": b'"type":"response.completed"',
    "anthropic_messages": b'"type":"message_stop"',
    "gemini_generate_content": b'"finishReason"',
}


def turns(protocol: str, path: Path) -> list[list[bytes]]:
    """The whole streams of a recording, which may hold several, as frames, up to the one that ends each."""
    found: list[list[bytes]] = [[]]
    for frame in wire(protocol, path).split(b"\n\n")[:-1]:
        if BEGINS.get(protocol, b"\n") in frame and found[-1]:
            found.append([])
        if not any(ENDS[protocol] in other for other in found[-1]):
            found[-1].append(frame + b"\n\n")
    return [turn for turn in found if ENDS[protocol] in turn[-1]]


@pytest.mark.parametrize("protocol", FAMILIES)
def test_recorded_stream_cut_anywhere_is_lost(protocol: str) -> None:
    """Before the last byte of the event that ends it: it is whole neither for who watches it nor for who reads its translation."""
    with every_case() as case:
        for path in [param.values[1] for param in recorded(".chunks.txt") if param.values[0] == protocol]:
            for frames in turns(protocol, path)[:3] if path.name not in ODD else ():
                with case(path.name):
                    assert_lost_when_cut(protocol, frames)


def assert_lost_when_cut(protocol: str, frames: list[bytes]) -> None:
    watch = REGISTRY[protocol].watch(False)
    seen = [(watch.see(frame), watch.at_end_of_stream()) for frame in SseReader().feed(b"".join(frames))]
    assert [is_end for _, is_end in seen] == [False] * (len(seen) - 1) + [True]
    assert all(sight in {Sight.NOTHING, Sight.CONTENT} for sight, _ in seen[:-1])
    raw = b"".join(frames)
    end = len(raw) - 1
    for at in {*range(0, end, max(1, end // 19)), end - 20, end - 5, end - 1}:
        reader, cut = SseReader(), REGISTRY[protocol].watch(False)
        for frame in reader.feed(raw[:at]):
            cut.see(frame)
        assert not (reader.finish() and cut.at_end_of_stream())
        transcoder = StreamTranscoder(protocol, "canonical", context=CONTEXT)
        assert b'"type":"completed"' not in transcoder.feed(raw[:at] or b":\n\n")
        with pytest.raises(UpstreamLost):
            transcoder.feed(b"")
