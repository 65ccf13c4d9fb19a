"""How much a model reads: an upper bound that base64 media does not inflate."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.protocols.prompt_size import content_parts, text_bytes
from omnillm.protocols.protocol import WEIGHTLESS
from omnillm.protocols.registry import PROTOCOLS

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


def with_escapes(body: object) -> dict[str, msgspec.Raw]:
    """With the first letter of each word escaped by which media are known."""
    text = json.dumps(body)
    for word in (*KINDS[:-1], "source", "inlineData"):
        text = text.replace(f'"{word}"', f'"\\u{ord(word[0]):04x}{word[1:]}"')
    return msgspec.json.decode(text, type=dict[str, msgspec.Raw])


def test_media_are_not_counted_as_text():
    """The base64 of each protocol's spelling is left out, in a short conversation too; the words around it stay. Nor can escapes hide it."""
    url = f"data:image/png;base64,{BASE64}"
    for protocol, conversation, parts, part in (
        ("openai_chat", "messages", "content", {"type": "image_url", "image_url": {"url": url}}),
        ("openai_chat", "messages", "content", {"type": "image_url", "image_url": url}),
        ("openai_chat", "messages", "content", {"type": "input_audio", "input_audio": {"data": BASE64, "format": "mp3"}}),
        ("openai_chat", "messages", "content", {"type": "file", "file": {"file_data": BASE64, "filename": "a.pdf"}}),
        ("openai_chat", "messages", "content", {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{BASE64}"}}),
        ("openai_responses", "input", "content", {"type": "input_image", "image_url": url}),
        ("openai_responses", "input", "content", {"type": "image_generation_call", "id": "ig_1", "result": BASE64}),
        (
            "anthropic_messages",
            "messages",
            "content",
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BASE64}},
        ),
        ("gemini_generate_content", "contents", "parts", {"inlineData": {"mimeType": "image/png", "data": BASE64}}),
    ):
        request = {conversation: [{"role": "user", parts: [part, {"type": "text", "text": "x" * 50}]}]}
        text, media = PROTOCOLS[protocol].weigh(members(request))
        assert 50 < text < 400, part
        assert media.most > 200, part
        assert PROTOCOLS[protocol].weigh(with_escapes(request))[1] == media, part


@in_turn("protocol", ["openai_chat", "openai_responses"])
@in_turn("kind", ["picture_of_tomorrow", "", None, 7, ["image_url"], {"image_url": 1}])
def test_what_is_of_no_known_kind_counts_as_text(protocol: str, kind: object):
    """No host can be sent by the byte what the budget has not seen, and a kind that is no word is its provider's affair."""
    part = {"type": kind, "url": f"data:image/png;base64,{BASE64}", "data": BASE64, "format": "x"}
    conversation = "messages" if protocol == "openai_chat" else "input"
    text, media = PROTOCOLS[protocol].weigh(members({conversation: [{"role": "user", "content": [part]}]}))
    assert text > 2 * len(BASE64)
    assert media == WEIGHTLESS


KINDS = ("image_url", "input_image", "image_generation_call", "input_audio", "file", "input_file", "video_url", "text")
PLACES = ("type", "image_url", "url", "file", "file_data", "input_audio", "data", "video_url", "result", "content")
odd_parts = st.recursive(
    st.sampled_from((*KINDS, "data:image/png;base64," + "A" * 2_000)),
    lambda inner: st.dictionaries(st.sampled_from(PLACES), inner, max_size=5) | st.lists(inner, max_size=2),
    max_leaves=12,
)


@given(odd_parts, st.sampled_from(["openai_chat", "openai_responses"]))
def test_no_part_takes_more_off_the_text_than_it_is(part, protocol):
    """However parts are nested in each other, the prose beside them counts whole."""
    conversation = "messages" if protocol == "openai_chat" else "input"
    request = members({conversation: [{"role": "user", "content": [part, {"type": "text", "text": "w" * 300}]}]})
    assert PROTOCOLS[protocol].weigh(request)[0] > 300


def test_text_that_looks_like_media_is_counted():
    """A data URL in a text, or in the input of a tool, is read by the model."""
    url = f"data:image/png;base64,{BASE64}"
    for protocol, conversation, message in (
        ("openai_chat", "messages", {"content": url}),
        ("openai_chat", "messages", {"content": [{"type": "text", "text": url}]}),
        ("anthropic_messages", "messages", {"content": [{"type": "tool_use", "input": {"url": url, "data": BASE64, "format": "x"}}]}),
        ("gemini_generate_content", "contents", {"parts": [{"functionCall": {"args": {"image_url": url}}}]}),
    ):
        assert PROTOCOLS[protocol].weigh(members({conversation: [{"role": "user", **message}]}))[0] >= len(url)


def test_parts_of_something_else_than_a_conversation_are_none():
    """Strings, numbers, too deep nesting and invalid UTF-8 have no parts and raise nothing."""
    for raw in (b'"a [1] text"', b"7", b'["\xff", [1]]', b'["[", 1]'):
        assert content_parts(msgspec.Raw(raw)) == []
    assert content_parts(msgspec.Raw(b"[" * 3000 + b"]" * 3000)) == []
    assert content_parts(msgspec.Raw(b'[{"a": [{"b": 1}]}]')) == [{"a": [{"b": 1}]}, {"b": 1}]
