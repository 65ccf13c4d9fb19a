"""What the body of a native call names, wherever it stands in it."""

import asyncio

import pytest
from tests.in_turn import in_turn

from omnillm.errors import BadRequest
from omnillm.gateway.native.asks import read_asked
from omnillm.gateway.native.names import OBJECT_BYTES, named_in
from omnillm.providers.kinds import KINDS

SPACE = b" " * 5_000


@in_turn(
    ("body", "code"),
    [
        (b'{"container":{"skills":[{"type":"anthropic"}],"id":"NAME"}}', "not_found"),
        (b'{"container":{"id":"other","id":"NAME"}}', "not_found"),
        (b'{"container":{"id":"NAME","id":"other"}}', "not_found"),
        (b'{"container":{' + SPACE + b'"id":"NAME"}}', "not_found"),
        (b'{"container":{"x":"' + b"\xc3\xa4" * 40_000 + b'","id":"NAME"}}', "not_found"),
        (b'{"container":{"x":"' + b"x" * OBJECT_BYTES + b'","id":"NAME"}}', "ambiguous_body"),
        (b'{"container":{"x":' + b"[" * 9 + b"]" * 9 + b',"id":"NAME"}}', "ambiguous_body"),
        (b'{"container":{"x":' + b"[" * 8 + b"]" * 8 + b',"id":"NAME"}}', "not_found"),
        (b'{"container":{"x":"}\\"{","id":"NAME"}}', "not_found"),
        (b'{"container"' + SPACE + b':"NAME"}', "ambiguous_body"),
        (b'{"container":' + SPACE + b'"NAME"}', "ambiguous_body"),
        (b'{"container":' + SPACE + b'{"id":"NAME"}}', "ambiguous_body"),
        (b'{"container":"' + b"x" * 5_000 + b'"}', ""),
        (b'{"container":{"x":"\xff","id":"NAME"}}', "not_found"),
        (b'{"container":{"type":"NAME","id":"other"}}', ""),
        (b'{"container":{"id":["NAME"]}}', ""),
        (b'{"container":{"id":NAME}}', ""),
        (b'{"container":{"type":"auto","file_ids":[]}}', ""),
        (b'{"container":{"type":"auto"', ""),
        (b'{"container":5,"conversation":null}', ""),
        (b'{"container":"other"}', ""),
    ],
)
async def test_what_another_keeps_is_found_wherever_it_is_named(body: bytes, code: str) -> None:
    """Behind objects, twice, or behind more space than any writer leaves."""
    if code == "ambiguous_body":
        with pytest.raises(BadRequest, match="must be sure"):
            await named_in(body)
    else:
        assert (("container", "NAME") in (await named_in(body)).others) == (code == "not_found")


@in_turn("body", [b'{"container":' * 80_000, b'"container":{"x":"' + b'"container":{' * 80_000, b'"container":{"a":[' * 60_000 + b"]"])
async def test_objects_within_objects_are_not_looked_through_again_and_again(body: bytes) -> None:
    """Those that stand too deep are refused, and no byte is read more than a few times until then."""
    async with asyncio.timeout(5):
        with pytest.raises(BadRequest, match="must be sure"):
            await named_in(body)


async def test_what_stands_at_the_edge_of_a_window_is_found_wherever_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large body is looked through in windows, and a name may begin in one and end in the next."""
    monkeypatch.setattr("omnillm.gateway.native.names.WINDOW", 8192)
    names = (
        b'"file_id":"file-a","previous_response_id":"resp_a","x":{"type":"item_reference","id":"item_a"},"vector_store_ids":["vs_a","vs_b"]'
    )
    named = await named_in(b"{%b}" % names)
    assert {name for _, name in named.files + named.others} == {"file-a", "resp_a", "item_a", "vs_a", "vs_b"}
    for place in (4_100, *range(8191 - len(names), 8194), 16_300):
        assert await named_in(b"{%b%b}" % (b" " * place, names)) == named, place


@in_turn("path", ["/model/../files/x", "/model/a//x", "/model/a/b"])
def test_a_model_may_hold_slashes_where_its_path_is_written_anew_and_nowhere_else(path: str) -> None:
    """A path that a pattern opens goes on as it came, and one that nothing opens is not looked at further."""
    written = "/model/" + path.removeprefix("/model/").replace("/", "%2F")
    for allowed in ((), ("/model/*",)):
        with pytest.raises(BadRequest, match="encoded slash"):
            read_asked("bedrock", KINDS["bedrock"], "GET", path, written=written, allowed=allowed)
    asked = read_asked("bedrock", KINDS["bedrock"], "POST", "/model/a/b/invoke", written="/model/a%2Fb/invoke")
    assert asked.encoded == "/model/a%2Fb/invoke"
