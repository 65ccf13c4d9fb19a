"""The published matrix is what the codecs do."""

from scripts.protocol_matrix import pages


def test_every_page_is_what_the_cases_say() -> None:
    """Otherwise: make matrix."""
    assert not [path.name for path, text in pages() if path.read_text("utf-8") != text]
