"""Forward proxies: whom they serve, and that they see no more than they must."""

import asyncio
import base64

import pytest
from tests.in_turn import in_turn

from omnillm.errors import ConfigError, NotSent
from omnillm.transport.client import Origin, Proxies

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


@in_turn(
    ("env", "url", "proxy"),
    [
        ({}, "http://a.example/", None),
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://a.example/", "proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, "https://a.example/", None),
        ({"HTTPS_PROXY": "proxy:3128"}, "https://a.example/", "proxy:3128"),
        ({"https_proxy": "http://lower", "HTTPS_PROXY": "http://upper"}, "https://a.example/", "lower:80"),
        ({"https_proxy": "https://lower"}, "https://a.example/", "lower:443"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://upper"}, "https://a.example/", "upper:80"),
        ({"HTTP_PROXY": "http://proxy", "REQUEST_METHOD": "GET"}, "http://a.example/", None),
        ({"http_proxy": "http://[::1]:8080"}, "http://a.example/", "[::1]:8080"),
    ],
)
def test_proxy_is_chosen_by_scheme(env, url, proxy):
    """By the variable of the origin's scheme."""
    found = Proxies.from_env(env).find(Origin.of(url))
    assert (found and found.origin.address) == proxy


@in_turn(
    ("no_proxy", "url", "is_direct"),
    [
        ("*", "http://a.example/", True),
        ("a.example", "http://a.example/", True),
        ("A.Example", "http://a.example/", True),
        ("example", "http://a.example/", True),
        (".a.example", "http://a.example/", True),
        ("*.a.example", "http://b.a.example/", True),
        ("a.example", "http://notquitea.example/", False),
        ("b.example, a.example", "http://a.example/", True),
        ("b.example a.example", "http://a.example/", True),
        ("a.example:8080", "http://a.example:8080/", True),
        ("a.example:8080", "http://a.example/", False),
        ("*:8080", "http://a.example:8080/", True),
        ("10.0.0.1", "http://10.0.0.1/", True),
        ("10.0.0.1", "http://10.0.0.2/", False),
        ("10.0.0.1:80", "http://10.0.0.1/", True),
        ("10.0.0.0/8", "http://10.1.2.3:99/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("10.0.0.0/8", "http://[::1]/", False),
        ("10.0.0.0/8", "http://a.example/", False),
        ("::1", "http://[::1]/", True),
        ("[::1]", "http://[::1]/", True),
        ("[::1]:80", "http://[::1]/", True),
        ("[::1]:81", "http://[::1]/", False),
        ("fe80::/10", "http://[fe80::5]/", True),
        ("", "http://a.example/", False),
    ],
)
def test_no_proxy_names_who_is_reached_directly(no_proxy, url, is_direct):
    """Names with all below them, ports, addresses and networks."""
    proxies = Proxies.from_env({"http_proxy": "http://proxy", "no_proxy": no_proxy})
    assert (proxies.find(Origin.of(url)) is None) is is_direct


@in_turn("env", [{"HTTP_PROXY": "socks5://proxy"}, {"HTTPS_PROXY": "http://"}, {"HTTP_PROXY": "http://u:pw@h:x"}, {"NO_PROXY": "a:b"}])
def test_what_cannot_be_a_proxy_is_an_error(env):
    """It names the variable and no secret."""
    with pytest.raises(ConfigError) as caught:
        Proxies.from_env(env)
    assert caught.value.path == next(iter(env))
    assert "pw" not in str(caught.value)


@pytest.fixture
def tunnel():
    """A CONNECT proxy that keeps what it was asked."""

    class Tunnel:
        def __init__(self):
            self.asked = []
            self.reply = b"HTTP/1.1 200 Connection established\r\n\r\n"

        async def __call__(self, reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head)
            writer.write(self.reply)
            await writer.drain()
            if b" 200 " not in self.reply:
                return
            host, _, port = head.split(b" ")[1].rpartition(b":")
            far_reader, far_writer = await asyncio.open_connection(host.decode(), int(port))
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(pump(reader, far_writer))
                    group.create_task(pump(far_reader, writer))
            finally:
                far_writer.transport.abort()

    async def pump(reader, writer):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
        writer.transport.abort()

    return Tunnel()


def through(proxy, user=""):
    url = f"{proxy.scheme}://{user}{proxy.authority}"
    return Proxies.from_env({"http_proxy": url, "https_proxy": url})


@pytest.mark.parametrize("is_secure", [False, True])
async def test_https_goes_through_a_tunnel(wire, replies, trusting, identity, tunnel, is_secure):
    """TLS is the provider's, end to end, even inside the TLS of the proxy; its credentials go to the proxy alone."""
    context = identity("localhost")
    proxy = await wire.serve(tunnel, tls=context if is_secure else None, name="localhost")
    origin = await wire.serve(replies(HELLO, HELLO), tls=context, name="localhost")
    client = wire.client(tls=trusting, proxies=through(proxy, "me%40home:s%3Acret@"))
    for _ in range(2):
        assert await (await client.send(wire.ask(origin))).read_all(10) == b"hello"
    address = f"localhost:{origin.port}".encode()
    credentials = base64.b64encode(b"me@home:s:cret")
    assert tunnel.asked == [b"CONNECT %b HTTP/1.1\r\nhost: %b\r\nproxy-authorization: Basic %b\r\n\r\n" % (address, address, credentials)]
    assert client.idle_count(origin) == 1


async def test_tunnel_to_the_wrong_host_is_not_sent(wire, replies, trusting, identity, tunnel):
    """A proxy cannot stand in for the provider."""
    proxy = await wire.serve(tunnel)
    origin = await wire.serve(replies(HELLO), tls=identity("example.com"), name="localhost")
    with pytest.raises(NotSent):
        await wire.client(tls=trusting, proxies=through(proxy)).send(wire.ask(origin))


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", "answered 407"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\n\r\nhello", "answered 502"),
        (b"HTTP/1.1 200 OK\r\n\r\nsurplus", "answered 200"),
        (b"garbage", "closed the connection"),
        (b"", "closed the connection"),
    ],
)
async def test_refused_tunnel_is_not_sent(wire, trusting, tunnel, reply, told):
    """Whatever the proxy says instead, or smuggles in before TLS."""
    tunnel.reply = reply
    proxy = await wire.serve(tunnel)
    client = wire.client(tls=trusting, proxies=through(proxy))
    with pytest.raises(NotSent, match=f"the proxy {told}"):
        await client.send(wire.ask(Origin("https", "localhost", 1)))


