"""What is remembered of heads, whoever sends them."""

import tracemalloc

import pytest

from omnillm.errors import BadRequest, TooLarge
from omnillm.server.front.head import is_host, read_head


def test_a_host_longer_than_any_name_is_not_remembered() -> None:
    """Anybody may send one before authentication: a thousand of the longest that a head can hold would be 64 MB."""
    tracemalloc.start()
    try:
        for number in range(200):
            assert is_host(b"%d." % number + b"h" * 60_000)
            assert not is_host(b"%d " % number + b"h" * 60_000)
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 100_000
    assert is_host(b"api.example.com:443")
    assert is_host(b"[::1]:80")
    assert not is_host(b"api.example.com:443:1")


def test_more_fields_than_the_most_are_refused_unread() -> None:
    """Sixteen thousand of one name in 64 KB, joined one by one, cost 30 ms, and anybody may send them. What is wrong with them nobody sees."""
    line, wrong, field = b"GET / HTTP/1.1\r\n", b"no colon\r\n", b"a:\r\n"
    with pytest.raises(BadRequest, match="malformed"):
        read_head(line + wrong + 99 * field + b"\r\n", peer="", most_fields=100)
    with pytest.raises(TooLarge, match="more than 100 header fields"):
        read_head(line + wrong + 100 * field + b"\r\n", peer="", most_fields=100)
