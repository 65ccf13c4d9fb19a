"""What a request asks for besides an answer: tools, structured output, reasoning, modalities, a prompt cache."""

import enum
from typing import Any, Final, Literal

import msgspec

from omnillm.model.message import CacheControl, VendorExtensions


class ToolDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """A tool that the application runs."""

    name: str
    description: str = ""
    input_schema: Any = None
    """A JSON Schema, an object; None: the tool takes no arguments (or is a custom tool)."""
    strict: bool | None = None
    """None: not said, which is neither true nor false."""
    kind: Literal["function", "custom"] = "function"
    """A custom tool takes free text."""
    format: Any = None
    """Of a custom tool, OpenAI's: {"type": "text"}, or {"type": "grammar", "syntax", "definition"}, as Responses writes it."""
    cache_control: CacheControl | None = None
    vendor_extensions: VendorExtensions = {}


class BuiltinTool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """A tool that the provider runs. The fields are what two protocols or more can say; `native` is the rest, verbatim."""

    kind: str
    """web_search, web_fetch, code_execution, mcp; any other is the protocol's own word and stays with it."""
    max_uses: int | None = None
    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    user_location: Any = None
    """{"type": "approximate", "city", "region", "country", "timezone"}: the same in OpenAI and Anthropic."""
    search_context_size: str = ""
    """OpenAI: low, medium, high."""
    server_label: str = ""
    """mcp."""
    server_url: str = ""
    protocol: str = ""
    native: Any = None
    """The tool as `protocol` wrote it."""
    cache_control: CacheControl | None = None


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """Which tools the model may or must call."""

    mode: Literal["auto", "none", "required", "named", "allowed"]
    names: tuple[str, ...] = ()
    """named: exactly one. allowed: the subset."""
    is_required: bool = False
    """allowed: one of the subset must be called."""
    kind: Literal["function", "custom"] = "function"
    protocol: str = ""
    native: Any = None
    """A choice that only `protocol` knows (a hosted tool, an MCP server's tool), with mode "named" and no names."""


class StructuredOutputConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """The answer is JSON, of a schema or any."""

    kind: Literal["json_schema", "json_object"] = "json_schema"
    name: str = ""
    """OpenAI requires one: an emitter that has none writes "response"."""
    schema: Any = None
    strict: bool | None = None
    description: str = ""


class ReasoningCapability(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """Whether the model thinks first, and how much."""

    mode: Literal["", "enabled", "adaptive", "disabled"] = ""
    """Anthropic's thinking.type; disabled also for Gemini's budget 0 and OpenAI's effort "none". "": only an effort was said."""
    effort: str = ""
    """none, minimal, low, medium, high, xhigh, max; "" where not said."""
    budget_tokens: int | None = None
    summary: str = ""
    """Responses: auto, concise, detailed."""
    include_thoughts: bool | None = None
    """Gemini's includeThoughts; Anthropic's display "omitted" is False, "summarized" True."""
    vendor_extensions: VendorExtensions = {}


class OutputModality(enum.Enum):
    """What an answer may be made of."""

    TEXT = "text"
    AUDIO = "audio"
    IMAGE = "image"


class PromptCacheRetention(enum.Enum):
    """How long a provider shall keep a prompt."""

    PROVIDER_DEFAULT = "provider_default"
    SHORT = "short"
    """About five minutes."""
    LONG = "long"
    """An hour or more."""


class ExplicitKey(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="explicit"):
    """A key of your own."""

    value: str


class StablePrefixKey(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, tag_field="type", tag="stable_prefix"
):
    """A key made from the stable part of the prompt (`model/prompt_layout.py`)."""

    tenant: str = ""


PromptCacheKey = ExplicitKey | StablePrefixKey


class Auto(msgspec.Struct, frozen=True, tag_field="type", tag="auto"):
    """After the last tool, else after the last block of the system text."""


class EndOfTools(msgspec.Struct, frozen=True, tag_field="type", tag="end_of_tools"):
    """Behind the tools."""


class EndOfInstructions(msgspec.Struct, frozen=True, tag_field="type", tag="end_of_instructions"):
    """Behind the system text."""


class EndOfMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="end_of_message"):
    """Behind one message."""

    index: int
    """Counted over the messages that are not system messages, from 0."""


CacheBreakpoint = Auto | EndOfTools | EndOfInstructions | EndOfMessage


class PromptCachePolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """Whether and how the prompt is to be cached.

    `required`: a protocol that cannot do it raises ProtocolError before anything is sent; `best_effort`: it is a loss in the report.
    """

    mode: Literal["disabled", "best_effort", "required"] = "best_effort"
    key: PromptCacheKey | None = None
    retention: PromptCacheRetention = PromptCacheRetention.PROVIDER_DEFAULT
    breakpoint: CacheBreakpoint = Auto()
    vendor_extensions: VendorExtensions = {}
    """What a protocol's own cache options say beyond this (OpenAI's prompt_cache_options)."""

    @classmethod
    def best_effort(cls) -> "PromptCachePolicy":
        return cls()

    @classmethod
    def required(cls) -> "PromptCachePolicy":
        return cls(mode="required")

    @classmethod
    def disabled(cls) -> "PromptCachePolicy":
        return cls(mode="disabled")


class CapabilitySet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """What the model may use, and the form that its answer must have: tools, a schema, reasoning, a prompt cache."""

    tools: tuple[ToolDefinition, ...] = ()
    builtin_tools: tuple[BuiltinTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tool_calls: int | None = None
    structured_output: StructuredOutputConfig | None = None
    reasoning: ReasoningCapability | None = None
    modalities: tuple[OutputModality, ...] = ()
    audio: Any = None
    """Chat's audio member: {"voice", "format"}."""
    safety: tuple[Any, ...] = ()
    """Gemini's safetySettings, verbatim."""
    prompt_cache: PromptCachePolicy | None = None


NO_CAPABILITIES: Final = CapabilitySet()
"""Of a request that asks for nothing more; known by identity where that saves looking."""
