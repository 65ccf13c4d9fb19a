"""One structured line for each call, never with a prompt or a secret. Lines are made and written several at a time, after the calls."""

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from omnillm.clock import civil_day
from omnillm.money import format_usd
from omnillm.records import RequestRow
from omnillm.server.logs.writer import LogWriter, Stream

WRITTEN_BYTES: Final = 64 * 1024


class CallLog:
    """`observe` is an observer of the calls that have ended; `flush` is called by the program's tick, `close` at the end."""

    def __init__(self, stream: Stream, *, is_json: bool) -> None:
        self._writer = LogWriter(stream)
        self._render = _json_line if is_json else _text_line
        self._text = ""
        self._lines = 0

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""
        return self._writer.dropped

    def observe(self, rows: Iterable[RequestRow]) -> None:
        lines = list(map(self._render, rows))
        self._text += "".join(lines)
        self._lines += len(lines)
        if len(self._text) > WRITTEN_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            self._writer.write(self._text.encode("utf-8", "backslashreplace"), self._lines)
            self._text, self._lines = "", 0

    def close(self) -> None:
        """All of it is written, unless nobody reads it."""
        self.flush()
        self._writer.close()


def _text_line(row: RequestRow) -> str:
    usage = row.usage
    # Names of callers, providers and keys are the configuration's, and plain; a model's may be the caller's own choice.
    return (
        f"{timestamp(row.wall_ms)} call {row.request_id} status={row.status} outcome={row.outcome} caller={row.caller or '-'} "
        f"model={_word(row.model)} provider={row.provider or '-'} key={row.key or '-'} attempts={row.attempts} ms={row.duration_ms} "
        f"tokens={usage.prompt_tokens}+{usage.completion_tokens} cost_usd={format_usd(row.cost_nanousd)}\n"
    )


@lru_cache(maxsize=256)
def _word(text: str) -> str:
    """A value on one line: as it is, or quoted when it holds anything but plain printable characters."""
    if not text:
        return "-"
    is_plain = text.isascii() and text.isprintable() and " " not in text and '"' not in text
    return text if is_plain else json.dumps(text)  # ASCII: neither a line separator nor a terminal's escape gets through


def _json_line(row: RequestRow) -> str:
    fields = {
        "time": timestamp(row.wall_ms),
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


def timestamp(wall_ms: int) -> str:
    """UTC to the millisecond: `2026-11-25T03:59:36.737Z`."""
    seconds, ms = divmod(wall_ms, 1000)
    return f"{_second(seconds)}.{str(ms).zfill(3)}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    days, of_day = divmod(seconds, 86_400)
    return f"{civil_day(days)}T{of_day // 3600:02d}:{of_day // 60 % 60:02d}:{of_day % 60:02d}"
