"""Lines go out through a real pipe, whose reader reads, stands still, or is gone."""

import logging
import os
import threading
from collections.abc import Iterator
from io import FileIO

import pytest

from omnillm.server.logs.own_log import OwnLog
from omnillm.server.logs.writer import LogWriter

LINE = b"x" * 99 + b"\n"
LINES = LINE * 100
MOST = 100_000


class Pipe:
    """Both ends; the pipe itself takes 64 KiB."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        self.reader, self.stream = FileIO(reading), FileIO(writing, "wb")

    def read(self, length: int) -> bytes:
        """Exactly so much."""
        seen = b""
        while len(seen) < length:
            seen += self.reader.read(length - len(seen)) or b""
        return seen


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.reader.close()
    made.stream.close()


def fill(writer: LogWriter) -> int:
    """Write until something is dropped; how many lines were taken. The loop's side must never wait, or this would not end."""
    taken = 0
    while not writer.dropped:
        writer.write(LINES, 100)
        taken += 100
    return taken - writer.dropped


@pytest.mark.parametrize("is_blocking", [True, False])
def test_a_reader_who_stands_still_costs_lines_and_no_moment(pipe: Pipe, is_blocking: bool, caplog: pytest.LogCaptureFixture) -> None:
    """What was taken arrives whole once the reader reads, also where somebody has let the pipe not block; the gap is told and counted."""
    os.set_blocking(pipe.stream.fileno(), is_blocking)
    writer = LogWriter(pipe.stream, most_bytes=MOST)
    taken = fill(writer)
    assert taken * len(LINE) >= MOST
    assert writer.dropped == 100
    assert not caplog.text
    assert pipe.read(taken * len(LINE)) == LINE * taken
    writer.close()
    assert caplog.text.count("100 lines of the call log were dropped") == 1
    writer.write(LINES, 100)
    writer.close()
    assert pipe.read(len(LINES)) == LINES
    assert writer.dropped == 100


def test_an_end_does_not_wait_for_a_reader_who_stands_still(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second, not for ever; the lines that the reader did not take are lost."""
    monkeypatch.setattr("omnillm.server.logs.writer.LAST_S", 0.05)
    writer = LogWriter(pipe.stream, most_bytes=MOST)
    taken = fill(writer)
    writer.close()
    assert pipe.read(taken * len(LINE)) == LINE * taken
    writer.close()


def test_the_programs_own_messages_hold_up_nobody(pipe: Pipe) -> None:
    """Nobody reads standard error, and every message is written all the same, or dropped: the loop that logs does not stand still."""
    log = logging.getLogger("a program")
    log.propagate = False
    handler = OwnLog(pipe.stream)
    log.addHandler(handler)
    for number in range(3000):
        log.error("%d %s", number, "x" * 99)
    for number in range(3000):
        line = b"%d %b\n" % (number, b"x" * 99)
        assert pipe.read(len(line)) == line
    log.removeHandler(handler)
    handler.close()


def test_a_reader_who_is_gone_costs_lines_only(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    """It is told once."""
    pipe.reader.close()
    writer = LogWriter(pipe.stream)
    for _ in range(3):
        writer.write(LINES, 100)
    writer.close()
    assert writer.dropped == 300
    assert caplog.text.count("the call log is not written: Broken pipe") == 1


def test_a_writer_whose_thread_cannot_be_started_leaves_lines_out_and_goes_on(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever logs is not told so by an exception, nor is whoever ends the program; the next line tries again."""
    writer = LogWriter(pipe.stream)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        writer.write(LINE, 1)
        writer.close()
    assert writer.dropped == 1
    writer.write(LINE, 1)
    assert pipe.read(len(LINE)) == LINE
    writer.close()
