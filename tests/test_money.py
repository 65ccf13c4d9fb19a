"""Decimal USD as people write it, and integer nano-USD, there and back without a float."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.money import MAX_NANOUSD, format_usd, parse_usd


@given(st.integers(-MAX_NANOUSD, MAX_NANOUSD))
def test_what_is_written_is_read_as_the_same_amount(nanousd):
    """To the last nano-dollar, whatever its sign, in the fewest digits."""
    written = format_usd(nanousd)
    assert parse_usd(written) == nanousd
    assert "." not in written or not written.endswith(("0", "."))


@in_turn(
    ("text", "nanousd"),
    [("5", 5_000_000_000), (" 0.000123 ", 123_000), ("-0.5", -500_000_000), ("0.1000000000", 100_000_000), ("1.000000001", 1_000_000_001)],
)
def test_an_amount_is_read_as_it_is_written(text, nanousd):
    """Zeros behind the last nano-dollar change nothing."""
    assert parse_usd(text) == nanousd


@in_turn("text", ["", ".", "1.", ".5", "1_000.50", "1,5", "1e3", "--1", "+1", "1.x", "1.-5", "٣", "0.0000000001", "9223372036.854775808"])
def test_what_is_no_amount_is_refused(text):
    """A slip of the pen, what is finer than a nano-dollar, and what no column of the ledger can hold."""
    with pytest.raises(ValueError, match=r"not a decimal|finer|more than"):
        parse_usd(text)
