"""Requests read strictly, member by member. If a member does not fit, that is the caller's mistake, and the error names its path."""

import re
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from omnillm.errors import BadRequest
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import Members

T = TypeVar("T", bound=msgspec.Struct)
ModelName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
_AT = re.compile(r" - at `\$([^`]*)`$")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
NULL = b"null"


class Shape(Generic[T]):
    """Reads the members that a struct has, each as its field's type; whatever else stands there is left alone."""

    __slots__ = ("_decoders", "_type", "names")

    def __init__(self, shape: type[T]) -> None:
        fields = msgspec.structs.fields(shape)
        self._type = shape
        self._decoders = tuple((each.encode_name, each.name, msgspec.json.Decoder(each.type), each.required) for each in fields)
        self.names = frozenset(each.encode_name for each in fields)

    def read(self, members: Members) -> T:
        """Raises BadRequest that names the member; null is absent where the member may be."""
        found: dict[str, Any] = {}
        for name, field, decoder, is_required in self._decoders:
            raw = members.get(name)
            if raw is None or (not is_required and bytes(raw) == NULL):
                if is_required:
                    raise misfit(name, "it is required")
                continue
            try:
                found[field] = decoder.decode(raw)
            except UNREADABLE as error:
                raise _told(name, error) from error
        return self._type(**found)

    def rest(self, members: Members) -> dict[str, Any]:
        """The members that the struct does not have, decoded."""
        return {name: msgspec.json.decode(raw) for name, raw in members.items() if name not in self.names and bytes(raw) != NULL}


def misfit(path: str, problem: str) -> BadRequest:
    """A member that cannot be taken, in every client's words: `param` is where OpenAI's SDK looks for its path."""
    error = BadRequest(f"`{path}`: {problem}.", code="invalid_value")
    error.details = {"param": path}
    return error


def _told(name: str, error: Exception) -> BadRequest:
    if not isinstance(error, msgspec.ValidationError):
        return misfit(name, "it is not valid JSON")
    text = str(error)
    place = _AT.search(text)
    path = name + (place[1] if place else "")
    problem = _AT.sub("", text)
    missing = _MISSING.fullmatch(problem)
    if missing:
        return misfit(f"{path}.{missing[1]}", "it is required")
    return misfit(path, problem[:1].lower() + problem[1:])
