"""Members of fixed types, read in one step: what is not what it must be is named by its path, in our words."""

from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn

from omnillm.protocols.shapes import Unfit, typed


class _Turn(msgspec.Struct):
    role: str
    content: str | list[Any]


class _Body(msgspec.Struct):
    model: str
    turns: list[_Turn] = []
    cap: int | float | None = None
    stream: bool | None = None
    about: dict[str, Any] | None = None


@in_turn(
    ("body", "path", "expected"),
    [
        ({}, "model", "given"),
        ({"model": 7}, "model", "a string"),
        ({"model": None}, "model", "a string"),
        ({"model": "m", "turns": {}}, "turns", "an array"),
        ({"model": "m", "turns": [{"role": "user", "content": "Hi"}, 7]}, "turns[1]", "an object"),
        ({"model": "m", "turns": [{"role": "user"}]}, "turns[0].content", "given"),
        ({"model": "m", "turns": [{"role": "user", "content": {}}]}, "turns[0].content", "a string or an array"),
        ({"model": "m", "cap": "7"}, "cap", "a number"),
        ({"model": "m", "cap": True}, "cap", "a number"),
        ({"model": "m", "stream": 1}, "stream", "a boolean"),
        ({"model": "m", "about": []}, "about", "an object"),
    ],
)
def test_member_of_another_type_is_named(body: dict[str, Any], path: str, expected: str) -> None:
    """With its path and what it must be, whoever is to blame; null is as good as nothing where the member may be absent."""
    with pytest.raises(Unfit) as unfit:
        typed(body, _Body)
    assert (unfit.value.path, unfit.value.expected) == (path, expected)


def test_numbers_stay_as_they_are_written() -> None:
    """An integer stays one where any number is taken, a null says nothing, and what is not known is left out."""
    for cap in (1, 1.0, 0.7, None):
        read = typed({"model": "m", "cap": cap, "stream": None, "own": 7}, _Body)
        assert (read.cap, type(read.cap)) == (cap, type(cap))
