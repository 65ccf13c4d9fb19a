"""Ids that are bound to a provider key are found in a body without decoding it."""

import time

import pytest
from tests.in_turn import in_turn

from omnillm.errors import BadRequest
from omnillm.protocols.bound import MOST, files_named, gemini_named, response_made, responses_named, without_reasoning
from omnillm.protocols.envelope import MARK
from omnillm.protocols.members import read_members
from omnillm.protocols.protocol import Bound


@in_turn(
    ("body", "named"),
    [
        (b'{"input": "hi"}', ()),
        (b'{"input": "hi", "previous_response_id": "resp_1"}', (("response", "resp_1"),)),
        (b'{"input": "hi", "previous_response_id": null}', ()),
        (b'{"input": "hi", "conversation": "conv_1"}', (("conversation", "conv_1"),)),
        (b'{"input": "hi", "conversation": {"id": "conv_1"}}', (("conversation", "conv_1"),)),
        (b'{"input": "hi", "conversation": null}', ()),
        (b'{"input": "hi", "conversation": [1]}', ()),
        (b'{"input": "hi", "previous_response_id": 7}', ()),
        (
            b'{"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "x"}, {"type":"reasoning","id":"rs_2","encrypted_content":"y"}]}',
            (("reasoning", "rs_1"), ("reasoning", "rs_2")),
        ),
        (b'{"input": [{"type": "reasoning", "id": "rs_%b_0", "encrypted_content": "%bAAAA"}]}' % (b"0a" * 16, MARK), ()),
        (
            b'{"input": [{"id": "rs_sig_%b_1", "encrypted_content": "%bAA"}, {"id": "rs_%b1", "encrypted_content": "x"}]}'
            % (b"0a" * 16, MARK, b"0a" * 16),
            (("reasoning", "rs_" + "0a" * 16 + "1"),),
        ),
        (
            b'{"input": [{"type": "item_reference", "id": "msg_1"}, {"id": "rs_2"}, {"id":"fc_3", "type":"item_reference"}, {"id": "x", "a": 1}]}',
            (("item", "msg_1"), ("item", "rs_2"), ("item", "fc_3")),
        ),
        (b'{"input": [{"id": "msg_1"}, {"type": null, "id": "rs_2"}]}', (("item", "msg_1"), ("item", "rs_2"))),
        (b'{"input": [{"\\u0069d": "msg_1"}]}', (("item", "msg_1"),)),
        (b'{"input": [{"type": "image_generation_call", "id": "ig_1"}]}', (("item", "ig_1"),)),
        (b'{"input": [{"id": "msg_1", "type": "item_reference", "id": "msg_2"}]}', (("item", "msg_1"), ("item", "msg_2"))),
        (b'{"input": [{"\\u0069d": "m\\/\\\\", "id": "msg_1", "x": "\\u0022,{\\"id\\":\\"msg_2\\"}"}]}', ()),
        (b'{"input": "hi", "prompt": {"id": "pmpt_1"}}', ()),
        (b'{"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}', ()),
        (b'{"input": [{"type": "input_file", "file_id": "file-1"}]}', (("file", "file-1"),)),
        (b'{"input": [{"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}]}', (("compaction", "cmp_1"),)),
        (
            b'{"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1", null, "file-2"]}}]}',
            (("file", "file-1"), ("file", "file-2")),
        ),
        (b'{"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}', (("container", "cntr_1"),)),
        (
            b'{"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"], "vector_store_ids": ["vs_2"]}]}',
            (("object", "vs_1"), ("object", "vs_2")),
        ),
        (b'{"tools": [{"file\\u005fids": ["file-1"]}]}', (("file", "file-1"),)),
        (b'{"tools": [{"type": "function", "parameters": {"properties": {"container": {"type": "string"}}}}]}', ()),
        (b'{"input": "a \\"container\\"", "tools": [{"type": "web_search"}]}', ()),
    ],
)
def test_response_request_names_what_it_goes_on_from(body: bytes, named: tuple[Bound, ...]) -> None:
    """The previous response, what is encrypted, files, what tools work on; whatever is of the wrong type is the provider's to refuse."""
    assert responses_named(read_members(body), body) == named


@in_turn(
    ("body", "named"),
    [
        (b'{"contents": []}', ()),
        (b'{"cachedContent": "cachedContents/1"}', (("cached_content", "cachedContents/1"),)),
        (b'{"cached_content": "cachedContents/1"}', (("cached_content", "cachedContents/1"),)),
        (
            b'{"cachedContent": "cachedContents/1", "cached_content": "cachedContents/2"}',
            (("cached_content", "cachedContents/1"), ("cached_content", "cachedContents/2")),
        ),
        (
            b'{"contents":[{"parts":[{"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta/files/a-1"}}]}]}',
            (("file", "files/a-1"),),
        ),
        (b'{"contents":[{"parts":[{"file_data":{"file_uri":"files/b"}}]}]}', (("file", "files/b"),)),
        (
            rb'{"contents":[{"parts":[{"file_data":{"file_uri":"\u0066iles\/b","file_uri":"files/c"}}]}]}',
            (("file", "files/c"), ("file", "files/b")),
        ),
    ],
)
def test_gemini_request_names_caches_and_files(body: bytes, named: tuple[Bound, ...]) -> None:
    """In both spellings."""
    assert gemini_named(read_members(body), body) == named


