"""`LlmResponse`: a complete reply in no protocol's words."""

import enum
from typing import TYPE_CHECKING, Any

import msgspec

from omnillm.model.message import Message, MessageRole, VendorExtensions
from omnillm.usage import Usage


class FinishReason(enum.Enum):
    """Why the model ended its answer."""

    STOP = "stop"
    """The model was done."""
    STOP_SEQUENCE = "stop_sequence"
    TOOL_CALL = "tool_call"
    LENGTH = "length"
    CONTEXT_LENGTH = "context_length"
    """The context window is full."""
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    PAUSE = "pause"
    """A long turn was paused: the client is to send it back (Anthropic's pause_turn)."""
    COMPACTION = "compaction"
    MALFORMED_TOOL_CALL = "malformed_tool_call"
    CANCELLED = "cancelled"
    ERROR = "error"
    OTHER = "other"

    if not TYPE_CHECKING:
        __hash__ = object.__hash__  # there is one of each; an enum's own hash is a Python function


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """One of the answers; there is more than one only where `n` was asked for."""

    message: Message
    finish_reason: FinishReason = FinishReason.STOP
    native_finish_reason: str = ""
    """The provider's own word, where it says more than `finish_reason`."""
    stop_sequence: str | None = None
    logprobs: Any = None
    """Chat's logprobs object: {"content": [...], "refusal": ...}."""
    vendor_extensions: VendorExtensions = {}


class LlmResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """An answer in no provider's words. `message`, `content_text` and `finish_reason` are those of the first candidate."""

    id: str = ""
    model: str = ""
    """The model's name as the provider said it."""
    created: int | None = None
    """Unix seconds."""
    candidates: tuple[Candidate, ...] = ()
    usage: Usage | None = None
    raw_usage: Any = None
    """The provider's usage object, verbatim."""
    service_tier: str = ""
    protocol: str = ""
    """Whose words `vendor_extensions` and `raw_usage` are."""
    vendor_extensions: VendorExtensions = {}

    @classmethod
    def from_message(cls, message: Message, *, model: str = "", usage: Usage | None = None) -> "LlmResponse":
        """Build a reply of one finished message."""
        reason = FinishReason.TOOL_CALL if message.tool_calls else FinishReason.STOP
        return cls(model=model, candidates=(Candidate(message=message, finish_reason=reason),), usage=usage)

    @property
    def message(self) -> Message:
        """The first candidate's message; an empty one where a blocked prompt left no candidate."""
        return self.candidates[0].message if self.candidates else Message(role=MessageRole.ASSISTANT)

    @property
    def content_text(self) -> str:
        return self.message.plain_text

    @property
    def finish_reason(self) -> FinishReason:
        return self.candidates[0].finish_reason if self.candidates else FinishReason.CONTENT_FILTER
