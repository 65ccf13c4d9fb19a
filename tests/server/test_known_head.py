"""A head that comes again on its connection is known for the same one, and never for more than that."""

from hypothesis import example, given
from hypothesis import strategies as st

from omnillm.errors import OmniError
from omnillm.server.head import KnownHead, frame, read_head

FIELDS = b"host: x\r\nauthorization: Bearer sk-a\r\n"
LENGTHS = (
    "0",
    "5",
    "12",
    "99999",
    "005",
    "",
    "+5",
    "-5",
    "5, 5",
    "5 ",
    "0x5",
    "5\r\nx: y",
    "5\r\ncontent-length: 6",
    "\u0665",
    "9" * 16,
    "9" * 30,
)
NAMES = (b"content-length: ", b"Content-Length: ", b"CONTENT-LENGTH:", b"content-length:  ")


def head(length: str, *, name: bytes = NAMES[0], fields: bytes = FIELDS, behind: bytes = b"accept: */*\r\n") -> bytes:
    return b"POST /v1/chat HTTP/1.1\r\n" + fields + name + length.encode() + b"\r\n" + behind + b"\r\n"


def read(raw: bytes):
    request = read_head(raw, peer="", most_fields=100)
    frame(request)
    return request


def told(request):
    return (
        request.method,
        request.target,
        request.path,
        request.query,
        request.headers,
        request.http_minor,
        request.length,
        request.is_last,
    )


def again(first: bytes, second: bytes):
    known = KnownHead.of(first, read(first))
    return None if known is None else known.again(second)


@given(st.sampled_from(NAMES), st.sampled_from(LENGTHS), st.sampled_from((FIELDS, FIELDS[:-3] + b"b\r\n")))
@example(NAMES[0], "5", FIELDS)
def test_it_is_what_it_would_have_been_read_as(name, length, fields):
    """Any second head: the request that reading it anew makes, or none; one that is refused is never known."""
    second = head(length, name=name, fields=fields)
    found = again(head("7", name=name), second)
    try:
        expected = read(second)
    except OmniError:
        assert found is None
    else:
        assert found is None or told(found) == told(expected)


def test_another_length_is_the_same_head():
    """And the two share their fields, and what the application remembers of them."""
    first = read(head("7"))
    known = KnownHead.of(head("7"), first)
    second = known.again(head("12345"))
    assert (first.length, second.length) == (7, 12345)
    assert second.headers is first.headers
    assert second.memo is first.memo is not None


def test_what_differs_by_a_byte_is_another_head():
    """Before its length or behind it."""
    first = head("7")
    assert again(first, head("7", fields=FIELDS[:-3] + b"b\r\n")) is None
    assert again(first, head("7", behind=b"accept: */+\r\n")) is None
    assert again(first, head("7", behind=b"")) is None


def test_a_head_whose_length_is_not_plain_is_not_known_again():
    """None, or one that is spelt otherwise than as a number behind one space."""
    for raw in (head("7", name=b"content-length:"), head("007"), head("7 ")):
        assert again(raw, raw) is None
