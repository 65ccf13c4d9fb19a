import re

from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.pattern import Pattern, is_allowed


@in_turn(
    ("pattern", "name", "expected"),
    [
        ("claude-*", "claude-haiku", True),
        ("claude-*", "claude-", True),
        ("claude-*", "Claude-haiku", False),
        ("*-mini", "gpt-4-mini", True),
        ("a*a", "a", False),
        ("a*b*a", "aba", True),
        ("a*b*a", "aca", False),
        ("*", "", True),
        ("a.c", "abc", False),
        ("a?c", "abc", False),
        ("[a]", "a", False),
        ("openai/*", "openai/x/y", True),
    ],
)
def test_only_the_star_is_special(pattern, name, expected):
    """Dots, question marks and brackets stand for themselves."""
    assert Pattern(pattern).matches(name) is expected


@given(st.text(alphabet="ab*", max_size=12), st.text(alphabet="ab", max_size=20))
def test_patterns_match_as_the_regular_expression_would(pattern, name):
    """The same answers, without its worst case."""
    assert Pattern(pattern).matches(name) == bool(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name))


def test_nothing_listed_allows_everything():
    """And a list only what it names."""
    assert is_allowed("x", ())
    assert is_allowed("x", ("x",))
    assert is_allowed("claude-1", ("x", "claude-*"))
    assert not is_allowed("y", ("x", "claude-*"))
