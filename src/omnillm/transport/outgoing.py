"""Where a request goes, and the request itself."""

from math import inf
from urllib.parse import urlsplit

import msgspec

from omnillm.errors import ConfigError
from omnillm.transport.spool import Body
from omnillm.transport.timeouts import Timeouts

DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """Scheme, lower-cased host (an IPv6 address without its brackets) and port: what a connection can be reused for."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """Take the origin of an http or https URL; credentials in a URL are refused, they would leak into logs."""
        try:
            parts = urlsplit(url)
            port = parts.port
            host = (parts.hostname or "").encode("idna").decode()
        except ValueError as error:
            raise ConfigError("This is not a URL.") from error
        if parts.scheme not in DEFAULT_PORTS or not host:
            raise ConfigError("A URL starts with http:// or https:// and names a host.")
        if parts.username is not None or parts.password is not None:
            raise ConfigError("A provider's URL holds no credentials.")
        return cls(parts.scheme, host, DEFAULT_PORTS[parts.scheme] if port is None else port)

    @property
    def address(self) -> str:
        """Host and port, as CONNECT wants them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """What the `host` field says: the port only where it is not the scheme's own."""
        return self.address.removesuffix(f":{DEFAULT_PORTS[self.scheme]}")


class Outgoing(msgspec.Struct, kw_only=True, gc=False):
    """One request. `head` is the request line and all fields, without `content-length` and the final blank line."""

    origin: Origin
    method: bytes
    head: bytes
    body: Body
    timeouts: Timeouts
    is_stream: bool
    deadline: float = inf
    """Monotonic seconds: until then it is connected, and a plain reply is whole, or a stream's has begun, whatever the timeouts allow."""
    needs_new_connection: bool = False
    """A reused one may die first, and then nobody could say whether the request had arrived."""
    is_upgrade: bool = False
    """It asks to switch protocols."""

    def dues(self, now: float) -> tuple[float, float, float]:
        """For a request that begins now: (seconds between two pieces, when the reply must have begun, when it must be whole)."""
        timeouts = self.timeouts
        total_due = now + timeouts.total_s
        if self.is_stream:
            return timeouts.idle_s, min(total_due, now + timeouts.first_byte_s, self.deadline), total_due
        if self.deadline < total_due:
            total_due = self.deadline
        return inf, total_due, total_due

    def __repr__(self) -> str:
        """Without head and body: they hold the provider key and the prompt."""
        return f"Outgoing({self.method.decode()} to {self.origin.host})"
