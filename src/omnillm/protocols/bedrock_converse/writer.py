"""What writing Converse blocks needs beside the parts: where losses go, whose model it is for, and the cache marks set."""

import re
from typing import Any

from omnillm.model.message import CacheControl, VendorExtensions
from omnillm.protocols.differences.turns import Block, Place, path_of
from omnillm.protocols.loss import Losses

NAME = "bedrock_converse"
IN_RESULT = "content"
"""The member of a `Place` whose parts are a tool's result, which may hold JSON, but no sound."""

_FAMILIES = {"anthropic.claude": "claude", "amazon.nova": "nova", "mistral.": "mistral"}
_TTLS = frozenset({"5m", "1h"})
_CACHING = frozenset({"claude", "nova"})
_CITING = frozenset({"claude", ""})
_NOTHING: frozenset[str] = frozenset()
_SEEN = frozenset({"text", "image", "cachePoint"})
_APART = re.compile(r"(?:meta|mistral|writer)\.")
_OF_TOOLS = frozenset({"toolSpec", "toolResult"})


def family_of(model: str) -> str:
    """Whose rules a model has beside Converse's own: claude, nova or mistral; "" where its name (an ARN, of one's own) tells none."""
    return next((family for name, family in _FAMILIES.items() if name in model), "")


class Writer:
    """What writing the blocks of one request needs."""

    __slots__ = ("beside_results", "calls", "cites", "documents", "family", "is_caching", "losses", "marks", "provider")

    def __init__(self, losses: Losses, *, model: str, provider: str = "") -> None:
        self.losses = losses
        self.provider = provider
        self.family = family_of(model)
        self.is_caching = self.family in _CACHING or model.startswith("arn:")
        """Whether the model takes cache points; others refuse the whole call for one."""
        self.beside_results = _NOTHING if _APART.search(model) else _SEEN if self.family == "claude" else None
        """What a user may say beside results of tools; None: anything."""
        self.cites = self.family in _CITING and self.beside_results is not _NOTHING
        """Whether the model may be told to cite a document; others refuse the whole call for it."""
        self.calls: dict[str, str] = {}
        """Names of the tools that were called so far, by call."""
        self.documents: dict[str, int] = {}
        """Names given to documents so far, and the last number that was put behind each for another of that name."""
        self.marks: list[tuple[Block, str]] = []
        """Every cache point, in the order of the prompt, with its path."""

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

    def drop(self, place: Place, detail: str, member: str = "") -> None:
        self.losses.drop(path_of(place, member), detail)

    def approximate(self, place: Place, detail: str, member: str = "") -> None:
        self.losses.approximate(path_of(place, member), detail)
