"""A running gateway without a server. Every object is made and connected here, and again when the configuration changes."""

import asyncio
import logging
import os
import ssl
from collections.abc import Iterable, Sequence
from copy import copy

from omnillm.assemble.batch_looks import BatchLooks
from omnillm.assemble.credentials import Credentials
from omnillm.assemble.enrolment import Enrolment
from omnillm.assemble.parts import (
    check_unchangeable,
    dispatch_settings,
    idempotency_rules,
    make_bridges,
    make_router,
    make_upstreams,
    open_store,
    scheduled_budgets,
)
from omnillm.assemble.prices import day_at, make_quoter
from omnillm.assemble.retention import Retention
from omnillm.assemble.system import SystemClock, system_dice
from omnillm.assemble.ticker import Ticker
from omnillm.assemble.tls import make_trust
from omnillm.assemble.traces import make_destination
from omnillm.assemble.turn import open_in_turn
from omnillm.clock import Clock
from omnillm.config import configured
from omnillm.config.settings import Settings, VirtualKeyTerms
from omnillm.gateway.admission import Admission
from omnillm.gateway.attempts.dispatch import Dispatch
from omnillm.gateway.attempts.upstream import Upstreams
from omnillm.gateway.beside import Beside
from omnillm.gateway.bindings import Bindings
from omnillm.gateway.budgets.alerts import BudgetAlerts
from omnillm.gateway.budgets.budget_calendar import BudgetCalendar
from omnillm.gateway.counters import Counters
from omnillm.gateway.ended import EndedCalls, FailureObserver, Observer
from omnillm.gateway.engine import Engine
from omnillm.gateway.idempotency import Idempotency
from omnillm.gateway.journal import Journal
from omnillm.gateway.native.batch_bounds import BatchBounds
from omnillm.gateway.native.batch_look import BatchLook
from omnillm.gateway.native.batch_money import BatchMoney
from omnillm.gateway.native.dispatch import NativeDispatch
from omnillm.gateway.native.engine import NativeEngine
from omnillm.gateway.native.lists import NativeLists
from omnillm.gateway.replies.drain import Drains
from omnillm.gateway.sessions.dialling import Dialling
from omnillm.gateway.settlement import Settlement
from omnillm.gateway.tag_sets import TagSets
from omnillm.money import format_usd
from omnillm.records import AttemptRow
from omnillm.stores.store import Store
from omnillm.traces.exporter import Destination, Exporter
from omnillm.transport.client import HttpClient, Proxies
from omnillm.transport.room import Room
from omnillm.transport.timeouts import Deadlines

ALERT_TICKS = 10
"""Ticks from one look at the budgets to the next."""

_log = logging.getLogger("omnillm.budgets")


