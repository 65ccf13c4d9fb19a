"""The published matrix is what the codecs do."""

import pytest
from scripts.protocol_matrix import pages

PAGES = {path.stem: (path, text) for path, text in pages()}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_what_the_cases_say(name: str) -> None:
    """Otherwise: make matrix."""
    path, text = PAGES[name]
    assert path.read_text("utf-8") == text
