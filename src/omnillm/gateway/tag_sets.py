"""How many different texts of tags the calls of one caller may have in a day. Usage is summed up by each text, and callers choose them.

Calls beyond that keep only the tags of their virtual key, and their row says so. The sums by tag are still those of the rows.
"""

from typing import Final

OTHER: Final = "x-omnillm-tags=other"
"""In the place of the tags of a call that were too many."""

DAYS: Final = 2


class TagSets:
    """Counts them by the day, since the process began."""

    __slots__ = ("_days", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        """A caller and day."""
        self._days: dict[str, dict[str, set[int]]] = {}
        """The two that were begun last, by caller: calls end behind midnight, and a clock that was ahead is set back."""

    def kept(self, tags: str, caller: str, own: str, day: str) -> str:
        """The tags that a call's row has, of those that it came with. `own`: the virtual key's."""
        if day not in self._days:
            self._days[day] = {}
            if len(self._days) > DAYS:
                del self._days[next(iter(self._days))]
        seen = self._days[day].setdefault(caller, set())
        text = hash(tags)
        if text not in seen:
            if len(seen) >= self.most and tags != own:
                return f"{own},{OTHER}" if own else OTHER
            seen.add(text)
        return tags
