"""`python -m pytest --workers 3`: everything is collected once, then so many processes are forked, which take the tests.

pytest-xdist's workers each import and collect everything themselves, which is a tenth of this suite's work. These share what the first
process has. A few tests of a file are taken by whoever is free, so that none waits at the end while another still has many.
"""

import gc
import multiprocessing
import os
import pickle
import struct
import tempfile
import threading
import traceback
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from types import SimpleNamespace
from typing import IO, Any, NoReturn

import pytest
from _pytest.unraisableexception import collect_unraisable

A_TIME = 8
"""So many tests of a file are taken at once: what they share is made once for them."""
SINGLY = 0.9
"""From this part of the suite on each is taken alone, so that all end together."""
RANGE = struct.Struct(">II")


def ranges(files: Sequence[object]) -> Iterator[tuple[int, int]]:
    """(first, behind the last) of tests that are taken together, by the file of each."""
    first = 0
    for place in range(1, len(files) + 1):
        most = A_TIME if first < SINGLY * len(files) else 1
        if place == len(files) or files[place] != files[first] or place - first == most:
            yield first, place
            first = place


class Queue:
    """The places of all tests in the collection. A file whose offset all processes share: whoever reads a range has it alone."""

    def __init__(self, files: Sequence[object]) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  closed by whoever made it
        self._file.write(b"".join(RANGE.pack(*each) for each in ranges(files)))
        self._file.seek(0)

    def take(self) -> Iterator[int]:
        """Place after place, until none is left."""
        while taken := self._file.read(RANGE.size):
            yield from range(*RANGE.unpack(taken))

    def empty(self) -> None:
        self._file.truncate(0)

    def close(self) -> None:
        self._file.close()


class Ended:
    """What a worker tells at last: the traceback of what went wrong beside its tests, if anything did."""

    def __init__(self, problem: str) -> None:
        self.problem = problem


class Done:
    """What became of a test: its reports, as pytest writes them down."""

    def __init__(self, place: int, reports: list[Mapping[str, Any]]) -> None:
        self.place = place
        self.reports = reports


class Gone:
    """A test without a report."""

    def __init__(self, place: int, why: str = "it was not run: the worker that had taken it has gone") -> None:
        self.place = place
        self.why = why


class Worker:
    """In the forked process: takes tests, runs them as pytest does, and tells."""

    def __init__(self, session: pytest.Session, queue: Queue, told: Connection) -> None:
        self._session = session
        self._config = session.config
        self._queue = queue
        self._told = told
        self._reports: list[Mapping[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.passed:
            report.sections.clear()  # nobody reads it any more
        self._reports.append(self._config.hook.pytest_report_to_serializable(config=self._config, report=report))

    def live(self, name: str) -> NoReturn:
        problem = ""
        try:
            self._settle(name)
            try:
                self._work()
            finally:
                self._session._setupstate.teardown_exact(None)
            gc.collect()
            collect_unraisable(self._config)
        except BaseException:  # noqa: BLE001  the other process raises it
            problem = traceback.format_exc()
        with suppress(OSError):
            self._told.send(Ended(problem))
        os._exit(0)  # what runs at exit is the first process's

    def _settle(self, name: str) -> None:
        """What two processes must not share: the files that capture, the terminal, and the directory for temporary ones."""
        plugins = self._config.pluginmanager
        capture = plugins.getplugin("capturemanager")
        capture.stop_global_capturing()
        capture.start_global_capturing()
        capture.suspend_global_capture()
        reporter = plugins.unregister(name="terminalreporter")
        plugins.register(SimpleNamespace(_tw=reporter._tw), "terminalreporter")  # where a timeout writes the stacks
        factory = self._config._tmp_path_factory  # as pytest-xdist's workers do
        factory._basetemp = factory.mktemp(name, numbered=False)
        plugins.register(self, "worker")

    def _work(self) -> None:
        places = self._queue.take()
        place = next(places, None)
        while place is not None:
            self._told.send(place)
            following = next(places, None)
            item, after = (self._session.items[each] if each is not None else None for each in (place, following))
            self._config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            self._told.send(Done(place, self._reports))
            self._reports = []
            if self._session.shouldfail or self._session.shouldstop:
                return
            place = following


class Workers:
    """In the first process: forks the workers and reports what they tell."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.run = uuid.uuid4().hex
        """The same for all workers, and another one for each run."""
        self._at: dict[Connection, int | None] = {}
        """Who has not ended yet, and at which test it is."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if session.config.option.collectonly or session.testsfailed:
            return None
        session.config.pluginmanager.getplugin("terminalreporter").showfspath = False
        session.config._tmp_path_factory.getbasetemp()  # one for all
        assert threading.active_count() == 1, "a fork leaves threads behind"
        queue = Queue([item.path for item in session.items])
        numbers = [self._fork(session, queue, f"worker{number}") for number in range(self._count)]
        try:
            left = dict.fromkeys(range(len(session.items)))
            for done in self._listen():
                del left[done.place]
                self._report(session, done)
                if session.shouldfail or session.shouldstop:
                    queue.empty()
            for place in () if session.shouldfail or session.shouldstop else left:
                self._report(session, Gone(place))
        finally:
            queue.empty()
            for told in self._at:  # nobody reads it: whoever is at a test ends with it
                told.close()
            for number in numbers:
                os.waitpid(number, 0)
            queue.close()
            gc.freeze()  # nothing here but reports: the workers have looked for what their tests left behind
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return True

    def _fork(self, session: pytest.Session, queue: Queue, name: str) -> int:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        number = os.fork()
        if not number:
            for other in (ours, *self._at):
                other.close()
            Worker(session, queue, theirs).live(name)
        theirs.close()
        self._at[ours] = None
        return number

    def _listen(self) -> Iterator[Done | Gone]:
        """Each test that was run, or whose worker has gone in the middle of it."""
        while self._at:
            for told in wait(self._at):
                assert isinstance(told, Connection)
                try:
                    said = told.recv()
                except (EOFError, OSError, pickle.UnpicklingError):
                    said = Ended("" if self._at[told] is not None else "a worker has gone")
                if isinstance(said, int):
                    self._at[told] = said
                    continue
                if isinstance(said, Done):
                    self._at[told] = None
                    yield said
                    continue
                at = self._at.pop(told)
                told.close()
                if said.problem:
                    raise RuntimeError(said.problem)
                if at is not None:
                    yield Gone(at, "its worker has gone in the middle of it")

    def _report(self, session: pytest.Session, done: Done | Gone) -> None:
        hook, config = session.config.hook, session.config
        item = session.items[done.place]
        if isinstance(done, Done):
            reports = [hook.pytest_report_from_serializable(config=config, data=each) for each in done.reports]
        else:
            reports = [pytest.TestReport(item.nodeid, item.location, {}, "failed", done.why, "call")]
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
