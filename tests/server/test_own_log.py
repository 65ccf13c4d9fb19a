"""The program's own messages, for people and for collectors."""

import json
import logging
from io import BytesIO

from omnillm.server.logs.own_log import MessageFormat, OwnLog


def record(text: str, *args: object, trace: object = None) -> logging.LogRecord:
    told = logging.LogRecord("omnillm.server", logging.WARNING, __file__, 1, text, args, trace)
    told.created = 1_795_579_176.737
    return told


def test_a_message_has_the_time_of_the_call_log() -> None:
    """UTC, to the millisecond, wherever the server stands."""
    assert MessageFormat(is_json=False).format(record("%d lines", 3)) == "2026-11-25T03:59:36.737Z WARNING omnillm.server: 3 lines"


def test_a_message_for_collectors_is_an_object_on_one_line() -> None:
    """A traceback stands within it; nothing in it ends the line."""
    error = ValueError("of\ntwo lines: \N{GREEK SMALL LETTER PI}")
    line = MessageFormat(is_json=True).format(record("failed", trace=(ValueError, error, None)))
    assert line.isascii()
    assert line.isprintable()
    told = json.loads(line)
    assert told.pop("message").startswith("failed\nValueError: of\ntwo lines")
    assert told == {"time": "2026-11-25T03:59:36.737Z", "event": "message", "level": "warning", "logger": "omnillm.server"}


def test_a_name_that_is_no_text_is_written_all_the_same() -> None:
    """A file's name may hold any bytes, which Python shows as half a character."""
    stream = BytesIO()
    log = OwnLog(stream)
    log.emit(record("cannot read %s", "a\udcff"))
    log.close()
    assert stream.getvalue() == b"cannot read a\\udcff\n"
