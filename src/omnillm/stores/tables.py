"""How the structs of `records.py` lie in the ledger's tables."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec.structs import astuple

from omnillm.records import AttemptRow, Binding, Entry, RequestRow
from omnillm.stores.connection import Connection
from omnillm.stores.daily import COUNT_COLUMNS, KEY_COLUMNS, TAG_COLUMNS
from omnillm.stores.insert import Insert, add_to
from omnillm.usage import Usage

TYPES: Final = {str: "text", Usage: "json"}
"""The database's type of a field's; every other field is a number, flags and kinds, too."""

encode: Final = msgspec.json.Encoder().encode
encode_lines: Final = msgspec.json.Encoder().encode_lines
decode_usage: Final = msgspec.json.Decoder(Usage).decode

Row = TypeVar("Row", RequestRow, AttemptRow, Entry, Binding)


class Table(Generic[Row]):
    """A struct type and its table, whose columns have the names of its fields."""

    __slots__ = ("_flags", "_insert", "_type", "_usage", "find", "key", "select")

    def __init__(
        self,
        name: str,
        row_type: type[Row],
        *,
        key: tuple[str, ...],
        flags: tuple[str, ...] = (),
        alike: tuple[tuple[str, ...], ...] = (),
    ) -> None:
        """`alike`: groups of columns that calls of one moment mostly have alike; those of a group differ for the same reason."""
        columns = row_type.__struct_fields__
        self._type: type[Row] = row_type
        self._flags = tuple(columns.index(flag) for flag in flags)
        self._usage = columns.index("usage") if "usage" in columns else None
        types = {field.name: TYPES.get(field.type, "bigint") for field in msgspec.structs.fields(row_type)}
        self._insert = Insert(name, types, on_conflict="DO NOTHING", groups=alike)
        self.key = tuple(columns.index(column) for column in key)
        self.select = f"SELECT {', '.join(columns)} FROM {name}"
        self.find = f"{self.select} WHERE {' AND '.join(f'{column} = ?' for column in key)}"

    def insert(self, connection: Connection, rows: list[Row]) -> bool:
        """False when some of the rows stood there already (those were left as they were)."""
        if not rows:
            return True
        cells: list[Any] = []
        for row in rows:
            cells += astuple(row)
        width = self._insert.width
        for flag in self._flags:
            # sqlite3 looks for an adapter, slowly, for anything that is not exactly an int or a str; what bytes are made of is.
            cells[flag::width] = bytes(cells[flag::width])
        if self._usage is not None:
            cells[self._usage :: width] = encode_lines(cells[self._usage :: width]).decode().splitlines()
        return connection.insert(self._insert, cells) == len(rows)

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


REQUESTS = Table(
    "requests",
    RequestRow,
    key=("request_id",),
    flags=("is_stream", "is_estimated"),
    alike=(
        ("day", "epoch"),
        ("tags", "session"),
        ("outcome", "status", "attempts", "is_estimated", "loss", "operation"),
        ("key", "model", "provider", "upstream_model", "protocol"),
    ),
)
ATTEMPTS = Table(
    "attempts",
    AttemptRow,
    key=("request_id", "attempt"),
    flags=("is_usage_known", "is_estimated"),
    alike=(
        ("verdict", "status", "attempt", "is_usage_known", "is_estimated", "error", "epoch"),
        ("key", "model", "provider", "price_version"),
    ),
)
ENTRIES = Table(
    "entries",
    Entry,
    key=("request_id", "attempt", "kind", "budget"),
    flags=("kind", "is_estimated"),
    alike=(("attempt", "kind", "is_estimated", "epoch"), ("budget", "period")),
)
BINDINGS = Table("bindings", Binding, key=("kind", "upstream_id"))

ADD_TO_BALANCES = add_to("balances", ("budget", "period"), ("settled_nanousd",))
ADD_TO_DAILY = add_to("daily", KEY_COLUMNS, COUNT_COLUMNS)
ADD_TO_DAILY_TAGS = add_to("daily_tags", TAG_COLUMNS, COUNT_COLUMNS)


def add(connection: Connection, insert: Insert, lines: Iterable[tuple[tuple[str, ...], tuple[int, ...]]]) -> None:
    """Add counts to the lines with their keys; no key may stand twice."""
    if cells := [cell for key, counts in lines for cell in (*key, *counts)]:
        connection.insert(insert, cells)
