"""JSON values, read strictly: an error names the path of the value. The caller knows whose mistake it is."""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
C = TypeVar("C")


class Unfit(Exception):
    """A value is not what its protocol says. `path` is like "messages[2].content"."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(f"`{path}` must be {expected}" if path else f"the body must be {expected}")
        self.path = path
        self.expected = expected


def inside(error: Unfit, place: str) -> Unfit:
    """Put a place before the path of an error, on its way up."""
    if error.path.startswith("["):
        return Unfit(place + error.path, error.expected)
    return Unfit(f"{place}.{error.path}" if error.path else place, error.expected)


def each(values: Iterable[Any], place: str, read: Callable[[Any], T]) -> list[T]:
    """Read the elements of an array; errors in one bear its place."""
    found: list[T] = []
    try:
        for value in values:
            found.append(read(value))  # noqa: PERF401  how many were read is the place of an error
    except Unfit as error:
        raise inside(error, f"{place}[{len(found)}]") from error
    return found


def each_with(context: C, values: Iterable[Any], place: str, read: Callable[[Any, C], T]) -> list[T]:
    """Read them as `each` does, with something else that `read` takes. Replies are read so: a closure would be dearer."""
    found: list[T] = []
    try:
        for value in values:
            found.append(read(value, context))  # noqa: PERF401  as in `each`
    except Unfit as error:
        raise inside(error, f"{place}[{len(found)}]") from error
    return found


def typed(value: Any, into: type[T]) -> T:
    """Bring an object's known members into a struct, all in one step; the others are left out, and for `rest` to find."""
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        raise _unfit(str(error)) from error


_MISMATCH = re.compile(r"Expected `([^`]*)`.*?(?: - at `\$\.?(.*)`)?")
_MISSING = re.compile(r"Object missing required field `([^`]*)`(?: - at `\$\.?(.*)`)?")
_NOUNS = {"str": "a string", "int": "an integer", "float": "a number", "bool": "a boolean", "array": "an array", "object": "an object"}


def _unfit(said: str) -> Unfit:
    """Say in our words what msgspec says: "Expected `str | null`, got `int` - at `$.choices[0].id`"."""
    if missing := _MISSING.fullmatch(said):
        return Unfit(_member(missing[1], missing[2] or ""), "given")
    if mismatch := _MISMATCH.fullmatch(said):
        kinds = [kind for kind in mismatch[1].split(" | ") if kind != "null" and (kind != "int" or "float" not in mismatch[1])]
        return Unfit(mismatch[2] or "", " or ".join([_NOUNS.get(kind, kind) for kind in kinds]))
    return Unfit("", f"of this protocol ({said})")


def text(value: Any, path: str) -> str:
    if type(value) is not str:
        raise Unfit(path, "a string")
    return value


def array(value: Any, path: str) -> list[Any]:
    if type(value) is not list:
        raise Unfit(path, "an array")
    return value


def texts(value: Any, path: str) -> tuple[str, ...]:
    """Read an array of strings."""
    return tuple([text(one, f"{path}[{number}]") for number, one in enumerate(array(value, path))])


def mapping(value: Any, path: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise Unfit(path, "an object")
    return value


def text_mapping(value: Any, path: str) -> dict[str, str]:
    """Read an object whose members are strings."""
    return {name: text(one, f"{path}.{name}") for name, one in mapping(value, path).items()}


_HIGHEST = 2**53


def integer(value: Any, path: str, lowest: int = -_HIGHEST, highest: int = _HIGHEST) -> int:
    """Read an integer; a float without a fraction is one."""
    if type(value) is int and lowest <= value <= highest:
        return value
    if type(value) is float and value.is_integer():
        return integer(int(value), path, lowest, highest)
    raise Unfit(path, f"an integer from {lowest} to {highest}")


def number(value: Any, path: str) -> float:
    if type(value) is not float and type(value) is not int:
        raise Unfit(path, "a number")
    return value


def flag(value: Any, path: str) -> bool:
    if type(value) is not bool:
        raise Unfit(path, "a boolean")
    return value


def optional_text(body: dict[str, Any], name: str, path: str = "") -> str:
    """Read a member that may be absent or null: "" then."""
    value = body.get(name)
    if type(value) is str:
        return value
    return "" if value is None else text(value, _member(name, path))


def optional_array(body: dict[str, Any], name: str, path: str = "") -> list[Any]:
    value = body.get(name)
    if type(value) is list:
        return value
    return [] if value is None else array(value, _member(name, path))


def optional_texts(body: dict[str, Any], name: str, path: str = "") -> tuple[str, ...]:
    value = body.get(name)
    return () if value is None else texts(value, _member(name, path))


def optional_mapping(body: dict[str, Any], name: str, path: str = "") -> dict[str, Any] | None:
    value = body.get(name)
    if value is None or type(value) is dict:
        return value
    return mapping(value, _member(name, path))


def optional_integer(body: dict[str, Any], name: str, path: str = "", *, lowest: int = -_HIGHEST) -> int | None:
    value = body.get(name)
    return value if value is None or (type(value) is int and lowest <= value <= _HIGHEST) else integer(value, _member(name, path), lowest)


def optional_flag(body: dict[str, Any], name: str, path: str = "") -> bool | None:
    value = body.get(name)
    if value is None or type(value) is bool:
        return value
    return flag(value, _member(name, path))


def _member(name: str, path: str) -> str:
    return f"{path}.{name}" if path else name


def rest(body: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The members that no typed field took: vendor extensions. Nulls say nothing and are left out."""
    more: dict[str, Any] = {}
    if known.issuperset(body):
        return more
    for name, value in body.items():
        if name not in known and value is not None:
            more[name] = value  # noqa: PERF403  a comprehension is a function of its own, and most have nothing to give
    return more
