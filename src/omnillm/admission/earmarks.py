"""Who waits, and has room kept for it: the fairest of those whose lane it is, while time alone will serve it before it is refused.

Without that a large call would be passed by every smaller one that fits, until nothing is left to hope for.
"""

from collections.abc import Mapping

from omnillm.admission.case import labels_of
from omnillm.keys.earmark import Earmark
from omnillm.keys.pool import Pool
from omnillm.keys.terms import Need


class Earmarks:
    """By case. Retries have none: which keys one may have is different for each, and changes while it waits."""

    def __init__(self, pools: Mapping[str, Pool]) -> None:
        self._pools = pools
        self._made: dict[str, tuple[Earmark, Pool]] = {}

    def keep(self, need: Need, now: float) -> None:
        """Keeps room at the first target that will have it in time."""
        if need.case_id in self._made or need.retry_of:
            return
        for provider, model in need.targets:
            pool = self._pools.get(provider)
            earmark = None if pool is None else pool.earmark(need, model, labels_of(need.tried, provider), need.queue_until, now)
            if pool is not None and earmark is not None:
                earmark.renew(now)
                self._made[need.case_id] = earmark, pool
                return

    def renew(self, now: float) -> None:
        """What slides out of the windows is added to the room that is kept, and not to what others may have."""
        for earmark, _ in self._made.values():
            earmark.renew(now)

    def lift(self, case_id: str) -> Earmark | None:
        """Its call is about to ask: until it is renewed nothing is kept from it."""
        made = self._made.get(case_id)
        if made is None:
            return None
        earmark, pool = made
        earmark.lift()
        pool.stir(earmark.group)
        return earmark

    def drop(self, case_id: str) -> bool:
        """Its call no longer waits. False: it had none."""
        if self.lift(case_id) is None:
            return False
        self._made.pop(case_id)[0].drop()
        return True

    def drop_all(self) -> None:
        """Before keys and limits change: they are made anew."""
        for case_id in tuple(self._made):
            self.drop(case_id)
