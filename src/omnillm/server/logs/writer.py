"""Writes lines from a thread of its own. If they are not read fast enough they are dropped, and the event loop never waits for them."""

import logging
import select
from queue import SimpleQueue
from threading import Thread
from typing import Final, NamedTuple, Protocol

LOG = logging.getLogger("omnillm.server")
MOST_BYTES: Final = 4 * 1024 * 1024
"""That may wait to be written; lines beyond that are dropped, and counted."""
LAST_S: Final = 1.0
"""How long the end waits for a reader who does not read."""


class Stream(Protocol):
    """Unbuffered: nothing of it is held when the program ends."""

    def write(self, piece: memoryview, /) -> int | None:
        """How much of it was taken; None: it would block, and does not."""
        ...

    def fileno(self) -> int: ...


class Piece(NamedTuple):
    text: bytes
    lines: int


class LogWriter:
    """The event loop calls `write` and `close`; `_run` is the thread. Each of the counts is changed by one of the two only."""

    def __init__(self, stream: Stream, *, name: str = "call log", most_bytes: int = MOST_BYTES) -> None:
        """`name`: of what is written, for whoever reads that some of it was not."""
        self._stream = stream
        self._name = name
        self._most_bytes = most_bytes
        self._waiting: SimpleQueue[Piece | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._given_bytes = 0
        self._done_bytes = 0
        self._left_out = 0
        self._failed = 0
        self._is_failing = False
        self._told = 0

    @property
    def dropped(self) -> int:
        """Lines that were not written: no room was left for them, or the stream refused them."""
        return self._left_out + self._failed

    def write(self, text: bytes, lines: int) -> None:
        """Whole lines, and how many. Never waits."""
        if self._given_bytes - self._done_bytes + len(text) > self._most_bytes:
            self._left_out += lines
            return
        if self._thread is None and not self._begin():
            self._left_out += lines
            return
        self._given_bytes += len(text)
        self._waiting.put(Piece(text, lines))

    def _begin(self) -> bool:
        """False: no thread can be started now, and the next line tries again."""
        # A daemon: a reader who reads no more must not keep the program from its end.
        thread = Thread(target=self._run, name="call log", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            return False
        self._thread = thread
        return True

    def close(self) -> None:
        """Wait until all is written, or `LAST_S`."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(LAST_S)
            if not self._thread.is_alive():
                self._thread = None

    def _run(self) -> None:
        while (piece := self._waiting.get()) is not None:
            try:
                self._put(piece.text)
            except (OSError, MemoryError) as error:
                self._fail(error, piece.lines)
            else:
                self._is_failing = False
                if self._waiting.empty():
                    self._tell_gap()
            self._done_bytes += len(piece.text)
        self._tell_gap()

    def _put(self, text: bytes) -> None:
        rest = memoryview(text)
        while rest:
            taken = self._stream.write(rest)
            if taken is None:  # whoever shares the file with us lets it not block
                ready = select.poll()  # `select.select` takes no descriptor above 1,023
                ready.register(self._stream, select.POLLOUT)
                ready.poll()
            else:
                rest = rest[taken:]

    def _fail(self, error: OSError | MemoryError, lines: int) -> None:
        """A full disk, a reader who went away, or no memory."""
        self._failed += lines
        if not self._is_failing:
            reason = error.strerror if isinstance(error, OSError) else "no memory is left"
            LOG.error("the %s is not written: %s", self._name, reason)
        self._is_failing = True

    def _tell_gap(self) -> None:
        """From this thread, and once the reader has caught up: standard error may have the same one."""
        left_out = self._left_out
        if left_out != self._told:
            LOG.warning("%d lines of the %s were dropped: nobody read them in time", left_out - self._told, self._name)
            self._told = left_out
