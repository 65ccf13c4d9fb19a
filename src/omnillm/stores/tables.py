"""How the structs of `records.py` lie in SQLite's tables, and how many rows are inserted at once.

Measured on SQLite 3.40 with a typical posting (a request, an attempt, a settlement; 48 cells), CPU per posting: `INSERT ... SELECT ... FROM
json_each(?)` 32 us, `executemany` 14 us, and 9 us for one INSERT with many VALUES tuples, which this file does. It takes the GIL once a
statement, not once a row; binding the cells is cheaper than having SQLite parse them.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec.structs import astuple

from omnillm.records import AttemptRow, Binding, Entry, RequestRow
from omnillm.stores.daily import COUNT_COLUMNS, KEY_COLUMNS, TAG_COLUMNS
from omnillm.usage import Usage

CHUNKS = (64, 8, 1)
"""Rows a statement, largest first: at most seven statements each of the smaller sizes, whatever the batch."""

encode: Final = msgspec.json.Encoder().encode
decode_usage: Final = msgspec.json.Decoder(Usage).decode

Row = TypeVar("Row", RequestRow, AttemptRow, Entry, Binding)


class Insert:
    """`INSERT INTO table (columns) VALUES (...), (...) ON CONFLICT ...` for any number of rows, in few statements."""

    __slots__ = ("_statements",)

    def __init__(self, table: str, columns: Sequence[str], *, on_conflict: str) -> None:
        width = len(columns)
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        row = f"({', '.join('?' * width)})"
        self._statements = [(size * width, f"{head}{', '.join([row] * size)} ON CONFLICT {on_conflict}") for size in CHUNKS]

    def run(self, connection: sqlite3.Connection, cells: list[Any]) -> int:
        """Insert the rows that lie end to end in `cells`; returns how many were inserted or updated."""
        done = written = 0
        for size, statement in self._statements:
            while len(cells) - done >= size:
                written += connection.execute(statement, cells[done : done + size]).rowcount
                done += size
        return written


class Table(Generic[Row]):
    """A struct type and its table, whose columns have the names of its fields."""

    __slots__ = ("_flags", "_insert", "_type", "_usage", "_width", "find", "key", "select")

    def __init__(self, name: str, row_type: type[Row], *, key: tuple[str, ...], flags: tuple[str, ...]) -> None:
        columns = row_type.__struct_fields__
        self._type: type[Row] = row_type
        self._width = len(columns)
        self._flags = tuple(columns.index(flag) for flag in flags)
        self._usage = columns.index("usage") if "usage" in columns else None
        self._insert = Insert(name, columns, on_conflict="DO NOTHING")
        self.key = tuple(columns.index(column) for column in key)
        self.select = f"SELECT {', '.join(columns)} FROM {name}"
        self.find = f"{self.select} WHERE {' AND '.join(f'{column} = ?' for column in key)}"

    def insert(self, connection: sqlite3.Connection, rows: list[Row]) -> bool:
        """False when some of the rows stood there already (those were left as they were)."""
        cells: list[Any] = list(chain.from_iterable(map(astuple, rows)))
        for flag in self._flags:
            # sqlite3 looks for an adapter, slowly, for anything that is not exactly an int or a str.
            cells[flag :: self._width] = map(int, cells[flag :: self._width])
        if self._usage is not None:
            cells[self._usage :: self._width] = [encode(usage).decode() for usage in cells[self._usage :: self._width]]
        return self._insert.run(connection, cells) == len(rows)

    def rows(self, found: Iterable[Sequence[Any]]) -> list[Row]:
        """What `select` found, as structs."""
        return [self._row(list(values)) for values in found]

    def _row(self, values: list[Any]) -> Row:
        if self._usage is not None:
            values[self._usage] = decode_usage(values[self._usage])
        row: Row = msgspec.convert(values, self._type, strict=False)
        return row

    def identity(self, row: Row) -> tuple[str | int, ...]:
        values = astuple(row)
        return tuple(values[column] for column in self.key)


REQUESTS = Table("requests", RequestRow, key=("request_id",), flags=("is_stream", "is_estimated"))
ATTEMPTS = Table("attempts", AttemptRow, key=("request_id", "attempt"), flags=("is_usage_known", "is_estimated"))
ENTRIES = Table("entries", Entry, key=("request_id", "attempt", "kind", "budget"), flags=("kind", "is_estimated"))
BINDINGS = Table("bindings", Binding, key=("kind", "upstream_id"), flags=())

ADD_TO_BALANCES = Insert(
    "balances",
    ("budget", "period", "settled_nanousd"),
    on_conflict="DO UPDATE SET settled_nanousd = settled_nanousd + excluded.settled_nanousd",
)
_ADD_COUNTS = f"DO UPDATE SET {', '.join(f'{column} = {column} + excluded.{column}' for column in COUNT_COLUMNS)}"
ADD_TO_DAILY = Insert("daily", (*KEY_COLUMNS, *COUNT_COLUMNS), on_conflict=_ADD_COUNTS)
ADD_TO_DAILY_TAGS = Insert("daily_tags", (*TAG_COLUMNS, *COUNT_COLUMNS), on_conflict=_ADD_COUNTS)
