import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.config import values
from omnillm.secret import Secret

READERS = [
    *(values.text, values.secret, values.opaque, values.boolean, values.name, values.model_name, values.seconds),
    *(values.positive_seconds, values.size, values.whole, values.positive, values.limit, values.port, values.usd),
    *(values.usd_each, values.permille, values.share, values.wall, values.time_zone),
]


@in_turn(("written", "seconds"), [("250ms", 0.25), ("5s", 5), ("2m", 120), ("1h", 3600), ("90d", 7776000), ("1.5s", 1.5), ("0", 0)])
def test_durations_are_read_in_seconds(written, seconds):
    """Every unit of the documentation."""
    assert values.seconds(written) == seconds


@in_turn("written", ["5", "s", "5 s", "5S", "-5s", "5e1s", "1h30m", "\u0665s", "99999d", ""])
def test_durations_without_a_unit_or_in_another_form_are_refused(written):
    """A bare number could be seconds or milliseconds: nobody guesses."""
    with pytest.raises(ValueError):
        values.seconds(written)


@in_turn(("written", "size"), [("64KiB", 65536), ("64MiB", 67108864), ("512MiB", 536870912), ("10B", 10), ("2MB", 2000000)])
def test_sizes_are_read_in_bytes(written, size):
    """Binary and decimal units."""
    assert values.size(written) == size


@in_turn("written", ["64", "0KiB", "1.5KiB", "64kib", "KiB", "999999999999999GiB"])
def test_sizes_in_another_form_are_refused(written):
    """Nothing is empty, broken or beyond an int64."""
    with pytest.raises(ValueError):
        values.size(written)


@in_turn(("written", "nanousd"), [("50", 50_000_000_000), ("0.4", 400_000_000), ("0.000000001", 1), ("0.1", 100_000_000)])
def test_money_is_exact(written, nanousd):
    """0.1 USD is 100,000,000 nano-USD, not what a float makes of it."""
    assert values.usd(written) == nanousd


@in_turn("written", ["-1", "5e-7", ".5", "1_000", "0.0000000001", "1,5", "NaN", "inf", "$5"])
def test_money_that_is_negative_too_fine_or_scientific_is_refused(written):
    """A price in a float's notation has been through a float."""
    with pytest.raises(ValueError):
        values.usd(written)


def test_a_price_for_one_unit_becomes_a_price_for_a_million():
    """0.04 USD an image is 40,000 USD a million; more than an int64 holds is refused."""
    assert values.usd_each("0.04") == 40_000 * 1_000_000_000
    with pytest.raises(ValueError):
        values.usd_each("10000")


@in_turn(("written", "permille"), [("0.8", 800), ("1", 1000), ("1.0", 1000), ("0.001", 1), ("0.95", 950)])
def test_shares_are_read_as_thousandths(written, permille):
    """No float stands between the file and the threshold."""
    assert values.permille(written) == permille


@in_turn(("written", "permille"), [("0", 0), ("0.001", 1), ("0.5", 500), ("1", 1000)])
def test_a_share_may_be_none_of_it(written, permille):
    """Where nothing is a share like others."""
    assert values.share(written) == permille


@in_turn("written", ["0", "0.0", "1.1", "80%", "80", "0.0800", "-0.5"])
def test_shares_outside_the_limit_are_refused(written):
    """A threshold of nothing, or beyond the limit, would never or always fire."""
    with pytest.raises(ValueError):
        values.permille(written)


@pytest.mark.parametrize(
    ("written", "wall"), [("2027-01-01", 1798761600), ("2027-01-01T01:00:00+01:00", 1798761600), ("2027-01-01T00:00:00Z", 1798761600)]
)
def test_dates_are_midnight_utc(written, wall):
    """A date is the same moment wherever the gateway runs."""
    assert values.wall(written) == wall


@pytest.mark.parametrize("written", ["Mars/Olympus", "../etc/passwd", "/etc/passwd", "", "\x00", "Europe"])
def test_unknown_time_zones_are_refused(written):
    """A wrong zone would reset a budget at the wrong hour."""
    with pytest.raises(ValueError):
        values.time_zone(written)


@in_turn("written", ["sk 1", "sk\n", "sk\r\nx: y", "schlüssel", ""])
def test_secrets_that_no_header_could_carry_are_refused(written):
    """A line break from a file or variable would end the header."""
    with pytest.raises(ValueError):
        values.secret(written)
    assert values.secret("sk-1") == Secret("sk-1")


def complaint(reader, written):
    try:
        reader(written)
    except ValueError as error:
        return str(error)
    return ""


@given(written=st.text(max_size=40), reader=st.sampled_from(READERS))
def test_readers_raise_nothing_but_value_errors_that_repeat_nothing(written, reader):
    """Whatever stands in the file, the message is ours and holds none of it."""
    assert len(written) < 12 or written not in complaint(reader, written)
