"""The idempotency keys in a ledger. A batch may be written twice, so an older state never replaces a later one."""

from collections import OrderedDict
from typing import Final

import msgspec
from msgspec.structs import replace

from omnillm.records import ClaimRow, ClaimState
from omnillm.stores.connection import Connection

MOST_REPLY_BYTES: Final = 64 * 1024 * 1024
"""Of the replies that are kept in memory; beyond it the oldest are forgotten, and their keys stay used up."""

COLUMNS: Final = ClaimRow.__struct_fields__
FIND: Final = f"SELECT {', '.join(COLUMNS)} FROM claims WHERE scope = ? AND expires_wall_ms > ?"
PUT: Final = f"""INSERT INTO claims ({", ".join(COLUMNS)}) VALUES ({", ".join("?" * len(COLUMNS))}) ON CONFLICT (scope) DO UPDATE SET
    {", ".join(f"{column} = excluded.{column}" for column in COLUMNS)}
    WHERE (excluded.request_id, excluded.state) > (claims.request_id, claims.state)"""
FREE: Final = "DELETE FROM claims WHERE scope = ? AND request_id = ?"
EXPIRE: Final = "DELETE FROM claims WHERE scope IN (SELECT scope FROM claims WHERE expires_wall_ms <= ? ORDER BY expires_wall_ms LIMIT ?)"


def write(connection: Connection, row: ClaimRow) -> None:
    """Within the transaction of its posting, in the order of the postings."""
    if row.state is ClaimState.FREE:
        connection.execute(FREE, (row.scope, row.request_id))
    else:
        cells = msgspec.structs.astuple(row)
        connection.execute(PUT, [int(cell) if isinstance(cell, int) else cell for cell in cells])


def find(connection: Connection, scope: str, wall_ms: int) -> ClaimRow | None:
    found = connection.execute(FIND, (scope, wall_ms)).fetchone()
    return None if found is None else msgspec.convert(tuple(found), ClaimRow)


def expire(connection: Connection, *, wall_ms: int, limit: int) -> int:
    return connection.execute(EXPIRE, (wall_ms, limit)).rowcount


class MemoryClaims:
    """In a dict: the latest `most`, and what their replies take up is bounded too."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._rows: OrderedDict[str, ClaimRow] = OrderedDict()  # the oldest key of a plain dict is found by a search
        self._reply_bytes = 0

    def write(self, row: ClaimRow) -> None:
        """Called by the store, for each claim of a posting."""
        stands = self._rows.get(row.scope)
        if row.state is ClaimState.FREE:
            if stands is not None and stands.request_id == row.request_id:
                self._remove(row.scope)
        elif stands is None or (row.request_id, row.state) > (stands.request_id, stands.state):
            self._remove(row.scope)
            self._rows[row.scope] = row
            self._reply_bytes += len(row.reply)
            self._bound()

    def find(self, scope: str, wall_ms: float) -> ClaimRow | None:
        found = self._rows.get(scope)
        return found if found is not None and found.expires_wall_ms > wall_ms else None

    def expire(self, *, wall_ms: float, limit: int) -> int:
        expired = [scope for scope, row in self._rows.items() if row.expires_wall_ms <= wall_ms][:limit]
        for scope in expired:
            self._remove(scope)
        return len(expired)

    def _remove(self, scope: str) -> None:
        removed = self._rows.pop(scope, None)
        self._reply_bytes -= 0 if removed is None else len(removed.reply)

    def _bound(self) -> None:
        if len(self._rows) > self._most:
            self._remove(next(iter(self._rows)))
        if self._reply_bytes > MOST_REPLY_BYTES:
            for scope, row in list(self._rows.items()):
                if self._reply_bytes <= MOST_REPLY_BYTES:
                    break
                self._reply_bytes -= len(row.reply)
                self._rows[scope] = replace(row, status=0, outcome="", content_type="", reply=b"")
