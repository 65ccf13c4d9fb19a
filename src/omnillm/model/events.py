"""A stream in no protocol's words.

The life of a stream: one `ResponseStarted`; then parts, each `PartStarted` once, its deltas, `PartEnded` once; parts of one candidate are
numbered from 0 in the order of their start, and several may be open at once (an encoder whose protocol knows no such thing buffers all but
the open one). `UsageReported` may come at any time and more than once: the last wins. `Finished` comes once a candidate, after its
parts. `Completed` is the last event and the only success; `Failed` is the last event of a stream that broke.
"""

from typing import Any

import msgspec

from omnillm.model.message import Citation, MessagePart, Opaque, VendorExtensions
from omnillm.model.response import FinishReason
from omnillm.usage import Usage


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, tag_field="type", gc=False):
    pass


class ResponseStarted(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="response_started"):
    """The provider has begun to answer."""

    id: str = ""
    model: str = ""
    created: int | None = None
    service_tier: str = ""
    protocol: str = ""
    """Of the provider that speaks: whose words the ids, extensions and raw usage of this stream are. Every decoder says it."""
    usage: Usage | None = None
    """What is known of the input already (Anthropic's message_start)."""


class PartStarted(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="part_started"):
    """A part of a message begins: deltas of the same `index` follow."""

    index: int
    part: MessagePart
    """As far as it is known: an empty Text, Reasoning or Refusal, a ToolCall without arguments; or a whole Native, image or redacted block.

    What it already holds (a text, arguments, an opaque value) is content: it is not repeated by a delta.
    """
    candidate: int = 0


class TextDelta(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="text_delta"):
    """More of a Text part."""

    index: int
    text: str
    candidate: int = 0
    logprobs: Any = None
    """Chat's logprobs object of these tokens."""


class RefusalDelta(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="refusal_delta"):
    """A piece of a refusal."""

    index: int
    text: str
    candidate: int = 0


class ReasoningDelta(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="reasoning_delta"):
    """A piece of the model's reasoning, or of its summary."""

    index: int
    text: str
    candidate: int = 0
    summary_index: int | None = None
    """Responses: which part of the summary this belongs to; None: it is the reasoning's own text."""


class OpaqueAdded(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="opaque_added"):
    """The signature or ciphertext of a part, whole; before its PartEnded."""

    index: int
    opaque: Opaque
    candidate: int = 0


class CitationAdded(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="citation_added"):
    """A source of the text of a part."""

    index: int
    citation: Citation
    candidate: int = 0


class ToolCallDelta(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="tool_call_delta"):
    """More of a call's arguments (or of a custom tool's input)."""

    index: int
    arguments: str
    candidate: int = 0


class AudioDelta(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="audio_delta"):
    """More of an Audio part that the model speaks."""

    index: int
    data: bytes = b""
    transcript: str = ""
    candidate: int = 0


class NativeEvent(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="native_event"):
    """An event of one protocol that says nothing to another: progress of a server tool. Verbatim to its own, dropped elsewhere."""

    protocol: str
    value: Any


class PartEnded(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="part_ended"):
    """A part is complete."""

    index: int
    candidate: int = 0


class UsageReported(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="usage"):
    """Tokens as the provider counts them so far; `raw` is its own object."""

    usage: Usage
    raw: Any = None


class Finished(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="finished"):
    """A candidate has ended, and why."""

    reason: FinishReason
    candidate: int = 0
    native_reason: str = ""
    stop_sequence: str | None = None
    vendor_extensions: VendorExtensions = {}


class Completed(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="completed"):
    """The provider said that all is there."""

    vendor_extensions: VendorExtensions = {}


class Failed(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="error"):
    """The provider's own error, in the stream."""

    code: str
    message: str
    status: int = 502


LlmStreamEvent = (
    ResponseStarted
    | PartStarted
    | TextDelta
    | RefusalDelta
    | ReasoningDelta
    | OpaqueAdded
    | CitationAdded
    | ToolCallDelta
    | AudioDelta
    | NativeEvent
    | PartEnded
    | UsageReported
    | Finished
    | Completed
    | Failed
)
