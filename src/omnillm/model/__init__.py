"""The canonical model: a request, a reply and a stream in no protocol's words. Everything public stands here."""

from omnillm.model.assembly import ResponseAssembler
from omnillm.model.capabilities import (
    Auto,
    BuiltinTool,
    CacheBreakpoint,
    CapabilitySet,
    EndOfInstructions,
    EndOfMessage,
    EndOfTools,
    ExplicitKey,
    OutputModality,
    PromptCacheKey,
    PromptCachePolicy,
    PromptCacheRetention,
    ReasoningCapability,
    StablePrefixKey,
    StructuredOutputConfig,
    ToolChoice,
    ToolDefinition,
)
from omnillm.model.events import (
    AudioDelta,
    CitationAdded,
    Completed,
    Failed,
    Finished,
    LlmStreamEvent,
    NativeEvent,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    RefusalDelta,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from omnillm.model.media import FileSource, InlineSource, MediaSource, TextSource, UrlSource
from omnillm.model.message import (
    Audio,
    CacheControl,
    Citation,
    File,
    ImageBase64,
    ImageFile,
    ImageUrl,
    Issuer,
    Json,
    Message,
    MessagePart,
    MessageRole,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    RequestItem,
    Text,
    ToolCall,
    ToolResult,
    VendorExtensions,
    Video,
)
from omnillm.model.prompt_layout import PromptLayoutBuilder, stable_prefix_key
from omnillm.model.request import GenerationConfig, LlmRequest, user
from omnillm.model.response import Candidate, FinishReason, LlmResponse

# fmt: off
__all__ = [
    "Audio", "AudioDelta", "Auto", "BuiltinTool", "CacheBreakpoint", "CacheControl", "Candidate", "CapabilitySet", "Citation",
    "CitationAdded", "Completed", "EndOfInstructions", "EndOfMessage", "EndOfTools", "ExplicitKey", "Failed", "File", "FileSource",
    "FinishReason", "Finished", "GenerationConfig", "ImageBase64", "ImageFile", "ImageUrl", "InlineSource", "Issuer", "Json", "LlmRequest",
    "LlmResponse", "LlmStreamEvent", "MediaSource", "Message", "MessagePart", "MessageRole", "Native", "NativeEvent", "Opaque",
    "OpaqueAdded", "OutputModality", "PartEnded", "PartStarted", "PromptCacheKey", "PromptCachePolicy", "PromptCacheRetention",
    "PromptLayoutBuilder", "Reasoning", "ReasoningCapability", "ReasoningDelta", "Refusal", "RefusalDelta", "RequestItem",
    "ResponseAssembler", "ResponseStarted", "StablePrefixKey", "StructuredOutputConfig", "Text", "TextDelta", "TextSource", "ToolCall",
    "ToolCallDelta", "ToolChoice", "ToolDefinition", "ToolResult", "UrlSource", "UsageReported", "VendorExtensions", "Video",
    "stable_prefix_key", "user",
]
# fmt: on
