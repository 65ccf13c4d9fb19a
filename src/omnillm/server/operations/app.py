"""The Starlette app: which path answers what, and errors as replies."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from omnillm.errors import ConfigError, MethodNotAllowed, OmniError
from omnillm.server.operations.admin_api import AdminApi
from omnillm.server.operations.instruments import Instruments
from omnillm.server.operations.probes import Probes
from omnillm.server.operations.replies import json_reply, missing
from omnillm.server.operations.virtual_keys import virtual_key_routes
from omnillm.server.problems import problem_fields


def build_operations(instruments: Instruments, pages: Sequence[Route] = ()) -> Starlette:
    """`pages`: routes for people beside those for programs."""
    admin = AdminApi(instruments)
    probes = Probes(instruments)
    problems = Problems(instruments)
    app = Starlette(
        routes=[
            Route("/", probes.root, methods=["GET", "HEAD"]),
            Route("/healthz", probes.healthz),
            Route("/readyz", probes.readyz),
            Route("/metrics", probes.metrics),
            Route("/openapi.json", probes.openapi),
            Route("/admin/v1/pools", admin.pools),
            Route("/admin/v1/pools/{provider}/{label}/revive", admin.revive, methods=["POST"]),
            Route("/admin/v1/budgets", admin.budgets),
            Route("/admin/v1/usage", admin.usage),
            Route("/admin/v1/requests", admin.requests),
            Route("/admin/v1/requests/{request_id}", admin.request),
            Route("/admin/v1/reload", admin.reload, methods=["POST"]),
            *virtual_key_routes(instruments.virtual_keys),
            *pages,
        ],
        exception_handlers={OmniError: problems.tell, 404: problems.not_found, 405: problems.not_allowed},
    )
    app.router.redirect_slashes = False  # its target would be made of `Host`
    return app


class Problems:
    """Errors as replies of the admin API: a code, a message, and the header fields of every error."""

    def __init__(self, instruments: Instruments) -> None:
        self._make_id = instruments.make_id

    async def tell(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, OmniError)
        message = str(error) if isinstance(error, ConfigError) else error.message
        status = 422 if isinstance(error, ConfigError) else error.status
        fields = problem_fields(error, self._make_id())
        return json_reply({"error": {"code": error.code, "message": message}}, status=status, fields=fields)

    async def not_found(self, request: Request, _: Exception) -> Response:
        return await self.tell(request, missing(f"There is nothing at {request.scope['path'][:200]!r}."))

    async def not_allowed(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        allowed = tuple((error.headers or {})["Allow"].split(", "))
        return await self.tell(request, MethodNotAllowed(request.scope["path"], request.method, allowed))
