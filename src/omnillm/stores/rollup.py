"""The daily roll-up behind its rows: what a batch adds to `daily` waits in `unfolded`, and is folded in many batches at a time.

With very many callers nearly each call has its own line, in its own page: written with every batch, they would cost more than its rows.
`daily` and `unfolded` together are right after each commit (the view `daily_lines`): neither readers nor the deletion of rows have to wait
for a fold. What waits is folded a piece at a time, in the transaction of a batch: the piece is added to `daily` and,
negated, to `unfolded`; with the last piece all that has waited is deleted.
"""

import logging
from collections.abc import Iterator
from operator import itemgetter
from typing import Final

import msgspec

from omnillm.stores.connection import Connection
from omnillm.stores.daily import KEY_COLUMNS, Key, Line, Sums, summed
from omnillm.stores.tables import ADD_TO_DAILY, add, encode

logger = logging.getLogger(__name__)

PIECE: Final = 128
"""Groups that are folded at a time. It takes a millisecond, for which the next batch waits."""
FEWEST_LINES: Final = 64
LINES_A_GROUP: Final = 6
"""Lines that a group has on average before anything is folded."""
MOST_GROUPS: Final = 16_384
"""Groups that wait; they take up about 2 KB each."""
LONGEST_KEY: Final = 512
"""Characters. PostgreSQL's index refuses 2,704 bytes, and a refusal has to hit the batch with the row, not a later fold."""
CALLER: Final = itemgetter(KEY_COLUMNS.index("caller"))
"""Whole keys take three times as long to sort, and the loop would wait for it."""
PUT: Final = "INSERT INTO unfolded (number, lines) VALUES (?, ?)"

_decode: Final = msgspec.json.Decoder(list[tuple[Key, Line]]).decode


class RollUp:
    """Remembers what waits in `unfolded`. If one of its transactions was not committed, it reads that again."""

    __slots__ = ("_folding", "_is_folding", "_is_known", "_is_paused", "_lines", "_number", "_order", "_until", "_young")

    def __init__(self) -> None:
        self._is_known = self._is_paused = False
        self._is_folding = False
        """A piece is being folded."""
        self._number = 0
        """The number of the newest row. Rows of negated pieces have numbers below 0."""
        self._young: dict[Key, list[Line]] = {}
        self._lines = 0
        """Lines in all the lists of `_young`."""
        self._folding: dict[Key, list[Line]] = {}
        self._order: list[Key] = []
        """The keys of `_folding`, backwards."""
        self._until = 0
        """The newest row that is being folded."""

    def keep(self, connection: Connection, lines: dict[Key, Line]) -> None:
        """Within the transaction of a batch: write what it adds up to. Call `committed` afterwards."""
        if not self._is_known and not self._is_paused:
            self._learn(connection)
        self._is_known = self._is_folding = False
        odd = self._gather(lines)
        add(connection, ADD_TO_DAILY, odd.items())
        if usual := {key: counts for key, counts in lines.items() if key not in odd} if odd else lines:
            self._put(connection, usual)

    def fold(self, connection: Connection) -> None:
        """Behind `keep`, in the same transaction: a piece of what waits, if enough of it does."""
        if self._is_paused or not (self._order or self._is_ripe()):
            return
        self._is_folding = True
        if not self._order:
            self._begin()
        self._fold_piece(connection)
        self._is_folding = False

    def committed(self) -> None:
        self._is_known = True

    def doubt(self) -> None:
        """The database has failed, and may have forgotten what was committed: read again what waits."""
        self._is_known = False

    def pause(self, error: ValueError) -> bool:
        """The database cannot hold a sum: fold no more, so that this keeps no rows out. False: it was not a sum."""
        is_mine, self._is_folding = self._is_folding, False
        if is_mine:
            self._is_paused = True
            self._young, self._folding, self._order = {}, {}, []
            logger.error("the daily sums are not folded until the next start: %s", error)
        return is_mine

    def _learn(self, connection: Connection) -> None:
        """Read what waits, also from an earlier run, and make it one row."""
        sums = Sums[Key]()
        for key, counts in waiting(connection):
            sums.add(key, counts)
        connection.execute("DELETE FROM unfolded")
        self._young, self._folding, self._order = {}, {}, []
        self._number = self._lines = 0
        if lines := {key: counts for key, counts in sums.lines().items() if any(counts)}:
            self._gather(lines)
            self._put(connection, lines)

    def _gather(self, lines: dict[Key, Line]) -> dict[Key, Line]:
        """Remember lines that are to be folded; returns those that cannot wait."""
        young: dict[Key, list[Line]] = {} if self._is_paused else self._young
        odd = {}
        for key, counts in lines.items():
            waiting = young.get(key)
            if waiting is not None:
                waiting.append(counts)
            elif _is_odd(key):
                odd[key] = counts
            else:
                young[key] = [counts]
        self._lines += len(lines) - len(odd)
        return odd

    def _put(self, connection: Connection, lines: dict[Key, Line]) -> None:
        self._number += 1
        connection.execute(PUT, (self._number, _text(lines)))

    def _is_ripe(self) -> bool:
        groups = len(self._young)
        return self._lines >= max(LINES_A_GROUP * groups, FEWEST_LINES) or groups >= MOST_GROUPS

    def _begin(self) -> None:
        self._folding, self._young = self._young, {}
        self._order = sorted(self._folding, key=CALLER, reverse=True)  # neighbours share a page
        self._until, self._lines = self._number, 0

    def _fold_piece(self, connection: Connection) -> None:
        folding, order = self._folding, self._order
        piece = {key: summed(folding.pop(key)) for key in order[: -PIECE - 1 : -1]}
        del order[-PIECE:]
        add(connection, ADD_TO_DAILY, piece.items())
        if order:
            negated = {key: tuple(-count for count in counts) for key, counts in piece.items()}
            connection.execute(PUT, (-len(order), _text(negated)))
        else:
            connection.execute("DELETE FROM unfolded WHERE number <= ?", (self._until,))


def waiting(connection: Connection) -> Iterator[tuple[Key, Line]]:
    """All lines in `unfolded`, in no order. The view's JSON functions take ten times as long to read them."""
    for (text,) in connection.execute("SELECT lines FROM unfolded"):
        yield from _decode(text)


def _is_odd(key: Key) -> bool:
    """Whether a line has to go into `daily` at once: neither database reads NUL out of JSON, and an index may refuse long keys."""
    joined = "".join(key)
    return "\0" in joined or len(joined) > LONGEST_KEY


def _text(lines: dict[Key, Line]) -> str:
    return encode(list(lines.items())).decode()
