"""Pieces of a stream that are passed on without being read event by event: only those that hold nothing for the watch to see."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.framing.sse import SseReader
from omnillm.protocols.protocol import Sight
from omnillm.protocols.registry import PROTOCOLS

CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null}\n\n'
DELTA = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":4,"delta":"Hi"}\n\n'
PLAIN = {"openai_chat": CHUNK, "openai_responses": DELTA}
TELLING = [
    b"data: [DONE]\n\n",
    b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n',
    b'data: {"error":{"message":"no"}}\n\n',
    b'event: error\ndata: {"type":"error"}\n\n',
    b'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n',
    b"data: not json\n\n",
]
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
]


def watching(protocol):
    """A watch that has seen content."""
    watch = PROTOCOLS[protocol].watch(False)
    [frame] = SseReader().feed(PLAIN[protocol])
    assert watch.see(frame) == Sight.CONTENT
    return watch


@pytest.mark.parametrize("protocol", PLAIN)
def test_plain_events_are_skimmed_one_or_many(protocol):
    """As soon as content was seen, not before."""
    event = PLAIN[protocol]
    assert not PROTOCOLS[protocol].watch(False).skims(event)
    for count in (1, 2, 7):
        assert watching(protocol).skims(event * count)


@in_turn("protocol", PLAIN)
@in_turn("telling", [*TELLING, *ODD[1:], b"data: {}\rdata: [DONE]\n\n"])
def test_what_tells_something_or_is_not_whole_is_not_skimmed(protocol, telling):
    """Alone, before a plain event, and behind one."""
    event = PLAIN[protocol]
    for piece in (telling, telling + event, event + telling):
        assert not watching(protocol).skims(piece)


@pytest.mark.parametrize("protocol", PLAIN)
@settings(max_examples=150, deadline=None)
@given(parts=st.lists(st.sampled_from([*PLAIN.values(), *PLAIN.values(), *TELLING, *ODD]), max_size=6))
def test_what_is_skimmed_is_whole_and_shows_nothing(protocol, parts):
    """The reader finds whole frames in it and nothing behind them, and the watch sees nothing in any."""
    piece = b"".join(parts)
    skimming, seeing, reader = watching(protocol), watching(protocol), SseReader()
    if skimming.skims(piece):
        frames = reader.feed(piece)
        assert b"".join(frame.raw for frame in frames) == piece
        assert not reader.is_open
        assert {seeing.see(frame) for frame in frames} == {Sight.NOTHING}
        assert seeing.next_sequence == skimming.next_sequence
