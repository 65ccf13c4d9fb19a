"""Whether a JSON value is what a type of an SDK says, to the last member: unknown members and words are problems, too."""

import base64
import binascii
import enum
from functools import cache
from typing import Any, Literal, get_args, get_origin

from tests.protocols.sdk_types.shape import LISTS, MAPS, arms, bare, members


def problems(value: Any, kind: Any, path: str = "") -> list[str]:
    """What does not fit, by its path; of a union, by the arm that fits best."""
    if value is None:
        return [] if type(None) in get_args(bare(kind)) or None in get_args(bare(kind)) else [f"{path}: null"]
    choices = arms(kind)
    if len(choices) > 1 and type(value) is dict and "type" in value:
        choices = [arm for arm in choices if _bears(arm, value["type"])] or choices
    found = [_of_arm(value, arm, path) for arm in choices]
    return min(found, key=lambda each: (bool(each) and _is_far(each, path), len(each)))


@cache
def _bears(kind: Any, tag: Any) -> bool:
    """Whether an object of this kind may have the tag: most of the other arms need not be looked at."""
    inner = members(kind)
    if inner is None:
        return get_origin(kind) in MAPS
    return "type" in inner and any(tag in get_args(arm) for arm in arms(inner["type"].type))


def _is_far(found: list[str], path: str) -> bool:
    """Whether the arm is another kind of thing altogether: its own tag is wrong, or it is no object where one stands."""
    return any(each.startswith((f"{path}: ", f"{path}.type: ", f"{path}.role: ")) for each in found)


def _of_arm(value: Any, kind: Any, path: str) -> list[str]:
    origin = get_origin(kind)
    if origin is Literal:
        return [] if value in get_args(kind) else [f"{path}: no such word: {value!r}"]
    if origin in LISTS:
        if type(value) is not list:
            return [f"{path}: no array"]
        return [each for n, item in enumerate(value) for each in problems(item, get_args(kind)[0], f"{path}[{n}]")]
    if origin in MAPS or kind is dict:
        return [] if type(value) is dict else [f"{path}: no object"]
    inner = members(kind)
    if inner is None:
        return [] if _is_scalar(value, kind) else [f"{path}: {value!r} is no {getattr(kind, '__name__', kind)}"]
    if type(value) is not dict:
        return [f"{path}: no object"]
    found = [f"{path}.{name}: missing" for name, member in inner.items() if member.is_required and name not in value]
    for name, item in value.items():
        member = inner.get(name) or inner.get(_camel(name))
        found += problems(item, member.type, f"{path}.{name}") if member is not None else [f"{path}.{name}: no such member"]
    return found


def _camel(name: str) -> str:
    """Google reads, and its SDK writes, both spellings."""
    first, *others = name.split("_")
    return first + "".join([word.capitalize() for word in others])


def _is_scalar(value: Any, kind: Any) -> bool:
    if kind is object or kind is Any:
        return True
    if kind is bytes:
        return type(value) is str and _is_base64(value)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return value in [each.value for each in kind]
    if kind is float:
        return type(value) in {int, float}
    return type(value) is kind or (kind not in {str, int, bool} and type(value) is str)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return True
