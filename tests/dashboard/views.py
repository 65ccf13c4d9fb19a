"""The page's views, run as a browser runs them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from py_mini_racer import MiniRacer

from omnillm.dashboard.routes import read_assets

Tree = list[Any]
"""[tag, attributes, ...children]; a child is a tree or a string."""


@contextmanager
def running_views() -> "Iterator[Views]":
    """To be opened where no event loop runs: V8 would be served by that one, and end with it."""
    with MiniRacer() as engine:
        yield Views(engine)


class Views:
    def __init__(self, engine: MiniRacer) -> None:
        self._engine = engine
        source = read_assets()["views.js"].decode()
        self._engine.eval(source.replace("export function", "function").replace("export const", "const"))

    def __call__(self, name: str, argument: object, *more: object) -> Any:
        """What one of the functions returns."""
        arguments = ", ".join(json.dumps(value) for value in (argument, *more))
        return json.loads(self._engine.eval(f"JSON.stringify({name}({arguments}))"))


def nodes(tree: Tree) -> Iterator[Tree]:
    yield tree
    for child in tree[2:]:
        if isinstance(child, list):
            yield from nodes(child)


def words(tree: Tree) -> list[str]:
    """All texts that are shown, in their order, empty ones left out."""
    return [child for node in nodes(tree) for child in node[2:] if isinstance(child, str) and child]


def rows(tree: Tree) -> list[list[str]]:
    """The lines of a table: what each cell shows, hidden titles of drawings left out."""
    return [["".join(_shown(cell)) for cell in node[2:]] for node in nodes(tree) if node[0] == "tr" and node[2][0] == "td"]


def _shown(tree: Tree) -> Iterator[str]:
    for child in tree[2:]:
        if isinstance(child, str):
            yield child
        elif child[0] != "svg":
            yield from _shown(child)
