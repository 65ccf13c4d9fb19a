"""How many different texts of tags the calls of one caller may have in a day. Usage is summed up by each text, and callers choose them.

Calls beyond that keep only the tags of their virtual key, and their row says so. The sums by tag are still those of the rows.
"""

from typing import Final

OTHER: Final = "x-omnillm-tags=other"
"""In the place of the tags of a call that were too many."""


class TagSets:
    """Counts them since the day began, or the process did."""

    __slots__ = ("_day", "_seen", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        """A caller and day."""
        self._day = ""
        self._seen: dict[str, set[int]] = {}

    def kept(self, tags: str, caller: str, own: str, day: str) -> str:
        """The tags that a call's row has, of those that it came with. `own`: the virtual key's."""
        if day > self._day:
            self._day = day
            self._seen.clear()
        seen = self._seen.setdefault(caller, set())
        text = hash(tags)
        if text not in seen:
            if len(seen) >= self.most and tags != own:
                return f"{own},{OTHER}" if own else OTHER
            seen.add(text)
        return tags
