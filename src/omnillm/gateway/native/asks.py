"""What a native path asks for, over HTTP or in the library. A path that two readers could read differently is refused."""

from typing import Final
from urllib.parse import quote, unquote

import msgspec

from omnillm.errors import BadRequest, Forbidden
from omnillm.gateway.bindings import Pin
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.native import UNLISTED, WRITTEN_ANEW, PathAsk, ask, is_planned
from omnillm.providers.own_paths import native_path
from omnillm.providers.url_rule import PLAIN
from omnillm.transport.spool import Body

AMBIGUOUS: Final = ("%2f", "%5c", "%2e", "%00", "\\")
CREDENTIALS: Final = frozenset({"key", "access_token", "oauth_token", "bearer_token"})
"""Query parameters that Google takes for a credential."""
INSTEAD_OF_FIELDS: Final = ("$http", "x-http-method")
"""Beginnings of parameters that stand for a request's method or its header fields (`$httpMethod`, `$httpHeaders`)."""


class NativeAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What a native call asks for, beside who asks."""

    provider: str
    endpoint: Endpoint
    asked: PathAsk
    method: str
    query: str = ""
    """Without credentials."""
    body: Body = b""
    pin: Pin | None = None
    """The key that began an upload which goes on."""
    model: str = ""
    """The provider's own name of a model that was asked for by its public one, which the caller may use; "": it was not."""
    is_named: bool = True
    """The caller named this provider; False: a prefix or a path without one stands for it, and what the call names may lie elsewhere."""

    def __repr__(self) -> str:
        """Without what was asked."""
        return f"NativeAsk({self.method} {self.asked.path} of {self.provider!r})"


def at(provider: str, endpoint: Endpoint, asking: NativeAsk) -> NativeAsk | None:
    """The same of another provider; None: it has it not."""
    found = ask(endpoint, asking.method, asking.asked.path, ())
    if found is None:
        return None
    found = msgspec.structs.replace(found, encoded=found.encoded or asking.asked.encoded)
    return msgspec.structs.replace(asking, provider=provider, endpoint=endpoint, asked=found)


def check_path(written: str) -> None:
    """BadRequest: a path, without its query, that two readers could read in two ways."""
    lowered = written.lower()
    is_dotted = any(unquote(segment) in {".", "..", ""} for segment in lowered.removesuffix("/").split("/")[1:])
    if is_dotted or any(sign in lowered for sign in AMBIGUOUS):
        raise BadRequest("The path holds an encoded slash, a backslash, or an empty or dotted segment.", code="ambiguous_path")


def check_written(endpoint: Endpoint, path: str, written: str) -> None:
    """As `check_path`, except where the endpoint decodes a path and writes it again. `path`: the same, decoded."""
    if not path.startswith(WRITTEN_ANEW.get(endpoint.kind, "\0")):
        check_path(written)


def read_asked(provider: str, endpoint: Endpoint, method: str, path: str, *, written: str, allowed: tuple[str, ...] = ()) -> PathAsk:
    """What a path of the provider's own clients asks for. BadRequest: it can be read in two ways. Forbidden: it is in no table.

    `written`: the path as it came, not decoded.
    """
    check_written(endpoint, path, written)
    asked = ask(endpoint, method, native_path(endpoint, path), allowed)
    if asked is None or asked.operation.family == UNLISTED:
        check_path(written)
    if asked is None:
        if is_planned(endpoint, path):
            raise Forbidden(
                f"{method} {path[:200]} is not passed through to provider {provider!r} in this version: it is planned.",
                code="path_not_allowed",
            )
        raise Forbidden(
            f"{method} {path[:200]} is not passed through to provider {provider!r}: an administrator can allow it under "
            f"providers.{provider}.passthrough, a program in ProviderEndpoint(passthrough=...).",
            code="path_not_allowed",
        )
    return asked if asked.encoded else msgspec.structs.replace(asked, encoded=_as_written(asked.path, written))


def _as_written(path: str, written: str) -> str:
    """The end of `written` that says `path`, byte for byte: no slash of it is encoded."""
    return quote("/" + "/".join(written.split("/")[-path.count("/") :]), safe=f"{PLAIN}%")


def without_credentials(query: str) -> str:
    """The query as it stands, without `key`, where Gemini's clients put theirs, and what else is no parameter but a field or a method."""
    return "&".join(part for part in query.split("&") if part and not _is_ours(unquote(part.partition("=")[0]).lower()))


def _is_ours(name: str) -> bool:
    return name in CREDENTIALS or name.startswith(INSTEAD_OF_FIELDS)
