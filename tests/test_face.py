"""The public face: what can be imported from `omnillm`, and nothing else."""

import subprocess
import sys

import omnillm
import omnillm.model


def test_the_face_is_pinned() -> None:
    """A name that appears or disappears is a decision, so it changes this list too."""
    assert omnillm.__all__ == [
        *(
            "Gateway",
            "SyncGateway",
            "KeyConfig",
            "PoolConfig",
            "PriceConfig",
            "ProviderEndpoint",
            "AuthScheme",
            "Bearer",
            "Entra",
            "Header",
            "Query",
            "Secret",
        ),
        *("LlmRequest", "LlmResponse", "GatewayResponse", "LlmStreamEvent", "Message", "MessagePart", "MessageRole", "RequestItem"),
        *("CapabilitySet", "ToolDefinition", "GenerationConfig", "FinishReason", "PromptCachePolicy", "PromptLayoutBuilder"),
        *("TokenUsage", "user"),
        *("PrimitiveRequest", "PrimitiveForm", "PrimitiveReply", "PrimitiveJob", "StreamFrame", "BinaryChunk", "StreamUsage"),
        *("RealtimeSession", "RealtimeMessage", "Completed", "Usage"),
        *("ApiRequest", "ApiResponse", "ApiReply", "EmbeddingRequest", "EmbeddingResponse", "ModerationRequest", "ModerationResponse"),
        *("RerankRequest", "RerankResponse", "ImageRequest", "ImageResponse", "SpeechRequest", "SpeechResponse"),
        *("TranscriptionRequest", "TranscriptionResponse", "File", "WireFormat"),
        *("parse_api_request", "emit_api_request", "parse_api_response", "emit_api_response"),
        *("transcode_api_request", "transcode_api_response", "emit_transport_request", "parse_transport_response"),
        *("transcode_request", "transcode_response", "transcode_stream_event", "transcode_error", "StreamTranscoder"),
        *("parse_request", "emit_request", "parse_response", "emit_response", "parse_error", "emit_error"),
        *("stream_decoder", "parse_stream_event", "stream_encoder", "emit_stream_event"),
        *("ConversionReport", "LossReason", "ChatDialect", "ResponsesDialect", "ClaudeDialect", "ConverseDialect", "GeminiDialect"),
        *("ReplyContext", "Failure", "Fault", "ErrorReply"),
        *("ReplayFixture", "TransportRequest", "TransportResponse"),
        *("sanitize_transport_request", "sanitize_transport_response", "sanitize_json_value"),
        *("KeyStatus", "ModelHealth", "Support", "embedded_provider_registry"),
        *("PrimitiveSupport", "embedded_primitive_provider_registry", "Estimate", "BudgetTracker"),
        *("OmniError", "CallerFault", "BadRequest", "Unauthenticated", "Forbidden", "UnknownModel", "RequestTimeout", "TooLarge"),
        *("Refused", "RateLimited", "BudgetExceeded", "Unavailable", "NoAvailableKey", "LedgerUnavailable"),
        *("UpstreamLost", "UpstreamTimeout", "ProviderError", "ProtocolError", "ConfigError"),
    ]


def test_every_name_resolves() -> None:
    """Each public name has a home."""
    for name in omnillm.__all__:
        assert getattr(omnillm, name) is not None


def test_what_an_editor_offers_is_the_face() -> None:
    """A prompt's completion and `help` ask `dir`: it has the public names, imported or not, and nothing that the module is made with."""
    assert [name for name in dir(omnillm) if not name.startswith("_")] == sorted(omnillm.__all__)


def test_what_is_shown_of_a_value_is_what_was_said() -> None:
    """Whoever prints a reply or an event looks for its few words, not through dozens of empty members."""
    said = omnillm.LlmRequest(model="m", input=(omnillm.user("Hello"),))
    assert repr(said) == "LlmRequest(model='m', input=(Message(role=<MessageRole.USER: 'user'>, parts=(Text(text='Hello'),)),))"
    told = omnillm.GatewayResponse(model="m", usage=omnillm.Usage(input=2, output=4), cost_nanousd=9)
    assert repr(told) == "GatewayResponse(model='m', usage=Usage(input=2, output=4), cost_nanousd=9)"
    assert repr(omnillm.model.TextDelta(index=0, text="Hello")) == "TextDelta(index=0, text='Hello')"
    assert repr(omnillm.PrimitiveRequest.get("/v1/files")) == "PrimitiveRequest(path='/v1/files', method='GET')"


def test_every_name_explains_itself() -> None:
    """A class without words of its own would show those of its base: an editor then tells of msgspec, not of omnillm."""
    for module in (omnillm, omnillm.model):
        public = {name: getattr(module, name) for name in module.__all__}
        assert not [name for name, told in public.items() if isinstance(told, type) and not vars(told).get("__doc__")]
    assert not [name for name in omnillm.__all__ if not getattr(omnillm, name).__doc__]


def test_an_error_class_does_not_load_the_engine() -> None:
    """Importing one module costs that module only."""
    script = "import sys, omnillm.errors; print('omnillm.gateway.engine' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_a_gateway_does_not_load_the_server() -> None:
    """Nor what only the server needs: an application has a web framework and metrics of its own."""
    script = "import sys, omnillm; omnillm.Gateway; print(sorted({name.partition('.')[0] for name in sys.modules} & {'starlette', 'anyio', 'prometheus_client', 'uvloop'}))"
    script += "; print([name for name in sys.modules if name.startswith(('omnillm.server', 'omnillm.cli'))])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[]", "[]"]
