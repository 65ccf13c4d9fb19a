"""A function call that Vertex streams in pieces: values at JSON paths, put together to the arguments."""

import re
from typing import Any

import msgspec

from omnillm.model.message import Opaque
from omnillm.protocols.gemini_generate_content.spelling import camel
from omnillm.protocols.shapes import Unfit, mapping, optional_array, optional_mapping, optional_text, text

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d{1,4})\]|\['((?:[^'\\]|\\.)*)'\]|\[\"((?:[^\"\\]|\\.)*)\"\]")
_MOST_STEPS = 100
_VALUES = ("numberValue", "boolValue")


class PartialCall:
    """Begins with the function's name, ends with a piece that does not say `willContinue`."""

    __slots__ = ("_arguments", "_texts", "given_id", "name", "signature")

    def __init__(self, call: dict[str, Any], signature: Opaque | None) -> None:
        self.name = text(call.get("name"), "functionCall.name")
        self.given_id = optional_text(call, "id", "functionCall")
        self.signature = signature
        self._arguments: dict[str, Any] = dict(optional_mapping(call, "args", "functionCall") or {})
        self._texts: dict[str, list[str]] = {}
        """Texts that grow, by their path: joined once, at the end."""
        self.add(call)

    def add(self, call: dict[str, Any]) -> None:
        for piece in optional_array(call, "partialArgs", "functionCall"):
            self._add_piece(camel(mapping(piece, "functionCall.partialArgs")))

    def _add_piece(self, piece: dict[str, Any]) -> None:
        path = text(piece.get("jsonPath"), "functionCall.partialArgs.jsonPath")
        if piece.get("stringValue") is not None:
            said = text(piece["stringValue"], "functionCall.partialArgs.stringValue")
            if path not in self._texts:
                self._texts[path] = []
                _put(self._arguments, path, "")
            self._texts[path].append(said)
            return
        self._texts.pop(path, None)
        _put(self._arguments, path, next((piece[name] for name in _VALUES if piece.get(name) is not None), None))

    def arguments(self) -> str:
        for path, pieces in self._texts.items():
            _put(self._arguments, path, "".join(pieces))
        return msgspec.json.encode(self._arguments).decode()


def _put(arguments: dict[str, Any], path: str, value: Any) -> None:
    steps = _steps(path)
    owner: Any = arguments
    for number, step in enumerate(steps):
        is_last = number == len(steps) - 1
        inner: Any = value if is_last else [] if type(steps[number + 1]) is int else {}
        owner = _step_into(owner, step, inner, path, replaces=is_last)


def _step_into(owner: Any, step: str | int, inner: Any, path: str, *, replaces: bool) -> Any:
    """Return what stands at `step` in `owner`: what stood there, or `inner`, put there now."""
    if type(step) is int and type(owner) is list and step <= len(owner):
        if step == len(owner):
            owner.append(inner)
        elif replaces:
            owner[step] = inner
        return owner[step]
    if type(step) is str and type(owner) is dict:
        if replaces:
            owner[step] = inner
        return owner.setdefault(step, inner)
    raise Unfit("functionCall.partialArgs.jsonPath", f"a path into what the pieces before it made, not {path[:100]!r}")


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 1
    while path.startswith("$") and at < len(path) and len(steps) < _MOST_STEPS:
        match = _STEP.match(path, at)
        if match is None:
            break
        member, index, *quoted = match.groups()
        steps.append(int(index) if index is not None else member if member is not None else _unquoted(quoted))
        at = match.end()
    if at != len(path) or not steps:
        raise Unfit("functionCall.partialArgs.jsonPath", "a path of members and indices that begins with $")
    return steps


def _unquoted(quoted: list[str | None]) -> str:
    return re.sub(r"\\(.)", r"\1", next((text for text in quoted if text is not None), ""))
