"""A connection to PostgreSQL that any thread can use like one to SQLite. It is asyncpg, with an event loop of its own."""

import re
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import count
from typing import Any, Final, TypeVar

import asyncpg
import uvloop

from omnillm.secret import Secret
from omnillm.stores.insert import Insert
from omnillm.stores.postgres.url import servers_of

Answer = TypeVar("Answer")

NO_SETTINGS: Final[Mapping[str, str]] = {}
KEEPALIVE: Final = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3", "tcp_user_timeout": "25000"}
"""The server gives up a session whose machine is gone within half a minute; its own settings may say two hours."""

REFUSALS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What a server, the network or the driver says when something cannot be done; a timeout is an OSError too."""
NO_CONNECTION: Final = (*REFUSALS, ValueError)
"""What is raised where no connection is made; ValueError: something is wrong with the URL."""
BAD_ROW: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    OverflowError,
    UnicodeEncodeError,
)
"""What is said about a row, not about the server: trying again would not help."""
DRIVER_SAYS: Final = "invalid input for query argument"
"""What follows in the driver's message: which one, the value itself, and in brackets what is wrong with it."""
NUL, NO_CHARACTER = "\0", "\ufffd"
"""PostgreSQL cannot hold the first; it is written, and looked for, as the second."""


def reason(error: BaseException) -> str:
    """The server's or the driver's words, without what they quote of rows."""
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return "it is a standby, or read-only"
    if not isinstance(error, asyncpg.PostgresError) or not error.args:
        return str(error) or type(error).__name__
    told = str(error.args[0])
    head, _, rest = told.partition(": ")
    return f"{head} ({rest.rpartition('(')[2]}" if head.startswith(DRIVER_SAYS) else told


class FoundRows:
    """What a statement found, or how many rows it wrote."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Sequence[Any]], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Sequence[Any]]:
        return iter(self._rows)

    def fetchone(self) -> Sequence[Any] | None:
        return self._rows[0] if self._rows else None

    def fetchall(self) -> Sequence[Sequence[Any]]:
        return self._rows


class PostgresConnection:
    """A `Connection`. Raises one of `REFUSALS`; then it may be in the middle of anything, and only `terminate` is sure to work."""

    def __init__(self, url: Secret, *, patience_s: float, settings: Mapping[str, str] = NO_SETTINGS) -> None:
        """`patience_s`: for the connection, and for a statement if `longer_s` does not say otherwise. `settings`: for this session."""
        self.longer_s: float | None = None
        """For each statement from now on that finds rows."""
        self._loop = uvloop.new_event_loop()
        try:
            self._connection = self._run(_connect(url, patience_s=patience_s))
        except BaseException:
            self._loop.close()
            raise
        try:  # not as the connection begins: a pooler in session mode takes no settings there
            self.script("; ".join(f"SET {key} = {value}" for key, value in {**KEEPALIVE, **settings}.items()), patience_s=patience_s)
        except BaseException:
            self.terminate()
            raise

    def script(self, statements: str, *, patience_s: float | None = None) -> str:
        """Run statements without values in one journey; returns the last one's tag, such as "SELECT 1"."""
        tag: str = self._run(self._connection.execute(statements, timeout=patience_s))
        return tag

    def execute(self, query: str, values: Sequence[Any] = (), /) -> FoundRows:
        numbered = _numbered(query)
        known = [_held(value) if isinstance(value, str) else value for value in values]
        if query.lstrip().startswith("SELECT") or "RETURNING" in query:
            rows = self._run(self._connection.fetch(numbered, *known, timeout=self.longer_s))
            return FoundRows(rows, len(rows))
        return FoundRows((), _written(self._run(self._connection.execute(numbered, *known))))

    def insert(self, insert: Insert, cells: list[Any]) -> int:
        columns = [cells[place :: insert.width] for place in range(insert.width)]
        for place, kind in enumerate(insert.types):
            if kind == "text" and NUL in "".join(columns[place]):
                columns[place] = [_held(text) for text in columns[place]]
        return _written(self._run(self._connection.execute(insert.of_arrays, *columns)))

    def damages(self, limit: int) -> list[str]:  # noqa: ARG002  PostgreSQL looks at a page's checksum when it reads it
        return []

    def close(self) -> None:
        """Close in good order if the server is still there."""
        with suppress(*REFUSALS):
            self._run(self._connection.close(timeout=1.0))
        self.terminate()

    def terminate(self) -> None:
        self._connection.terminate()
        self._run(_nothing())  # the transport closes its socket in the loop's next round
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return self._loop.run_until_complete(work)


async def _nothing() -> None:
    pass


async def _connect(url: Secret, *, patience_s: float) -> asyncpg.Connection:
    """To the server; of several to the first that takes writes, each with its share of the patience.

    The driver would ask one after the other too, but with all of it for the first: a machine that is gone would keep it from the next.
    """
    text = url.reveal()
    name = {} if "application_name=" in text else {"application_name": "omnillm"}
    servers = servers_of(url)
    if not servers:
        return await asyncpg.connect(text, timeout=patience_s, command_timeout=patience_s, server_settings=name)
    wanted = None if "target_session_attrs=" in text else "read-write"
    refusals: dict[str, Exception] = {}
    for host, port in servers:
        try:
            return await asyncpg.connect(
                text,
                host=host,
                port=port,
                target_session_attrs=wanted,
                timeout=patience_s / len(servers),
                command_timeout=patience_s,
                server_settings=name,
            )
        except REFUSALS as error:
            refusals[f"{host}:{port}" if port else host] = error
    first, *others = refusals.values()
    if all(type(other) is type(first) for other in others):
        raise first
    raise ConnectionError("; ".join(f"{place}: {reason(error)}" for place, error in refusals.items())) from first


def _held(text: str) -> str:
    return text.replace(NUL, NO_CHARACTER)


def _written(tag: str) -> int:
    """The number of rows in a tag such as "INSERT 0 64"."""
    return int(tag.rpartition(" ")[2])


@lru_cache(maxsize=256)
def _numbered(query: str) -> str:
    """The query with PostgreSQL's `$1` and `$2` for each `?`. SQLite's `?2` is used in no query: Python 3.12.0 to 3.12.3 warn of it."""
    places = count(1)
    return re.sub(r"\?", lambda _: f"${next(places)}", query)
