"""A program with a server in front of it."""

import asyncio
import logging
import os
import secrets
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from io import BufferedWriter
from typing import TextIO

from omnillm.assemble.credentials import Credentials
from omnillm.assemble.files import take_files
from omnillm.assemble.keyring import POLL_TICKS, Keyring
from omnillm.assemble.memory import keep_freed_memory, quieten_collector
from omnillm.assemble.parts import make_caller, make_upstreams, open_store
from omnillm.assemble.program import Program
from omnillm.assemble.system import SystemClock, system_dice
from omnillm.assemble.tls import make_server_tls, make_trust, renew
from omnillm.assemble.traces import make_destination
from omnillm.clock import Clock
from omnillm.config import configured
from omnillm.config.settings import Settings
from omnillm.dashboard.routes import dashboard_routes
from omnillm.errors import ConfigError
from omnillm.gateway.refused_keys import RefusedKeys
from omnillm.server.app import App, Surface
from omnillm.server.asgi import AsgiBridge
from omnillm.server.authenticate import AdminAuthenticator, Authenticator
from omnillm.server.front.crowd import FrontLimits
from omnillm.server.front.front import Front
from omnillm.server.logs.call_log import CallLog
from omnillm.server.logs.own_log import MessageFormat, OwnLog
from omnillm.server.logs.writer import Stream
from omnillm.server.operations.app import build_operations
from omnillm.server.operations.instruments import Instruments
from omnillm.server.run import Server
from omnillm.server.uploads import Uploads
from omnillm.server.wiring import Wiring
from omnillm.stores.store import Store
from omnillm.traces.spans import SERVER

log = logging.getLogger("omnillm")


def cannot_listen(host: str, port: int, error: OSError, place: str = "") -> ConfigError:
    """Why it cannot listen, in the system's words without the event loop's. `place`: the section of the configuration."""
    is_host = isinstance(error, socket.gaierror)
    reason = error.strerror if is_host or not error.errno else os.strerror(error.errno)
    path = f"{place}.{'host' if is_host else 'port'}" if place else ""
    return ConfigError(f"cannot listen on {host}:{port}: {reason}", path=path)


class Service:
    """A program with a server in front of it."""

    def __init__(
        self,
        settings: Settings,
        *,
        reload: Callable[[], Settings],
        clock: Clock | None = None,
        log_to: Stream | None = None,
        store: Store | None = None,
    ) -> None:
        """`reload` reads the configuration again; `log_to` gets the lines of the calls; `store`: another than the configured one."""
        self._read_settings = reload
        self.call_log = CallLog(log_to, is_json=settings.server.log.format == "json") if log_to else None
        observers = (self.call_log.observe,) if self.call_log else ()
        refused = (RefusedKeys(clock or SystemClock()).observe,) if self.call_log else ()
        self.program = Program(settings, clock=clock, store=store, observers=observers, failure_observers=refused)
        self.program.exporter.kind = SERVER
        self.keyring = Keyring(self.program)
        self.server = Server(
            delay_s=settings.server.drain_delay_s,
            drain_s=settings.server.drain_s,
            clock=self.program.clock,
            deadlines=self.program.deadlines,
            reload=self.reload,
            interrupt=self.program.interrupt,
        )
        self.uploads = Uploads(lambda: secrets.token_urlsafe(32))
        self._apps: list[App] = []
        self._tls: ssl.SSLContext | None = None
        self.address = ("", 0)
        """Where the main listener listens."""

    async def start(self) -> None:
        """Open the store, then the doors."""
        await self.load()
        await self.open_doors()

    async def load(self) -> None:
        """Open the store, and read who may call."""
        program = self.program
        await program.start()
        await self.keyring.read()
        await self.server.catch_up()  # the keys that are kept may be made for the file as it is by now
        self.keyring.enrol()
        program.ticker.add(self.keyring.look, every=POLL_TICKS)
        program.ticker.add(self._end_if_taken_over)
        if self.call_log:
            program.ticker.add(self.call_log.flush)

    def _end_if_taken_over(self) -> None:
        """Stop: what it served from now on would not be recorded. Its supervisor starts it again, and then it stands by."""
        if self.program.store.is_taken_over:
            self.server.stop_at_once()

    async def open_doors(self) -> None:
        """Listen wherever the configuration says."""
        program = self.program
        settings = program.settings
        self._tls = make_server_tls(settings)
        wiring = make_wiring(program, self.keyring, self.uploads)
        pages = build_operations(self._instruments(), dashboard_routes())
        operations = AsgiBridge(pages, scheme="https" if settings.server.tls else "http")
        admin = settings.server.admin
        main = self._front(wiring, operations, Surface.CALLS if admin else Surface.ALL)
        beside = self._front(wiring, operations, Surface.OPERATIONS) if admin else None
        self.address = await self._listen(main, settings.server.host, settings.server.port, "server")
        if admin and beside:
            await self._listen(beside, admin.host, admin.port, "server.admin")

    def _front(self, wiring: Wiring, operations: AsgiBridge, surface: Surface) -> Front:
        """One that does not listen yet. Its wiring follows a reload from now on, also of one that comes while another door opens."""
        program = self.program
        app = App(
            wiring,
            surface=surface,
            clock=program.clock,
            operations=operations,
            counters=program.counters,
            make_id=self._make_id,
        )
        self._apps.append(app)
        limits = program.settings.server.limits
        return Front(
            app,
            clock=program.clock,
            deadlines=program.deadlines,
            limits=FrontLimits(**{name: getattr(limits, name) for name in limits.__struct_fields__}),
        )

    async def _listen(self, front: Front, host: str, port: int, place: str) -> tuple[str, int]:
        try:
            address = await front.listen(host, port, tls=self._tls)
        except OSError as error:
            raise cannot_listen(host, port, error, place) from error
        self.server.add(front)
        return address

    def _instruments(self) -> Instruments:
        program = self.program
        return Instruments(
            counters=lambda: program.counters,
            store=program.store,
            virtual_keys=self.keyring,
            keys=lambda: program.controller.keys(program.clock.now()),
            budgets=program.controller.budgets,
            revive=lambda provider, label: program.controller.revive(provider, label, program.clock.now()),
            reload=self.reload,
            is_draining=lambda: self.server.is_draining,
            is_admin=self._is_admin,
            dropped=lambda: {"log_lines": self.call_log.dropped if self.call_log else 0, "spans": program.exporter.dropped},
            make_id=self._make_id,
        )

    def _make_id(self) -> str:
        return self.program.settlement.make_id(self.program.clock.wall())

    def _is_admin(self, headers: Mapping[bytes, bytes]) -> bool:
        return self._apps[0].wiring.admin.is_admin(headers)

    async def reload(self) -> None:
        """Apply the configuration as it is now; a ConfigError changes nothing."""
        async with self.keyring.changing:
            self._apply(await asyncio.to_thread(self._read_settings))  # 10,000 keys take half a second, and a file can be far away
        log.info("the changed configuration is applied")

    def _apply(self, settings: Settings) -> None:
        self.keyring.check(settings)
        tls = make_server_tls(settings)
        self.program.apply(settings, self.keyring.returning())
        if self._tls is not None and tls is not None:
            renew(self._tls, tls)
        wiring = make_wiring(self.program, self.keyring, self.uploads)
        for app in self._apps:
            app.wiring = wiring
        self.server.forget_heads()

    async def aclose(self) -> None:
        """Close everything. Calls that still run are cut: drain the server first."""
        self.server.close()
        try:
            await self.keyring.aclose()
            await self.program.aclose()
        finally:
            self.program.ended.flush()
            if self.call_log:
                self.call_log.close()


