"""Frames become messages, however they were cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from omnillm.transport.inbox import MESSAGE_BYTES, Inbox
from omnillm.transport.message import Message


@given(st.lists(st.tuples(st.text(max_size=20), st.booleans(), st.integers(1, 5))))
def test_messages_come_out_as_they_went_in(said: list[tuple[str, bool, int]]) -> None:
    """Any number of fragments, empty ones too; what is held is counted, and nothing is left once all is read."""
    inbox = Inbox()
    for text, is_text, cuts in said:
        data = text.encode()
        size = len(data) // cuts + 1
        pieces = [data[start : start + size] for start in range(0, len(data), size)] or [b""]
        for number, piece in enumerate(pieces):
            opcode = Opcode.CONT if number else Opcode.TEXT if is_text else Opcode.BINARY
            is_last = number == len(pieces) - 1
            assert inbox.add(Frame(opcode, piece, fin=is_last)) == is_last
    messages = [Message(text.encode(), is_text) for text, is_text, _ in said]
    assert inbox.unread == tuple(messages)
    assert inbox.held_bytes == inbox.unread_bytes == sum(len(message.data) + MESSAGE_BYTES for message in messages)
    assert [inbox.pop() for _ in messages] == messages
    assert inbox.held_bytes == len(inbox) == 0


def test_what_is_half_here_is_held_too() -> None:
    """Until it is whole, or given up."""
    inbox = Inbox()
    assert not inbox.add(Frame(Opcode.TEXT, b"half", fin=False))
    assert (inbox.held_bytes, inbox.unread_bytes) == (4, 0)
    inbox.drop_partial()
    assert inbox.held_bytes == 0


def test_a_text_that_is_not_utf_8_is_dropped() -> None:
    """Told by its whole: a character may be cut by a frame's end. What is no text may be anything."""
    inbox = Inbox()
    whole = "é".encode()
    assert not inbox.add(Frame(Opcode.TEXT, whole[:1], fin=False))
    assert inbox.add(Frame(Opcode.CONT, whole[1:], fin=True))
    with pytest.raises(UnicodeDecodeError):
        inbox.add(Frame(Opcode.TEXT, whole[:1], fin=True))
    assert inbox.add(Frame(Opcode.BINARY, whole[:1], fin=True))
    assert inbox.unread == (Message(whole), Message(whole[:1], is_text=False))
    assert inbox.held_bytes == inbox.unread_bytes
