"""A search in vain, remembered: in overload nobody looks at every key for every call."""

from collections.abc import Collection

from omnillm.keys.demand import Demand
from omnillm.keys.group import Group
from omnillm.keys.key import Key
from omnillm.keys.outlook import Outlook, outlook

NONE: frozenset[str] = frozenset()


class Search:
    """There was no key for `demand`, and so there is none for a larger one: until `view.wakes_at`, or in a group that was `stirred` since.

    For larger calls, and as things move on, the moments of `view` are lower bounds.
    """

    __slots__ = ("demand", "stirred", "view")

    def __init__(self, demand: Demand, view: Outlook) -> None:
        self.demand = demand
        self.view = view
        self.stirred: dict[Group, None] = {}

    def covers(self, demand: Demand, now: float) -> bool:
        return demand.tokens >= self.demand.tokens and now < self.view.wakes_at

    def pick(self, demand: Demand, passed: Collection[str], now: float) -> Key | None:
        """A key of the stirred groups."""
        for group in tuple(self.stirred):
            for key in group.keys:
                if key.fits(demand, passed, now):
                    return key
            if not passed:
                self._look(group, demand, now)
        return None

    def tell(self, demand: Demand) -> Outlook:
        """What is known of a call that the search covers."""
        if demand.tokens <= self.view.largest:
            return self.view
        view = Outlook()
        view.is_too_large = self.view.largest > 0.0
        return view

    def _look(self, group: Group, demand: Demand, now: float) -> None:
        """Nothing there for `demand`; and if nothing for the smallest call either, the group is again as the others."""
        smallest = outlook(group.keys, self.demand, NONE, now)
        if smallest.wakes_at > now:
            del self.stirred[group]
            self.view.merge(smallest)
        else:
            self.view.merge(outlook(group.keys, demand, NONE, now))
