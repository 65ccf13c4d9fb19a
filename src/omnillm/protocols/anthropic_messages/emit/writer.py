"""What writing content blocks needs beside the parts: where losses go, which extensions are this protocol's, and the cache marks set."""

from typing import Any

from omnillm.model.message import CacheControl, VendorExtensions
from omnillm.protocols.differences.turns import Block, Place, path_of
from omnillm.protocols.loss import Losses

_TTLS = frozenset({"", "5m", "1h"})
UNMARKED = frozenset({"thinking", "redacted_thinking"})
"""Blocks that bear no cache mark."""


class BlockWriter:
    """What writing the blocks of one request or reply needs, and the cache marks that it sets."""

    __slots__ = ("calls", "is_own", "losses", "marks", "provider", "source")

    def __init__(self, losses: Losses, *, is_own: bool, provider: str = "", source: str = "") -> None:
        self.losses = losses
        self.is_own = is_own
        """Whether vendor extensions are this protocol's words."""
        self.provider = provider
        self.source = source
        """The protocol of the reply that is written, where it is known."""
        self.marks: list[tuple[dict[str, Any], str]] = []
        """Every object that bears a cache mark, in the order of the prompt, with its path."""
        self.calls: dict[str, str] = {}
        """Names of the tools that were called so far, by call."""

    def extend(self, owner: dict[str, Any], extensions: VendorExtensions, path: str) -> None:
        """Add members that have no canonical home. A member that is written already keeps what it has."""
        for name, value in extensions.items():
            if not self.is_own:
                self.losses.drop(f"{path}.vendor_extensions.{name}", "the Messages API does not know it")
                continue
            written = owner.setdefault(name, value)
            if written is not value and type(written) is dict and type(value) is dict:
                owner[name] = {**value, **written}

    def mark(self, owner: dict[str, Any], mark: CacheControl, path: str) -> None:
        ttl = mark.ttl
        if ttl not in _TTLS:
            self.losses.approximate(f"{path}.cache_control.ttl", "the Messages API caches for 5m or 1h")
            ttl = "1h"
        owner["cache_control"] = {"type": "ephemeral", "ttl": ttl} if ttl else {"type": "ephemeral"}
        self.marks.append((owner, path))

    def finish(self, block: Block, part: Any, place: Place) -> None:
        """Add the mark and the extensions of a part to its block."""
        path = path_of(place)
        if part.cache_control is not None:
            if block["type"] in UNMARKED:
                self.losses.drop(f"{path}.cache_control", "a thinking block bears no mark")
            else:
                self.mark(block, part.cache_control, path)
        self.extend(block, part.vendor_extensions, path)

    def drop(self, place: Place, detail: str, member: str = "") -> None:
        self.losses.drop(path_of(place, member), detail)

    def approximate(self, place: Place, detail: str, member: str = "") -> None:
        self.losses.approximate(path_of(place, member), detail)
