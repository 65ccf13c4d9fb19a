"""What holds for every page: links lead somewhere, configurations are valid."""

import re
from pathlib import Path

from tests.docs.pages import PAGES, ROOT, blocks, headings, prose
from tests.in_turn import in_turn

import omnillm
from omnillm.config.load import parse

BASE = "providers: {openai: {kind: openai, keys: [{label: k, key: secret-0123456789}]}}\n"
GENERATED = "prices.md"
"""A page that is a list of what vendors say."""


class Anything(dict[str, str]):
    """An environment in which every variable is set, each to a value of its own."""

    def get(self, name: str, default: object = None) -> str:
        return f"value-of-{name}"


@in_turn("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link between the pages names a file that is there, and a heading in it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text())):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        assert not anchor or anchor in headings(there.read_text()), target


def test_every_public_name_stands_on_a_page() -> None:
    """What is exported and told nowhere is found by nobody."""
    words = set(re.findall(r"\w+", "".join(page.read_text() for page in PAGES if page.name != "CHANGELOG.md")))
    assert set(omnillm.__all__) <= words


@in_turn("page", [page for page in PAGES if blocks(page, "yaml")], ids=lambda page: page.name)
def test_configurations_are_valid(page: Path) -> None:
    """Every YAML block is one, or becomes one with a provider."""
    for block in blocks(page, "yaml"):
        assert parse(block if "providers:" in block else block + BASE, Anything())


@in_turn("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tables_are_whole(page: Path) -> None:
    """Each row has its header's columns: one bar too many in a cell, in code too, and the rest of the row is not shown."""
    columns = 0
    for line in outside_code(page.read_text()):
        is_row = line.startswith("|")
        found = line.replace("\\|", "").count("|") if is_row else 0
        assert not is_row or not columns or found == columns, line
        columns = found


@in_turn("page", [page for page in PAGES if page.name != GENERATED and page.parent.name != "decisions"], ids=lambda page: page.stem)
def test_prose_is_wrapped(page: Path) -> None:
    """At 120 characters, so that a reader of the source sees it, and a change shows what it changed. Tables have long lines."""
    for line in outside_code(page.read_text().partition("<!-- generated")[0]):
        assert len(line) <= 120 or line.startswith(("|", "description: ")), line


def outside_code(text: str) -> list[str]:
    """The lines of a page that are not in a fenced block."""
    return re.sub(r"^( *)```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE).splitlines()
