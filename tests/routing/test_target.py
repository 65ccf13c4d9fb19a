import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.in_turn import in_turn

from omnillm.routing.target import Plan, Target, parse_target


def test_a_target_is_split_at_its_first_slash():
    """Models of aggregators hold slashes of their own."""
    assert parse_target("router/meta/llama") == Target(provider="router", model="meta/llama")
    assert str(parse_target("openai/*")) == "openai/*"


@in_turn("text", ["", "a", "a/", "/a", "a/b*", "a/**"])
def test_what_is_not_provider_and_model_is_refused(text):
    """A star stands alone, for the asked name."""
    with pytest.raises(ValueError, match="provider/model"):
        parse_target(text)


@given(st.text(max_size=20))
def test_no_text_raises_anything_but_a_value_error(text):
    """And one that is read writes itself back."""
    with contextlib.suppress(ValueError):
        assert str(parse_target(text)) == text


def test_a_plans_pairs_are_those_of_its_targets():
    """Also of a plan that lost some of them on the way."""
    one, other = Target(provider="p", model="m", protocol="openai_chat"), Target(provider="q", model="n/o")
    plan = Plan(targets=(one, other), public_model="m", route="m")
    assert plan.pairs == (("p", "m"), ("q", "n/o"))
    assert replace(plan, targets=(other,)).pairs == (("q", "n/o"),)
