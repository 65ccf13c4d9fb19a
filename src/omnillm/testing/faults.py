"""What can go wrong at a provider, as values. `catalogue.py` names them."""

from typing import Literal

import msgspec

Action = Literal["", "stall", "reset", "close"]
Point = Literal["head", "events", "bytes", "end"]
Framing = Literal[
    "natural", "close", "http10", "length_and_chunked", "two_lengths", "long_length", "unended_chunks", "trailers", "bare_lf", "huge_head"
]
Lie = Literal["", "negative", "huge", "zero", "missing", "cumulative"]
Missing = Literal["", "terminal", "finish"]


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """When a refused caller may come again, and how it is told: every form that a provider is known to use."""

    form: Literal["both", "ms", "seconds", "date", "reset", "retry_info", "raw"]
    seconds: float = 0.0
    raw: str = ""
    """`raw`: the value of `retry-after` as it stands."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One deviation from a good reply. All fields at their defaults are a good reply; they combine.

    A stall goes on when the event `provider.gate(name)` is set.
    """

    name: str = ""
    effect: str = ""
    """What a peer sees, in a sentence."""

    # The answer. An error is never billed.
    http_status: int = 0
    """Answered instead of a reply, when not 0."""
    error_status: int = 0
    """The status that the error's body tells, when it differs from `http_status`."""
    code: str = ""
    """A variant of the error: insufficient_quota, per_day_quota, spend_limit, context_length, invalid_api_key, model_not_found, ..."""
    message: str = ""
    hint: Hint | None = None
    fields: tuple[tuple[str, str], ...] = ()
    """Reply header fields that are added or replaced."""
    body: bytes | None = None
    """The body as it stands, instead of the protocol's own."""
    preamble: bytes = b""
    """Bytes before the status line."""

    # The content of a reply that was generated.
    lie: Lie = ""
    """About usage; the invoice tells the truth."""
    error_after: int | None = None
    """A stream: after so many content events comes an error event and nothing more. A plain reply: the error itself."""
    missing: Missing = ""
    """A stream: its last event (`terminal`), or everything from the finish reason on (`finish`)."""
    inserted: bytes = b""
    """A stream: bytes after its first content event."""
    comment_bytes: int = 0
    """A stream: a comment line of that size after its first content event, when not 0."""
    uses_crlf: bool = False
    """A stream: lines end in CR LF."""
    truncates_json: bool = False
    """A plain reply: the second half of the body is missing, and the framing agrees."""

    # How the bytes travel. What was generated is billed in full.
    framing: Framing = "natural"
    is_compressed: bool = False
    """gzip, though nobody asked for it."""
    piece_bytes: int = 0
    """So many bytes a write, when not 0."""
    delay_s: float | None = None
    """Pause before each piece; 0 only lets other tasks run."""
    surplus: bytes = b""
    """Bytes after a complete reply."""
    close_code: int = 0
    """A live session: it ends after so many messages with this close frame, `message` its reason, when not 0."""
    action: Action = ""
    point: Point = "end"
    after: int = 0
    """`events`: the action follows so many content events (plain: half of the body). `bytes`: so many bytes after the head.

    Of a live session: so many messages of the provider, and then what is inserted, too large (`comment_bytes`) or broken off.
    """
    is_generated: bool = True
    """False: the provider failed before it generated anything, so it bills nothing."""

    @classmethod
    def status(cls, http_status: int, *, code: str = "", message: str = "", hint: Hint | None = None) -> "Fault":
        """An error in the protocol's own form."""
        return cls(name=f"status_{http_status}", http_status=http_status, code=code, message=message, hint=hint)

    @classmethod
    def stall(cls, *, after_events: int | None = None, name: str = "stall") -> "Fault":
        """Silence, before the head or after so many content events, until the gate of that name is set."""
        return cls(name=name, action="stall", point="head" if after_events is None else "events", after=after_events or 0)

    @classmethod
    def reset(cls, *, after_events: int | None = None, after_bytes: int | None = None) -> "Fault":
        """A TCP reset, before the head (nothing is billed) or after so many events or bytes (billed in full)."""
        return cls._broken("reset", after_events, after_bytes)

    @classmethod
    def cut(cls, *, after_events: int | None = None, after_bytes: int | None = None) -> "Fault":
        """The connection closed in good order, before the head (nothing is billed) or within the body (billed in full)."""
        return cls._broken("close", after_events, after_bytes)

    @classmethod
    def _broken(cls, action: Action, after_events: int | None, after_bytes: int | None) -> "Fault":
        if after_bytes is not None:
            return cls(name=f"{action}_after_bytes", action=action, point="bytes", after=after_bytes)
        if after_events is not None:
            return cls(name=f"{action}_after_events", action=action, point="events", after=after_events)
        return cls(name=f"{action}_before_head", action=action, point="head", is_generated=False)


NO_FAULT = Fault()
