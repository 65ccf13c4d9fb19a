"""omnillm: many provider keys as one reliable, metered, budgeted LLM endpoint.

Start with `Gateway`, or on the command line with `omnillm demo`. Names are imported when they are first used, so that a module that needs
only an error class does not load the engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omnillm.endpoints.api import (
        ApiRequest,
        ApiResponse,
        EmbeddingRequest,
        EmbeddingResponse,
        ImageRequest,
        ImageResponse,
        ModerationRequest,
        ModerationResponse,
        RerankRequest,
        RerankResponse,
        SpeechRequest,
        SpeechResponse,
        TranscriptionRequest,
        TranscriptionResponse,
    )
    from omnillm.endpoints.forms import File
    from omnillm.endpoints.registry import WireFormat
    from omnillm.endpoints.transcode import (
        emit_api_request,
        emit_api_response,
        parse_api_request,
        parse_api_response,
        transcode_api_request,
        transcode_api_response,
    )
    from omnillm.errors import (
        BadRequest,
        BudgetExceeded,
        CallerFault,
        ConfigError,
        Forbidden,
        LedgerUnavailable,
        NoAvailableKey,
        OmniError,
        ProtocolError,
        ProviderError,
        RateLimited,
        Refused,
        RequestTimeout,
        TooLarge,
        Unauthenticated,
        Unavailable,
        UnknownModel,
        UpstreamLost,
        UpstreamTimeout,
    )
    from omnillm.gateway.quotes.estimate import Estimate
    from omnillm.library.budget_tracker import BudgetTracker
    from omnillm.library.endpoints import ProviderEndpoint
    from omnillm.library.families import ApiReply, emit_transport_request, parse_transport_response
    from omnillm.library.gateway import Gateway
    from omnillm.library.jobs import PrimitiveJob
    from omnillm.library.pool import KeyConfig, KeyStatus, ModelHealth, PoolConfig
    from omnillm.library.prices import PriceConfig
    from omnillm.library.primitive import BinaryChunk, Completed, PrimitiveForm, PrimitiveReply, PrimitiveRequest, StreamFrame, StreamUsage
    from omnillm.library.realtime import RealtimeMessage, RealtimeSession
    from omnillm.library.response import GatewayResponse
    from omnillm.library.synchronous import SyncGateway
    from omnillm.model import (
        CapabilitySet,
        FinishReason,
        GenerationConfig,
        LlmRequest,
        LlmResponse,
        LlmStreamEvent,
        Message,
        MessagePart,
        MessageRole,
        PromptCachePolicy,
        PromptLayoutBuilder,
        RequestItem,
        ToolDefinition,
        user,
    )
    from omnillm.protocols.codec import ReplyContext
    from omnillm.protocols.dialects import ChatDialect, ClaudeDialect, ConverseDialect, GeminiDialect, ResponsesDialect
    from omnillm.protocols.loss import ConversionReport, LossReason
    from omnillm.protocols.protocol import Failure, Fault
    from omnillm.protocols.stream_transcoder import (
        StreamTranscoder,
        emit_stream_event,
        parse_stream_event,
        stream_decoder,
        stream_encoder,
        transcode_stream_event,
    )
    from omnillm.protocols.transcode import (
        emit_request,
        emit_response,
        parse_request,
        parse_response,
        transcode_request,
        transcode_response,
    )
    from omnillm.protocols.transcode_error import ErrorReply, emit_error, parse_error, transcode_error
    from omnillm.providers.auth_scheme import AuthScheme, Bearer, Entra, Header, Query
    from omnillm.providers.registry import PrimitiveSupport, Support, embedded_primitive_provider_registry, embedded_provider_registry
    from omnillm.replay import (
        ReplayFixture,
        TransportRequest,
        TransportResponse,
        sanitize_json_value,
        sanitize_transport_request,
        sanitize_transport_response,
    )
    from omnillm.secret import Secret
    from omnillm.usage import Usage
    from omnillm.usage import Usage as TokenUsage

__version__ = "0.1.0"

# fmt: off
__all__ = [  # noqa: RUF022  grouped by what they are for
    # the gateway
    "Gateway", "SyncGateway", "KeyConfig", "PoolConfig", "PriceConfig", "ProviderEndpoint",
    "AuthScheme", "Bearer", "Entra", "Header", "Query", "Secret",
    # calls and replies in the canonical model; every part and event: `omnillm.model`
    "LlmRequest", "LlmResponse", "GatewayResponse", "LlmStreamEvent", "Message", "MessagePart", "MessageRole", "RequestItem",
    "CapabilitySet", "ToolDefinition", "GenerationConfig", "FinishReason", "PromptCachePolicy", "PromptLayoutBuilder", "TokenUsage", "user",
    # raw calls and replies
    "PrimitiveRequest", "PrimitiveForm", "PrimitiveReply", "PrimitiveJob", "StreamFrame", "BinaryChunk", "StreamUsage", "RealtimeSession",
    "RealtimeMessage", "Completed", "Usage",
    # the endpoint families beside generation
    "ApiRequest", "ApiResponse", "ApiReply", "EmbeddingRequest", "EmbeddingResponse", "ModerationRequest", "ModerationResponse",
    "RerankRequest", "RerankResponse", "ImageRequest", "ImageResponse", "SpeechRequest", "SpeechResponse", "TranscriptionRequest",
    "TranscriptionResponse", "File", "WireFormat", "parse_api_request", "emit_api_request", "parse_api_response", "emit_api_response",
    "transcode_api_request", "transcode_api_response", "emit_transport_request", "parse_transport_response",
    # translation
    "transcode_request", "transcode_response", "transcode_stream_event", "transcode_error", "StreamTranscoder", "parse_request",
    "emit_request", "parse_response", "emit_response", "parse_error", "emit_error", "stream_decoder", "parse_stream_event",
    "stream_encoder", "emit_stream_event", "ConversionReport", "LossReason", "ChatDialect", "ResponsesDialect", "ClaudeDialect",
    "ConverseDialect", "GeminiDialect", "ReplyContext", "Failure", "Fault", "ErrorReply",
    # recorded exchanges
    "ReplayFixture", "TransportRequest", "TransportResponse", "sanitize_transport_request", "sanitize_transport_response",
    "sanitize_json_value",
    # what can be seen
    "KeyStatus", "ModelHealth", "Support", "embedded_provider_registry", "PrimitiveSupport", "embedded_primitive_provider_registry",
    "Estimate", "BudgetTracker",
    # errors
    "OmniError", "CallerFault", "BadRequest", "Unauthenticated", "Forbidden", "UnknownModel", "RequestTimeout", "TooLarge", "Refused",
    "RateLimited", "BudgetExceeded", "Unavailable", "NoAvailableKey", "LedgerUnavailable", "UpstreamLost", "UpstreamTimeout",
    "ProviderError", "ProtocolError", "ConfigError",
]
# fmt: on

_HOMES = {
    "omnillm.library.gateway": ("Gateway",),
    "omnillm.library.synchronous": ("SyncGateway",),
    "omnillm.library.endpoints": ("ProviderEndpoint",),
    "omnillm.library.pool": ("KeyConfig", "PoolConfig", "KeyStatus", "ModelHealth"),
    "omnillm.library.prices": ("PriceConfig",),
    "omnillm.library.response": ("GatewayResponse",),
    "omnillm.library.primitive": (
        *("PrimitiveRequest", "PrimitiveForm", "PrimitiveReply", "StreamFrame", "BinaryChunk", "StreamUsage", "Completed"),
    ),
    "omnillm.library.jobs": ("PrimitiveJob",),
    "omnillm.library.realtime": ("RealtimeSession", "RealtimeMessage"),
    "omnillm.library.budget_tracker": ("BudgetTracker",),
    "omnillm.gateway.quotes.estimate": ("Estimate",),
    "omnillm.library.families": ("ApiReply", "emit_transport_request", "parse_transport_response"),
    "omnillm.endpoints.api": (
        *("ApiRequest", "ApiResponse", "EmbeddingRequest", "EmbeddingResponse", "ModerationRequest", "ModerationResponse"),
        *("RerankRequest", "RerankResponse", "ImageRequest", "ImageResponse", "SpeechRequest", "SpeechResponse"),
        *("TranscriptionRequest", "TranscriptionResponse"),
    ),
    "omnillm.endpoints.forms": ("File",),
    "omnillm.endpoints.registry": ("WireFormat",),
    "omnillm.endpoints.transcode": (
        *("parse_api_request", "emit_api_request", "parse_api_response", "emit_api_response"),
        *("transcode_api_request", "transcode_api_response"),
    ),
    "omnillm.providers.auth_scheme": ("AuthScheme", "Bearer", "Entra", "Header", "Query"),
    "omnillm.providers.registry": ("Support", "embedded_provider_registry", "PrimitiveSupport", "embedded_primitive_provider_registry"),
    "omnillm.secret": ("Secret",),
    "omnillm.usage": ("Usage", "TokenUsage"),
    "omnillm.model": (
        *("LlmRequest", "LlmResponse", "LlmStreamEvent", "Message", "MessagePart", "MessageRole", "RequestItem", "CapabilitySet"),
        *("ToolDefinition", "GenerationConfig", "FinishReason", "PromptCachePolicy", "PromptLayoutBuilder", "user"),
    ),
    "omnillm.protocols.transcode": (
        *("transcode_request", "transcode_response", "parse_request", "emit_request", "parse_response", "emit_response"),
    ),
    "omnillm.protocols.transcode_error": ("transcode_error", "parse_error", "emit_error", "ErrorReply"),
    "omnillm.protocols.protocol": ("Failure", "Fault"),
    "omnillm.protocols.stream_transcoder": (
        *("StreamTranscoder", "transcode_stream_event", "stream_decoder", "parse_stream_event", "stream_encoder", "emit_stream_event"),
    ),
    "omnillm.protocols.loss": ("ConversionReport", "LossReason"),
    "omnillm.protocols.codec": ("ReplyContext",),
    "omnillm.protocols.dialects": ("ChatDialect", "ClaudeDialect", "ConverseDialect", "GeminiDialect", "ResponsesDialect"),
    "omnillm.replay": (
        *("ReplayFixture", "TransportRequest", "TransportResponse"),
        *("sanitize_transport_request", "sanitize_transport_response", "sanitize_json_value"),
    ),
    "omnillm.errors": tuple(__all__[__all__.index("OmniError") :]),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_ALIASES = {"TokenUsage": "Usage"}


def __getattr__(name: str) -> object:
    """PEP 562: a public name, from the module that is its home."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'omnillm' has no attribute {name!r}")
    return getattr(import_module(home), _ALIASES.get(name, name))


def __dir__() -> list[str]:
    return [*__all__, "__all__", "__doc__", "__version__"]
