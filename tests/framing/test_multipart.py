"""multipart/form-data: the same events however it is cut, and nothing that two readers could read differently."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, TooLarge
from omnillm.framing.multipart import Field, FormLimits, MultipartReader, PartEnd, PartHead, PartPiece, read_boundary, write_form

BODY = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="a \\"b\\".wav"\r\nContent-Type: audio/wav\r\n\r\n'
    b"RIFF\r\n--\r\n-b\r\n--c\r\r\n--b--\r\n"
)


def read(body, *, size=0, boundary="b", **limits):
    """[(head, content, end)] of the parts, fed in pieces of a size."""
    reader = MultipartReader(boundary, limits=FormLimits(**limits))
    found = []
    for at in range(0, len(body), size or len(body)):
        for event in reader.feed(body[at : at + (size or len(body))]):
            if isinstance(event, PartHead):
                found.append([event, b"", -1])
            elif isinstance(event, PartPiece):
                found[-1][1] += event.content
            elif isinstance(event, PartEnd):
                found[-1][2] = event.end
    reader.finish()
    return found


def test_every_split_gives_the_same_parts():
    """Cut in pieces of any size, and once at every byte: names, contents, and where they lie in the body."""
    whole = read(BODY)
    assert [(head.name, head.filename, content) for head, content, _ in whole] == [
        ("model", None, b"whisper-1"),
        ("file", 'a "b".wav', b"RIFF\r\n--\r\n-b\r\n--c\r"),
    ]
    for head, content, end in whole:
        assert BODY[head.start : end] == content
    assert all(read(BODY, size=size) == whole for size in range(1, len(BODY)))
    for cut in range(1, len(BODY)):
        reader = MultipartReader("b")
        reader.feed(BODY[:cut])
        reader.feed(BODY[cut:])
        reader.finish()


@in_turn(
    ("told", "name"),
    [
        (b'filename="a.wav"', "a.wav"),
        (b"filename=\"a.wav\"; filename*=utf-8''na%C3%AFve.wav", "na\u00efve.wav"),
        (b"filename*=UTF-8'en'na%C3%AFve.wav", "na\u00efve.wav"),
        (b"filename*=iso-8859-1''na%EFve.wav", None),
        (b"filename*=a.wav", None),
    ],
)
def test_name_of_a_file_may_be_spelt_out(told, name):
    """As RFC 8187 has it: a character set, perhaps a language, and the name. .NET's clients send it beside the plain one."""
    body = b"--b\r\ncontent-disposition: form-data; name=file; %b\r\n\r\nRIFF\r\n--b--\r\n" % told
    if name is None:
        with pytest.raises(BadRequest, match="character set"):
            read(body)
    else:
        [(head, content, _)] = read(body)
        assert (head.filename, content) == (name, b"RIFF")


def test_nothing_but_the_start_of_a_delimiter_is_held_back():
    """A file of any size passes: what waits is never longer than a delimiter."""
    reader = MultipartReader("b")
    reader.feed(BODY[: BODY.index(b"RIFF") + 4])
    for _ in range(100):
        reader.feed(b"\r\n--" * 1000)
        assert len(reader._tail) < len(b"\r\n--b")


@in_turn("cut", range(len(BODY) - 2))
def test_a_cut_form_is_never_whole(cut):
    """At whatever byte it ends."""
    with pytest.raises(BadRequest):
        read(BODY[:cut] or b"-")


BAD = {
    "preamble": b"hello\r\n" + BODY,
    "epilogue": BODY + b"more",
    "blank behind the delimiter": BODY.replace(b"--b\r\nC", b"--b \r\nC"),
    "bare line feeds": BODY.replace(b"\r\n", b"\n"),
    "no name": BODY.replace(b'; name="model"', b""),
    "no disposition": BODY.replace(b"Content-Disposition", b"Content-Dispositions"),
    "an attachment": BODY.replace(b"form-data; name", b"attachment; name"),
    "two dispositions": BODY.replace(b"Content-Type: audio/wav", b'Content-Disposition: form-data; name="x"'),
    "two names": BODY.replace(b'name="model"', b'name="model"; name="other"'),
    "a folded field": BODY.replace(b"Content-Type: audio/wav", b" folded"),
    "base64": BODY.replace(b"Content-Type: audio/wav", b"Content-Transfer-Encoding: base64"),
    "no UTF-8": BODY.replace(b"a \\", b"\xff"),
    "an unclosed quote": BODY.replace(b'name="model"', b'name="model'),
}


@in_turn("body", BAD.values(), ids=BAD)
def test_what_is_malformed_is_refused(body):
    """400, and said so."""
    with pytest.raises(BadRequest, match="malformed"):
        read(body)


def test_limits_hold():
    """Parts, fields and bytes of a head."""
    with pytest.raises(TooLarge, match="more than 1 parts"):
        read(BODY, parts=1)
    with pytest.raises(TooLarge, match="larger than 20 bytes"):
        read(BODY, head_bytes=20)
    with pytest.raises(TooLarge, match="larger than 8192 bytes"):
        MultipartReader("b").feed(b"--b\r\nx: " + b"y" * 9000)
    with pytest.raises(TooLarge, match="more than 1 fields"):
        read(BODY, head_fields=1)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", "abc"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', "a b"),
        ("multipart/form-data;boundary=----WebKitFormBoundary7MA4", "----WebKitFormBoundary7MA4"),
    ],
)
def test_the_boundary_is_read(content_type, boundary):
    """Quoted or not."""
    assert read_boundary(content_type) == boundary


@in_turn(
    "content_type",
    [
        "application/json",
        "multipart/mixed; boundary=a",
        "multipart/form-data",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "a" * 71,
    ],
)
def test_a_form_without_a_boundary_is_refused(content_type):
    """Before a byte of it is read."""
    with pytest.raises(BadRequest):
        read_boundary(content_type)


@given(st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=99), st.none() | st.text(max_size=9)), max_size=5), st.integers(1, 50))
def test_what_is_written_is_read(parts, size):
    """Any names and contents, in any pieces."""
    names = [(name.replace("\r", "").replace("\n", "").strip().strip('"'), content, file) for name, content, file in parts]
    fields = [
        Field(
            name=f"n{name}",
            content=content,
            filename=file and f"f{file.encode('ascii', 'ignore').decode()}".replace("\r", "").replace("\n", ""),
        )
        for name, content, file in names
    ]
    body = b"".join(write_form("0xBoundary", fields))
    found = read(body, size=size, boundary="0xBoundary")
    assert [(head.name, bytes(content), head.filename) for head, content, _ in found] == [
        (field.name, field.content, field.filename) for field in fields
    ]


def test_a_boundary_that_stands_in_a_part_is_not_used():
    """It would end it early."""
    with pytest.raises(ValueError, match="boundary"):
        write_form("b", [Field(name="x", content=b"a\r\n--b")])
