"""A ledger that cannot be written is tried until it can. Each reason why it cannot is logged once."""

import logging
from typing import Final

from omnillm.errors import LedgerUnavailable
from omnillm.records import Posting
from omnillm.stores.book import Book
from omnillm.stores.connection import TakenOver
from omnillm.stores.waiting import MAX_BACKOFF_S

logger = logging.getLogger(__name__)

FIRST_BACKOFF_S: Final = 0.05
MOST_REASONS: Final = 5
"""The most reasons that are told. More than one, since a later one may be the cause; not all, since they may differ by a number."""


class Outage:
    """From the first write that failed to the next one that succeeds."""

    def __init__(self, book: Book, refused: list[Posting]) -> None:
        """`refused`: the postings whose write has failed, if that was it."""
        self._book = book
        self._refused = refused
        self._told: set[str] = set()
        self._backoff_s = FIRST_BACKOFF_S

    def backoff_s(self) -> float:
        """How long to wait before the next try: twice as long each time, up to `MAX_BACKOFF_S`."""
        backoff_s = self._backoff_s
        self._backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
        return backoff_s

    def try_again(self) -> None:
        """Raises LedgerUnavailable or MemoryError: it still does not take what it has refused."""
        self._book.reopen()
        if self._refused:
            self._book.rehearse(self._refused)

    def tell(self, error: LedgerUnavailable) -> None:
        """At each failure."""
        reason, is_over = str(error), isinstance(error, TakenOver)
        if reason in self._told or (len(self._told) >= MOST_REASONS and not is_over):
            return
        self._told.add(reason)
        if is_over:
            logger.error("%s; what waits to be written is lost", reason)
        else:
            logger.error("%s; it is tried again until it works", reason)
