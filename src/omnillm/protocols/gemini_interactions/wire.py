"""What is peeked of Gemini's Interactions API, as small structs: the request's configuration and media, interactions, stream events."""

from typing import Any, Final

import msgspec

from omnillm.protocols.counts import Count
from omnillm.protocols.gemini_generate_content.wire import OutputCap

BEING_WRITTEN: Final = frozenset({"queued", "in_progress"})
"""Statuses of an interaction that its provider works on."""


class GenerationConfig(msgspec.Struct, frozen=True, gc=False):
    output_cap: OutputCap | None = msgspec.field(name="max_output_tokens", default=None)
    odd_cap: Any = msgspec.field(name="maxOutputTokens", default=None)
    """The other spelling of protocol buffers: whether it binds, nobody says."""


class Tool(msgspec.Struct, frozen=True, gc=False):
    type: str = ""


class ModalityTokens(msgspec.Struct, frozen=True, gc=False):
    modality: str = ""
    tokens: Count | None = None


class GroundingCount(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    count: Count | None = None


class InteractionUsage(msgspec.Struct, frozen=True, gc=False):
    """The input includes what was cached and leaves out what tools brought in; the output leaves out thoughts."""

    total_input_tokens: Count | None = None
    total_cached_tokens: Count | None = None
    total_tool_use_tokens: Count | None = None
    total_output_tokens: Count | None = None
    total_thought_tokens: Count | None = None
    input_tokens_by_modality: list[ModalityTokens] | None = None
    cached_tokens_by_modality: list[ModalityTokens] | None = None
    output_tokens_by_modality: list[ModalityTokens] | None = None
    grounding_tool_count: list[GroundingCount] | None = None


class Step(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    content: Any = None
    summary: Any = None
    arguments: Any = None
    error: Any = None


class Interaction(msgspec.Struct, frozen=True, gc=False):
    """A plain reply, and what the first and the last event of a stream hold."""

    id: str | None = None
    status: str | None = None
    steps: list[Step] | None = None
    usage: InteractionUsage | None = None
    service_tier: Any = None
    environment_id: str | None = None
    errors: list[Any] | None = None
    error: Any = None


class Delta(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    text: Any = None
    arguments: Any = None


class StreamEvent(msgspec.Struct, frozen=True, gc=False):
    event_type: str = ""
    interaction: Interaction | None = None
    step: Step | None = None
    delta: Delta | None = None
    usage: InteractionUsage | None = None
    error: Any = None


class Content(msgspec.Struct, frozen=True, gc=False):
    """A part of a request, down to where media can stand in it."""

    type: str = ""
    data: msgspec.Raw = msgspec.Raw()
    uri: str | None = None
    mime_type: str | None = None
    processing: Any = None
    """How the model looks at it: a word, or an object of such a type."""


class Given(Content, frozen=True, gc=False):
    """An element of `input`: a part, or a step that has some."""

    content: list[Content] | Content | str | None = None
    result: msgspec.Raw = msgspec.Raw()
    """Of a function: an object of the application's own, a text, or parts."""
