import pytest
from tests.in_turn import in_turn

from omnillm.config.document import Mapping, Scalar, Sequence, read_document
from omnillm.errors import ConfigError


def test_nodes_know_their_lines():
    """From 1, of keys and values, in blocks and flows."""
    root = read_document("a:\n  - b\n  - {c: d,\n     e: 'f'}\n", source="x")
    assert isinstance(root, Mapping)
    ((key, items),) = root.entries
    assert (key.text, key.line, items.line) == ("a", 1, 2)
    assert isinstance(items, Sequence)
    assert items.items[0] == Scalar(text="b", line=2)
    assert [(name.text, value.text, value.line, value.is_plain) for name, value in items.items[1].entries] == [
        ("c", "d", 3, True),
        ("e", "f", 4, False),
    ]


def test_an_empty_document_is_null():
    """Nothing but comments."""
    assert read_document("# nothing\n", source="x").is_null


@in_turn(
    ("text", "told", "line"),
    [
        ("a: 1\nb: &x 2\n", "an anchor is not allowed", 2),
        ("a: 1\nb: *x\n", "an alias", 2),
        ("a: [*]\n", "quote a pattern that begins with", 1),
        ("a: !!python/object/apply:os.system [x]\n", "a tag is not allowed", 1),
        ("a: !!str 5\n", "a tag is not allowed", 1),
        ("a: 1\n---\nb: 1\n", "a second document is not allowed", 2),
        ("? [a]\n: b\n", "a key must be a word", 1),
        ("a: 1\nb: [\n", "is not valid YAML", None),
        ("a: b: c\n", "is not valid YAML", 1),
        ("\ta: 1\n", "is not valid YAML: .*; a tab cannot indent: write spaces", 1),
        ("a:\n\tb: 1\n", "is not valid YAML: .*; a tab cannot indent: write spaces", 2),
        ("a: \x07\n", "characters that are not allowed", None),
        ("a: \ud800\n", "characters that are not allowed", None),
        ("a: " + "[" * 30 + "]" * 30, "more than 20 levels", 1),
        ("#" * (10 * 1024 * 1024 + 1), "is larger than 10 MiB", None),
    ],
)
def test_whatever_is_not_plain_data_is_refused_with_its_line(text, told, line):
    """No tag runs code, no alias multiplies, no depth exhausts the stack."""
    with pytest.raises(ConfigError, match=told) as caught:
        read_document(text, source="f.yaml")
    assert str(caught.value).startswith("f.yaml")
    if line is not None:
        assert caught.value.line == line
