"""The JSON of an admin request becomes a struct of the configuration, with the same names, rules and messages as in the file.

`${...}` is not replaced here, because a client must not be able to read an environment variable or a file of the server.
"""

import json
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import fields, replace

from omnillm.config.document import Mapping, Node, Scalar, Sequence
from omnillm.config.problems import Problems
from omnillm.config.schema import Schema
from omnillm.config.substitution import Substitution
from omnillm.errors import BadRequest, TooLarge

Terms = TypeVar("Terms", bound=Struct)
LARGEST: Final = 64 * 1024
"""The most bytes of a body."""


class Verbatim(Substitution):
    """A substitution that leaves every text as it is."""

    def __init__(self) -> None:
        super().__init__({}, None)

    def fill(self, text: str) -> tuple[str, dict[str, str]]:
        return text, {}


def read_terms(body: bytes, kind: type[Terms], check: Callable[[Terms, Problems], None]) -> Terms:
    """Read a body, an empty one as an empty object, and check it. BadRequest: not a JSON object (400), or every problem with it (422)."""
    problems = Problems()
    terms = Schema(problems, Verbatim()).read(_root(body), kind, "")
    if isinstance(terms, kind):
        check(terms, problems)
        if not problems:
            return terms
    raise _refused(problems)


def read_change(body: bytes, present: Terms, check: Callable[[Terms, Problems], None], *, fixed: str) -> Terms:
    """Read a body that says what becomes of `present`: what it does not name stays, null is the default again, `fixed` never changes.

    Raises BadRequest as `read_terms` does.
    """
    problems, kind = Problems(), type(present)
    known = {field.encode_name: field.name for field in fields(kind)}
    root = _root(body)
    said = [name.text for name, _ in root.entries]
    if fixed in said:
        problems.add(fixed, "never changes")
    defaults = {name.text for name, value in root.entries if name.text in known and _is_null(value) and said.count(name.text) == 1}
    entries = [(name, value) for name, value in root.entries if name.text not in {fixed, *defaults}]
    terms = Schema(problems, Verbatim()).read(Mapping(entries=((_text(fixed), _text(getattr(present, fixed))), *entries), line=1), kind, "")
    if isinstance(terms, kind):
        changed = replace(present, **{known[name]: getattr(terms, known[name]) for name in said if name in known})
        check(changed, problems)
        if not problems:
            return changed
    raise _refused(problems)


def _refused(problems: Problems) -> BadRequest:
    told = "; ".join(problems.sentences())
    return BadRequest(told if told.endswith("?") else f"{told}.", code="invalid_virtual_key", status=422)


def _is_null(value: Node) -> bool:
    return isinstance(value, Scalar) and value.is_null


def _root(body: bytes) -> Mapping:
    if len(body) > LARGEST:
        raise TooLarge(f"The body is larger than {LARGEST} bytes.")
    try:
        # Numbers stay the text that they are written as, so that no amount of money passes through a float.
        root = json.loads(body.decode() or "{}", object_pairs_hook=_mapping, parse_int=_plain, parse_float=_plain, parse_constant=_plain)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The request body is not valid JSON.", code="invalid_json") from error
    if not isinstance(root, Mapping):
        raise BadRequest("The request body must be a JSON object.", code="invalid_json")
    return root


def _mapping(members: list[tuple[str, object]]) -> Mapping:
    return Mapping(entries=tuple((_text(name), _node(value)) for name, value in members), line=1)


def _node(value: object) -> Node:
    if isinstance(value, Scalar | Mapping):
        return value
    if isinstance(value, list):
        return Sequence(items=tuple(_node(each) for each in value), line=1)
    if isinstance(value, str):
        return _text(value)
    return _plain({True: "true", False: "false", None: "null"}[value])  # type: ignore[index]  # nothing else is left of JSON


def _text(value: str) -> Scalar:
    return Scalar(text=value, line=1, is_plain=False)


def _plain(written: str) -> Scalar:
    return Scalar(text=written, line=1)
