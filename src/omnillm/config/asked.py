"""A request's JSON -> a struct of the configuration: the same words, readers and messages as in the file, and nothing filled in.

`${...}` stands for itself here: whoever asks over the network names no environment variable and no file.
"""

import json
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Struct

from omnillm.config.document import Mapping, Node, Scalar, Sequence
from omnillm.config.problems import Problems
from omnillm.config.schema import FAILED, Schema
from omnillm.config.substitution import Substitution
from omnillm.errors import BadRequest, TooLarge

Asked = TypeVar("Asked", bound=Struct)
LARGEST: Final = 64 * 1024
"""Bytes."""


class Verbatim(Substitution):
    """Fills in nothing."""

    def __init__(self) -> None:
        super().__init__({}, None)

    def fill(self, text: str) -> tuple[str, dict[str, str]]:
        return text, {}


def read_asked(body: bytes, kind: type[Asked], check: Callable[[Asked, Problems], None]) -> Asked:
    """Read a body, an empty one as an empty object, and check it. BadRequest: not a JSON object (400), or every problem with it (422)."""
    problems = Problems()
    asked = Schema(problems, Verbatim()).read(_root(body), kind, "")
    if asked is not FAILED:
        check(asked, problems)
    if problems:
        raise BadRequest(f"{'; '.join(problems.sentences())}.", code="invalid_virtual_key", status=422)
    assert isinstance(asked, kind)
    return asked


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
