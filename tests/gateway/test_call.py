"""Bodies as they are read: what they hold, twice or once, and how they are written again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, TooLarge
from omnillm.gateway.attempts.wording import Rewording, Wording, splice
from omnillm.gateway.call import AFFINITY_PREFIX_BYTES, Call, Caller, affinity_of
from omnillm.gateway.quotes.quote import Quote
from omnillm.protocols.bulk import LARGE_BODY, MOST_OBJECTS, MOST_VALUES, check_shape
from omnillm.protocols.members import MOST_MEMBERS, emit, has_repeated_members, read_members
from omnillm.protocols.registry import PROTOCOLS

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.text(max_size=8), values, max_size=6)


def call(body: bytes, *, protocol: str = "openai_chat", model: str = "fast") -> Call:
    members = read_members(body)
    spoken = PROTOCOLS[protocol]
    peek = spoken.peek_request(members)
    return Call(
        protocol=spoken,
        operation="generate",
        caller=Caller(),
        model=model,
        is_stream=peek.is_stream,
        peek=peek,
        members=members,
        body=body,
        headers={},
        started_at=0.0,
        wall=0.0,
        deadline=1.0,
    )


def spliced(body: bytes, *, model: str = "fast", cap: int | None = None, asks: bool = False, protocol: str = "openai_chat") -> bytes:
    member = {"openai_chat": "max_completion_tokens", "gemini_generate_content": "generationConfig.maxOutputTokens"}[protocol]
    return splice(call(body, protocol=protocol), Quote(injected_cap=cap), model, Wording(asks_usage=asks, output_cap_member=member))


NO_OBJECTS = (
    *(b"", b" ", b"null", b"[]", b'"x"', b"5", b"{", b'{"a":', b'{"a":1,}', b"{'a':1}", b'{"a":1} x', b'{"a":NaN}', b'{"a":Infinity}'),
    *(b'{"a":"\xff"}', b'\xef\xbb\xbf{"a":1}', b'{"a":"\n"}', b'{"a":01}', b"{1:2}", b'{"a":"\\ud800"}', b"[" * 100_000),
)


@in_turn("body", NO_OBJECTS)
def test_what_is_no_json_object_is_a_400(body: bytes) -> None:
    """And says what it is instead."""
    with pytest.raises(BadRequest) as refused:
        read_members(body)
    assert refused.value.code == "invalid_json"
    assert "request body" in refused.value.message


@in_turn(
    ("body", "words"),
    [
        (b"", "The request body is empty."),
        (b" \n", "The request body is empty."),
        (b'{"a":', "it ends too early, or holds half a surrogate pair"),
        (b'{"a":"\\ud800"}', "it ends too early, or holds half a surrogate pair"),
    ],
)
def test_a_body_that_cannot_be_read_to_its_end_is_told_as_what_it_may_be(body: bytes, words: str) -> None:
    """A whole one is not called truncated, and none at all is called none."""
    with pytest.raises(BadRequest) as refused:
        read_members(body)
    assert words in refused.value.message


def test_a_body_of_more_members_than_anybody_writes_is_refused() -> None:
    """Each is held by itself as long as its call lasts: a body of 64 MB would take gigabytes."""
    body = json.dumps({str(number): 0 for number in range(MOST_MEMBERS + 1)}).encode()
    with pytest.raises(BadRequest, match="1024 members"):
        read_members(body)
    assert len(read_members(body.replace(b'"0": 0, ', b""))) == MOST_MEMBERS


def test_a_large_body_of_tiny_values_is_refused_unread() -> None:
    """Reading 64 MB of them would hold up everybody for seconds; a picture, a long text and a small body pass."""
    for piece, most in ((b"{},", MOST_OBJECTS), (b"[],", MOST_OBJECTS), (b"1,", MOST_VALUES)):
        with pytest.raises(TooLarge, match=str(most)):
            check_shape(piece * max(most + 1, LARGE_BODY // len(piece) + 1))
        check_shape(piece * 1000)
    check_shape(b'{"a":"%b"}' % (b"iVBORw0KGgo" * 1_000_000))
    check_shape(b'{"a":"%b"}' % (b"a herd of words that goes on, and on, with a {name} now and then " * 140_000))


@given(bodies)
def test_an_object_is_read_verbatim(body: dict[str, object]) -> None:
    """Each member by its name, in order, its value as it was spelt."""
    for spelt in (json.dumps(body), json.dumps(body, indent=2), json.dumps(body, ensure_ascii=False)):
        members = read_members(spelt.encode())
        assert list(members) == list(body)
        assert {name: json.loads(bytes(raw)) for name, raw in members.items()} == body


@given(bodies.filter(bool), st.data(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_a_repeated_member_is_always_found(body: dict[str, object], data: st.DataObject, separators: tuple[str, str]) -> None:
    """Wherever it stands, also spelt with an escape the second time; and none is found where none is, whatever stands twice inside of its values."""
    compact = json.dumps(body, separators=separators)
    for spelt in (compact, json.dumps(body, indent=1), json.dumps(body, ensure_ascii=False)):
        assert not has_repeated_members(spelt.encode(), read_members(spelt.encode()))
    name = data.draw(st.sampled_from(list(body)))
    again = data.draw(values)
    respelt = "".join(f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else letter for letter in name)
    key = data.draw(st.sampled_from([json.dumps(name), f'"{respelt}"']))
    twice = f"{compact[:-1]},{key}:{json.dumps(again, separators=separators)}}}".encode()
    assert has_repeated_members(twice, read_members(twice))


LONG = "x" * AFFINITY_PREFIX_BYTES
PROMPTS = {
    "openai_chat": {"tools": [LONG], "messages": ["one"]},
    "openai_responses": {"instructions": LONG, "input": "one"},
    "anthropic_messages": {"system": LONG, "messages": ["one"]},
    "gemini_generate_content": {"systemInstruction": {"parts": [LONG]}, "contents": ["one"]},
    "bedrock_converse": {"system": [LONG], "messages": ["one"]},
    "canonical": {"instructions": LONG, "input": ["one"]},
}


@in_turn("prompt", PROMPTS.values(), ids=PROMPTS)
def test_calls_that_begin_alike_are_known_by_the_beginning_of_their_prompt(prompt: dict[str, object]) -> None:
    """The system's words and the tools first, as the provider's cache has them: not the order of a body, nor what stands before them."""
    [first, last] = prompt

    def affinity(body: dict[str, object]) -> int:
        return affinity_of("prefix", "", read_members(json.dumps(body).encode()))

    alike = {affinity({"temperature": heat, "user": "someone", last: [heat], first: prompt[first]}) for heat in range(24)}
    assert alike == {affinity(prompt)}
    assert affinity(prompt | {first: "y" + LONG}) != affinity(prompt)
    assert affinity({first: "short", last: "one"}) != affinity({first: "short", last: "other"})


def test_without_a_prompt_or_a_wish_no_key_is_preferred() -> None:
    """Nothing to know a call by, or nobody who asked for it."""
    members = read_members(b'{"model": "m", "messages": [1]}')
    assert affinity_of("prefix", "session", read_members(b'{"model": "m"}')) == affinity_of("none", "session", members) == 0
    assert affinity_of("session", "", members) == 0
    assert affinity_of("session", "session", members) == affinity_of("session", "session", {}) > 0


def test_a_body_that_needs_no_change_is_sent_as_it_came() -> None:
    """The same bytes, the same object."""
    body = b'{ "model" : "fast",\t"messages":[ ] }'
    made = call(body)
    assert splice(made, Quote(), "fast", Wording(asks_usage=True, output_cap_member="max_tokens")) is made.body


def test_a_model_is_replaced_in_its_place() -> None:
    """All else is verbatim: order, numbers, escapes."""
    body = b'{"a":1.50e1,"model":"fast","messages":[{"x":"\\u00e9"}]}'
    assert spliced(body, model='gpt "4"') == b'{"a":1.50e1,"model":"gpt \\"4\\"","messages":[{"x":"\\u00e9"}]}'


def test_a_cap_is_added_where_the_protocol_has_it() -> None:
    """At the top, or inside of Gemini's configuration in whichever spelling it came; other members of that stay."""
    chat = b'{"model":"fast","messages":[]}'
    assert spliced(chat, cap=9) == b'{"model":"fast","messages":[],"max_completion_tokens":9}'
    for config, expected in (
        (b"", b',"generationConfig":{"maxOutputTokens":9}'),
        (b',"generationConfig":{"temperature":0.10}', b',"generationConfig":{"temperature":0.10,"maxOutputTokens":9}'),
        (b',"generation_config":{"temperature":1}', b',"generation_config":{"temperature":1,"maxOutputTokens":9}'),
        (b',"generationConfig":null', b',"generationConfig":{"maxOutputTokens":9}'),
    ):
        body = b'{"contents":[]' + config + b"}"
        assert spliced(body, cap=9, protocol="gemini_generate_content") == b'{"contents":[]' + expected + b"}"


