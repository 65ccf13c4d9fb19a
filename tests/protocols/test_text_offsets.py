"""Offsets in a text are the same in characters and in bytes, wherever they are."""

from omnillm.protocols.text_offsets import Offsets


def test_a_place_is_what_decoding_all_before_it_tells() -> None:
    """At every byte and character of texts around the length of a block; where no character begins there is none."""
    for text in ("", "ab" * 1_100, "a\u00e4\u20ac\U0001f600" * 700, "\u20ac" * 1_024):
        offsets, raw = Offsets(text), text.encode()
        begins = {len(text[:number].encode()): number for number in range(len(text) + 1)}
        assert [offsets.character(byte) for byte in range(-1, len(raw) + 2)] == [begins.get(byte) for byte in range(-1, len(raw) + 2)]
        assert [offsets.byte(number) for number in range(len(text) + 1)] == list(begins)
