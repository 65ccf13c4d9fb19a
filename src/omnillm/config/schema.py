"""Walks a tree of nodes along a struct's annotations. Every problem is noted and the walk goes on, so that all are told at once.

An annotation is a struct, `tuple[T, ...]`, `dict[str, T]`, a `Literal`, a type in `READERS`, `Annotated[T, reader]`,
`Annotated[T, Short(...)]`, or any of them `| None`.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from omnillm.config.document import Mapping, Node, Scalar, Sequence
from omnillm.config.problems import Problems, at
from omnillm.config.substitution import Substitution
from omnillm.config.values import READERS, Short
from omnillm.secret import Secret
from omnillm.spelling import guess, hint

_WORD = re.compile(r"(?!.*[0-9]{2})[A-Za-z0-9_.-]{1,40}|<<", re.ASCII)
FAILED: Final = object()
"""Returned instead of a value whose problem has been noted."""


class Wanted(Struct, frozen=True):
    """An annotation taken apart."""

    type: Any
    mark: Any
    """The reader or `Short` of an `Annotated`."""
    is_optional: bool


def wanted(annotation: object) -> Wanted:
    is_optional = NoneType in get_args(annotation)
    if is_optional:
        annotation = next(each for each in get_args(annotation) if each is not NoneType)
    if get_origin(annotation) is Annotated:
        bare, mark, *_ = get_args(annotation)
        return Wanted(bare, mark, is_optional)
    return Wanted(annotation, None, is_optional)


class Schema:
    def __init__(self, problems: Problems, substitution: Substitution) -> None:
        self._problems = problems
        self._substitution = substitution

    def read(self, node: Node, annotation: object, path: str) -> Any:
        """Return the node as a value of the annotated type, or FAILED."""
        self._problems.lines[path] = node.line
        want = wanted(annotation)
        is_null = isinstance(node, Scalar) and node.is_null
        if is_null and want.is_optional:
            return None
        if isinstance(want.mark, Short) and isinstance(node, Scalar):
            node = Mapping(entries=((Scalar(text=want.mark.field, line=node.line), node),), line=node.line)
        origin = get_origin(want.type)
        if origin is tuple:
            return self._sequence(Sequence(items=(), line=node.line) if is_null else node, get_args(want.type)[0], path)
        if origin is dict or (isinstance(want.type, type) and issubclass(want.type, Struct)):
            mapping = Mapping(entries=(), line=node.line) if is_null else node
            return self._table(mapping, get_args(want.type), path) if origin is dict else self._struct(mapping, want.type, path)
        return self._scalar(node, want, path)

    def _sequence(self, node: Node, item: object, path: str) -> Any:
        if not isinstance(node, Sequence):
            return self._failed(path, "must be a list")
        items = [self.read(each, item, at(path, place)) for place, each in enumerate(node.items)]
        return tuple(each for each in items if each is not FAILED)

    def _table(self, node: Node, types: tuple[object, ...], path: str) -> Any:
        """Read a mapping whose keys are the user's own names."""
        if not isinstance(node, Mapping):
            return self._failed(path, "must be a mapping of names")
        key_type, value_type = types
        table = {}
        for key, value in self._entries(node, path):
            name = self._taken(key.text, _reader(wanted(key_type)), at(path, key.text))
            read = self.read(value, value_type, at(path, key.text))
            if name is not FAILED and read is not FAILED:
                table[name] = read
        return table

    def _struct(self, node: Node, cls: type[Struct], path: str) -> Any:
        if not isinstance(node, Mapping):
            return self._failed(path, f"must be a mapping of {', '.join(_members(cls))}{_colon_hint(node)}")
        members, values, written = _members(cls), {}, set()
        for key, value in self._entries(node, path):
            member = members.get(key.text)
            written.add(key.text)
            if member is None:
                self._unknown(key, members, path)
                continue
            read = self.read(value, member.type, at(path, key.text))
            if read is not FAILED:
                values[member.name] = read
        for name, member in members.items():
            if member.required and name not in written:
                self._problems.add(at(path, name), "is missing", line=node.line)
        return cls(**values) if all(member.name in values for member in members.values() if member.required) else FAILED

    def _unknown(self, key: Scalar, members: dict[str, FieldInfo], path: str) -> None:
        """Note an unknown key. It is only shown if it is a word: a secret may have slipped into its place."""
        if _WORD.fullmatch(key.text):
            self._problems.add(at(path, key.text), f"is not a key known here{hint(key.text, members)}", line=key.line)
        else:
            self._problems.add(path, f"has a key that is no word; valid: {', '.join(members)}", line=key.line)

    def _entries(self, node: Mapping, path: str) -> Iterator[tuple[Scalar, Node]]:
        first: dict[str, int] = {}
        for key, value in node.entries:
            name, colon, _ = key.text.partition(":")
            if key.is_plain and colon and isinstance(value, Scalar) and value.is_null:
                self._problems.add(at(path, name), "needs a space behind its colon", line=key.line)
                continue
            if "${" in key.text:
                self._problems.add(path, "has a name with ${...}, which is replaced in values only", line=key.line)
                continue
            place = at(path, key.text)
            if key.text in first:
                self._problems.add(place, f"stands twice, first on line {first[key.text]}", line=key.line)
                continue
            first[key.text] = self._problems.lines[place] = key.line
            yield key, value

    def _scalar(self, node: Node, want: Wanted, path: str) -> Any:
        if not isinstance(node, Scalar):
            return self._failed(path, "must be a single value, not a list or mapping")
        if node.is_null:
            return self._failed(path, "has no value; give one, or remove the line for the default")
        try:
            text, filled = self._substitution.fill(node.text)
        except ValueError as error:
            return self._failed(path, str(error))
        for value, shown in filled.items():
            self._problems.mask(value, shown)
        if want.type is Secret:
            self._problems.mask(text, "(a secret)")
        if want.is_optional and not text:
            return None
        return self._taken(text, _reader(want), path)

    def _taken(self, text: str, reader: Callable[[str], object], path: str) -> Any:
        try:
            return reader(text)
        except ValueError as error:
            return self._failed(path, str(error))

    def _failed(self, path: str, what: str) -> Any:
        self._problems.add(path, what)
        return FAILED


def _colon_hint(node: Node) -> str:
    """For `port:4000`, which is one word in YAML."""
    return "; write a space behind each colon" if isinstance(node, Scalar) and node.is_plain and ":" in node.text else ""


@cache
def _members(cls: type[Struct]) -> dict[str, FieldInfo]:
    """Kept, because msgspec evaluates the annotations anew each time."""
    return {each.encode_name: each for each in fields(cls)}


def _reader(want: Wanted) -> Callable[[str], object]:
    if get_origin(want.type) is Literal:
        return _choice(get_args(want.type))
    reader: Callable[[str], object] = want.mark or READERS[want.type]
    return reader


def _choice(valid: tuple[str, ...]) -> Callable[[str], object]:
    def read(text: str) -> str:
        if text not in valid:
            raise ValueError(f"must be one of {', '.join(valid)}{guess(text, valid)}")
        return text

    return read
