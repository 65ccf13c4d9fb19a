"""One structured line a call, never a prompt or a secret. Lines are gathered and written together, off the path of the call."""

import json
import logging
from functools import lru_cache
from typing import BinaryIO

import msgspec

from omnillm.gateway.settlement import civil_day
from omnillm.money import format_usd
from omnillm.records import RequestRow

LOG = logging.getLogger("omnillm.server")
GATHERED_BYTES = 64 * 1024


class CallLog:
    """`observe` is a settlement's observer; `flush` is called by the program's tick and at the end."""

    def __init__(self, stream: BinaryIO, *, is_json: bool) -> None:
        self._stream = stream
        self._render = _json_line if is_json else _text_line
        self._lines: list[str] = []
        self._gathered = 0
        self._is_failing = False

    def observe(self, row: RequestRow) -> None:
        line = self._render(row)
        self._lines.append(line)
        self._gathered += len(line)
        if self._gathered > GATHERED_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            text = "".join(self._lines)
            self._lines.clear()
            self._gathered = 0
            self._write(text.encode("utf-8", "backslashreplace"))

    def _write(self, lines: bytes) -> None:
        """A full disk, or a reader that went away, costs lines and never a call."""
        try:
            self._stream.write(lines)
            self._stream.flush()
        except OSError as error:
            if not self._is_failing:
                LOG.error("calls are not logged: %s", error.strerror)  # noqa: TRY400  a traceback says nothing more
            self._is_failing = True
        else:
            self._is_failing = False


def _text_line(row: RequestRow) -> str:
    usage = row.usage
    # Names of callers, providers and keys are the configuration's, and plain; a model's may be the caller's own choice.
    return (
        f"{_timestamp(row.wall_ms)} call {row.request_id} status={row.status} outcome={row.outcome} caller={row.caller or '-'} "
        f"model={_word(row.model)} provider={row.provider or '-'} key={row.key or '-'} attempts={row.attempts} ms={row.duration_ms} "
        f"tokens={usage.prompt_tokens}+{usage.completion_tokens} cost_usd={format_usd(row.cost_nanousd)}\n"
    )


@lru_cache(maxsize=4096)
def _word(text: str) -> str:
    """A value on one line: as it is, or quoted when it holds anything but plain printable characters."""
    if not text:
        return "-"
    is_plain = text.isascii() and text.isprintable() and " " not in text and '"' not in text
    return text if is_plain else json.dumps(text)  # ASCII: neither a line separator nor a terminal's escape gets through


def _json_line(row: RequestRow) -> str:
    fields = {
        "time": _timestamp(row.wall_ms),
        "event": "call",
        "request_id": row.request_id,
        "status": row.status,
        "outcome": row.outcome,
        "caller": row.caller,
        "protocol": row.protocol,
        "model": row.model,
        "provider": row.provider,
        "upstream_model": row.upstream_model,
        "key": row.key,
        "stream": row.is_stream,
        "attempts": row.attempts,
        "ms": row.duration_ms,
        "prompt_tokens": row.usage.prompt_tokens,
        "completion_tokens": row.usage.completion_tokens,
        "cost_usd": format_usd(row.cost_nanousd),
        "tags": row.tags,
    }
    return msgspec.json.encode(fields).decode() + "\n"


def _timestamp(wall_ms: int) -> str:
    seconds, ms = divmod(wall_ms, 1000)
    return f"{_second(seconds)}.{ms:03d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    days, of_day = divmod(seconds, 86_400)
    return f"{civil_day(days)}T{of_day // 3600:02d}:{of_day // 60 % 60:02d}:{of_day % 60:02d}"
