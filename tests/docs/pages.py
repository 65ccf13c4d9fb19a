"""The pages, and how to read them: blocks, tables, names."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("skill/*.md")])
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
MONITORING = (ROOT / "docs/monitoring.md").read_text()
ERRORS = (ROOT / "docs/errors.md").read_text()

BATCH = (
    '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions",'
    ' "body": {"model": "gpt-4.1-mini", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}}\n'
)
"""The file of a batch that the pages do not show."""


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def prose(text: str) -> str:
    """Without code."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def headings(text: str) -> set[str]:
    """The anchors of a page."""
    found = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def names(cell: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def rows(text: str, header: str) -> Iterator[list[str]]:
    """The cells of every row of the tables whose first column is called `header`."""
    is_inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if not cells:
            is_inside = False
        elif cells[0] == header:
            is_inside = True
        elif is_inside and not set(cells[0]) <= {"-"}:
            yield cells


def section(text: str, heading: str) -> str:
    """What stands under a heading, with its smaller ones, up to the next of its size."""
    before, _, rest = text.partition(f"# {heading}\n")
    depth = len(before) - len(before.rstrip("#")) + 1
    return re.split(rf"^#{{1,{depth}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]
