"""What is told of a ledger that cannot be written: each reason once, for what is found out later may be what has to be repaired."""

import logging
from typing import Final

from omnillm.errors import LedgerUnavailable
from omnillm.stores.connection import TakenOver

logger = logging.getLogger(__name__)

MOST_REASONS: Final = 5


class Outage:
    """From the first write that failed to the next one that succeeds."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, error: LedgerUnavailable) -> None:
        """At each attempt that failed."""
        reason, is_over = str(error), isinstance(error, TakenOver)
        if reason in self._told or (len(self._told) >= MOST_REASONS and not is_over):
            return
        self._told.add(reason)
        if is_over:
            logger.error("%s; what waits to be written is lost", reason)
        else:
            logger.error("%s; it is tried again until it works", reason)
