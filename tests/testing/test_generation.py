"""What the model would say."""

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.testing.generation import count_tokens, told_usage, words_for
from omnillm.testing.samples import argument_pieces, arguments_for
from omnillm.usage import Usage


@given(st.text(max_size=200), st.text(max_size=20), st.integers(1, 50))
def test_words_are_exactly_as_many_as_asked(prompt, model, count):
    """A function of its arguments; joined they split into the same words."""
    words = words_for(prompt, model, count)
    assert len(words) == count
    assert words == words_for(prompt, model, count)
    assert "".join(words).split() == [word.strip() for word in words]


def test_markers_are_not_echoed():
    """A scripted prompt does not script the next turn through its own echo."""
    assert "".join(words_for("[[fault:slow]] hi [[tool]]", "m", 3)) == "You said: hi"


def test_filler_depends_on_model_and_prompt():
    """Different questions and different models mostly get different words."""
    assert len({words_for("hi", f"model-{i}", 30) for i in range(40)}) > 5
    assert len({words_for(f"hi {i}", "m", 30)[4:] for i in range(40)}) > 5


@in_turn(("texts", "tokens"), [((), 1), (("",), 1), (("abcd",), 1), (("abcde",), 2), (("ü" * 4,), 2), (("ab", "cd", "e"), 2)])
def test_tokens_are_quarters_of_bytes(texts, tokens):
    """Four bytes of UTF-8 a token, rounded up, at least one."""
    assert count_tokens(texts) == tokens


@in_turn(
    ("schema", "arguments"),
    [
        (None, {}),
        ({"type": "object"}, {}),
        ({"properties": 5}, {}),
        (
            {"properties": {"a": {"type": "INTEGER"}, "b": {"enum": ["x", "y"]}, "c": {"type": ["boolean", "null"]}}},
            {"a": 7, "b": "x", "c": True},
        ),
        (
            {"properties": {"a": {"type": []}, "b": {"enum": []}, "c": 3, "d": {"type": "array"}}},
            {"a": "heron", "b": "heron", "c": "heron", "d": []},
        ),
    ],
)
def test_arguments_fit_the_schema(schema, arguments):
    """A sample for each property, and something sane where the schema is not."""
    text = arguments_for(schema)
    assert json.loads(text) == arguments
    assert "".join(argument_pieces(text)) == text


def test_lies():
    """The five ways in which a provider misstates a usage."""
    usage = Usage(input=3, cache_read=1, output=20)
    assert told_usage(usage, "") is told_usage(usage, "cumulative") is usage
    assert told_usage(usage, "missing") is None
    assert told_usage(usage, "zero") == Usage()
    assert told_usage(usage, "negative") == Usage(input=-4, output=-20)
    assert told_usage(usage, "huge").prompt_tokens == 10**18
