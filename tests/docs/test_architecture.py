"""What `docs/architecture.md` names stands in the code: a reader follows the page from file to file."""

import ast
import re
from pathlib import Path

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
SOURCE = ROOT / "src" / "omnillm"
FILES = sorted(set(re.findall(r"`((?:[\w*]+/)*[\w*]+\.py)", PAGE)))
FOLDERS = sorted(set(re.findall(r"`((?:[\w]+/)+)`", PAGE)) - {"tests/", "docs/"})
MEMBERS = sorted(set(re.findall(r"`([A-Z]\w+)\.(\w+)`", PAGE)))
MOVED = {"NAME"}
"""What stands for the reader's own."""


def stands(path: str) -> bool:
    """In the repository, or somewhere below the sources: `dispatch.py`, `server/app.py`, `protocols/*/failure.py`."""
    return (ROOT / path).exists() or any(SOURCE.rglob(path.rstrip("/")))


def members(cls: ast.ClassDef) -> set[str]:
    named = {node.name for node in cls.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return named | {node.target.id for node in cls.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}


def test_every_file_and_folder_stands_where_the_page_says() -> None:
    """But for those that a reader is to make."""
    named = [path for path in (*FILES, *FOLDERS) if not MOVED & set(Path(path).with_suffix("").parts)]
    assert len(named) > 80
    assert [path for path in named if not stands(path)] == []


def test_every_method_is_its_classs() -> None:
    """`Engine.serve` and its like."""
    classes: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        source = path.read_text()
        if not any(cls in source for cls, _ in MEMBERS):
            continue  # parsing takes the most time
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                classes.setdefault(node.name, set()).update(members(node))
    assert len(MEMBERS) >= 5
    assert [f"{cls}.{name}" for cls, name in MEMBERS if name not in classes.get(cls, set())] == []
