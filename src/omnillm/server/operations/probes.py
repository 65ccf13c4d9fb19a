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
        self._scrapes: dict[bool, asyncio.Future[bytes]] = {}
        """Those under way, of an administrator's metrics and of anybody's: whoever asks meanwhile gets the same."""

    async def root(self, _: Request) -> Response:
        return json_reply({"name": "omnillm"})

    async def healthz(self, _: Request) -> Response:
        return json_reply({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        problems = []
        if self._instruments.is_draining():
            problems.append("draining")
        if not self._instruments.store.is_healthy:
            problems.append("ledger unavailable")
        return json_reply({"status": ", ".join(problems) or "ready"}, status=503 if problems else 200)

    async def metrics(self, request: Request) -> Response:
        is_admin = self._instruments.is_admin(dict(request.headers.raw))
        if is_admin not in self._scrapes:
            self._scrapes[is_admin] = scrape = self._scrape(is_admin=is_admin)
            scrape.add_done_callback(lambda _: self._scrapes.pop(is_admin))
        body = await asyncio.shield(self._scrapes[is_admin])  # who asked first may leave
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    def _scrape(self, *, is_admin: bool) -> asyncio.Future[bytes]:
        """Of thousands of series it takes a third of a second, and what it holds as much memory as its text."""
        instruments = self._instruments
        render = partial(
            render_metrics,
            instruments.counters().copied(),
            instruments.keys(),
            instruments.budgets() if is_admin else [],
            is_ledger_healthy=instruments.store.is_healthy,
            dropped=instruments.dropped(),
            names_callers=is_admin,
        )
        return asyncio.get_running_loop().run_in_executor(self._scribe, render)

    async def openapi(self, _: Request) -> Response:
        return Response(description(), media_type="application/json")
