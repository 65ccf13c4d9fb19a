"""The structs of the verbs hold ids and values, never live objects: each survives a trip through msgpack."""

import inspect
from types import UnionType
from typing import Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.admission import asks
from omnillm.keys import terms
from omnillm.outcome import Headroom, Outcome

STRUCTS = [
    *(
        each
        for module in (asks, terms)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, msgspec.Struct) and each.__module__ == module.__name__
    ),
    Outcome,
    Headroom,
]


def of_type(annotation):
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(of_type(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(of_type, arguments))
    if origin in {Union, UnionType}:
        return st.one_of(*map(of_type, arguments))
    if annotation is type(None):
        return st.none()
    if inspect.isclass(annotation) and issubclass(annotation, msgspec.Struct):
        return of_struct(annotation)
    simple = {str: st.text(max_size=5), int: st.integers(-(2**63), 2**64 - 1), float: st.floats(allow_nan=False), bool: st.booleans()}
    return simple[annotation] if annotation in simple else st.sampled_from(annotation)


def of_struct(struct):
    return st.builds(struct, **{field.name: of_type(field.type) for field in msgspec.structs.fields(struct)})


def test_every_struct_is_seen():
    """Those of the verbs and those of the configuration."""
    assert {"Ask", "Ticket", "Need", "Lease", "Wait", "Refusal", "KeySnapshot", "ControllerConfigured"} <= {
        each.__name__ for each in STRUCTS
    }


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda each: each.__name__)
def test_a_struct_survives_msgpack(struct):
    """Equal after decoding, whatever its values."""

    @settings(max_examples=30, deadline=None)
    @given(of_struct(struct))
    def survives(value):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=struct) == value

    survives()


@in_turn("struct", STRUCTS, ids=lambda each: each.__name__)
def test_a_struct_is_frozen(struct):
    """A value that was handed over never changes."""
    assert struct.__struct_config__.frozen


@pytest.mark.parametrize("answers", [asks.Ticket | asks.Wait | asks.Refusal, asks.Lease | asks.Wait | asks.Refusal], ids=["admit", "lease"])
def test_an_answer_says_what_it_is(answers):
    """A verb's answer is one of several kinds, and decoded as the one that it was."""

    @settings(max_examples=30, deadline=None)
    @given(of_type(answers))
    def survives(value):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=answers) == value

    survives()
