"""The page of the SDKs' methods is what their source asks for and what the tables answer."""

from scripts.sdk_table import GOOGLE, PAGE, SDKS, methods, page


def test_the_page_is_what_the_sdks_ask_for() -> None:
    """A method that is new, or that is served from now on, shows. Otherwise: make matrix."""
    assert all(len(list(methods(package))) > (30 if package == GOOGLE else 300) for package in SDKS)
    assert PAGE.read_text("utf-8") == page()
