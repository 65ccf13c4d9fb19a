"""A long request's outline: nothing is missing in it but prose, or there is none."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.protocols.members import read_members
from omnillm.protocols.outline import outline
from omnillm.protocols.registry import PROTOCOLS

LINE = 'the_name[7] = "said \\n"\n'
PROSE = LINE * 800
PLAIN = "lorem ipsum " * 2_000
DATA = "iVBORw0KGgo" * 2_000
URL = f"data:image/png;base64,{DATA}"
CHAT, RESPONSES, MESSAGES, GEMINI = "openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content"
INTERACTIONS = "gemini_interactions"


def compact(request: object) -> bytes:
    return json.dumps(request, separators=(",", ":"), ensure_ascii=False).encode()


def said(*content: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": each} for each in content]}


@in_turn(
    ("name", "request_", "is_short"),
    [
        (CHAT, said(PROSE), True),
        (CHAT, said(PLAIN), True),
        (CHAT, said(PROSE, [{"type": "text", "text": PROSE}, {"type": "file", "file": {"file_id": "file-1"}}]), True),
        (CHAT, said(PROSE, [{"type": "image_url", "image_url": {"url": URL}}]), False),
        (CHAT, said([{"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}], PROSE), False),
        (CHAT, {**said(PROSE), "tools": [{"type": "function", "function": {"name": "f", "parameters": {"text": PROSE}}}]}, False),
        (RESPONSES, {"model": "m", "input": PROSE, "previous_response_id": "resp_1"}, True),
        (RESPONSES, {"model": "m", "instructions": PLAIN, "input": None}, True),
        (RESPONSES, {"model": "m", "input": PLAIN}, True),
        (RESPONSES, {"model": "m", "input": [{"role": "user", "content": PROSE}, {"type": "item_reference", "id": "msg_1"}]}, True),
        (
            RESPONSES,
            {
                "model": "m",
                "instructions": PROSE,
                "input": [
                    {"role": "user", "content": [{"type": "input_text", "text": PROSE}, {"type": "input_image", "image_url": URL}]},
                    {"type": "reasoning", "id": "rs_1", "encrypted_content": "x" * 2_000, "summary": []},
                ],
            },
            False,
        ),
        (MESSAGES, {**said(PROSE), "system": [{"type": "text", "text": PROSE}]}, True),
        (
            MESSAGES,
            said(
                [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [{"type": "text", "text": PROSE}, {"type": "document", "source": {"type": "file", "file_id": "file_1"}}],
                    },
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
                ]
            ),
            False,
        ),
        (GEMINI, {"contents": [{"role": "user", "parts": [{"text": PROSE}, {"fileData": {"fileUri": "https://a/files/b-1"}}]}]}, True),
        (INTERACTIONS, {"model": "m", "input": PLAIN}, True),
        (
            INTERACTIONS,
            {"model": "m", "input": [{"type": "text", "text": PLAIN}, {"type": "document", "uri": "https://a/files/b-1"}]},
            True,
        ),
        (INTERACTIONS, {"model": "m", "input": [{"type": "text", "text": PLAIN}, {"type": "image", "data": DATA}]}, False),
        (
            INTERACTIONS,
            {
                "model": "m",
                "system_instruction": PROSE,
                "input": [
                    {"type": "user_input", "content": [{"type": "text", "text": PROSE}, {"type": "audio", "uri": "https://a/files/b"}]}
                ],
            },
            False,
        ),
        (GEMINI, {"contents": [{"parts": [{"text": PROSE}, {"inlineData": {"mimeType": "image/png", "data": DATA}}]}]}, False),
    ],
)
def test_outline_names_and_weighs_what_the_request_does(name: str, request_: dict[str, Any], is_short: bool) -> None:
    """The same ids, the same media, and as many bytes of text, what was left out counted as such."""
    spoken, body = PROTOCOLS[name], compact(request_)
    members = read_members(body)
    seen = outline(members, body)
    assert seen is not None
    assert (len(seen.body) < 1_000) is is_short
    assert read_members(seen.body) == seen.members
    assert spoken.named_ids(seen.members, seen.body) == spoken.named_ids(members, body)
    assert spoken.weigh(seen.members)[1] == spoken.weigh(members)[1]
    assert spoken.weigh(seen.members)[0] + len(body) - len(seen.body) == spoken.weigh(members)[0]


ID = '{"type":"file","file":{"file_id":"file-1"}}'


@in_turn(
    "messages",
    [
        f'[{{"content":[{ID}],"content":"{PLAIN}"}}]',
        f'[{{"content":"{PLAIN}","content":[{ID}],"content":"{PLAIN}"}}]',
        f'[{{"role":"user","content":[{{"text":[{ID}],"text":"{PLAIN}"}}]}}]',
        f'[{{"role":"user","content":"{PLAIN}"}}],"messages":[{{"role":"user","content":"{PLAIN}"}}]',
        f'[{{"role": "user","content":"{PLAIN} [_]"}}]',
        f'[{{"role":"user","c\\u006fntent":"{PLAIN} [_]"}}]',
        f'[{{"role":"user","content":"{PLAIN} [_]"}},"words"]',
        f'[{{"role":"user","content":["{PLAIN}","[_]"]}}]',
        '["hello_"]',
    ],
)
def test_what_could_hide_something_has_no_outline(messages: str) -> None:
    """A member that stands twice, blanks, escapes in a name, items that are no objects: the request is looked at itself. So is a short one."""
    body = f'{{"model":"m","messages":{messages}}}'.encode()
    assert outline(read_members(body), body) is None


HIDDEN = '"file_id":"file-1"'
names = st.sampled_from(["content", "text", "parts", "role"])
words = st.sampled_from([json.dumps(PROSE), '"short"', "7", "{}", "[]", f"{{{HIDDEN}}}", f"[{{{HIDDEN}}}]"])


def items(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """An array of objects; names may stand twice."""
    members = st.lists(st.builds('"{}":{}'.format, names, inner), min_size=1, max_size=3)
    return st.lists(members.map(",".join).map("{{{}}}".format), min_size=1, max_size=2).map(",".join).map("[{}]".format)


@given(items(words | items(words)))
def test_an_id_stands_in_the_outline_wherever_it_stood(conversation: str) -> None:
    """Also in a member that stands twice."""
    body = f'{{"system":{json.dumps(PROSE)},"messages":{conversation}}}'.encode()
    seen = outline(read_members(body), body)
    assert seen is None or seen.body.count(HIDDEN.encode()) == body.count(HIDDEN.encode())


def test_a_conversation_that_begins_with_an_image_is_not_walked() -> None:
    """Its prose is little; that of another one is left out, and an image behind it stays."""
    picture = [{"type": "image_url", "image_url": {"url": URL}}, {"type": "text", "text": PROSE}]
    for request, is_outlined in ((said(picture), False), (said(picture, PROSE), False), (said(PROSE, picture), True)):
        body = compact(request)
        seen = outline(read_members(body), body)
        assert (seen is not None) is is_outlined
        assert seen is None or URL.encode() in seen.body


def test_nothing_is_encoded_longer_than_it_could_be_spelt() -> None:
    """An outline rests on it: if a name became longer, it could make up for a member that was lost."""
    short = {'"': 2, "\\": 2, "\b": 2, "\f": 2, "\n": 2, "\r": 2, "\t": 2}
    for letter in map(chr, (*range(0x3000), 0xFFFF, 0x10000, 0x10FFFF)):
        shortest = short.get(letter) or (6 if letter < " " else len(letter.encode()))
        assert len(msgspec.json.encode(letter)) == shortest + 2
