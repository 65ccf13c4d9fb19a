"""How much a model reads: an upper bound that base64 media does not inflate."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from omnillm.protocols.text import content_parts, media_bytes, text_bytes

BASE64 = "iVBORw0KGgo" * 2000


def members(body: object) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(json.dumps(body), type=dict[str, msgspec.Raw])


def leaves(value: object) -> int:
    """UTF-8 bytes of all string leaves and names."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list):
        return sum(leaves(inner) for inner in value)
    if isinstance(value, dict):
        return sum(len(name.encode()) + leaves(inner) for name, inner in value.items())
    return 0


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_bound_is_never_below_the_text(value):
    """Whatever is asked, escaped or not, the bound holds all of its text."""
    assert text_bytes(members({"messages": value}), frozenset()) >= leaves(value)


def test_members_that_configure_are_not_counted():
    """Only what the model reads counts."""
    body = members({"model": "m" * 100, "messages": ["hi"]})
    assert text_bytes(body, frozenset({"model"})) == len('["hi"]')


def test_media_are_not_counted_as_text():
    """The base64 of each protocol's spelling is left out; the words around it stay."""
    url = f"data:image/png;base64,{BASE64}"
    for part in (
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "input_image", "image_url": url},
        {"type": "input_audio", "input_audio": {"data": BASE64, "format": "wav"}},
        {"type": "file", "file": {"file_data": BASE64, "filename": "a.pdf"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BASE64}},
        {"inlineData": {"mimeType": "image/png", "data": BASE64}},
    ):
        conversation = members({"messages": [{"role": "user", "content": [part, {"type": "text", "text": "x" * 50}]}]})
        size = text_bytes(conversation, frozenset()) - media_bytes(content_parts(conversation["messages"]))
        assert 50 < size < 400, part


def test_text_that_looks_like_media_is_counted():
    """A data URL in a text, or in the input of a tool, is read by the model."""
    url = f"data:image/png;base64,{BASE64}"
    for content in (
        url,
        [{"type": "text", "text": url}],
        [{"type": "tool_use", "input": {"url": url, "data": BASE64, "format": "x"}}],
        [{"functionCall": {"args": {"image_url": url}}}],
    ):
        conversation = members({"messages": [{"role": "user", "content": content}]})
        assert media_bytes(content_parts(conversation["messages"])) == 0, content


def test_parts_of_something_else_than_a_conversation_are_none():
    """Strings, numbers, too deep nesting and invalid UTF-8 have no parts and raise nothing."""
    for raw in (b'"a [1] text"', b"7", b'["\xff", [1]]', b'["[", 1]'):
        assert content_parts(msgspec.Raw(raw)) == []
    assert content_parts(msgspec.Raw(b"[" * 3000 + b"]" * 3000)) == []
    assert content_parts(msgspec.Raw(b'[{"a": [{"b": 1}]}]')) == [{"a": [{"b": 1}]}, {"b": 1}]
