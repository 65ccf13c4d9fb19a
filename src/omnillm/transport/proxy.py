"""Forward proxies, as the environment names them."""

import base64
import ipaddress
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from omnillm.errors import ConfigError
from omnillm.transport.outgoing import Origin, Outgoing


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """A forward proxy; `authorization` is its whole field line, or empty."""

    origin: Origin
    authorization: bytes

    def connect_head(self, origin: Origin) -> bytes:
        """Ask for a tunnel to `origin`."""
        address = origin.address.encode()
        return b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b" % (address, address, self.authorization)

    def absolute(self, outgoing: Outgoing) -> Outgoing:
        """Turn a request for an http origin into the form that a proxy forwards (RFC 9112, 3.2.2)."""
        line, _, fields = outgoing.head.partition(b"\r\n")
        method, _, target = line.partition(b" ")
        head = b"%b http://%b%b\r\n%b%b" % (method, outgoing.origin.authority.encode(), target, self.authorization, fields)
        return msgspec.structs.replace(outgoing, head=head)


class Bypass(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of NO_PROXY: a network of addresses, or a name with all below it; with a port, only that one."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    name: str
    port: int | None

    def covers(self, origin: Origin) -> bool:
        if self.port is not None and self.port != origin.port:
            return False
        if self.network is not None:
            address = _network(origin.host)
            return address is not None and address.version == self.network.version and address.subnet_of(self.network)  # type: ignore[arg-type]  # of one version
        return self.name in {"*", origin.host} or origin.host.endswith("." + self.name)


class Proxies:
    """Which proxy a connection to an origin takes."""

    def __init__(self, *, http: Proxy | None, https: Proxy | None, bypasses: tuple[Bypass, ...]) -> None:
        self._by_scheme = {"http": http, "https": https}
        self._bypasses = bypasses

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Proxies":
        """Read HTTP_PROXY, HTTPS_PROXY and NO_PROXY; the lower-case spelling wins.

        Under CGI, HTTP_PROXY is a client's `Proxy` header and is not believed (CVE-2016-5385).
        """
        http = env.get("http_proxy") or ("" if "REQUEST_METHOD" in env else env.get("HTTP_PROXY", ""))
        https = env.get("https_proxy") or env.get("HTTPS_PROXY", "")
        entries = (env.get("no_proxy") or env.get("NO_PROXY", "")).replace(",", " ").split()
        return cls(http=_proxy(http, "HTTP_PROXY"), https=_proxy(https, "HTTPS_PROXY"), bypasses=tuple(map(_bypass, entries)))

    def find(self, origin: Origin) -> Proxy | None:
        proxy = self._by_scheme[origin.scheme]
        if proxy is None or any(bypass.covers(origin) for bypass in self._bypasses):
            return None
        return proxy


def _proxy(url: str, variable: str) -> Proxy | None:
    if not url:
        return None
    try:
        parts = urlsplit(url if "://" in url else "http://" + url)
        origin = Origin.of(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
    except (ValueError, ConfigError) as error:
        raise ConfigError("A proxy is http://[user:password@]host[:port].", path=variable) from error
    if parts.username is None:
        return Proxy(origin=origin, authorization=b"")
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return Proxy(origin=origin, authorization=b"proxy-authorization: Basic %b\r\n" % base64.b64encode(secret))


def _bypass(entry: str) -> Bypass:
    network = _network(entry)
    if network is not None:
        return Bypass(network=network, name="", port=None)
    host, _, port = entry.rpartition(":") if ":" in entry.rpartition("]")[2] else (entry, "", "")
    if port and not port.isdecimal():
        raise ConfigError("An entry is a name, an address or a network, with an optional port.", path="NO_PROXY")
    host = host.strip("[]")
    return Bypass(network=_network(host), name=host.lower().removeprefix("*.").lstrip("."), port=int(port) if port else None)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