def test_usage_is_asked_for_on_streams_only() -> None:
    """And only when the client did not; its own options stay."""
    assert spliced(b'{"model":"fast","messages":[]}', asks=True) == b'{"model":"fast","messages":[]}'
    for options, expected in (
        (b"", b',"stream_options":{"include_usage":true}'),
        (b',"stream_options":null', b',"stream_options":{"include_usage":true}'),
        (b',"stream_options":{"x":1}', b',"stream_options":{"x":1,"include_usage":true}'),
        (b',"stream_options":{"include_usage":false}', b',"stream_options":{"include_usage":true}'),
        (b',"stream_options":{"include_usage":true}', b',"stream_options":{"include_usage":true}'),
    ):
        body = b'{"model":"fast","messages":[],"stream":true'
        assert spliced(body + options + b"}", asks=True) == body + expected + b"}"


@given(bodies.filter(bool), st.dictionaries(st.text(max_size=8), values, max_size=3))
def test_what_is_emitted_is_the_object_with_its_changes(body: dict[str, object], changes: dict[str, object]) -> None:
    """Replaced in place, added at the end, nothing else touched."""
    members = read_members(json.dumps(body).encode())
    emitted = emit(members, {name: json.dumps(value).encode() for name, value in changes.items()})
    assert json.loads(emitted) == body | changes
    assert list(json.loads(emitted)) == list(body | changes)


HOST = Wording(
    output_cap_member="max_tokens",
    rewording=Rewording(renamed={"max_completion_tokens": "max_tokens"}, refused=frozenset({"stream_options"})),
)


@in_turn(
    ("body", "sent"),
    [
        (b'{"model":"fast", "messages":[]}', None),
        (b'{"model":"fast","messages":[],"max_tokens":5}', None),
        (b'{"model":"fast","max_completion_tokens":5,"messages":[]}', b'{"model":"fast","max_tokens":5,"messages":[]}'),
        (b'{"model":"fast","messages":[],"max_completion_tokens":5,"max_tokens":7}', b'{"model":"fast","messages":[],"max_tokens":7}'),
        (b'{"model":"fast","stream":true,"stream_options":{},"messages":[]}', b'{"model":"fast","stream":true,"messages":[]}'),
    ],
)
def test_a_host_is_told_in_its_own_words(body: bytes, sent: bytes | None) -> None:
    """The cap by the one name that it knows, nothing that it refuses; all else is the client's own bytes."""
    assert splice(call(body), Quote(), "fast", HOST) == (sent or body)
