"""Everything that is not inference: health, metrics and the admin API, as a Starlette app. Who may ask what is decided in `app.py`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol as Interface

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from omnillm.admission.asks import BudgetSnapshot, KeySnapshot
from omnillm.errors import BadRequest, CallerFault, ConfigError, MethodNotAllowed, OmniError
from omnillm.gateway.counters import Counters
from omnillm.money import format_usd
from omnillm.records import EVERY_REQUEST, AttemptRow, Entry, RequestFilter, RequestRow, UsageRow
from omnillm.server import reports
from omnillm.server.metrics import render_metrics
from omnillm.server.openapi import description
from omnillm.server.problems import problem_fields
from omnillm.server.virtual_keys import VirtualKeys, virtual_key_routes

Handler = Callable[[Request], Awaitable[Response]]


class Reports(Interface):
    """What the admin API reads of a store."""

    @property
    def is_healthy(self) -> bool: ...

    async def usage(self, *, group_by: str, since_day: str, until_day: str) -> list[UsageRow]: ...
    async def requests(self, *, limit: int, before: str, only: RequestFilter = EVERY_REQUEST) -> list[RequestRow]: ...
    async def request(self, request_id: str) -> RequestRow | None: ...
    async def attempts(self, request_id: str) -> list[AttemptRow]: ...
    async def entries(self, request_id: str) -> list[Entry]: ...


class Instruments(msgspec.Struct, frozen=True, kw_only=True):
    """The handles of a running program."""

    counters: Callable[[], Counters]
    reports: Reports
    virtual_keys: VirtualKeys
    keys: Callable[[], list[KeySnapshot]]
    budgets: Callable[[], list[BudgetSnapshot]]
    revive: Callable[[str, str], bool]
    reload: Callable[[], Awaitable[None]]
    is_draining: Callable[[], bool]
    is_admin: Callable[[Mapping[bytes, bytes]], bool]
    log_lines_dropped: Callable[[], int]
    make_id: Callable[[], str]


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


class Probes:
    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._scribe = ThreadPoolExecutor(max_workers=1, thread_name_prefix="omnillm-metrics")
        """Its own: a scrape waits for no report of a database that does not answer."""

    async def root(self, request: Request) -> Response:  # noqa: ARG002  the signature of a handler
        return _json({"name": "omnillm"})

    async def healthz(self, request: Request) -> Response:  # noqa: ARG002
        return _json({"status": "ok"})

    async def readyz(self, request: Request) -> Response:  # noqa: ARG002
        problems = []
        if self._instruments.is_draining():
            problems.append("draining")
        if not self._instruments.reports.is_healthy:
            problems.append("ledger unavailable")
        return _json({"status": ", ".join(problems) or "ready"}, status=503 if problems else 200)

    async def metrics(self, request: Request) -> Response:
        instruments = self._instruments
        is_admin = instruments.is_admin(dict(request.headers.raw))
        render = partial(
            render_metrics,
            instruments.counters().copied(),
            instruments.keys(),
            instruments.budgets() if is_admin else [],
            is_ledger_healthy=instruments.reports.is_healthy,
            log_lines_dropped=instruments.log_lines_dropped(),
            names_callers=is_admin,
        )
        body = await asyncio.get_running_loop().run_in_executor(self._scribe, render)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(self, request: Request) -> Response:  # noqa: ARG002
        return Response(description(), media_type="application/json")


class AdminApi:
    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    async def pools(self, request: Request) -> Response:  # noqa: ARG002
        return _json({"keys": self._instruments.keys()})

    async def revive(self, request: Request) -> Response:
        provider, label = request.path_params["provider"], request.path_params["label"]
        if not self._instruments.revive(provider, label):
            raise _missing(f"There is no key {label!r} of provider {provider!r}.")
        return _json({"revived": f"{provider}/{label}"})

    async def budgets(self, request: Request) -> Response:  # noqa: ARG002
        return _json({"budgets": [_budget(budget) for budget in self._instruments.budgets()]})

    async def usage(self, request: Request) -> Response:
        query = _query(request, "group_by", "since", "until", "format")
        group_by = query.get("group_by", "model")
        since, until = reports.read_days(query.get("since", ""), query.get("until", ""))
        rows = await self._instruments.reports.usage(group_by=group_by, since_day=since, until_day=until)
        if query.get("format") == "csv":
            return _csv(reports.usage_csv(group_by, rows))
        return _json(reports.usage_document(group_by, rows))

    async def requests(self, request: Request) -> Response:
        query = _query(request, "limit", "before", "format", *reports.REQUEST_FILTERS)
        limit = reports.read_limit(query.get("limit", str(reports.PAGE_ROWS)))
        only = reports.read_filter(query)
        rows = await self._instruments.reports.requests(limit=limit + 1, before=query.get("before", ""), only=only)
        if query.get("format") == "csv":
            return _csv(reports.requests_csv(rows[:limit]))
        return _json(reports.requests_document(rows, limit))

    async def request(self, request: Request) -> Response:
        request_id = request.path_params["request_id"]
        read = self._instruments.reports
        ended = await read.request(request_id)
        attempts = await read.attempts(request_id)
        entries = await read.entries(request_id)
        if not (ended or attempts or entries):
            raise _missing(f"There is no request {request_id[:64]!r}.")
        return _json(reports.request_document(ended, attempts, entries))

    async def reload(self, request: Request) -> Response:  # noqa: ARG002
        await self._instruments.reload()
        return _json({"status": "applied"})


class Problems:
    """Errors as replies of the admin API: a code, a message, and the header fields of every error."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    async def tell(self, request: Request, error: Exception) -> Response:  # noqa: ARG002  the signature of a handler
        assert isinstance(error, OmniError)
        message = str(error) if isinstance(error, ConfigError) else error.message
        status = 422 if isinstance(error, ConfigError) else error.status
        fields = problem_fields(error, self._instruments.make_id())
        return _json({"error": {"code": error.code, "message": message}}, status=status, fields=fields)

    async def not_found(self, request: Request, error: Exception) -> Response:  # noqa: ARG002
        return await self.tell(request, _missing(f"There is nothing at {request.scope['path'][:200]!r}."))

    async def not_allowed(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        allowed = tuple((error.headers or {})["Allow"].split(", "))
        return await self.tell(request, MethodNotAllowed(request.scope["path"], request.method, allowed))


def _json(content: object, status: int = 200, fields: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json", headers=fields)


def _missing(message: str) -> CallerFault:
    return CallerFault(message, code="not_found", status=404)


def _csv(text: str) -> Response:
    return Response(text, media_type="text/csv; charset=utf-8; header=present")


def _query(request: Request, *known: str) -> Mapping[str, str]:
    """A misspelt condition must not be a report of everything."""
    query = request.query_params
    for name in query:
        if name not in known:
            raise BadRequest(f"There is no parameter {name[:64]!r}; there are {', '.join(known)}.")
    if query.get("format", "json") not in {"json", "csv"}:
        raise BadRequest("format must be json or csv.")
    return query


def _budget(budget: BudgetSnapshot) -> dict[str, object]:
    return {
        "name": budget.name,
        "period": budget.period,
        "is_hard": budget.is_hard,
        "limit_usd": format_usd(budget.limit_nanousd),
        "used_usd": format_usd(budget.settled_nanousd),
        "held_usd": format_usd(budget.reserved_nanousd),
        "left_usd": format_usd(budget.left_nanousd),
        "resets_at": budget.resets_at_wall or None,
    }
