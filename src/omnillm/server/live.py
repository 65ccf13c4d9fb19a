"""What the server answers from: replaced as a whole when a changed configuration is applied, so that an open call keeps its snapshot."""

from omnillm.gateway.engine import Engine
from omnillm.routing.router import Router
from omnillm.server.authenticate import AdminAuthenticator, Authenticator


class Live:
    __slots__ = ("admin", "affinity", "authenticator", "deadline_s", "engine", "router")

    def __init__(
        self,
        *,
        engine: Engine,
        router: Router,
        authenticator: Authenticator,
        admin: AdminAuthenticator,
        deadline_s: float,
        affinity: str,
    ) -> None:
        self.engine = engine
        self.router = router
        self.authenticator = authenticator
        self.admin = admin
        self.deadline_s = deadline_s
        self.affinity = affinity
        """none, session or prefix."""
