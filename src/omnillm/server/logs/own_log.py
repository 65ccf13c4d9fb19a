"""The program's own log messages, written in the same form and with the same clock as the call log, so that one collector reads both."""

import json
import logging

from omnillm.server.logs.call_log import timestamp
from omnillm.server.logs.writer import LogWriter, Stream


class MessageFormat(logging.Formatter):
    """`2026-11-25T03:59:36.737Z INFO omnillm: text`; `is_json`: an object a line, a traceback within its `message`."""

    def __init__(self, *, is_json: bool) -> None:
        super().__init__()
        self._is_json = is_json

    def format(self, record: logging.LogRecord) -> str:
        time, text = timestamp(int(record.created * 1000)), super().format(record)
        if not self._is_json:
            return f"{time} {record.levelname} {record.name}: {text}"
        return json.dumps({"time": time, "event": "message", "level": record.levelname.lower(), "logger": record.name, "message": text})


class OwnLog(logging.Handler):
    """The program's own messages, from whichever thread: whoever reads standard error, or has stopped to, holds up nobody."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._writer = LogWriter(stream, name="program's own log")

    def emit(self, record: logging.LogRecord) -> None:
        """Under the handler's lock, as all handlers are called."""
        text = f"{self.format(record)}\n"
        self._writer.write(text.encode("utf-8", "backslashreplace"), text.count("\n"))

    def close(self) -> None:
        self._writer.close()
        super().close()
