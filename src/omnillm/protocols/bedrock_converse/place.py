"""What may be written of the part at which an emitter stands, by the model that it is for, and the cache points that were set."""

import re
from typing import Any, ClassVar

import msgspec

from omnillm.model.message import CacheControl
from omnillm.protocols.anthropic_messages import place as messages
from omnillm.protocols.dialects import ConverseDialect
from omnillm.protocols.differences.turns import Block
from omnillm.protocols.loss import Losses

NAME = "bedrock_converse"
_FAMILIES = {"anthropic.claude": "claude", "amazon.nova": "nova", "mistral.": "mistral"}
_TTLS = frozenset({"5m", "1h"})
_CACHING = frozenset({"claude", "nova"})
_CITING = frozenset({"claude", ""})
_NOTHING: frozenset[str] = frozenset()
_SEEN = frozenset({"text", "image", "cachePoint"})
_APART = re.compile(r"(?:meta|mistral|writer)\.")
_OF_TOOLS = frozenset({"toolSpec", "toolResult"})


class Place(messages.Place, eq=False, gc=False):
    """A cache mark is a block of its own here, a cache point: `marks` are those points, each after what it covers."""

    host: ClassVar[str] = "Converse"
    unknown: ClassVar[str] = "Converse does not know it"
    unknown_of_system: ClassVar[str] = unknown
    has_points: ClassVar[bool] = True
    mark_member: ClassVar[str] = "cachePoint"
    marks_word: ClassVar[str] = "cache points"

    dialect: ConverseDialect = ConverseDialect()
    family: str = ""
    """Whose rules the model has beside Converse's own: claude, nova or mistral; "" where its name (an ARN, of one's own) tells none."""
    is_caching: bool = False
    """Whether the model takes cache points; others refuse the whole call for one."""
    beside_results: frozenset[str] | None = None
    """What a user may say beside results of tools; None: anything."""
    documents: dict[str, int] = msgspec.field(default_factory=dict)
    """Names given to documents so far, and the last number that was put behind each for another of that name."""

    @property
    def cites(self) -> bool:
        """Whether the model may be told to cite a document; others refuse the whole call for it."""
        return self.family in _CITING and self.beside_results is not _NOTHING

    def takes_point(self, blocks: list[Block]) -> bool:
        """Whether the model takes a cache point after these; Nova does not after tools and what they answered."""
        return self.is_caching and not (self.family == "nova" and blocks and not _OF_TOOLS.isdisjoint(blocks[-1]))

    def text(self, words: str) -> Block:
        return {"text": words}

    def why_no_mark(self, blocks: list[Block]) -> str:
        if blocks and self.takes_point(blocks):
            return ""
        reason = "the model takes no cache points there" if blocks or not self.is_caching else "there is nothing where its breakpoint is"
        return f"cannot be had: {reason}"

    def mark(self, blocks: list[Block], mark: CacheControl, path: str) -> None:
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


def place_for(model: str, dialect: ConverseDialect, losses: Losses) -> Place:
    """Return the place at the beginning of a request for a model."""
    family = next((family for name, family in _FAMILIES.items() if name in model), "")
    is_caching = family in _CACHING or model.startswith("arn:")
    beside_results = _NOTHING if _APART.search(model) else _SEEN if family == "claude" else None
    return Place(losses, dialect=dialect, family=family, is_caching=is_caching, beside_results=beside_results)
