"""What the header fields of a request say of its call: how long it may take, whose conversation it is, and its tags."""

from collections.abc import Mapping
from typing import Final

from omnillm.errors import BadRequest
from omnillm.gateway.call import Caller
from omnillm.server.tags import merge_tags

LONGEST: Final = 1024
"""Bytes that are read of a field."""
SESSION_FIELDS: Final = (b"x-omnillm-session", b"x-claude-code-session-id", b"session-id", b"x-session-id")
"""In which clients name their conversation: our own, and those that Claude Code, Codex and opencode send to everybody."""


def timeout_s(headers: Mapping[bytes, bytes], longest_s: float) -> float:
    """How long the call may take. BadRequest: no number of milliseconds."""
    value = headers.get(b"x-omnillm-timeout-ms")
    if value is None:
        return longest_s
    if not value.isdigit() or len(value) > 9 or int(value) == 0:
        raise BadRequest("x-omnillm-timeout-ms must be a whole number of milliseconds, at least 1.")
    return min(int(value) / 1000, longest_s)


def session_of(headers: Mapping[bytes, bytes]) -> str:
    """What a client calls its conversation; "": nothing."""
    for name in SESSION_FIELDS:
        if name in headers:
            return _text(headers[name])
    return ""


def tags_of(headers: Mapping[bytes, bytes], caller: Caller) -> str:
    """Its own, and those of its virtual key that it does not name itself."""
    return merge_tags(_text(headers.get(b"x-omnillm-tags", b"")), caller.tags)


def _text(value: bytes) -> str:
    return value[:LONGEST].decode("latin-1")
