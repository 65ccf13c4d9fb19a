"""Calls that have ended, and the observers that are told. They are told several calls at once, which takes half as long as one by one."""

from collections.abc import Callable
from typing import Final

from omnillm.records import AttemptRow, RequestRow
from omnillm.trace_context import TraceFields

Observer = Callable[[list[RequestRow]], None]
FailureObserver = Callable[[tuple[AttemptRow, ...]], None]
TraceObserver = Callable[[RequestRow, tuple[AttemptRow, ...], TraceFields | None], None]
MOST_WAITING: Final = 32
"""Calls that have ended and are told to nobody yet."""


class EndedCalls:
    """`add` is told of each call at its end; `flush` is called by the program's tick, and by whoever must know of all of them."""

    def __init__(self, *observers: Observer, count_failures: FailureObserver) -> None:
        self.count_failures = count_failures
        """Told at once of the attempts of a call among which one may have failed: they are few."""
        self.trace: TraceObserver | None = None
        """Told at once of each call, where its trace is exported."""
        self._observers = observers
        self._rows: list[RequestRow] = []

    def add(self, row: RequestRow) -> None:
        """One more has ended. Never suspends; observers may be told now."""
        self._rows.append(row)
        if len(self._rows) == MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Tell of the calls that have ended since the last time."""
        rows, self._rows = self._rows, []
        if rows:
            for observe in self._observers:
                observe(rows)