class Program:
    """A running gateway, without a server: what the library holds, and what the server is put in front of.

    What outlives a changed configuration (controller, connections, store, counters) is made once; `engine` and `router` are made anew.
    """

    _idempotency: Idempotency
    _batch_bounds: BatchBounds
    _batches: BatchMoney

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        store: Store | None = None,
        observers: Sequence[Observer] = (),
        failure_observers: Sequence[FailureObserver] = (),
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.dice = system_dice()
        self._counters = Counters()
        self._failure_observers = (self._counters.count_failures, *failure_observers)
        self.ended = EndedCalls(self._counters.observe, *observers, count_failures=self._note_failures)
        self.alerts = BudgetAlerts()
        self.deadlines = Deadlines()
        trust = make_trust(settings, os.environ)
        self.client = self._make_client(trust)
        self.exporter = Exporter(self._make_client(trust), self.clock, self.dice)
        self._export_to(make_destination(settings))
        self._beside = Beside()
        self._room = Room(settings.server.limits.buffered_bytes)
        self.admission = Admission(configured.controller(settings), dice=self.dice, now=self.clock.now())
        self.controller = self.admission.controller
        self.store = store or open_store(settings, self.clock)
        self.bindings = Bindings(self.store, self.clock)
        self.calendar = BudgetCalendar(scheduled_budgets(settings), self.controller.renew, self.controller.expire)
        self.drains = Drains()
        self._tag_sets = TagSets(settings.calls.tag_sets)
        self.upstreams = Upstreams()
        self.retention = Retention(self.store, self.clock, retention_s=settings.store.retention_s)
        self.credentials = Credentials(self.clock, self.dice)
        self.batch_looks = BatchLooks(self.store, self.clock, self._is_well)
        self.ticker = Ticker()
        self.ticker.add(
            lambda: self.deadlines.sweep(self.clock.now()),
            lambda: self.controller.tick(self.clock.now()),
            lambda: self.calendar.roll(self.clock.wall(), self.clock.now()),
            lambda: self._follow_prices(day_at(self.clock.wall())),
            self.ended.flush,
            self.retention.tick,
            self.batch_looks.tick,
            self.exporter.tick,
        )
        self.ticker.add(self._alert, every=ALERT_TICKS)
        self.enrolment = Enrolment(self.controller, self.calendar, self.alerts, self.clock)
        self._journal: Journal | None = None
        self.pepper = b""
        self._siblings: list[Program] = []
        self._given_up = asyncio.Event()

    @property
    def is_traced(self) -> bool:
        """Whether traces of its calls are exported."""
        return self.exporter.destination is not None

    def _make_client(self, trust: ssl.SSLContext | None) -> HttpClient:
        return HttpClient(clock=self.clock, deadlines=self.deadlines, tls=trust, proxies=Proxies.from_env(os.environ))

    @property
    def counters(self) -> Counters:
        """The counters, with every call that has ended."""
        self.ended.flush()
        return self._counters

    async def start(self) -> None:
        """Open the store, load what the budgets have spent, begin to tick."""
        self.dice.seed()  # anew: two processes that were forked from the one that made this would give their calls the same ids
        settings = self.settings
        opened = await open_in_turn(self.store, self.clock, wait_s=settings.store.wait_s, given_up=self._given_up)
        self.calendar.load(opened.balances, self.clock.wall(), self.clock.now())
        self._journal = Journal(
            self.store,
            epoch=opened.epoch,
            is_strict=settings.store.durability == "strict",
            allows_outage=settings.store.when_down == "allow",
        )
        given = settings.store.pepper
        self.pepper = given.reveal().encode() if given is not None else await self.store.virtual_keys.pepper()
        self._idempotency = Idempotency(self._journal, self.clock, pepper=self.pepper)
        self._batch_bounds = BatchBounds(self._journal, self.bindings, self.clock)
        self._batches = BatchMoney(journal=self._journal, bindings=self.bindings, admission=self.admission, clock=self.clock)
        self.build(settings)
        self.ticker.tick()

    def build(self, settings: Settings) -> None:
        """The parts that follow the configuration. Everything is made before anything is replaced: a bad file changes nothing."""
        endpoints = configured.endpoints(settings)
        credentials = Credentials(self.clock, self.dice, self.credentials.found)
        upstreams = make_upstreams(settings, endpoints, credentials)
        router = make_router(settings, endpoints, self.dice)
        quoter = make_quoter(settings, endpoints, self.clock.wall())
        assert self._journal is not None
        self._tag_sets.most = settings.calls.tag_sets
        settlement = Settlement(
            admission=self.admission,
            journal=self._journal,
            quoter=quoter,
            bridges=make_bridges(settings, endpoints, quoter.prices, pepper=self.pepper),
            bindings=self.bindings,
            clock=self.clock,
            dice=self.dice,
            ended=self.ended,
            tag_sets=self._tag_sets,
            beside=self._beside,
            queue_s=settings.calls.queue_s,
        )
        dispatch = Dispatch(client=self.client, upstreams=self.upstreams, room=self._room, settings=dispatch_settings(settings))
        self.settings = settings
        known = configured.budgets(settings, self.enrolment.keys.values())
        self.alerts.configure({name: budget.warn_permille for name, budget in known.items()})
        self.upstreams.replace(upstreams)
        self.credentials = credentials
        credentials.settle()
        self.drains.is_enabled = settings.calls.on_abort == "drain"
        self._idempotency.rules = idempotency_rules(settings)
        self.endpoints = endpoints
        self.router = router
        self.settlement = settlement
        self._build_native(settings, dispatch)
        self.engine = Engine(
            router=router,
            settlement=settlement,
            dispatch=dispatch,
            drains=self.drains,
            idempotency=self._idempotency,
            dialling=Dialling(dispatch, self.deadlines),
        )

    def beside(self, settings: Settings) -> "Program":
        """This program with other endpoints for the same providers. It ends with this one.

        Keys, limits, budgets and ledger are shared.
        """
        sibling = copy(self)
        sibling.upstreams = Upstreams()
        sibling.build(settings)
        self._siblings.append(sibling)
        return sibling

    def _build_native(self, settings: Settings, dispatch: Dispatch) -> None:
        native_dispatch = NativeDispatch(self.settlement, dispatch)
        self.native_engine = NativeEngine(
            router=self.router,
            dispatch=native_dispatch,
            bounds=self._batch_bounds,
            batches=self._batches,
            endpoints=self.endpoints,
        )
        labels = {name: tuple(key.label for key in configured.keys_of(provider)) for name, provider in settings.providers.items()}
        self.native_lists = NativeLists(native_dispatch, labels)
        self.batch_looks.configure(BatchLook(native_dispatch, self._batches, self.clock), self.endpoints)

    def _follow_prices(self, day: str) -> None:
        """A price that was announced comes into force on its ISO day in UTC, for what is quoted from then on."""
        for each in (self, *self._siblings):
            each.settlement.quoter = each.settlement.quoter.on(day)

    def _is_well(self, provider: str, label: str) -> bool:
        """Whether a key is ready. Whether it has recovered is left to a caller's call, which can go on with other keys."""
        keys = self.controller.keys(self.clock.now())
        return any(key.state == "ready" and key.is_available for key in keys if (key.provider, key.label) == (provider, label))

    def apply(self, settings: Settings, returning: Iterable[VirtualKeyTerms] = ()) -> None:
        """Apply a changed configuration: key and budget state is kept by label and name. The store and the listeners stay as they are.

        `returning`: suspended keys that are enrolled again.
        """
        check_unchangeable(self.settings, settings)
        destination = make_destination(settings)
        self.build(settings)
        self._export_to(destination)
        self.enrolment.bring_back(returning)
        stored = self.enrolment.keys.values()
        self.controller.configure(configured.controller(settings, stored), self.clock.now())
        self.calendar.reschedule(scheduled_budgets(settings, stored), self.clock.wall(), self.clock.now())

    def _export_to(self, destination: Destination | None) -> None:
        self.exporter.destination = destination
        self.ended.trace = None if destination is None else self.exporter.add

    def interrupt(self) -> None:
        """Tell what is under way, except live sessions, `shutting_down` where it waits; a start gives up. It settles in the next turns."""
        self._given_up.set()
        self.client.interrupt()
        self.admission.close()
        if self._journal is not None:
            self._journal.close()

    async def aclose(self) -> None:
        """Stop ticking, close connections, write what is queued. The ledger before the traces, for which a collector is waited for."""
        self.ticker.close()
        await self.drains.aclose()
        await self.retention.aclose()
        await self.batch_looks.aclose()
        for each in (self, *self._siblings):
            each.credentials.close()
        await self.client.aclose()
        await self.store.aclose()
        await self.exporter.aclose()

    def _note_failures(self, attempts: tuple[AttemptRow, ...]) -> None:
        for observe in self._failure_observers:
            observe(attempts)

    def _alert(self) -> None:
        """Warn of the budgets that have spent a share of their limit."""
        for alert in self.alerts.update(self.controller.budgets()):
            budget = alert.budget
            _log.warning(
                "budget %s has spent %g %% of its %s USD in the period %s (%s)",
                budget.name,
                alert.permille / 10,
                format_usd(budget.limit_nanousd),
                budget.period,
                "hard: calls without room are refused" if budget.is_hard else "soft: calls go on",
            )
