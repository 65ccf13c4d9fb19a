"""What a run has open, as a start after its kill knows it."""

from contextlib import suppress
from itertools import count
from random import Random

from msgspec.structs import replace
from tests.soak import rounds
from tests.stores.rows import call, entry, request_id

from omnillm.errors import LedgerUnavailable
from omnillm.records import EntryKind, Posting
from omnillm.stores import open_reservations
from omnillm.stores.book import Book
from omnillm.stores.connection import CommitUnknown
from omnillm.stores.sqlite.database import SqliteDatabase

RUNS, MOVES, LATE = rounds(24), 12, 6
CLOSED_BELOW = "SELECT closed_below FROM epochs WHERE epoch = ?"
LOST = "SELECT request_id FROM requests WHERE outcome = 'process_lost' ORDER BY request_id"


class FailingDatabase(SqliteDatabase):
    """One commit in four fails: whether it was done is not known."""

    def __init__(self, path, dice):
        super().__init__(path)
        self._dice = dice

    def _commit(self, connection):
        if self._dice.random() < 3 / 4:
            super()._commit(connection)
            return
        connection.execute(self._dice.choice(["COMMIT", "ROLLBACK"]))
        raise CommitUnknown("the disk failed")


class Run:
    """A run that does with its book what a writer does."""

    def __init__(self, path, dice):
        self._book = Book(FailingDatabase(path, dice), is_strict=True)
        while True:
            with suppress(LedgerUnavailable):
                self.epoch = self._book.open(0).epoch
                break
        self._unsynced = []

    def reserve(self, number):
        """Whether it was."""
        reserve = replace(entry(number, EntryKind.RESERVE), epoch=self.epoch)
        try:
            self._book.write([Posting(entries=(reserve,))], is_awaited=True, now=0.0)
        except LedgerUnavailable:
            self._repair([Posting(entries=(replace(reserve, kind=EntryKind.VOID, amount_nanousd=0),))])
            return False
        self._unsynced.clear()
        return True

    def settle(self, number):
        self._unsynced.append(call(number))
        try:
            self._book.write(self._unsynced[-1:], is_awaited=False, now=0.0)
        except LedgerUnavailable:
            self._repair([])

    def _repair(self, more):
        while True:
            with suppress(LedgerUnavailable):
                self._book.reopen()
                self._book.write([*self._unsynced, *more], is_awaited=True, now=0.0)
                break
        self._unsynced.clear()

    def kill(self):
        self._book.release()


def test_nothing_below_the_mark_is_open_whenever_a_run_is_killed(tmp_path, monkeypatch):
    """Some calls reserve late, and commits fail: the mark follows the oldest that is open, and a start behind it finds all."""
    monkeypatch.setattr(open_reservations, "MARK_EVERY", 4)
    path, dice, numbers, lost = tmp_path / "omnillm.db", Random(0), count(), []
    reader = SqliteDatabase(path)
    for _ in range(RUNS):
        run, waiting, held, marks = Run(path, dice), [next(numbers) for _ in range(LATE)], [], set()
        for _ in range(MOVES):
            number = waiting.pop(dice.randrange(LATE))
            waiting.append(next(numbers))
            if run.reserve(number):
                held.append(number)
            if held and dice.random() < 0.9:
                run.settle(held.pop(0))
            with reader.reading() as connection:
                [mark] = connection.execute(CLOSED_BELOW, (run.epoch,)).fetchone()
            assert all(request_id(number) >= mark for number in held)
            marks.add(mark)
        assert len(marks) > 2
        run.kill()
        lost += held
    book = Book(reader, is_strict=True)
    book.open(0)
    book.release()
    with reader.reading() as connection:
        assert connection.execute(LOST).fetchall() == [(request_id(number),) for number in sorted(lost)]
