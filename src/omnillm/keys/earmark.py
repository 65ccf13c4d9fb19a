"""Room that a call which waits will need: kept for it, so that it is not passed by smaller ones until its time is up."""

from omnillm.keys.group import Group
from omnillm.limits.window import Window


class Earmark:
    """Of one call in a quota group's windows: it counts there like a grant, so that others find less room.

    Tokens that will have left a window by the moment the mark is for are not kept: others may use them before, at no cost to the call.
    """

    __slots__ = ("_at", "_kept", "_tokens", "_windows", "group")

    def __init__(self, group: Group, windows: tuple[Window, ...], tokens: int, at: float) -> None:
        self.group = group
        self._windows = windows
        self._tokens = tokens
        self._at = at
        self._kept: list[int] = []
        """Tokens, by window; empty while it does not count."""
        group.earmark = self

    def renew(self, now: float) -> None:
        """Grow by what has slid out since: the room that others have stays the same."""
        self.lift()
        for window in self._windows:
            kept = max(0, self._tokens - window.tokens_gone_by(self._at, now))
            window.reserve(kept)
            self._kept.append(kept)

    def lift(self) -> None:
        """Do not count until the next `renew`: its call is about to ask."""
        for window, kept in zip(self._windows, self._kept, strict=False):
            window.give_back(kept)
        self._kept.clear()

    def drop(self) -> None:
        """It was lifted, and its call waits no more."""
        self.group.earmark = None
