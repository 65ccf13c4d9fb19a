"""What may be written of the part at which an emitter stands."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from omnillm.model.message import VendorExtensions
from omnillm.protocols.dialects import GeminiDialect
from omnillm.protocols.gemini_generate_content.call_ids import is_made_up
from omnillm.protocols.gemini_generate_content.shapes_of_replies import OF_PART, fitted
from omnillm.protocols.position import Position

NAME = "gemini_generate_content"


class Place(Position[GeminiDialect], eq=False, gc=False):
    dialect: GeminiDialect = GeminiDialect()
    own_protocol: ClassVar[str] = NAME
    """In which is written."""
    host: ClassVar[str] = "Gemini"
    """What people call it."""
    part_shapes: ClassVar[Mapping[str, Any] | None] = OF_PART
    """What its clients take of a part's own members; None: any."""
    calls: dict[str, str] = msgspec.field(default_factory=dict)
    """Names of the functions called so far, by call, in the order of the calls."""
    media: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """Of results, to be said after all results of their step."""
    awaits_call: bool = False
    """Whether the next call is the first of its step."""

    def shows_id(self, call_id: str) -> bool:
        """Tell whether a call's id is written: one that was not made here, where ids are known."""
        is_known = self.is_own or self.is_reply or (self.dialect.joins_tools and not self.dialect.is_vertex)
        return is_known and bool(call_id) and not is_made_up(call_id)

    def finish(self, written: dict[str, Any], part: Any, path: Callable[[str], str] | None = None) -> None:
        """Add what a part has beside its content: members of this protocol's own. `path`: of a member of it; None: it stands `here`."""
        path = path or self.here
        if part.cache_control is not None:
            self.losses.drop(path(".cache_control"), "Gemini caches by itself")
        if part.vendor_extensions:
            self.extend(written, part.vendor_extensions, path, self.part_shapes)

    def extend(
        self,
        owner: dict[str, Any],
        extensions: VendorExtensions,
        path: Callable[[str], str],
        shapes: Mapping[str, Any] | None = None,
    ) -> None:
        """Add members that have no canonical home. A member that is written already keeps what it has.

        `shapes`: of those that Google's SDK knows; to a client, no others are written.
        """
        for name, value in extensions.items():
            written = value if self.is_own else None
            if self.is_own and self.is_reply and shapes is not None:
                written = fitted(value, shapes[name]) if name in shapes else None
            if written is None or written != value:
                self.losses.drop(path(f".vendor_extensions.{name}"), f"{self.host} does not know it")
            if written is not None:
                merge(owner, name, written)


def merge(owner: dict[str, Any], name: str, value: Any) -> None:
    """Add a member, or what is missing inside one that is there already."""
    written = owner.setdefault(name, value)
    if written is not value and type(written) is dict and type(value) is dict:
        owner[name] = whole = dict(written)
        for inner, each in value.items():
            merge(whole, inner, each)
