"""What programs ask of a gateway: its name, whether it lives and is ready, its metrics, and the description of its API."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from omnillm.server.operations.instruments import Instruments
from omnillm.server.operations.metrics import render_metrics
from omnillm.server.operations.openapi import description
from omnillm.server.operations.replies import json_reply


class Probes:
    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._scribe = ThreadPoolExecutor(max_workers=1, thread_name_prefix="omnillm-metrics")
        """Its own: a scrape waits for no report of a database that does not answer."""

    async def root(self, _: Request) -> Response:
        return json_reply({"name": "omnillm"})

    async def healthz(self, _: Request) -> Response:
        return json_reply({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        problems = []
        if self._instruments.is_draining():
            problems.append("draining")
        if not self._instruments.reports.is_healthy:
            problems.append("ledger unavailable")
        return json_reply({"status": ", ".join(problems) or "ready"}, status=503 if problems else 200)

    async def metrics(self, request: Request) -> Response:
        instruments = self._instruments
        is_admin = instruments.is_admin(dict(request.headers.raw))
        render = partial(
            render_metrics,
            instruments.counters().copied(),
            instruments.keys(),
            instruments.budgets() if is_admin else [],
            is_ledger_healthy=instruments.reports.is_healthy,
            dropped=instruments.dropped(),
            names_callers=is_admin,
        )
        body = await asyncio.get_running_loop().run_in_executor(self._scribe, render)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(self, _: Request) -> Response:
        return Response(description(), media_type="application/json")
