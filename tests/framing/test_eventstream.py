"""AWS event-stream messages: the same however the bytes are cut, the same as botocore reads and writes, and never a damaged one."""

import uuid
import zlib
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import UpstreamLost
from omnillm.framing.eventstream import EventStreamReader, Kind, Message, Value, event, exception, write_message
from omnillm.framing.sse import MAX_EVENT_BYTES

VALUES = st.one_of(
    st.just(Value(Kind.TRUE, True)),
    st.just(Value(Kind.FALSE, False)),
    st.integers(-(2**7), 2**7 - 1).map(lambda each: Value(Kind.BYTE, each)),
    st.integers(-(2**15), 2**15 - 1).map(lambda each: Value(Kind.SHORT, each)),
    st.integers(-(2**31), 2**31 - 1).map(lambda each: Value(Kind.INTEGER, each)),
    st.integers(-(2**63), 2**63 - 1).map(lambda each: Value(Kind.LONG, each)),
    st.integers(-(2**63), 2**63 - 1).map(lambda each: Value(Kind.TIMESTAMP, each)),
    st.binary(max_size=40).map(lambda each: Value(Kind.BYTES, each)),
    st.text(max_size=40).map(lambda each: Value(Kind.TEXT, each)),
    st.binary(min_size=16, max_size=16).map(lambda each: Value(Kind.UUID, each)),
)
NAMES = st.text(min_size=1, max_size=20).filter(lambda name: len(name.encode()) < 256)
MESSAGES = st.builds(
    lambda headers, payload: Message(headers=headers, payload=payload),
    st.dictionaries(NAMES, VALUES, max_size=5),
    st.binary(max_size=80),
)


def read(*pieces: bytes) -> list[Message]:
    reader = EventStreamReader()
    messages = [message for piece in pieces for message in reader.feed(piece)]
    assert reader.finish()
    return messages


def patched(raw: bytes, at: int, piece: bytes) -> bytes:
    """With other bytes at one place, and checksums that fit them."""
    changed = bytearray(raw)
    changed[at : at + len(piece)] = piece
    changed[8:12] = zlib.crc32(changed[:8]).to_bytes(4, "big")
    changed[-4:] = zlib.crc32(changed[:-4]).to_bytes(4, "big")
    return bytes(changed)


@given(st.lists(MESSAGES, max_size=3))
def test_what_is_written_is_read(messages):
    """Every kind of header, any payload, in one piece and byte by byte."""
    raw = b"".join(map(write_message, messages))
    assert read(raw) == messages
    assert read(*(raw[at : at + 1] for at in range(len(raw)))) == messages


@given(MESSAGES)
def test_botocore_reads_what_is_written(message):
    """The service's own SDK finds the same names, values and payload."""
    buffer = EventStreamBuffer()
    buffer.add_data(write_message(message))
    [theirs] = list(buffer)
    assert theirs.payload == message.payload
    assert theirs.headers == {name: value.value for name, value in message.headers.items()}


def test_every_split_gives_the_same_messages():
    """Two pieces cut at any byte give the messages of the whole."""
    raw = event("messageStart", b'{"role":"assistant"}') + write_message(Message()) + exception("throttlingException", b'{"message":"no"}')
    whole = read(raw)
    assert [message.text(":event-type") or message.text(":exception-type") for message in whole] == [
        "messageStart",
        "",
        "throttlingException",
    ]
    for cut in range(len(raw) + 1):
        assert read(raw[:cut], raw[cut:]) == whole


def test_no_flipped_bit_passes():
    """Whatever byte of a message is damaged, nothing of it is delivered."""
    raw = event("contentBlockDelta", b'{"delta":{"text":"hi"}}')
    for at in range(len(raw)):
        damaged = bytearray(raw)
        damaged[at] ^= 0x10
        with pytest.raises(UpstreamLost, match="damaged"):
            EventStreamReader().feed(bytes(damaged))


def test_a_cut_message_is_never_delivered():
    """A stream that ends anywhere inside a message is not a whole one."""
    raw = event("messageStop", b'{"stopReason":"end_turn"}')
    for cut in range(1, len(raw)):
        reader = EventStreamReader()
        assert reader.feed(raw[:cut]) == []
        assert not reader.finish()


def test_an_oversize_message_is_refused_by_its_prelude():
    """Nobody waits for, or keeps, more than 16 MiB."""
    lengths = (MAX_EVENT_BYTES + 1).to_bytes(4, "big") + bytes(4)
    with pytest.raises(UpstreamLost, match="more than 16 MiB") as caught:
        EventStreamReader().feed(lengths + zlib.crc32(lengths).to_bytes(4, "big"))
    assert caught.value.code == "upstream_too_large"


TEXT_HEADER = b"\x01a\x07\x00\x02hi"
MALFORMED: dict[str, Any] = {
    "a kind that is none": (14, b"\x0a"),
    "a value longer than the headers": (15, b"\x00\x09"),
    "a name longer than the headers": (12, b"\xff"),
    "text that is no UTF-8": (17, b"\xff\xfe"),
    "no name": (12, b"\x00\x07\x00\x04"),
    "headers longer than the message": (4, b"\x00\x00\x00\x60"),
    "a message shorter than its own frame": (0, b"\x00\x00\x00\x0f"),
}


@in_turn("name", MALFORMED)
def test_a_malformed_message_with_right_checksums_is_an_error(name):
    """Lengths and kinds that make no sense are the provider's fault, never an exception of ours."""
    raw = write_message(Message(headers={"a": Value(Kind.TEXT, "hi")}, payload=b"{}"))
    assert raw[12:19] == TEXT_HEADER
    with pytest.raises(UpstreamLost, match="damaged"):
        EventStreamReader().feed(patched(raw, *MALFORMED[name]))


def test_a_header_that_stands_twice_is_an_error():
    """What a service would mean by it nobody knows."""
    raw = write_message(Message(headers={"a": Value(Kind.TEXT, "hi"), "b": Value(Kind.TEXT, "hi")}))
    assert raw[12 + 8] == ord("b")
    with pytest.raises(UpstreamLost, match="twice"):
        EventStreamReader().feed(patched(raw, 12 + 8, b"a"))


def test_what_the_format_cannot_hold_is_not_written():
    """A payload beyond the limit and a name beyond its length byte are the writer's mistake."""
    with pytest.raises(ValueError, match="read by nobody"):
        write_message(Message(payload=bytes(MAX_EVENT_BYTES)))
    with pytest.raises(Exception, match=r"ubyte format|0 <= number <= 255"):
        write_message(Message(headers={"n" * 256: Value(Kind.TRUE, True)}))
    assert read(write_message(Message(headers={"id": Value(Kind.UUID, uuid.UUID(int=7).bytes)})))[0].text("id") == ""
