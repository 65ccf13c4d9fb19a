"""Origins of URLs."""

import pytest
from tests.in_turn import in_turn

from omnillm.errors import ConfigError
from omnillm.transport.outgoing import Origin


@in_turn(
    ("url", "origin", "authority", "address"),
    [
        ("https://api.openai.com/v1", Origin("https", "api.openai.com", 443), "api.openai.com", "api.openai.com:443"),
        ("http://API.Example.com", Origin("http", "api.example.com", 80), "api.example.com", "api.example.com:80"),
        ("http://127.0.0.1:8080/x?y", Origin("http", "127.0.0.1", 8080), "127.0.0.1:8080", "127.0.0.1:8080"),
        ("https://[::1]/", Origin("https", "::1", 443), "[::1]", "[::1]:443"),
        ("https://[2001:db8::1]:8443", Origin("https", "2001:db8::1", 8443), "[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("https://bücher.example", Origin("https", "xn--bcher-kva.example", 443), "xn--bcher-kva.example", "xn--bcher-kva.example:443"),
    ],
)
def test_origin_of_a_url(url, origin, authority, address):
    """Scheme, host and port; the default port is not said in the host field."""
    assert Origin.of(url) == origin
    assert (origin.authority, origin.address) == (authority, address)
    assert {origin: 1}[Origin.of(url)] == 1


@in_turn(
    "url",
    [
        "",
        "api.openai.com",
        "ftp://host/",
        "https://",
        "https:///v1",
        "https://host:port/",
        "https://host:99999/",
        "https://user:pw@host/",
        "https://[::1/",
    ],
)
def test_what_is_no_http_url_is_refused(url):
    """So are credentials in it."""
    with pytest.raises(ConfigError) as caught:
        Origin.of(url)
    assert "pw" not in str(caught.value)
