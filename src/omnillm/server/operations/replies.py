"""What the operator's pages have in common: how they reply, and how strictly they read a query."""

from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from omnillm.errors import BadRequest, CallerFault


def json_reply(content: object, *, status: int = 200, fields: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json", headers=fields)


def csv_reply(text: str) -> Response:
    return Response(text, media_type="text/csv; charset=utf-8; header=present")


def missing(message: str) -> CallerFault:
    return CallerFault(message, code="not_found", status=404)


def read_query(request: Request, *known: str) -> Mapping[str, str]:
    """A misspelt condition must not be a report of everything."""
    query = request.query_params
    for name in query:
        if name not in known:
            raise BadRequest(f"There is no parameter {name[:64]!r}; there are {', '.join(known)}.")
    if query.get("format", "json") not in {"json", "csv"}:
        raise BadRequest("format must be json or csv.")
    return query