def test_reasoning_is_left_out_by_id_and_the_rest_stands_as_it_was() -> None:
    """Only reasoning, wherever else its id may stand; an input that cannot be read is the provider's to refuse."""
    user, kept = b'{"role":"user", "content":"rs_1 \\u00e9"}', b'{"type":"reasoning","id":"rs_2","encrypted_content":"y"}'
    theirs, reference = b'{"id":"rs_1","type":"reasoning","encrypted_content":"x"}', b'{"id":"rs_1"}'
    body = b'{"model":"m","input":[%b]}' % b",".join((user, theirs, kept, reference))
    members, places = without_reasoning(read_members(body), {"rs_1"})
    assert (bytes(members["input"]), places) == (b"[%b]" % b",".join((user, kept, reference)), (1,))
    for odd in (b'{"model":"m"}', b'{"input":"hi"}', b'{"input":[1]}', b'{"input":[{"id":7}]}', b'{"input":null}'):
        assert without_reasoning(read_members(odd), {"rs_1"})[1] == ()


def test_one_id_may_stand_in_every_item() -> None:
    """What is left out is looked up, not searched: a body can repeat one id a hundred thousand times."""
    body = b'{"input":[%b]}' % b",".join([b'{"type":"reasoning","id":"rs_1"}'] * 30_000)
    began = time.process_time()
    members, places = without_reasoning(read_members(body), {"rs_1"})
    assert (bytes(members["input"]), len(places)) == (b"[]", 30_000)
    assert time.process_time() - began < 2


def test_escapes_take_no_reading_of_all_values() -> None:
    """On the event loop: one escaped letter, or a slash as PHP writes it, in a body of a million numbers."""
    body = b'{"input":[{"\\u0069d":"m","x":[%b1]}]}' % (b"1," * 1_000_000)
    members = read_members(body)
    began = time.process_time()
    assert responses_named(members, body) == ()
    assert time.process_time() - began < 0.15


def test_repeated_file_is_named_once_and_too_many_are_refused() -> None:
    """A body cannot cause any number of look-ups, and cannot hide one behind many."""

    def body(count: int) -> bytes:
        return b"[" + b",".join(b'{"file_id": "file-%d"}' % (number // 2) for number in range(2 * count)) + b"]"

    assert len(files_named({}, body(MOST))) == MOST
    with pytest.raises(BadRequest, match="more than 1024 files or items") as refused:
        files_named({}, body(MOST + 1))
    assert refused.value.code == "too_many_files"


@in_turn(
    "body",
    [
        rb'{"input":[{"type":"input_file","file\u005fid":"file-1"}]}',
        rb'{"input":[{"type":"input_file","file_id":"\u0066ile-1"}]}',
        rb'{"input":[{"type":"input_file","file_\u0069d":"file\u002d1","x":"\u00e9","y":1e999}]}',
    ],
)
def test_an_escape_hides_no_file(body: bytes) -> None:
    """Letters that need no escape are read as they are meant, whatever else stands there."""
    assert responses_named(read_members(body), body) == files_named({}, body) == (("file", "file-1"),)


def test_an_escaped_slash_hides_no_file_of_gemini() -> None:
    """As PHP writes it."""
    body = rb'{"contents":[{"parts":[{"fileData":{"fileUri":"https:\/\/x.test\/v1beta\/files\/one"}}]}]}'
    assert gemini_named(read_members(body), body) == (("file", "files/one"),)
    for uri in (b"files/one?alt=media", b"https://x.test/" + b"x/" * 500 + b"files/one#a", b"https://x.test/v1beta/files/one/"):
        body = b'{"contents":[{"parts":[{"fileData":{"fileUri":"%b"}}]}]}' % uri
        assert gemini_named(read_members(body), body) == (("file", "files/one"),)


def test_a_repeated_member_hides_nothing_behind_an_escape() -> None:
    """What is spelt out forgets the first of two; what stood there is still looked at."""
    body = rb'{"file_id":"file-1","file_id":"file-2","x":"\u0061"}'
    assert files_named({}, body) == (("file", "file-1"), ("file", "file-2"))


@in_turn(
    ("body", "made"),
    [
        (b'{"id": "resp_1", "output": []}', (("response", "resp_1"),)),
        (b'{"id": "resp_1", "store": false, "output": []}', ()),
        (b'{"type": "response.completed", "response": {"id": "resp_1", "store": true}}', (("response", "resp_1"),)),
        (
            b'{"id": "resp_1", "output": [{"id": "msg_1"}, {"id": "fc_2"}, {}]}',
            (("response", "resp_1"), ("item", "msg_1"), ("item", "fc_2")),
        ),
        (
            b'{"id": "resp_1", "store": false, "output": [{"id": "rs_1", "encrypted_content": "x"}, {"id": "msg_1"}]}',
            (("reasoning", "rs_1"),),
        ),
        (b'{"id": "resp_1", "conversation": {"id": "conv_1"}}', (("response", "resp_1"), ("conversation", "conv_1"))),
        (b"<html>", ()),
        (b'{"id": 7}', ()),
        (b'{"id": ""}', ()),
    ],
)
def test_response_makes_its_id_and_its_encrypted_reasoning(body: bytes, made: tuple[Bound, ...]) -> None:
    """What the provider does not keep cannot be gone on from."""
    assert response_made({}, body, None) == made
