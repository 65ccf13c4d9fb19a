"""The place in a canonical value where an emitter stands, so that a loss can name it."""

from collections.abc import Iterable
from typing import Any

from omnillm.protocols.loss import Losses


class Position:
    """Names the part being written, in canonical words; a path is made only when there is a loss to tell."""

    __slots__ = ()
    losses: Losses
    root: str
    """input, or candidates."""
    number: int
    """Of the item, or of the candidate."""
    member: str
    """Of what holds the part: its list of parts."""
    part: int

    def here(self, member: str = "") -> str:
        """Return the path of the part, or of a member of it."""
        return f"{self.root}[{self.number}].{self.member}[{self.part}]{member}"

    def around(self, member: str = "") -> str:
        """Return the path of what holds the part, or of a member of it."""
        return f"{self.root}[{self.number}]{member}"

    def drop(self, member: str, detail: str) -> None:
        self.losses.drop(self.here(member), detail)

    def drop_said(self, part: Any, names: Iterable[str], detail: str) -> None:
        """Note that those of these fields of the part that say something are gone."""
        self.losses.drop_said(part, names, self.here("."), detail)

    def approximate(self, member: str, detail: str) -> None:
        self.losses.approximate(self.here(member), detail)

    def default(self, member: str, detail: str) -> None:
        self.losses.default(self.here(member), detail)
