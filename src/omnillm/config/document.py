"""YAML text -> a tree of nodes that know their lines. Plain data only: no tags, anchors, aliases or merges, so nothing can explode."""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from msgspec import Struct

from omnillm.errors import ConfigError

LARGEST = 10 * 1024 * 1024
"""The most characters of a document."""
DEEPEST = 20
_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_BARE_PLACE = re.compile(r"""[\[{][^'"]*\$\{""")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class Scalar(Struct, frozen=True, kw_only=True):
    text: str
    line: int
    is_plain: bool = True
    """Not quoted, not a block."""

    @property
    def is_null(self) -> bool:
        return self.is_plain and self.text in _NULLS


class Sequence(Struct, frozen=True, kw_only=True):
    items: tuple["Node", ...]
    line: int


class Mapping(Struct, frozen=True, kw_only=True):
    entries: tuple[tuple[Scalar, "Node"], ...]
    """As written, repeated keys included."""
    line: int


Node = Scalar | Sequence | Mapping


def read_document(text: str, *, source: str) -> Node:
    """Return the one document of `text` (an empty one is a null scalar). ConfigError: not YAML, too large, too deep, not plain data."""
    if len(text) > LARGEST:
        raise ConfigError(f"is larger than {LARGEST // 1024**2} MiB", source=source)
    try:
        return _Builder(iter(yaml.parse(text, Loader=_LOADER)), source).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        about = " ".join(part for part in (error.problem, error.context) if part)
        hint = '; quote a pattern that begins with *, as in "*-mini"' if "alias" in about else _hint(text, mark)
        raise ConfigError(f"is not valid YAML: {about}{hint}", line=mark.line + 1 if mark else None, source=source) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise ConfigError("is not valid YAML: it holds characters that are not allowed", source=source) from error


def _hint(text: str, mark: Any) -> str:
    """Say plainly what the parser does not: a tab that indents, a brace that is not closed."""
    if mark is None:
        return ""
    if text[mark.index : mark.index + 1] == "\t":
        return "; a tab cannot indent: write spaces"
    line = "".join(text.splitlines()[mark.line : mark.line + 1])
    return '; within braces or brackets write "${...}" in quotes' if _BARE_PLACE.search(line) else ""


class _Builder:
    """Builds the tree from the parser's events; what YAML can do beyond plain data is refused where it stands."""

    def __init__(self, events: Iterator[Any], source: str) -> None:
        self._events = events
        self._source = source

    def document(self) -> Node:
        root: Node = Scalar(text="", line=1)
        is_read = False
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if is_read:
                    raise self._refused("a second document", event)
                root = self._node(next(self._events), 0)
                is_read = True
        return root

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            raise self._refused('an alias (quote a pattern that begins with *, as in "*-mini")', event)
        if event.anchor is not None:
            raise self._refused("an anchor", event)
        if event.tag is not None:
            raise self._refused("a tag", event)
        if depth > DEEPEST:
            raise self._refused(f"more than {DEEPEST} levels", event)
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(text=event.value, line=line, is_plain=not event.style)
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(items=tuple(self._children(depth)), line=line)
        return Mapping(entries=tuple(self._entries(depth)), line=line)

    def _children(self, depth: int) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                return
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> Iterator[tuple[Scalar, Node]]:
        nodes = self._children(depth)
        for key in nodes:
            if not isinstance(key, Scalar):
                raise ConfigError("a key must be a word, not a list or mapping", line=key.line, source=self._source)
            yield key, next(nodes)

    def _refused(self, what: str, event: Any) -> ConfigError:
        return ConfigError(f"{what} is not allowed in a configuration", line=event.start_mark.line + 1, source=self._source)
