"""A form as it arrives becomes members and descriptions; its bytes stay in a spool, and are sent as they came but for the model."""

import pytest

from omnillm.errors import BadRequest, TooLarge
from omnillm.framing.multipart import Field, write_form
from omnillm.gateway.form import FIELD_BYTES, Form
from omnillm.transport.spool import Unsent

TYPE = b"multipart/form-data; boundary=b"
FIELDS = [
    Field(name="model", content=b"alias"),
    Field(name="timestamp_granularities[]", content=b"word"),
    Field(name="timestamp_granularities[]", content=b"segment"),
    Field(name="file", content=b"ID3\x04\0\0\0\0\0\x05title\xff\xfb" + bytes(983), filename="a.mp3", content_type="audio/mpeg"),
]


def form(fields: list[Field], *, size: int = 1 << 20) -> Form:
    body = b"".join(write_form("b", fields))
    made = Form(TYPE)
    for at in range(0, len(body), size):
        made += body[at : at + size]
    made.finish()
    return made


@pytest.mark.parametrize("size", [1, 3, 100, 1 << 20])
def test_fields_are_members_and_files_are_described(size: int) -> None:
    """However it is cut: text is a string, a name with brackets a list, a file what can be known of it."""
    made = form(FIELDS, size=size)
    assert {name: bytes(raw) for name, raw in made.members.items()} == {
        "model": b'"alias"',
        "timestamp_granularities": b'["word","segment"]',
        "file": b'{"filename":"a.mp3","content_type":"audio/mpeg","size":1000,"longest_ms":1000}',
    }
    assert made.digest == form(FIELDS).digest != form(FIELDS[:3]).digest


def test_the_model_alone_is_changed() -> None:
    """And nothing at all where its name is the same."""
    made = form(FIELDS)
    renamed = [Field(name="model", content=b"gpt-4o-transcribe"), *FIELDS[1:]]
    for model, fields in ((None, FIELDS), ("gpt-4o-transcribe", renamed)):
        unsent, sent = Unsent(made.body(model)), b""
        while not unsent.is_empty:
            sent += unsent.take(100)
        assert sent == b"".join(write_form("b", fields))


def test_what_stands_twice_is_refused() -> None:
    """Two readers could take two values for it."""
    with pytest.raises(BadRequest, match="`model`: it stands twice"):
        form([FIELDS[0], FIELDS[0]])


def test_fields_are_small() -> None:
    """What is no file is held in memory, so it has a limit."""
    with pytest.raises(TooLarge, match="fields of the form"):
        form([Field(name="prompt", content=bytes(FIELD_BYTES // 2 + 1)), Field(name="other", content=bytes(FIELD_BYTES // 2 + 1))])


def test_a_field_that_is_no_text_is_named() -> None:
    """UTF-8, as everything."""
    with pytest.raises(BadRequest, match="`prompt`: it is not UTF-8"):
        form([Field(name="prompt", content=b"\xff")])
