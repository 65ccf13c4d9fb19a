"""Rendezvous hashing: calls with the same affinity prefer the same key. If a key comes or goes, only its own calls move."""

from collections.abc import Iterable
from math import log

from omnillm.keys.key import Key

MASK = 0xFFFFFFFFFFFFFFFF


def favourite(keys: Iterable[Key], affinity: int) -> Key | None:
    """The key with the highest weighted score for `affinity`; None when there are no keys."""
    return max(keys, key=lambda key: _score(key, affinity), default=None)


def _score(key: Key, affinity: int) -> float:
    """Weight / -ln(u), u uniform in (0, 1): a key wins in proportion to its weight."""
    uniform = ((_mix(affinity ^ key.salt) >> 11) + 0.5) / 2.0**53
    return key.weight / -log(uniform)


def _mix(value: int) -> int:
    """The finaliser of splitmix64."""
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)
