"""A search that found no key is remembered for its model, so that in overload not every call looks at every key.

Until the moment at which time alone would make room, a call of the same size or larger finds no key either. The exceptions are quota groups
in which something was given back since: they are "stirred", and looked at again.
"""

from collections.abc import Collection

from omnillm.keys.group import Group
from omnillm.keys.key import Key
from omnillm.keys.outlook import Outlook, outlook

NONE: frozenset[str] = frozenset()


class Search:
    """No key was found for a call of `tokens`. Until `view.wakes_at` larger calls find none either, except in groups `stirred` since.

    For larger calls, and as time passes, the moments of `view` are lower bounds.
    """

    __slots__ = ("model", "stirred", "tokens", "view")

    def __init__(self, model: str, tokens: int, view: Outlook) -> None:
        self.model = model
        self.tokens = tokens
        self.view = view
        self.stirred: dict[Group, None] = {}

    def covers(self, tokens: int, now: float) -> bool:
        return tokens >= self.tokens and now < self.view.wakes_at

    def pick(self, tokens: int, passed: Collection[str], now: float) -> Key | None:
        """A key of the stirred groups."""
        for group in tuple(self.stirred):
            for key in group.keys:
                if key.fits(self.model, tokens, passed, now):
                    return key
            self._look_again(group, now)
        return None

    def outlook_for(self, tokens: int, now: float) -> Outlook:
        """What is known of a call that the search covers."""
        view = Outlook()
        if tokens > self.view.largest:
            view.is_too_large = self.view.largest > 0.0
            return view
        if not self.stirred:
            return self.view
        for group in self.stirred:
            view.merge(outlook(group.keys, self.model, tokens, NONE, now))
        view.merge(self.view)
        return view

    def _look_again(self, group: Group, now: float) -> None:
        """The group has no key for a larger call. If it has none for the smallest either, it is no longer stirred."""
        smallest = outlook(group.keys, self.model, self.tokens, NONE, now)
        if smallest.wakes_at > now:
            del self.stirred[group]
            self.view.merge(smallest)
