"""What the server answers from: replaced as a whole when a changed configuration is applied, so that an open call keeps its snapshot."""

from collections.abc import Mapping

import msgspec

from omnillm.gateway.alerts import BudgetAlerts
from omnillm.gateway.engine import Engine
from omnillm.providers.endpoint import Endpoint
from omnillm.routing.router import Router
from omnillm.server.authenticate import AdminAuthenticator, Authenticator


class Live(msgspec.Struct, frozen=True, kw_only=True):
    engine: Engine
    router: Router
    endpoints: Mapping[str, Endpoint]
    authenticator: Authenticator
    admin: AdminAuthenticator
    alerts: BudgetAlerts
    deadline_s: float
    affinity: str
    """none, session or prefix."""
