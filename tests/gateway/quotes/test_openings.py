"""Whose streams tell the truth about their prompt at the beginning."""

from omnillm.gateway.quotes import openings
from omnillm.gateway.quotes.openings import Openings
from omnillm.pricing.cost import Price
from omnillm.usage import Usage

TARGET, OTHER = ("anthropic", "claude"), ("anthropic", "other")
OPENING, WHOLE = Usage(input=10, cache_read=90, output=1), Usage(input=10, cache_read=90, output=500, reasoning=20)
TOLD = Usage(input=10, cache_read=90)
PRICE = Price.of(input=1_000_000, output=1_000_000, cache_read=100_000, cache_write_short=1_000_000)


def test_nobody_is_believed_who_has_not_been_proven() -> None:
    known = Openings()
    assert known.believed(TARGET, OPENING) is None
    known.compare(TARGET, OPENING, WHOLE, PRICE)
    assert known.believed(TARGET, OPENING) == TOLD
    assert known.believed(TARGET, Usage(input=7, output=3)) == Usage(input=7)
    assert known.believed(OTHER, OPENING) is None


def test_who_was_wrong_once_is_believed_no_more() -> None:
    """An estimate, or nothing: the prompt cost more."""
    for wrong in (Usage(), Usage(input=9, cache_read=90), Usage(cache_read=100)):
        known = Openings()
        known.compare(TARGET, OPENING, WHOLE, PRICE)
        known.compare(TARGET, wrong, WHOLE, PRICE)
        known.compare(TARGET, OPENING, WHOLE, PRICE)
        assert known.believed(TARGET, OPENING) is None


def test_who_has_told_too_much_is_neither_proven_nor_wrong() -> None:
    """Gemini may tell only at the end what came from a cache; a call that is left is then charged too much, as before. Nor has who told as much."""
    known = Openings()
    as_much = Usage(input=10, cache_write_short=9)
    for told, believed in ((Usage(input=100), None), (as_much, None), (OPENING, TOLD), (Usage(input=100), TOLD), (as_much, TOLD)):
        known.compare(TARGET, told, WHOLE, PRICE)
        assert known.believed(TARGET, OPENING) == believed


def test_names_of_strangers_fill_no_memory(monkeypatch) -> None:
    monkeypatch.setattr(openings, "MOST_TARGETS", 1)
    known = Openings()
    for target in (TARGET, OTHER):
        known.compare(target, OPENING, WHOLE, PRICE)
    assert (known.believed(TARGET, OPENING), known.believed(OTHER, OPENING)) == (TOLD, None)
    known.compare(TARGET, Usage(), WHOLE, PRICE)
    assert known.believed(TARGET, OPENING) is None
