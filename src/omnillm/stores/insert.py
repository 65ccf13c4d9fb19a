"""`INSERT INTO table (columns) ... ON CONFLICT ...` for any number of rows, as each database takes it fastest.

Measured on SQLite 3.40 with a typical posting (a request, an attempt, a settlement; 48 cells), CPU per posting: `INSERT ... SELECT ...
FROM json_each(?)` 32 us, `executemany` 14 us, and 9 us for one INSERT with many VALUES tuples. The last takes the GIL once for each
statement, not once for each row, and binding the cells is cheaper than having SQLite parse them. But SQLite takes a lock for each cell
that is bound, and for a text two more and a copy. So what all rows of a batch have alike is bound once for each statement: 31 of the 48
cells where all calls go the same way. PostgreSQL takes one array for each column: one statement for all rows.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import count, repeat
from typing import Any, Final

CHUNKS: Final = (64, 32, 16, 8, 4, 2, 1)
"""Rows in a statement of VALUES. A batch needs as many statements of 64 as fit, and at most one of each smaller size."""
FEWEST_ALIKE: Final = 8
"""With fewer rows it does not pay to look for what they have alike."""
STATEMENTS: Final = 256
"""Statements that are kept prepared: those of 24 sets of columns (`tables.py`) in seven sizes, and the others."""


def takes_numbers(python: tuple[int, ...]) -> bool:
    """Whether Python binds `?1` by its place. Versions 3.12.0 to 3.12.3 take it for a name, and warn of each cell."""
    return not (3, 12) <= python < (3, 12, 4)


BINDS_ONCE: Final = takes_numbers(sys.version_info[:3])


class Insert:
    """`types`: column -> text, bigint or json."""

    __slots__ = ("_groups", "_head", "_tail", "of_arrays", "types", "width")

    def __init__(self, table: str, types: Mapping[str, str], *, on_conflict: str, groups: tuple[tuple[str, ...], ...] = ()) -> None:
        """`groups`: columns that the rows of a batch mostly have alike, all those of a group at once. Each doubles the statements."""
        columns = list(types)
        self.types = tuple(types.values())
        self.width = len(types)
        self._groups = tuple(tuple(map(columns.index, group)) for group in groups)
        self._head, self._tail = f"INSERT INTO {table} ({', '.join(types)})", f"ON CONFLICT {on_conflict}"
        arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(self.types, start=1))
        self.of_arrays = f"{self._head} SELECT * FROM unnest({arrays}) {self._tail}"

    def of_values(self, cells: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        """Statements, and what is bound to each, that insert the rows that lie end to end in `cells`."""
        left = len(cells) // self.width
        alike = self._alike(cells, left) if left >= FEWEST_ALIKE and BINDS_ONCE else ()
        once = [cells[column] for column in alike]
        apart = self._apart(alike, cells, left) if alike else cells
        width, done = self.width - len(alike), 0
        for rows in CHUNKS:
            while left >= rows:
                yield _statement(self, rows, alike), [*once, *apart[done : done + rows * width]]
                done += rows * width
                left -= rows

    def _alike(self, cells: list[Any], rows: int) -> tuple[int, ...]:
        """The columns of those groups that all rows have alike."""
        alike: tuple[int, ...] = ()
        for group in self._groups:
            if all(cells[column :: self.width].count(cells[column]) == rows for column in group):
                alike += group
        return alike

    def _apart(self, alike: tuple[int, ...], cells: list[Any], rows: int) -> list[Any]:
        """The cells of all other columns, row by row."""
        columns = [column for column in range(self.width) if column not in alike]
        apart: list[Any] = [None] * (rows * len(columns))
        for place, column in enumerate(columns):
            apart[place :: len(columns)] = cells[column :: self.width]
        return apart

    def values(self, rows: int, alike: tuple[int, ...]) -> str:
        """A statement. Bound to it are the cells of the columns `alike`, then those of the others, row by row."""
        once = {column: f"?{place}" for place, column in enumerate(alike, start=1)}
        places = (f"?{place}" for place in count(len(alike) + 1)) if alike else repeat("?")
        values = [", ".join(once.get(column) or next(places) for column in range(self.width)) for _ in range(rows)]
        return f"{self._head} VALUES ({'), ('.join(values)}) {self._tail}"


@lru_cache(maxsize=STATEMENTS)
def _statement(insert: Insert, rows: int, alike: tuple[int, ...]) -> str:
    return insert.values(rows, alike)


def add_to(table: str, key: tuple[str, ...], counts: tuple[str, ...]) -> Insert:
    """An insert that adds to the counts of the line with the same key. No key may stand twice in the cells."""
    added = ", ".join(f"{column} = {table}.{column} + excluded.{column}" for column in counts)
    types = {**dict.fromkeys(key, "text"), **dict.fromkeys(counts, "bigint")}
    return Insert(table, types, on_conflict=f"({', '.join(key)}) DO UPDATE SET {added}")
