"""What a Python user holds: `Gateway`, on the same engine as the server."""

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

__all__ = [
    "ApiReply",
    "BinaryChunk",
    "BudgetTracker",
    "Completed",
    "Estimate",
    "Gateway",
    "GatewayResponse",
    "KeyConfig",
    "KeyStatus",
    "ModelHealth",
    "PoolConfig",
    "PriceConfig",
    "PrimitiveForm",
    "PrimitiveJob",
    "PrimitiveReply",
    "PrimitiveRequest",
    "ProviderEndpoint",
    "RealtimeMessage",
    "RealtimeSession",
    "StreamFrame",
    "StreamUsage",
    "emit_transport_request",
    "parse_transport_response",
]
