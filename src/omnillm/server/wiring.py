"""Everything that the server answers with, made from one configuration. A reload replaces all of it; calls under way keep theirs."""

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
