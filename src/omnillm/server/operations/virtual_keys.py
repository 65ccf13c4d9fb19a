"""The admin API's virtual keys. Only the reply that makes a secret contains it."""

from collections.abc import Awaitable, Callable
from typing import Final
from typing import Protocol as Interface

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from omnillm.config.settings import BudgetSettings, VirtualKeyTerms
from omnillm.config.values import has_midnight
from omnillm.money import format_usd
from omnillm.records import VirtualKey
from omnillm.secret import Secret
from omnillm.server.operations.changes import tell
from omnillm.server.operations.replies import json_reply, read_query
from omnillm.server.operations.reports import read_limit

Handler = Callable[[Request], Awaitable[Response]]
PAGE_KEYS: Final = 100
PATH: Final = "/admin/v1/virtual-keys"


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual key as it is shown."""

    terms: VirtualKeyTerms
    state: str
    """active, expired or revoked."""
    stored: VirtualKey | None
    """None: it stands in the configuration file."""


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    listed: Listed
    secret: Secret


class VirtualKeys(Interface):
    """What the admin API asks of the program. `asked` is a request's body. An unknown name is a 404, what cannot be a 409 or 422."""

    def page(self, *, after: str, limit: int) -> list[Listed]: ...
    def find(self, name: str) -> Listed: ...
    async def create(self, asked: bytes) -> Issued: ...
    async def change(self, name: str, asked: bytes) -> Listed: ...
    async def rotate(self, name: str, asked: bytes) -> Issued: ...
    async def revoke(self, name: str) -> Listed: ...


def virtual_key_routes(keys: VirtualKeys) -> list[Route]:
    api = VirtualKeyApi(keys)
    return [
        _route(PATH, GET=api.page, POST=api.create),
        _route(f"{PATH}/{{name}}", GET=api.show, PATCH=api.change),
        _route(f"{PATH}/{{name}}/rotate", POST=api.rotate),
        _route(f"{PATH}/{{name}}/revoke", POST=api.revoke),
    ]


def _route(path: str, **handlers: Handler) -> Route:
    """By method, so that a 405 names all of them. Starlette lets HEAD stand for GET."""

    async def handle(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, handle, methods=list(handlers))


class VirtualKeyApi:
    def __init__(self, keys: VirtualKeys) -> None:
        self._keys = keys

    async def page(self, request: Request) -> Response:
        query = read_query(request, "limit", "after")
        limit = read_limit(query.get("limit", str(PAGE_KEYS)))
        found = self._keys.page(after=query.get("after", ""), limit=limit + 1)
        return json_reply({"virtual_keys": [_shown(each) for each in found[:limit]], "has_more": len(found) > limit})

    async def create(self, request: Request) -> Response:
        issued = await self._keys.create(await request.body())
        tell(request, f"virtual key {issued.listed.terms.name!r} was created")
        return _issued(issued, status=201)

    async def show(self, request: Request) -> Response:
        return json_reply({"virtual_key": _shown(self._keys.find(request.path_params["name"]))})

    async def change(self, request: Request) -> Response:
        listed = await self._keys.change(request.path_params["name"], await request.body())
        tell(request, f"virtual key {listed.terms.name!r} was changed")
        return json_reply({"virtual_key": _shown(listed)})

    async def rotate(self, request: Request) -> Response:
        issued = await self._keys.rotate(request.path_params["name"], await request.body())
        tell(request, f"virtual key {issued.listed.terms.name!r} has a new secret")
        return _issued(issued, status=200)

    async def revoke(self, request: Request) -> Response:
        listed = await self._keys.revoke(request.path_params["name"])
        tell(request, f"virtual key {listed.terms.name!r} was revoked")
        return json_reply({"virtual_key": _shown(listed)})


def _issued(issued: Issued, *, status: int) -> Response:
    shown = {"virtual_key": _shown(issued.listed), "secret": issued.secret.reveal()}
    return json_reply(shown, status=status, fields={"cache-control": "no-store"})


def _shown(listed: Listed) -> dict[str, object]:
    terms, stored = listed.terms, listed.stored
    at = _times(stored)
    return {
        "name": terms.name,
        "state": listed.state,
        "source": "file" if stored is None else "ledger",
        "rpm": terms.rpm,
        "tpm": terms.tpm,
        "max_concurrency": terms.max_concurrency,
        "models": terms.models,
        "budgets": terms.budgets,
        "budget": None if terms.budget is None else _budget(terms.budget),
        "tags": terms.tags,
        "metadata": terms.metadata,
        "created_at": at("created_wall_ms"),
        "rotated_at": at("rotated_wall_ms"),
        "previous_secret_until": at("previous_until_wall_ms"),
        "expires_at": terms.expires_wall,
        "revoked_at": at("revoked_wall_ms"),
    }


def _times(stored: VirtualKey | None) -> Callable[[str], float | None]:
    """Unix seconds of one of its times; None: never, or unknown."""
    return lambda name: (getattr(stored, name) / 1000 or None) if stored is not None else None


def _budget(budget: BudgetSettings) -> dict[str, object]:
    """As it may be sent back: one whose period has no midnight takes no time zone."""
    zone = {"tz": budget.tz} if has_midnight(budget.period) else {}
    return {"limit_usd": format_usd(budget.limit_nanousd), "period": budget.period, "hard": budget.is_hard, **zone}
