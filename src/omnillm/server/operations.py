"""Everything that is not inference: health, metrics and the admin API, as a Starlette app. Who may ask what is decided in `app.py`."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Protocol as Interface

import msgspec
from msgspec.structs import asdict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from omnillm.admission.asks import BudgetSnapshot, KeySnapshot
from omnillm.errors import BadRequest, ConfigError, OmniError
from omnillm.gateway.counters import Counters
from omnillm.money import format_usd
from omnillm.records import AttemptRow, Entry, RequestRow, UsageRow
from omnillm.server.metrics import render_metrics

Handler = Callable[[Request], Awaitable[Response]]
GROUPS = ("virtual_key", "model", "provider", "provider_key", "day", "total")
PAGE_ROWS, MOST_ROWS = 100, 1000


class Reports(Interface):
    """What the admin API reads of a store."""

    @property
    def is_healthy(self) -> bool: ...

    async def usage(self, *, group_by: str, since_day: str, until_day: str) -> list[UsageRow]: ...
    async def requests(self, *, limit: int, before: str) -> list[RequestRow]: ...
    async def attempts(self, request_id: str) -> list[AttemptRow]: ...
    async def entries(self, request_id: str) -> list[Entry]: ...


class Instruments(msgspec.Struct, frozen=True, kw_only=True):
    """The handles of a running program."""

    counters: Counters
    reports: Reports
    keys: Callable[[], list[KeySnapshot]]
    budgets: Callable[[], list[BudgetSnapshot]]
    revive: Callable[[str, str], bool]
    reload: Callable[[], Awaitable[None]]
    is_draining: Callable[[], bool]
    is_admin: Callable[[Mapping[bytes, bytes]], bool]


def build_operations(instruments: Instruments) -> Starlette:
    admin = AdminApi(instruments)
    probes = Probes(instruments)
    app = Starlette(
        routes=[
            Route("/", probes.root, methods=["GET", "HEAD"]),
            Route("/healthz", probes.healthz),
            Route("/readyz", probes.readyz),
            Route("/metrics", probes.metrics),
            Route("/admin/v1/pools", admin.pools),
            Route("/admin/v1/pools/{provider}/{label}/revive", admin.revive, methods=["POST"]),
            Route("/admin/v1/budgets", admin.budgets),
            Route("/admin/v1/usage", admin.usage),
            Route("/admin/v1/requests", admin.requests),
            Route("/admin/v1/requests/{request_id}", admin.request),
            Route("/admin/v1/reload", admin.reload, methods=["POST"]),
        ],
        exception_handlers={OmniError: _problem, 404: _not_found, 405: _not_allowed},
    )
    app.router.redirect_slashes = False  # its target would be made of `Host`
    return app


class Probes:
    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

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
        budgets = instruments.budgets() if instruments.is_admin(dict(request.headers.raw)) else []
        body = render_metrics(instruments.counters, instruments.keys(), budgets, instruments.reports.is_healthy)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")


class AdminApi:
    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    async def pools(self, request: Request) -> Response:  # noqa: ARG002
        return _json({"keys": self._instruments.keys()})

    async def revive(self, request: Request) -> Response:
        provider, label = request.path_params["provider"], request.path_params["label"]
        if not self._instruments.revive(provider, label):
            return _missing(f"There is no key {label!r} of provider {provider!r}.")
        return _json({"revived": f"{provider}/{label}"})

    async def budgets(self, request: Request) -> Response:  # noqa: ARG002
        return _json({"budgets": [_budget(budget) for budget in self._instruments.budgets()]})

    async def usage(self, request: Request) -> Response:
        query = request.query_params
        group_by = query.get("group_by", "model")
        if group_by not in GROUPS:
            raise BadRequest(f"group_by must be one of {', '.join(GROUPS)}.")
        since, until = _day(query.get("since", "")), _day(query.get("until", ""))
        reports = self._instruments.reports
        total = await reports.usage(group_by="total", since_day=since, until_day=until)
        rows = [] if group_by == "total" else await reports.usage(group_by=group_by, since_day=since, until_day=until)
        summed = total[0] if total else UsageRow(group="total", requests=0, attempts=0, cost_nanousd=0)
        return _json({"total": _usage(summed), "rows": [{group_by: row.group, **_usage(row)} for row in rows]})

    async def requests(self, request: Request) -> Response:
        query = request.query_params
        limit = _limit(query.get("limit", str(PAGE_ROWS)))
        rows = await self._instruments.reports.requests(limit=limit, before=query.get("before", ""))
        return _json({"requests": [_row(row) for row in rows]})

    async def request(self, request: Request) -> Response:
        request_id = request.path_params["request_id"]
        reports = self._instruments.reports
        # Ids are hexadecimal and of one length, so what stands right before `id~` is the request itself, once it has ended.
        ended = [row for row in await reports.requests(limit=1, before=f"{request_id}~") if row.request_id == request_id]
        attempts = await reports.attempts(request_id)
        entries = await reports.entries(request_id)
        if not (ended or attempts or entries):
            return _missing(f"There is no request {request_id[:64]!r}.")
        return _json(
            {
                "request": _row(ended[0]) if ended else None,
                "attempts": [_row(row) for row in attempts],
                "entries": [_row(entry) for entry in entries],
            }
        )

    async def reload(self, request: Request) -> Response:  # noqa: ARG002
        await self._instruments.reload()
        return _json({"status": "applied"})


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")


def _missing(message: str) -> Response:
    return _json({"error": {"code": "not_found", "message": message}}, status=404)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_ROWS)) and 1 <= int(text) <= MOST_ROWS):
        raise BadRequest(f"limit must be a whole number from 1 to {MOST_ROWS}.")
    return int(text)


def _day(text: str) -> str:
    """An ISO date as the ledger writes it; "" is no bound."""
    try:
        return text and date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise BadRequest("since and until must be days such as 2026-11-25.") from error


def _row(row: RequestRow | AttemptRow | Entry) -> dict[str, object]:
    """A ledger row by its columns' names, its money as a decimal string, its counts all there."""
    fields = asdict(row)
    if "usage" in fields:
        fields["usage"] = asdict(fields["usage"])
    for name in ("cost_nanousd", "amount_nanousd"):
        if name in fields:
            fields[name.replace("nanousd", "usd")] = format_usd(fields.pop(name))
    return fields


def _usage(row: UsageRow) -> dict[str, object]:
    return {"cost_usd": format_usd(row.cost_nanousd), "requests": row.requests, "attempts": row.attempts, "usage": asdict(row.usage)}


def _budget(budget: BudgetSnapshot) -> dict[str, object]:
    left = budget.limit_nanousd - budget.settled_nanousd - budget.reserved_nanousd
    return {
        "name": budget.name,
        "period": budget.period,
        "is_hard": budget.is_hard,
        "limit_usd": format_usd(budget.limit_nanousd),
        "used_usd": format_usd(budget.settled_nanousd),
        "held_usd": format_usd(budget.reserved_nanousd),
        "left_usd": format_usd(left),
        "resets_at": budget.resets_at_wall or None,
    }


async def _problem(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, OmniError)
    message = str(error) if isinstance(error, ConfigError) else error.message
    status = 422 if isinstance(error, ConfigError) else error.status
    return _json({"error": {"code": error.code, "message": message}}, status=status)


async def _not_found(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _missing(f"There is nothing at {request.scope['path'][:200]!r}.")


async def _not_allowed(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _json({"error": {"code": "method_not_allowed", "message": f"{request.method} is not taken here."}}, status=405)