def make_wiring(program: Program, keyring: Keyring, uploads: Uploads) -> Wiring:
    settings = program.settings
    admin_key = settings.server.admin_key
    anonymous = make_caller(settings, None) if settings.server.auth == "none" else None
    return Wiring(
        engine=program.engine,
        router=program.router,
        endpoints=program.endpoints,
        native_engine=program.native_engine,
        native_lists=program.native_lists,
        native=settings.server.native,
        passthrough={name: provider.passthrough for name, provider in settings.providers.items() if provider.passthrough},
        passed=frozenset(name.encode() for endpoint in program.endpoints.values() for name in endpoint.passed),
        uploads=uploads,
        scheme="https" if settings.server.tls else "http",
        authenticator=Authenticator(keyring.rebuild(settings), pepper=program.pepper, anonymous=anonymous),
        admin=AdminAuthenticator(admin_key.reveal().encode() if admin_key else None),
        deadline_s=settings.calls.deadline_s,
        affinity=settings.calls.affinity,
        alerts=program.alerts,
    )


def try_out(settings: Settings, clock: Clock) -> None:
    """Make what a start makes, and open nothing. ConfigError: an extra is not installed, or a file is not there."""
    make_trust(settings, os.environ)
    open_store(settings, clock)
    endpoints = configured.endpoints(settings)
    make_upstreams(settings, endpoints, Credentials(clock, system_dice()))
    make_server_tls(settings)
    make_destination(settings)


def _unbuffered(standard: TextIO | None) -> Stream | None:
    """One of the standard streams; None: it was closed when the process began."""
    if standard is None:
        return None
    standard.flush()
    return standard.buffer.raw if isinstance(standard.buffer, BufferedWriter) else standard.buffer


async def serve_forever(settings: Settings, *, reload: Callable[[], Settings]) -> None:
    """`omnillm serve`: until SIGTERM, drained."""
    errors = _unbuffered(sys.stderr)
    messages = logging.NullHandler() if errors is None else OwnLog(errors)
    messages.setFormatter(MessageFormat(is_json=settings.server.log.format == "json"))
    logging.basicConfig(level=settings.server.log.level.upper(), handlers=[messages])
    keep_freed_memory()
    service = Service(settings, reload=reload, log_to=_unbuffered(sys.stdout))
    try:
        await _serve(service, settings)
    finally:
        logging.getLogger().removeHandler(messages)
        messages.close()
        service.server.ignore_signals()


async def _serve(service: Service, settings: Settings) -> None:
    try:
        service.server.note_reloads()
        await service.load()
        take_files(settings.server)
        await service.server.heed_signals()
        await service.open_doors()
        quieten_collector()
        host, port = service.address
        log.info("serving on %s://%s:%d", "https" if settings.server.tls else "http", f"[{host}]" if ":" in host else host, port)
        await service.server.run()
    finally:
        await service.aclose()
    log.info("ended")
