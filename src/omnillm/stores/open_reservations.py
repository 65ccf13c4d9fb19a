"""The reservations that a run has open in its ledger, so that its end need not look for them among all that it has made."""

from collections.abc import Iterable
from typing import Final

from omnillm.records import Entry, EntryKind, Posting

CLOSING: Final = frozenset({int(EntryKind.SETTLE), int(EntryKind.VOID)})
Reservation = tuple[str, int, str]
"""(request, attempt, budget)."""


class OpenReservations:
    """Of one run. What was closed counts once it is on disk: until then a database that fails may forget it."""

    __slots__ = ("_closed", "_open")

    def __init__(self) -> None:
        self._open: set[Reservation] = set()
        """Those that were written, or may have been."""
        self._closed: set[Reservation] = set()
        """Those closed since the last sync."""

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

    def requests(self) -> list[str]:
        """The requests that may hold a reservation."""
        return sorted({request_id for request_id, _, _ in self._open - self._closed})


def _of(entry: Entry) -> Reservation:
    return entry.request_id, entry.attempt, entry.budget
