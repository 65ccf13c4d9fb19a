"""When each open batch is looked at next: first after an hour, and the older it is the less often."""

from collections.abc import Iterable
from typing import Final

from omnillm.records import Binding, id_wall_ms

SOONEST_MS: Final = 3_600_000
"""The shortest time between two looks at one batch, and before the first."""
LONGEST_MS: Final = 24 * 3_600_000
PATIENCE: Final = 4
"""Between two looks a batch becomes older by this part (1/4) of its age."""
GIVEN_UP_MS: Final = 35 * 86_400_000
"""No provider keeps results for longer: a batch of this age stays as it was booked, unless somebody else asks."""


class BatchCalendar:
    """The open batches, by their bills. A restart forgets when they were looked at: then each is looked at again."""

    def __init__(self) -> None:
        self._due_ms: dict[Binding, int] = {}

    def learn(self, bills: Iterable[Binding], wall_ms: int) -> None:
        """These are the open batches now; others are forgotten. None waits longer than a day: the clock may have been ahead."""
        latest_ms = wall_ms + LONGEST_MS
        self._due_ms = {bill: min(self._due_ms.get(bill, made_ms(bill) + SOONEST_MS), latest_ms) for bill in bills}

    def due(self, wall_ms: int) -> tuple[Binding, ...]:
        """The batches to look at now, the one that has waited longest first."""
        return tuple(sorted((bill for bill, due_ms in self._due_ms.items() if due_ms <= wall_ms), key=self._due_ms.__getitem__))

    def looked(self, bill: Binding, wall_ms: int) -> None:
        age_ms = wall_ms - made_ms(bill)
        self._due_ms[bill] = wall_ms + min(max(age_ms // PATIENCE, SOONEST_MS), LONGEST_MS)


def made_ms(bill: Binding) -> int:
    """Unix milliseconds of the call that made the batch: a bill bears its id in the place of a caller."""
    return id_wall_ms(bill.caller)
