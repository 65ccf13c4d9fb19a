"""The reservations that a run has open in its ledger, so that its end need not look for them among all that it has made.

After a kill only the ledger knows: its `epochs.closed_below` is an id below which none of the run's requests holds a reservation. Ids rise
with time, so it follows the oldest open call. It is written with the rows that it is about: whatever the database forgets, they agree.
"""

from collections.abc import Iterable
from typing import Final

from omnillm.records import Entry, EntryKind, Posting
from omnillm.stores.connection import Connection

CLOSING: Final = frozenset({int(EntryKind.SETTLE), int(EntryKind.VOID)})
MARK_EVERY: Final = 10_000
"""Reservations after which `closed_below` rises: a start looks through so many in a hundredth of a second."""
MARK: Final = "UPDATE epochs SET closed_below = ? WHERE epoch = ?"
UNKNOWN: Final = "~"
"""Above any id: what is reserved next writes the mark anew."""
Reservation = tuple[str, int, str]
"""(request, attempt, budget)."""


class OpenReservations:
    """Of one run. What was closed counts once it is on disk: until then a database that fails may forget it."""

    __slots__ = ("_closed", "_mark", "_open", "_unmarked")

    def __init__(self) -> None:
        self._open: set[Reservation] = set()
        """Those that were written, or may have been."""
        self._closed: set[Reservation] = set()
        """Those closed since the last sync."""
        self._mark = ""
        """What the ledger's `closed_below` is, or higher."""
        self._unmarked = 0
        """Reservations made since it rose."""

    def mark(self, connection: Connection, entries: list[Entry], *, epoch: int) -> None:
        """Last in the transaction that writes `entries`: a mark that holds with them, if theirs are below it or it is old."""
        reserving = [entry.request_id for entry in entries if entry.kind == EntryKind.RESERVE]
        if not reserving:
            return
        lowest = min(reserving)
        self._unmarked += len(reserving)
        if lowest >= self._mark and self._unmarked < MARK_EVERY:
            return
        self._mark = min(lowest, min(self._open, default=(lowest,))[0])
        connection.execute(MARK, (self._mark, epoch))
        self._unmarked = 0

    def note(self, postings: Iterable[Posting]) -> None:
        """These were committed, or may have been: then `doubt` follows."""
        for posting in postings:
            for entry in posting.entries:
                if entry.kind == EntryKind.RESERVE:
                    self._open.add(_of(entry))
                elif entry.kind in CLOSING:
                    self._closed.add(_of(entry))

    def synced(self) -> None:
        """All that was committed is on disk."""
        self._open -= self._closed
        self._closed.clear()

    def doubt(self) -> None:
        """The database may have forgotten what was not on disk."""
        self._closed.clear()
        self._mark = UNKNOWN

    def requests(self) -> list[str]:
        """The requests that may hold a reservation."""
        return sorted({request_id for request_id, _, _ in self._open - self._closed})


def _of(entry: Entry) -> Reservation:
    return entry.request_id, entry.attempt, entry.budget
