"""The admin API, but for its virtual keys: pools, budgets, reports, and a changed configuration."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from omnillm.admission.asks import BudgetSnapshot
from omnillm.money import format_usd
from omnillm.server.operations import reports
from omnillm.server.operations.changes import tell
from omnillm.server.operations.instruments import Instruments
from omnillm.server.operations.replies import csv_reply, json_reply, missing, read_query


class AdminApi:
    """What may be long is written in a thread: calls go on meanwhile."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    async def pools(self, _: Request) -> Response:
        return json_reply({"keys": self._instruments.keys()})

    async def revive(self, request: Request) -> Response:
        provider, label = request.path_params["provider"], request.path_params["label"]
        if not self._instruments.revive(provider, label):
            raise missing(f"There is no key {label!r} of provider {provider!r}.")
        tell(request, f"key {provider}/{label} was revived")
        return json_reply({"revived": f"{provider}/{label}"})

    async def budgets(self, _: Request) -> Response:
        return json_reply({"budgets": [_budget(budget) for budget in self._instruments.budgets()]})

    async def usage(self, request: Request) -> Response:
        query = read_query(request, "group_by", "since", "until", "format")
        group_by = query.get("group_by", "model")
        since, until = reports.read_days(query.get("since", ""), query.get("until", ""))
        rows = await self._instruments.store.usage(group_by=group_by, since_day=since, until_day=until)
        if query.get("format") == "csv":
            return csv_reply(await asyncio.to_thread(reports.usage_csv, group_by, rows))
        return await asyncio.to_thread(lambda: json_reply(reports.usage_document(group_by, rows)))

    async def requests(self, request: Request) -> Response:
        query = read_query(request, "limit", "before", "format", *reports.REQUEST_FILTERS)
        limit = reports.read_limit(query.get("limit", str(reports.PAGE_ROWS)))
        before, only = reports.read_before(query.get("before", "")), reports.read_filter(query)
        rows = await self._instruments.store.requests(limit=limit + 1, before=before, only=only)
        if query.get("format") == "csv":
            return csv_reply(await asyncio.to_thread(reports.requests_csv, rows[:limit]))
        return json_reply(reports.requests_document(rows, limit))

    async def request(self, request: Request) -> Response:
        request_id = request.path_params["request_id"]
        read = self._instruments.store
        ended = await read.request(request_id)
        attempts = await read.attempts(request_id)
        entries = await read.entries(request_id)
        if not (ended or attempts or entries):
            raise missing(f"There is no request {request_id[:64]!r}.")
        return json_reply(reports.request_document(ended, attempts, entries))

    async def reload(self, request: Request) -> Response:
        await self._instruments.reload()
        tell(request, "the configuration was applied")
        return json_reply({"status": "applied"})


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
