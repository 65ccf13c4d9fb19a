"""Limits on a provider's reply, and on the number of connections."""

import msgspec


class TransportLimits(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Sizes in bytes, times in seconds, connections an origin."""

    max_header_bytes: int = 65_536
    max_headers: int = 200
    max_unread_bytes: int = 262_144
    """Beyond this much unread body the socket is paused."""
    max_inflated_bytes: int = 67_108_864
    max_inflate_ratio: int = 200
    keepalive_expiry_s: float = 15.0
    """Shorter than what servers keep idle connections for, so that a reused one is seldom a dead one."""
    longest_life_s: float = 900.0
    """Of a connection that is never idle for long: then a new one is made, to whichever address the name has by now."""
    max_idle: int = 1024
    max_open: int | None = None


DEFAULT_LIMITS = TransportLimits()
