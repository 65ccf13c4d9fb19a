"""The place in a canonical value where an emitter stands, so that a loss can name it. Each protocol's `Place` adds what it alone needs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from omnillm.protocols.codec import NO_NAMES
from omnillm.protocols.dialects import Dialect
from omnillm.protocols.loss import Losses

DialectT_co = TypeVar("DialectT_co", bound=Dialect, covariant=True)
"""The dialect of a protocol."""


class Position(msgspec.Struct, Generic[DialectT_co], eq=False, gc=False):
    """Names the part being written, in canonical words; a path is made only when there is a loss to tell."""

    losses: Losses
    dialect: DialectT_co
    """Of the provider; in a reply it says nothing."""
    protocol: str = ""
    """In which what is written came; "": the library's own words."""
    is_own: bool = False
    """Whether it came in the protocol in which it is written."""
    is_reply: bool = False
    names: Mapping[str, str] = NO_NAMES
    """Of a reply: functions that had to be renamed, as in `ReplyContext`."""
    number: int = 0
    """Of the item, or of the candidate."""
    part: int = 0
    result: str = ""
    """The member that holds the part, if that is a part of a tool's result."""
    outer: str = ""
    """The path, from the item or the candidate on, of a tool's result that is itself a part."""

    @property
    def root(self) -> str:
        return "candidates" if self.is_reply else "input"

    @property
    def member(self) -> str:
        """The member of the item, or of the candidate, that holds the part."""
        return self.result or ("message.parts" if self.is_reply else "parts")

    @property
    def has_own_extensions(self) -> bool:
        """Whether vendor extensions are members of the protocol in which they are written, or the caller's own words for every provider."""
        return self.is_own or not (self.protocol or self.is_reply)

    def within(self, parts: Iterable[Any]) -> Iterator[Any]:
        """Stand at each part of a tool's result, one after the other, and then again where it stood before."""
        outer, self.result = (self.result, self.part), "content"
        for self.part, part in enumerate(parts):
            yield part
        self.result, self.part = outer

    def as_holder(self, write: Callable[[Any, Any], Any], result: Any) -> Any:
        """Write a tool's result that is itself a part: what is lost of it is told in its place."""
        self.outer = f".{self.member}[{self.part}]"
        written = write(result, self)
        self.outer = ""
        return written

    def here(self, member: str = "") -> str:
        """Return the path of the part, or of a member of it."""
        return self.around(f".{self.member}[{self.part}]{member}")

    def around(self, member: str = "") -> str:
        """Return the path of what holds the part, or of a member of it."""
        return f"{self.root}[{self.number}]{self.outer}{member}"

    def everywhere(self, member: str) -> str:
        """Return the path of a member of all parts, where what is lost of it is told once."""
        return f"{self.root}[*].{self.member}[*]{member}"

    def add_extensions(self, out: dict[str, Any], extensions: dict[str, Any], owner: str, detail: str) -> None:
        """Add members that have no field to what is written; one that is there already is never overridden. `owner`: as in `Losses`."""
        for name, value in extensions.items():
            if self.has_own_extensions and name not in out:
                out[name] = value
            else:
                self.losses.drop(f"{owner}vendor_extensions.{name}", detail)

    def drop(self, member: str, detail: str) -> None:
        self.losses.drop(self.here(member), detail)

    def drop_said(self, part: Any, names: Iterable[str], detail: str) -> None:
        """Note that those of these fields of the part that say something are gone."""
        self.losses.drop_said(part, names, self.here("."), detail)

    def approximate(self, member: str, detail: str) -> None:
        self.losses.approximate(self.here(member), detail)

    def default(self, member: str, detail: str) -> None:
        self.losses.default(self.here(member), detail)
