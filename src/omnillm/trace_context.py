"""The trace that a client says its call belongs to: the two header fields of W3C Trace Context."""

import re
from typing import Final

from msgspec import Struct

TRACEPARENT, TRACESTATE = b"traceparent", b"tracestate"
INVALID_VERSION: Final = "ff"
SAMPLED: Final = 1
LONGEST_STATE: Final = 512
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_ENTRY = re.compile(r"[ \t]*(?:[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e])?[ \t]*")


class TraceFields(Struct, frozen=True, gc=False):
    """Both fields as they came; nobody has looked at them yet."""

    parent: bytes
    state: bytes = b""


class Parent(Struct, frozen=True, kw_only=True, gc=False):
    """The client's span, within which the call was made."""

    trace_id: bytes
    span_id: bytes
    is_sampled: bool
    state: str


def read_parent(fields: TraceFields) -> Parent | None:
    """None: `traceparent` is malformed, or of the version that there is none of, and then nothing of `tracestate` counts either."""
    found = _PARENT.fullmatch(fields.parent.decode("latin-1").strip(" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, further = found.groups()
    if version == INVALID_VERSION or (version == "00" and further) or not (int(trace_id, 16) and int(span_id, 16)):
        return None
    return Parent(
        trace_id=bytes.fromhex(trace_id), span_id=bytes.fromhex(span_id), is_sampled=bool(int(flags, 16) & SAMPLED), state=_state(fields)
    )


def _state(fields: TraceFields) -> str:
    """The systems' own entries; all of them are left out where one is malformed or there are too many bytes."""
    state = fields.state.decode("latin-1")
    is_sound = len(state) <= LONGEST_STATE and all(map(_ENTRY.fullmatch, state.split(",")))
    return state if is_sound else ""
