"""Amounts of money as text, and as the integers that everything counts in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.money import MAX_NANOUSD, format_usd, parse_usd


@given(st.integers(-MAX_NANOUSD, MAX_NANOUSD))
def test_an_amount_is_read_as_it_was_written(nanousd: int) -> None:
    """To the nano-dollar, and in no more digits than that takes."""
    written = format_usd(nanousd)
    assert parse_usd(written) == nanousd
    assert "." not in written or not written.endswith(("0", "."))
    assert not written.startswith((".", "-."))


@in_turn(
    ("written", "nanousd"),
    [("5", 5_000_000_000), ("0.000123", 123_000), (" 1.50 ", 1_500_000_000), ("-0.000000001", -1), ("0.0000000010000", 1)],
)
def test_decimal_dollars_are_read(written: str, nanousd: int) -> None:
    """With or without a fraction, whatever zeros stand at its end."""
    assert parse_usd(written) == nanousd


@in_turn(
    ("written", "why"),
    [
        ("", "not a decimal"),
        ("1e3", "not a decimal"),
        ("1_000.50", "not a decimal"),
        (".5", "not a decimal"),
        ("5.", "not a decimal"),
        ("--5", "not a decimal"),
        ("٣", "not a decimal"),
        ("9" * 31, "not a decimal"),
        ("0.0000000001", "finer than a nano-dollar"),
        ("9223372036.854775808", r"more than 9\.2 billion"),
        ("-9223372037", r"more than 9\.2 billion"),
    ],
)
def test_what_is_no_amount_is_refused(written: str, why: str) -> None:
    """Nothing is rounded, and nothing overflows the column that it is kept in."""
    with pytest.raises(ValueError, match=why):
        parse_usd(written)
