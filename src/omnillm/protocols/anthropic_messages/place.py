"""What may be written of the part at which an emitter stands, and the cache marks that were set."""

from typing import Any

import msgspec

from omnillm.model.message import CacheControl, VendorExtensions
from omnillm.protocols.dialects import ClaudeDialect
from omnillm.protocols.differences.cache_marks import Mark
from omnillm.protocols.differences.turns import Block
from omnillm.protocols.position import Position

NAME = "anthropic_messages"
THINKING = frozenset({"thinking", "redacted_thinking"})
"""Blocks of this: they bear no cache mark."""
UNKNOWN = "the Messages API does not know it"
_TTLS = frozenset({"", "5m", "1h"})


class Place(Position[ClaudeDialect], eq=False, gc=False):
    dialect: ClaudeDialect = ClaudeDialect()
    marks: list[Mark] = msgspec.field(default_factory=list)
    """Every object that bears a cache mark, in the order of the prompt, with its path."""
    calls: dict[str, str] = msgspec.field(default_factory=dict)
    """Names of the tools that were called so far, by call."""

    def extend(self, owner: dict[str, Any], extensions: VendorExtensions, path: str) -> None:
        """Add members that have no canonical home; one that is written already keeps what it has. `path`: the owner's, with its dot."""
        for name, value in extensions.items():
            if not self.is_own:
                self.losses.drop(f"{path}vendor_extensions.{name}", UNKNOWN)
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

    def finish(self, block: Block, part: Any) -> None:
        """Add the mark and the extensions of a part to its block."""
        path = self.here()
        if part.cache_control is not None:
            if block["type"] in THINKING:
                self.losses.drop(f"{path}.cache_control", "a thinking block bears no mark")
            else:
                self.mark(block, part.cache_control, path)
        self.extend(block, part.vendor_extensions, f"{path}.")
