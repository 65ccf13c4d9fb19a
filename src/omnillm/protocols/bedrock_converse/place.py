"""What may be written of the part at which an emitter stands, by the model that it is for, and the cache points that were set."""

import re
from typing import Any

import msgspec

from omnillm.model.message import CacheControl, VendorExtensions
from omnillm.protocols.dialects import ConverseDialect
from omnillm.protocols.differences.cache_marks import Mark
from omnillm.protocols.differences.turns import Block
from omnillm.protocols.loss import Losses
from omnillm.protocols.position import Position

NAME = "bedrock_converse"
_FAMILIES = {"anthropic.claude": "claude", "amazon.nova": "nova", "mistral.": "mistral"}
_TTLS = frozenset({"5m", "1h"})
_CACHING = frozenset({"claude", "nova"})
_CITING = frozenset({"claude", ""})
_NOTHING: frozenset[str] = frozenset()
_SEEN = frozenset({"text", "image", "cachePoint"})
_APART = re.compile(r"(?:meta|mistral|writer)\.")
_OF_TOOLS = frozenset({"toolSpec", "toolResult"})


class Place(Position[ConverseDialect], eq=False, gc=False):
    dialect: ConverseDialect = ConverseDialect()
    family: str = ""
    """Whose rules the model has beside Converse's own: claude, nova or mistral; "" where its name (an ARN, of one's own) tells none."""
    is_caching: bool = False
    """Whether the model takes cache points; others refuse the whole call for one."""
    beside_results: frozenset[str] | None = None
    """What a user may say beside results of tools; None: anything."""
    calls: dict[str, str] = msgspec.field(default_factory=dict)
    """Names of the tools that were called so far, by call."""
    documents: dict[str, int] = msgspec.field(default_factory=dict)
    """Names given to documents so far, and the last number that was put behind each for another of that name."""
    marks: list[Mark] = msgspec.field(default_factory=list)
    """Every cache point, in the order of the prompt, with its path."""

    @property
    def cites(self) -> bool:
        """Whether the model may be told to cite a document; others refuse the whole call for it."""
        return self.family in _CITING and self.beside_results is not _NOTHING

    def takes_point(self, blocks: list[Block]) -> bool:
        """Whether the model takes a cache point after these; Nova does not after tools and what they answered."""
        return self.is_caching and not (self.family == "nova" and blocks and not _OF_TOOLS.isdisjoint(blocks[-1]))

    def mark(self, blocks: list[Block], mark: CacheControl, path: str) -> None:
        """Put a cache point after what is written."""
        if not self.takes_point(blocks):
            self.losses.drop(f"{path}.cache_control", "the model takes no cache points" + (" after tools" if self.is_caching else ""))
            return
        point: dict[str, Any] = {"type": "default"}
        if mark.ttl and self.family == "nova":
            if mark.ttl != "5m":
                self.losses.approximate(f"{path}.cache_control.ttl", "Nova caches for 5m")
        elif mark.ttl:
            if mark.ttl not in _TTLS:
                self.losses.approximate(f"{path}.cache_control.ttl", "Converse caches for 5m or 1h")
            point["ttl"] = mark.ttl if mark.ttl in _TTLS else "1h"
        block = {"cachePoint": point}
        blocks.append(block)
        self.marks.append((block, path))

    def drop_extensions(self, extensions: VendorExtensions, path: str) -> None:
        self.losses.drop_extensions(extensions, f"{path}.", "Converse does not know it")


def place_for(model: str, dialect: ConverseDialect, losses: Losses) -> Place:
    """Return the place at the beginning of a request for a model."""
    family = next((family for name, family in _FAMILIES.items() if name in model), "")
    is_caching = family in _CACHING or model.startswith("arn:")
    beside_results = _NOTHING if _APART.search(model) else _SEEN if family == "claude" else None
    return Place(losses, dialect=dialect, family=family, is_caching=is_caching, beside_results=beside_results)
