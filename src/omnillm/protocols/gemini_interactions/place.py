"""What may be written of the part at which an emitter stands."""

from collections.abc import Callable, Mapping
from typing import Any

from omnillm.model.message import VendorExtensions
from omnillm.protocols.codec import NO_NAMES, Dialect
from omnillm.protocols.gemini_generate_content.place import merge
from omnillm.protocols.loss import Losses
from omnillm.protocols.position import Position

NAME = "gemini_interactions"
OF_CONTENT = "content."
"""With what the kinds of native parts begin that stand inside a step; the others are steps."""
_DIALECT = Dialect()


class Place(Position):
    __slots__ = ("calls", "dialect", "is_own", "is_reply", "losses", "member", "names", "number", "part", "root")

    def __init__(
        self,
        losses: Losses,
        *,
        is_own: bool,
        dialect: Dialect = _DIALECT,
        is_reply: bool = False,
        names: Mapping[str, str] = NO_NAMES,
    ) -> None:
        self.losses = losses
        self.is_own = is_own
        """Whether what is written came in this protocol."""
        self.dialect = dialect
        self.is_reply = is_reply
        self.names = names
        self.calls: dict[str, str] = {}
        """Names of the functions called so far, by call."""
        self.root = "candidates" if is_reply else "input"
        self.number = 0
        self.member = "message.parts" if is_reply else "parts"
        self.part = 0

    def finish(self, written: dict[str, Any], part: Any) -> None:
        """Add what a part has beside its content."""
        if part.cache_control is not None:
            self.drop(".cache_control", "Gemini caches by itself")
        if part.vendor_extensions:
            self.extend(written, part.vendor_extensions, self.here)

    def extend(self, owner: dict[str, Any], extensions: VendorExtensions, path: Callable[[str], str]) -> None:
        """Add members that have no canonical home. A member that is written already keeps what it has."""
        for name, value in extensions.items():
            if self.is_own:
                merge(owner, name, value)
            else:
                self.losses.drop(path(f".vendor_extensions.{name}"), "Interactions does not know it")
