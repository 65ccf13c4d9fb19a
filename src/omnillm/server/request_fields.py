"""What the header fields of a request say of its call: how long it may take, whose conversation it is, and its tags."""

from collections.abc import Mapping
from typing import Final

from omnillm.config.checks import MAX_TAGS_BYTES
from omnillm.errors import BadRequest
from omnillm.gateway.call import Caller

SEPARATOR: Final = ","
"""Of tags."""
LONGEST: Final = 1024
"""Bytes that are read of a field."""
SESSION_FIELDS: Final = (b"x-omnillm-session", b"x-claude-code-session-id", b"session-id", b"x-session-id", b"session_id")
"""In which clients name their conversation: our own, and those that Claude Code, Codex, opencode and pi send to everybody."""


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


def merge_tags(own: str, keys: str) -> str:
    """`own` as it was written, then what only the virtual key says ("team=a,env=prod"), as far as the ledger's indexes take it."""
    if not own or not keys:
        return own or keys
    named = {_name(tag) for tag in own.split(SEPARATOR)}
    merged, left = [own], MAX_TAGS_BYTES - len(own.encode())
    for tag in keys.split(SEPARATOR):
        left -= len(tag.encode()) + len(SEPARATOR)
        if left < 0:
            break
        if _name(tag) not in named:
            merged.append(tag)
    return SEPARATOR.join(merged)


def _name(tag: str) -> str:
    """What is no `name=value` is no tag, and takes the place of none."""
    name, equals, _ = tag.partition("=")
    return name.strip() if equals else ""