async def test_silent_proxy_is_within_the_connect_timeout(wire, trusting):
    """The tunnel is part of connecting."""

    async def stall(reader, writer):
        await reader.read()

    proxy = await wire.serve(stall)
    with pytest.raises(NotSent):
        await wire.client(tls=trusting, proxies=through(proxy)).send(wire.ask(Origin("https", "localhost", 1), connect_s=0.05))


async def test_http_is_asked_for_by_its_whole_url(wire, read_one):
    """The proxy forwards it; connections to it are kept per origin."""
    heads = []

    async def handler(reader, writer):
        while True:
            heads.append((await read_one(reader))[0])
            writer.write(HELLO)

    proxy = await wire.serve(handler)
    client = wire.client(proxies=through(proxy, "me:pw@"))
    origin = Origin("http", "provider.example", 8080)
    for _ in range(2):
        assert await (await client.send(wire.ask(origin))).read_all(10) == b"hello"
    line, authorization, host, *_ = heads[1].split(b"\r\n")
    assert line == b"POST http://provider.example:8080/v1/chat HTTP/1.1"
    assert authorization == b"proxy-authorization: Basic " + base64.b64encode(b"me:pw")
    assert host == b"host: provider"
    assert wire.connections == 1


async def test_bypassed_origin_is_reached_directly(wire, replies):
    """The proxy never hears of it."""
    origin = await wire.serve(replies(HELLO))
    proxies = Proxies.from_env({"http_proxy": "http://127.0.0.1:1", "no_proxy": "127.0.0.0/8"})
    assert await (await wire.client(proxies=proxies).send(wire.ask(origin))).read_all(10) == b"hello"
