"""omnillm: many provider keys as one reliable, metered, budgeted LLM endpoint.

Start with `Gateway`, or on the command line with `omnillm demo`. Names are imported when they are first used, so that a module that needs
only an error class does not load the engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from omnillm.library import (
        Completed,
        Gateway,
        KeyConfig,
        KeyStatus,
        ModelHealth,
        PoolConfig,
        PriceConfig,
        PrimitiveReply,
        PrimitiveRequest,
        ProviderEndpoint,
        StreamFrame,
        StreamUsage,
    )
    from omnillm.providers.endpoint import AuthScheme, Bearer, Header, Query
    from omnillm.secret import Secret
    from omnillm.usage import Usage

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022  grouped by what they are for
    # the gateway
    "Gateway",
    "KeyConfig",
    "PoolConfig",
    "PriceConfig",
    "ProviderEndpoint",
    "AuthScheme",
    "Bearer",
    "Header",
    "Query",
    "Secret",
    # calls and replies
    "PrimitiveRequest",
    "PrimitiveReply",
    "StreamFrame",
    "StreamUsage",
    "Completed",
    "Usage",
    # what can be seen
    "KeyStatus",
    "ModelHealth",
    # errors
    "OmniError",
    "CallerFault",
    "BadRequest",
    "Unauthenticated",
    "Forbidden",
    "UnknownModel",
    "RequestTimeout",
    "TooLarge",
    "Refused",
    "RateLimited",
    "BudgetExceeded",
    "Unavailable",
    "NoAvailableKey",
    "LedgerUnavailable",
    "UpstreamLost",
    "UpstreamTimeout",
    "ProviderError",
    "ProtocolError",
    "ConfigError",
]

_ERRORS = __all__[__all__.index("OmniError") :]
_HOMES = {
    **dict.fromkeys(_ERRORS, "omnillm.errors"),
    **dict.fromkeys(("AuthScheme", "Bearer", "Header", "Query"), "omnillm.providers.endpoint"),
    "Secret": "omnillm.secret",
    "Usage": "omnillm.usage",
}


def __getattr__(name: str) -> object:
    """PEP 562: a public name, from the module that is its home."""
    if name not in __all__:
        raise AttributeError(f"module 'omnillm' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "omnillm.library")), name)
