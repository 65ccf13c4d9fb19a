"""The page's two handlers. Its files are read once, and are the same for everybody."""

from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from omnillm.server.operations.replies import missing

PAGE = "index.html"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
FIELDS = {
    # Whatever a model, a tag or an error is called: it is never markup, no foreign script runs, and no other page frames this one.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def dashboard_routes() -> list[Route]:
    assets = read_assets()

    async def page(request: Request) -> Response:
        return _answer(request, PAGE, assets[PAGE])

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in assets or name == PAGE:
            raise missing(f"There is no file {name[:64]!r} of the page.")
        return _answer(request, name, assets[name])

    # The description is for programs.
    return [Route("/dashboard", page, include_in_schema=False), Route("/dashboard/{name}", asset, include_in_schema=False)]


def read_assets() -> dict[str, bytes]:
    return {item.name: item.read_bytes() for item in files(__package__).joinpath("assets").iterdir()}


def _answer(request: Request, name: str, content: bytes) -> Response:
    fields = {**FIELDS, "etag": f'"{sha256(content).hexdigest()[:32]}"'}
    if request.headers.get("if-none-match") == fields["etag"]:
        return Response(status_code=304, headers=fields)
    return Response(content, media_type=TYPES[name[name.rindex(".") :]], headers=fields)
