"""What is remembered of heads, whoever sends them."""

import tracemalloc

from omnillm.server.head import is_host


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
