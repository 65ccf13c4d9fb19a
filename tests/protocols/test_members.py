"""Members of a request, read strictly."""

import msgspec
import pytest
from tests.in_turn import in_turn

from omnillm.errors import BadRequest
from omnillm.protocols.members import FLAG, has_repeated_members, read, read_model, require_array


def members(body: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(body, type=dict[str, msgspec.Raw])


def test_what_is_nested_too_deeply_to_be_counted_is_refused():
    """Its members may stand twice: nobody reads it to its end."""
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    body = b'{"\\u0061": %b}' % deep
    with pytest.raises(BadRequest, match="too deeply"):
        has_repeated_members(body, {"a": msgspec.Raw(deep)})
    assert not has_repeated_members(b'{"\\u0061": 1}', {"a": msgspec.Raw(b"1")})


def test_absent_member_is_none():
    """Whether a member may be absent is the protocol's own affair."""
    assert read({}, "stream", FLAG, "a boolean") is None


def test_member_of_another_type_is_named():
    """The message says which member, and what it must be."""
    with pytest.raises(BadRequest, match="`stream` must be a boolean"):
        read(members(b'{"stream": 1}'), "stream", FLAG, "a boolean")


def test_broken_text_is_the_callers_mistake():
    """Bytes that are not UTF-8 pass a decoder that keeps values verbatim, and are no model's name."""
    with pytest.raises(BadRequest, match="`model`"):
        read_model(members(b'{"model": "\xff"}'))


@pytest.mark.parametrize("body", [b'{"messages":[]}', b'{"messages" :\n [ ] }'])
def test_array_is_an_array_however_it_is_spaced(body):
    """Blanks before the bracket do not matter."""
    require_array(members(body), "messages")


@in_turn("body", [b"{}", b'{"messages":{}}', b'{"messages":"["}', b'{"messages":null}'])
def test_anything_else_is_refused(body):
    """A conversation is an array."""
    with pytest.raises(BadRequest, match="`messages` must be an array"):
        require_array(members(body), "messages")
