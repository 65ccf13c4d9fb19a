"""What the server answers from, wired under one configuration: replaced as a whole by the next, so that an open call keeps its snapshot."""

from collections.abc import Mapping

import msgspec

from omnillm.gateway.budgets.alerts import BudgetAlerts
from omnillm.gateway.engine import Engine
from omnillm.gateway.native.engine import NativeEngine
from omnillm.gateway.native.lists import NativeLists
from omnillm.providers.endpoint import Endpoint
from omnillm.routing.router import Router
from omnillm.server.authenticate import AdminAuthenticator, Authenticator
from omnillm.server.uploads import Uploads


class Wiring(msgspec.Struct, frozen=True, kw_only=True):
    engine: Engine
    router: Router
    endpoints: Mapping[str, Endpoint]
    native_engine: NativeEngine
    native_lists: NativeLists
    native: Mapping[str, str]
    """Drop-in prefix, without its slash -> the provider of its native calls."""
    passthrough: Mapping[str, tuple[str, ...]]
    """Provider -> patterns of further paths."""
    passed: frozenset[bytes]
    """Header fields that some provider is told beside those that all are."""
    uploads: Uploads
    scheme: str
    authenticator: Authenticator
    admin: AdminAuthenticator
    alerts: BudgetAlerts
    deadline_s: float
    affinity: str
    """none, session or prefix."""
