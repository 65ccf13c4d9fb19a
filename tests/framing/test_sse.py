"""The reader of server-sent events: the same frames however the bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import UpstreamLost
from omnillm.framing.sse import MAX_EVENT_BYTES, MOST_LINES, Frame, SseReader


def read(*pieces: bytes) -> list[Frame]:
    reader = SseReader()
    return [frame for piece in pieces for frame in reader.feed(piece)]


def seen(frames: list[Frame]) -> list[tuple[bytes, bytes]]:
    """Event names and data of the frames that carry any."""
    return [(frame.event, frame.data) for frame in frames if frame.data or frame.event]


TRANSCRIPTS = {
    "newlines": (b'data: {"a":1}\n\ndata: [DONE]\n\n', [(b"", b'{"a":1}'), (b"", b"[DONE]")]),
    "named events": (b"event: ping\ndata: {}\n\nevent: stop\ndata: 1\n\n", [(b"ping", b"{}"), (b"stop", b"1")]),
    "a name after unnamed events": (b"data: 1\n\nevent: e\ndata: 2\n\n", [(b"", b"1"), (b"e", b"2")]),
    "name after the data": (b"data: {}\nevent: ping\n\n", [(b"ping", b"{}")]),
    "returns and newlines": (b"event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", [(b"a", b"1"), (b"", b"2")]),
    "returns alone": (b"event: a\rdata: 1\r\rdata: 2\r\r", [(b"a", b"1"), (b"", b"2")]),
    "mixed terminators": (b"data: 1\n\r\ndata: 2\r\n\ndata: 3\r\r\ndata: 4\n\n", [(b"", b"1"), (b"", b"2"), (b"", b"3"), (b"", b"4")]),
    "a lone return inside a newline stream": (b"data: 1\n\ndata: 2\rdata: 3\n\ndata: 4\n\n", [(b"", b"1"), (b"", b"2\n3"), (b"", b"4")]),
    "several data lines": (b"data: a\ndata:\ndata:  b\n\n", [(b"", b"a\n\n b")]),
    "no space after the colon": (b"data:{}\nevent:x\n\n", [(b"x", b"{}")]),
    "a field without colon": (b"data\nevent\n\ndata: 1\n\n", [(b"", b"1")]),
    "byte order mark": (b"\xef\xbb\xbfdata: 1\n\ndata: 2\n\n", [(b"", b"1"), (b"", b"2")]),
    "a byte order mark later is content": (b"data: 1\n\n\xef\xbb\xbfdata: 2\n\n", [(b"", b"1")]),
    "comments, ids and retry times": (b": hi\n\nid: 7\nretry: 10\n: in between\ndata: 1\n\n", [(b"", b"1")]),
    "blank lines before and between": (b"\n\ndata: 1\n\n\n\ndata: 2\n\n", [(b"", b"1"), (b"", b"2")]),
    "trailing blanks belong to the data": (b'data: {"a":1}   \n\n', [(b"", b'{"a":1}   ')]),
    "zero bytes": (b"data: \x00\n\n", [(b"", b"\x00")]),
    "an unfinished event is not delivered": (b"data: 1\n\ndata: 2\n", [(b"", b"1")]),
}


@in_turn("name", TRANSCRIPTS)
def test_transcript_is_read_as_the_standard_says(name):
    """Every spelling of a stream gives its events."""
    raw, expected = TRANSCRIPTS[name]
    assert seen(read(raw)) == expected


@in_turn("name", TRANSCRIPTS)
def test_every_split_gives_the_same_frames(name):
    """Two pieces cut at any byte, and single bytes, give the frames of the whole."""
    raw, _ = TRANSCRIPTS[name]
    whole = read(raw)
    for cut in range(len(raw) + 1):
        assert read(raw[:cut], raw[cut:]) == whole
    assert read(*(raw[at : at + 1] for at in range(len(raw)))) == whole


@in_turn("name", TRANSCRIPTS)
def test_the_bytes_of_complete_events_pass_untouched(name):
    """The raw bytes of the frames are a prefix of the stream, whole but for an unfinished event."""
    raw, _ = TRANSCRIPTS[name]
    joined = b"".join(frame.raw for frame in read(raw))
    assert raw.startswith(joined)
    assert raw[len(joined) :] in {b"", b"data: 2\n"}


@in_turn("name", TRANSCRIPTS)
def test_an_event_is_open_from_its_first_byte_to_its_last(name):
    """Wherever the stream is cut: exactly then the bytes of the complete frames are not all that came."""
    raw, _ = TRANSCRIPTS[name]
    for cut in range(len(raw) + 1):
        reader = SseReader()
        frames = reader.feed(raw[:cut])
        assert reader.is_open is (b"".join(frame.raw for frame in frames) != raw[:cut])


@given(
    st.lists(st.sampled_from([b"data: x", b"data:", b"event: e", b": c", b"id: 1", b"\n", b"\r", b"\r\n", b"\n\n", b" ", b"\xef\xbb\xbf"])),
    st.data(),
)
def test_any_stream_is_split_invariant(fragments, data):
    """Random streams, cut at random places, give the frames of the whole, and lose no byte of a complete event."""
    raw = b"".join(fragments)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    whole = read(raw)
    assert read(*pieces) == whole
    assert raw.startswith(b"".join(frame.raw for frame in whole))


def test_finish_tells_an_unfinished_event():
    """Only a stream that ended on a blank line (or never began an event) is complete."""
    for raw, is_complete in (
        (b"", True),
        (b"data: 1\n\n", True),
        (b"data: 1\n\n\n", True),
        (b"data: 1\r\r", True),
        (b"data: 1\n", False),
        (b"data: 1", False),
        (b"event: x\n", False),
    ):
        reader = SseReader()
        reader.feed(raw)
        assert reader.finish() is is_complete, raw


def test_an_event_may_be_large_but_not_larger_than_16_mib():
    """The cap holds for one long line, for many lines (two bytes of which take a hundred here), and for an event in one piece."""
    assert len(read(b":\n" * (MOST_LINES - 1), b"\n")) == 1
    assert len(read(b"data: " + b"x" * (MAX_EVENT_BYTES - 8) + b"\n\n")) == 1
    too_large = [
        [b"data: " + b"x" * MAX_EVENT_BYTES + b"\n\n"],
        [b"data: ", *([b"x" * 65536] * 257)],
        [b"data: " + b"x" * 65530 + b"\n"] * 258,
        [b": " + b"x" * 65536 + b"\n"] * 258,
        [b"a\n" * (MOST_LINES + 1)],
    ]
    for pieces in too_large:
        with pytest.raises(UpstreamLost) as caught:
            read(*pieces)
        assert caught.value.code == "upstream_too_large"


def test_single_bytes_cost_a_bounded_time_each():
    """A large event that drips in byte by byte is read without copying it again and again."""
    raw = b"data: " + b"x" * 300_000 + b"\n\n"
    frames = read(*(raw[at : at + 1] for at in range(len(raw))))
    assert [len(frame.data) for frame in frames] == [300_000]
