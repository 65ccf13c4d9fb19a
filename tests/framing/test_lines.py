"""Lines of a file that comes in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnillm.framing.lines import LineReader


def read(pieces: list[bytes]) -> list[bytes]:
    reader = LineReader()
    lines = [line for piece in pieces for line in reader.feed(piece)]
    return [*lines, reader.finish()]


@given(st.lists(st.sampled_from([b"a", b"\n", b"bc", b"\r\n", b"", b"\n\n", b"d\ne\nf"])))
def test_however_it_is_cut_the_lines_are_the_same(pieces: list[bytes]) -> None:
    assert read(pieces) == b"".join(pieces).split(b"\n")


@pytest.mark.parametrize("pieces", [[b"ab", b"cde"], [b"x\nab", b"cde"], [b"x", b"y\nz\nabcde"]])
def test_what_waits_is_counted(pieces: list[bytes]) -> None:
    reader = LineReader()
    for piece in pieces:
        reader.feed(piece)
    assert reader.waiting_bytes == 5
    reader.drop()
    assert (reader.waiting_bytes, reader.finish()) == (0, b"")


def test_a_long_line_is_not_copied_with_each_piece() -> None:
    """The pieces themselves wait: of a line of n pieces, n are kept, and one line is made."""
    reader, pieces = LineReader(), [bytes([65 + number % 26]) * 64 for number in range(1000)]
    for piece in pieces:
        assert reader.feed(piece) == []
    assert all(kept is piece for kept, piece in zip(reader._begun, pieces, strict=True))
    assert reader.feed(b"\n") == [b"".join(pieces)]
