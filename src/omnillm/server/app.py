"""The table of paths: inference straight to the engine, everything else to the Starlette app through the bridge."""

import enum
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from omnillm.clock import Clock
from omnillm.errors import CallerFault, Forbidden, MethodNotAllowed, OmniError
from omnillm.gateway.call import Caller
from omnillm.gateway.counters import Counters
from omnillm.gateway.form import Form
from omnillm.protocols.protocol import Protocol
from omnillm.providers.paths import REALTIME
from omnillm.server import inference, models, passthrough, realtime
from omnillm.server.asgi import AsgiBridge
from omnillm.server.front.application import Rendered
from omnillm.server.front.reply import Reply
from omnillm.server.front.requests import Request
from omnillm.server.inference import CallHead
from omnillm.server.passthrough import Native
from omnillm.server.paths import Route, inference_route, meant_by, methods_of, protocol_of, provider_route, without_prefix
from omnillm.server.problems import render_problem
from omnillm.server.wiring import Wiring

BESIDE_REALTIME = ("/v1/realtime/", "/v1/live/", "/v1/auth_tokens", "/v1alpha/auth_tokens", "/v1beta/auth_tokens")
"""Ephemeral tokens, and calls over WebRTC or SIP: sessions that would pass the gateway by."""
PROBES = frozenset({"/", "/healthz", "/readyz"})
"""Open to everybody, on every listener."""
OPEN = ("/metrics", "/openapi.json", "/dashboard")
"""Open to everybody who reaches the listener of operations: they tell nothing of a caller, or ask the admin API themselves."""


class Surface(enum.Flag):
    """What a listener serves."""

    CALLS = enum.auto()
    OPERATIONS = enum.auto()
    ALL = CALLS | OPERATIONS


class Context(msgspec.Struct, frozen=True, gc=False):
    """What `open` found out about any other request. With a route: a live session; with a caller alone: the model list; else operations."""

    route: Route | None
    caller: Caller | None
    wiring: Wiring


class App:
    """The front's application."""

    def __init__(
        self,
        wiring: Wiring,
        *,
        surface: Surface,
        clock: Clock,
        operations: AsgiBridge,
        counters: Counters,
        make_id: Callable[[], str],
    ) -> None:
        self.wiring = wiring
        self._has_calls = Surface.CALLS in surface
        self._has_operations = Surface.OPERATIONS in surface
        self._clock = clock
        self._operations = operations
        self._counters = counters
        self._make_id = make_id

    def open(self, request: Request) -> Context | CallHead | Native:
        """Route and authenticate, at the end of the headers. The policy hangs on the matched path, never on a header; no match: 404."""
        if self._has_calls:
            context = self._open_call(request)
            if context is not None:
                return context
        if request.path not in PROBES:
            self._admit_to_operations(request)
        return Context(None, None, self.wiring)

    def is_current(self, context: object) -> bool:
        """Whether a call's head leads to what it led to before."""
        wiring = self.wiring
        if not isinstance(context, CallHead) or context.wiring is not wiring:
            return False
        return wiring.authenticator.is_current(context.caller, context.credential, self._clock.wall())

    def _open_call(self, request: Request) -> Context | CallHead | Native | None:
        path, method = request.path, request.method
        route = inference_route(path) or self._own_route(request)
        if route is None and not models.is_models_path(without_prefix(path), method):
            return self._open_native(request)
        methods = models.METHODS if route is None else methods_of(route)
        if method not in methods:
            raise MethodNotAllowed(path, method, methods)
        wiring = self.wiring
        credential = wiring.authenticator.credential(request.headers, request.query)
        caller = wiring.authenticator.recognise(credential, self._clock.wall())
        if route is None or route.operation == REALTIME:
            request.takes_websocket = route is not None
            return Context(route, caller, wiring)
        if route.is_form:
            request.sink, request.is_spooled = Form(request.headers.get(b"content-type", b"")), True
        head = inference.read_call_head(request, route, caller, wiring, credential)
        request.is_keepable = head.is_keepable
        return head

    def _open_native(self, request: Request) -> Native | None:
        wiring = self.wiring
        upload = passthrough.upload_of(request, wiring)
        if upload is not None and upload.provider in wiring.endpoints:
            return passthrough.open_upload(request, upload, wiring, self._clock.wall())
        place = passthrough.place_of(request, wiring)
        if place is not None:
            return passthrough.open_native(request, place, self._authenticate(request), wiring)
        if without_prefix(request.path).startswith(BESIDE_REALTIME):
            self._authenticate(request)
            raise Forbidden(realtime.WEBSOCKET_ONLY, code="webrtc_not_supported")
        return None

    def _authenticate(self, request: Request) -> Caller:
        return self.wiring.authenticator.authenticate(request.headers, request.query, self._clock.wall())

    def _own_route(self, request: Request) -> Route | None:
        """The route of a provider's own path for inference, below the provider's name or the drop-in prefix that stands for it."""
        place = passthrough.place_of(request, self.wiring)
        return None if place is None else provider_route(place.provider, self.wiring.endpoints[place.provider], place.path)

    def _admit_to_operations(self, request: Request) -> None:
        path = request.path
        if self._has_operations:
            if _is_open(path):
                return
            if path.startswith("/admin/"):
                self.wiring.admin.require(request.headers)
                return
        raise CallerFault(f"There is nothing at {path[:200]!r}{_where_instead(path)}.", code="not_found", status=404)

    def respond(self, request: Request, reply: Reply) -> Coroutine[Any, Any, None]:
        """The coroutine of whoever answers this kind of request: none of this class stands around it."""
        context = request.context
        if isinstance(context, CallHead):
            return inference.respond(inference.read_call(request, context, self._clock), context.wiring, reply)
        if isinstance(context, Native):
            return passthrough.respond(context, request, reply, self._clock)
        assert isinstance(context, Context)
        if context.caller is None:
            return self._operations.respond(request, reply)
        if context.route is None:
            return models.respond(request, reply, context.wiring.router, context.caller)
        opening = realtime.Opening(request=request, route=context.route, caller=context.caller, wiring=context.wiring, clock=self._clock)
        return realtime.respond(opening, reply)

    def problem(self, request: Request | None, error: OmniError) -> Rendered:
        """Any error, as a reply in the protocol that the path speaks."""
        if not error.request_id:  # what had become a call was counted when its case closed
            self._counters.refuse(error.code)
        return render_problem(error, _protocol_of(request), error.request_id or self._make_id())


def _protocol_of(request: Request | None) -> Protocol:
    """What the client of a request reads errors in."""
    if request is None:
        return protocol_of("/", {})
    context = request.context
    return context.call.protocol if isinstance(context, CallHead) else protocol_of(without_prefix(request.path), request.headers)


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith("/dashboard/")


def _where_instead(path: str) -> str:
    """What a path that is not served here may have meant: the other listener, or another base URL."""
    if _is_open(path) or path.startswith("/admin/"):
        return ": it is served by the listener of server.admin"
    if inference_route(path) is not None:
        return ": it is served by the main listener"
    meant = meant_by(path)
    if meant:
        return f"; did you mean {meant[:200]}? See the base URL of your client"
    is_versioned = path.startswith(("/v1/", "/v1beta/"))
    return "; a provider's own paths stand below /providers/NAME, and here those of server.native" if is_versioned else ""
