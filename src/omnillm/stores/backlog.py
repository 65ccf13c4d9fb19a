"""The queue of postings for the ledger. New ones are added at its end; those that must be written again stand at its beginning."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

from omnillm.records import Posting
from omnillm.stores.waiting import Awaited

BATCH: Final = 1_000
"""The most postings in one transaction."""


class Backlog(deque[Posting | Awaited]):
    """The event loop appends. Everything else here is done by the writer's thread alone."""

    __slots__ = ("_again", "_suspects", "_unsynced")

    def __init__(self) -> None:
        super().__init__()
        self._unsynced: list[Posting] = []
        """Postings that are committed but not yet synced: a disk or a server that fails may still forget them."""
        self._suspects = 0
        """How many of the first are taken one by one, because the database cannot hold one of them."""
        self._again = 0
        """How many of the first may stand in the ledger already."""

    @property
    def may_repeat(self) -> bool:
        """Whether some of what waits may stand in the ledger already."""
        return bool(self._again and self)

    @property
    def has_unsynced(self) -> bool:
        """Whether some of what was committed is not on disk yet."""
        return bool(self._unsynced)

    def take(self) -> list[Posting | Awaited]:
        """The next batch."""
        size = BATCH
        if self._suspects:
            self._suspects -= 1
            size = 1
        batch = [self.popleft() for _ in range(min(len(self), size))]
        self._again = max(self._again - len(batch), 0)
        return batch

    def put_back(self, items: Iterable[Posting | Awaited]) -> None:
        """In front, in their order."""
        self.extendleft(reversed(list(items)))

    def suspect(self, batch: list[Posting | Awaited]) -> None:
        """Put a batch back to be tried one by one, so that a posting that the database cannot hold does not keep the others out."""
        self.put_back(batch)
        self._suspects = len(batch)
        self._again += len(batch)

    def committed(self, postings: list[Posting], *, is_on_disk: bool) -> None:
        """The postings are committed. `is_on_disk`: they are on disk, and so is all that was committed before."""
        if is_on_disk:
            self.synced()
        else:
            self._unsynced += postings

    def synced(self) -> None:
        """All that was committed is on disk."""
        self._unsynced.clear()

    def doubt(self) -> None:
        """The database has failed: what was committed and not synced is written again, and all that waits may stand there already."""
        self.put_back(self._unsynced)
        self._unsynced.clear()
        self._again = len(self)

    def take_awaited(self) -> list[asyncio.Future[None]]:
        """Take out the postings that somebody waits for; the others stay, before what is posted meanwhile."""
        items = [self.popleft() for _ in range(len(self))]
        self.put_back(item for item in items if isinstance(item, Posting))
        return [item.done for item in items if isinstance(item, Awaited)]
