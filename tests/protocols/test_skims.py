"""Pieces of a stream that are passed on without being read event by event: only those that hold nothing new for the watch to see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.framing.sse import SseReader
from omnillm.protocols.protocol import Sight
from omnillm.protocols.registry import PROTOCOLS

CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null}\n\n'
DELTA = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":4,"delta":"Hi"}\n\n'
BLOCK = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"} }\n\n'
PARTS = b'data: {"candidates": [{"content": {"parts": [{"text": "Hi"}]}}], "usageMetadata": {"totalTokenCount": 9}}\r\n\r\n'
WORD = b'event: step.delta\ndata: {"index":1,"delta":{"type":"text","text":"Hi"},"event_type":"step.delta"}\n\n'
PLAIN = {
    "openai_chat": CHUNK,
    "openai_responses": DELTA,
    "anthropic_messages": BLOCK,
    "gemini_generate_content": PARTS,
    "gemini_interactions": WORD,
}
MANY = ("openai_chat", "openai_responses", "gemini_interactions")
"""Whose events are skimmed several at a time."""
TELLING = [
    b"data: [DONE]\n\n",
    b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n',
    b'data: {"error":{"message":"no"}}\n\n',
    b'event: error\ndata: {"type":"error"}\n\n',
    b'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n',
    b"data: not json\n\n",
]
OTHERS = [
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":5}}\n\n',
    b'event: content_block_delta\ndata: {"type":"message_stop"}\n\n',
    b'data: {"candidates": [{"finishReason": "STOP"}]}\n\n',
    b'event: interaction.completed\ndata: {"interaction":{"status":"completed"},"event_type":"interaction.completed"}\n\n',
    b'event: step.stop\ndata: {"index":1,"event_type":"step.stop","usage":{"total_input_tokens":5}}\n\n',
    b'event: step.start\ndata: {"index":1,"step":{"type":"google_search_call","arguments":{"queries":["x"]}}}\n\n',
]
"""What tells something in one protocol."""
ODD = [
    b"data: {",
    b"}\n\n",
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    b"event: x\n",
    b": comment\n\n",
    b"data: ",
    b"{}",
    b"id: 7\n",
    b"\ndata: {",
    b"\n\nevent: ",
    b"data: \n\n",
    b'"error"',
    b'_tokens"',
    b'"response"',
    b'"type":"error",',
    b'"finishReason":"STOP",',
    b'"interaction',
    b'"usage"',
]


def watching(protocol):
    """A watch that has seen content."""
    watch = PROTOCOLS[protocol].watch(False)
    [frame] = SseReader().feed(PLAIN[protocol])
    assert watch.see(frame) == Sight.CONTENT
    return watch


def known(watch):
    """All that a watch can be asked."""
    return watch.usage, watch.tier, watch.failure, watch.next_sequence, watch.response_id, watch.at_end_of_stream()


def check_skimmed(protocol, piece):
    """What is skimmed is whole frames in which the watch sees nothing new; what is not has changed nothing for whoever sees it then."""
    skimming, seeing, reader = watching(protocol), watching(protocol), SseReader()
    is_skimmed = skimming.skims(piece)
    frames = reader.feed(piece)
    sights = [seeing.see(frame) for frame in frames]
    if is_skimmed:
        assert b"".join(frame.raw for frame in frames) == piece
        assert not reader.is_open
        assert set(sights) <= {Sight.NOTHING, Sight.CONTENT}
    else:
        assert [skimming.see(frame) for frame in frames] == sights
    assert known(skimming) == known(seeing)


@in_turn("protocol", PLAIN)
def test_plain_events_are_skimmed(protocol):
    """As soon as content was seen, not before."""
    event = PLAIN[protocol]
    assert not PROTOCOLS[protocol].watch(False).skims(event)
    assert watching(protocol).skims(event)


@in_turn("protocol", MANY)
def test_several_plain_events_are_skimmed_in_one_look(protocol):
    """Where looking costs less than decoding."""
    for count in (2, 7):
        assert watching(protocol).skims(PLAIN[protocol] * count)


@in_turn("protocol", PLAIN)
@in_turn("telling", [*TELLING, *ODD[1:14], b"data: {}\rdata: [DONE]\n\n"])
def test_what_tells_something_or_is_not_whole_is_not_skimmed(protocol, telling):
    """Alone, before a plain event, and behind one. To Gemini's what another protocol tells is nothing, and it is seen as such."""
    event = PLAIN[protocol]
    if protocol == "gemini_interactions" and telling.startswith(b"event: response"):
        check_skimmed(protocol, telling + event)
        return
    if not (protocol == "gemini_generate_content" and telling.startswith(b'data: {"choices"')):
        assert not watching(protocol).skims(telling)
    for piece in (telling + event, event + telling):
        assert not watching(protocol).skims(piece)
        check_skimmed(protocol, piece)


@pytest.mark.parametrize("protocol", PLAIN)
@given(parts=st.lists(st.sampled_from([*PLAIN.values(), *PLAIN.values(), *TELLING, *OTHERS, *ODD]), max_size=6))
def test_what_is_skimmed_is_whole_and_shows_nothing_new(protocol, parts):
    """The reader finds whole frames in it and nothing behind them, and the watch sees nothing new in any."""
    check_skimmed(protocol, b"".join(parts))


@pytest.mark.parametrize("protocol", PLAIN)
@given(
    data=st.data(), odd=st.sampled_from([b"", *ODD, *TELLING, *OTHERS, b'"', b"\\", b"\x00", b"\xff", b"{", b"}"]), count=st.integers(1, 2)
)
def test_an_event_with_something_put_in_or_taken_out_is_skimmed_only_if_it_shows_nothing_new(protocol, data, odd, count):
    """Wherever it stands."""
    piece = PLAIN[protocol] * count
    start = data.draw(st.integers(0, len(piece)))
    end = data.draw(st.integers(start, min(start + 12, len(piece))))
    check_skimmed(protocol, piece[:start] + odd + piece[end:])
