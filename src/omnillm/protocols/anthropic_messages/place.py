"""What may be written of the part at which an emitter stands, and the cache marks that were set."""

from typing import Any, ClassVar

import msgspec

from omnillm.model.message import CacheControl, VendorExtensions
from omnillm.protocols.dialects import ClaudeDialect
from omnillm.protocols.differences.cache_marks import Mark
from omnillm.protocols.differences.turns import Block
from omnillm.protocols.position import Position

NAME = "anthropic_messages"
THINKING = frozenset({"thinking", "redacted_thinking"})
"""Blocks of this: they bear no cache mark."""
_TTLS = frozenset({"", "5m", "1h"})


class Place(Position[ClaudeDialect], eq=False, gc=False):
    """Of a request to the Messages API, or of a reply of it; what Converse has in another form, its own `Place` says."""

    host: ClassVar[str] = "the Messages API"
    unknown: ClassVar[str] = "the Messages API does not know it"
    unknown_of_system: ClassVar[str] = "the system text is no message here"
    has_points: ClassVar[bool] = False
    """Whether a cache mark is a block of its own, behind what it covers."""
    mark_member: ClassVar[str] = "cache_control"
    """Of what bears a mark."""
    marks_word: ClassVar[str] = "marks"

    dialect: ClaudeDialect = ClaudeDialect()
    marks: list[Mark] = msgspec.field(default_factory=list)
    """Every object that bears a cache mark, in the order of the prompt, with its path."""
    calls: dict[str, str] = msgspec.field(default_factory=dict)
    """Names of the tools that were called so far, by call."""

    def extend(self, owner: dict[str, Any], extensions: VendorExtensions, path: str) -> None:
        """Add members that have no canonical home; one that is written already keeps what it has. `path`: the owner's, with its dot."""
        for name, value in extensions.items():
            if not self.is_own:
                self.losses.drop(f"{path}vendor_extensions.{name}", self.unknown)
                continue
            written = owner.setdefault(name, value)
            if written is not value and type(written) is dict and type(value) is dict:
                owner[name] = {**value, **written}

    def text(self, words: str) -> Block:
        return {"type": "text", "text": words}

    def why_no_mark(self, blocks: list[Block]) -> str:
        """Return why no required cache mark can stand at the end of these; "": one can."""
        return "" if blocks else "has no place: there is nothing where its breakpoint is"

    def mark(self, blocks: list[Block], mark: CacheControl, path: str) -> None:
        """Let the prompt up to the end of these blocks be cached."""
        ttl = mark.ttl
        if ttl not in _TTLS:
            self.losses.approximate(f"{path}.cache_control.ttl", "the Messages API caches for 5m or 1h")
            ttl = "1h"
        owner = blocks[-1]
        owner["cache_control"] = {"type": "ephemeral", "ttl": ttl} if ttl else {"type": "ephemeral"}
        self.marks.append((owner, path))
