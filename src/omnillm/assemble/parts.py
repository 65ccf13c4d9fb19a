"""Makes the single parts of the program from the settings."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from random import Random

import msgspec

from omnillm.assemble.credentials import Credentials
from omnillm.clock import Clock
from omnillm.config import configured
from omnillm.config.settings import BudgetSettings, Settings, VirtualKeyTerms
from omnillm.config.values import window_s
from omnillm.endpoints.registry import FORMATS
from omnillm.errors import ConfigError
from omnillm.gateway.attempts.rounds import DispatchSettings
from omnillm.gateway.attempts.upstream import Upstream
from omnillm.gateway.attempts.wording import Rewording, Wording
from omnillm.gateway.bridges.bridge import Bridges
from omnillm.gateway.budgets.budget_calendar import Scheduled
from omnillm.gateway.call import Caller
from omnillm.gateway.idempotency import IdempotencyRules
from omnillm.gateway.quotes.price_book import PriceBook
from omnillm.protocols.dialects import Dialect
from omnillm.protocols.protocol import Protocol
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.dialects import dialect_of
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.families import formats_of
from omnillm.providers.heads import RequestLines, Sender
from omnillm.routing.router import Router
from omnillm.routing.target import Target
from omnillm.stores.memory import MemoryStore
from omnillm.stores.postgres.store import PostgresStore
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.stores.store import Store
from omnillm.transport.client import Origin

CHAT_CAPS = frozenset({"max_tokens", "max_completion_tokens"})


def check_unchangeable(old: Settings, new: Settings) -> None:
    """Raise ConfigError that names what a running process cannot change, so that it is not ignored."""
    sections = (
        ("store", old.store, new.store),
        ("server.host", old.server.host, new.server.host),
        ("server.port", old.server.port, new.server.port),
        ("server.admin", old.server.admin, new.server.admin),
        ("server.tls", old.server.tls, new.server.tls),
        ("server.limits", old.server.limits, new.server.limits),
        ("server.drain_delay", old.server.drain_delay_s, new.server.drain_delay_s),
        ("server.drain", old.server.drain_s, new.server.drain_s),
        ("server.log", old.server.log, new.server.log),
        *_budget_periods(old, new),
    )
    if changed := [path for path, before, after in sections if before != after]:
        raise ConfigError("cannot be changed without a restart", path=", ".join(changed))


def _budget_periods(old: Settings, new: Settings) -> Iterator[tuple[str, str, str]]:
    """(path, old, new) of budgets' periods. What a budget has spent in another kind of period is read from the ledger at the start only."""
    after = configured.budgets(new)
    for name, budget in configured.budgets(old).items():
        if name in after:
            yield f"budgets.{name}.period", budget.period, after[name].period


def open_store(settings: Settings, clock: Clock) -> Store:
    """The ledger that `store.url` names."""
    url = settings.store.url.reveal()
    if url in {"sqlite:///", "sqlite:///:memory:"}:
        raise ConfigError("names no file; memory:// is a ledger in memory", path="store.url")
    if url.startswith("memory://"):
        return MemoryStore(clock=clock)
    if url.startswith("sqlite:///"):
        return SqliteStore(Path(url.removeprefix("sqlite:///")), clock=clock, durability=settings.store.durability)
    if url.startswith("postgresql://"):
        return PostgresStore(settings.store.url, clock=clock, durability=settings.store.durability)
    raise ConfigError("must be sqlite:///PATH, postgresql://USER:PASSWORD@HOST/DATABASE or memory://", path="store.url")


def make_upstreams(settings: Settings, endpoints: Mapping[str, Endpoint], credentials: Credentials) -> dict[tuple[str, str, str], Upstream]:
    upstreams = {}
    for name, provider in settings.providers.items():
        profile = endpoints[name]
        origin = Origin.of(profile.origin_url)
        plain = provider.timeouts
        stream = msgspec.structs.replace(plain, total_s=plain.stream_s)
        lines = RequestLines(profile)
        for place, key in enumerate(configured.keys_of(provider)):
            try:
                credential = credentials.of(name, profile, key)
            except ConfigError as error:
                error.path = f"providers.{name}." + (f"keys[{place}].key" if error.path == "key" else error.path)
                raise
            sender = Sender(profile, configured.secret_of(key) if credential is None else configured.NO_SECRET, lines)
            for protocol in (
                *dict.fromkeys((*profile.protocols, *profile.own_protocols)),
                *formats_of(profile.kind, is_compat=profile.is_compat),
            ):
                upstreams[name, key.label, protocol] = Upstream(
                    protocol=spoken(protocol),
                    endpoint=profile,
                    credential=credential,
                    sender=sender,
                    origin=origin,
                    wording=_wording(profile, protocol),
                    plain_timeouts=plain,
                    stream_timeouts=stream,
                )
    return upstreams


def _wording(profile: Endpoint, protocol: str) -> Wording:
    own = spoken(protocol).output_cap_member
    if protocol != "openai_chat":
        return Wording(output_cap_member=own)
    cap = profile.chat_cap_member or own
    return Wording(
        output_cap_member=cap,
        asks_usage=profile.asks_usage,
        rewording=_rewording(profile, cap),
    )


def _rewording(profile: Endpoint, cap: str) -> Rewording | None:
    """`cap`: the member in which the host is told the output cap."""
    renamed = dict.fromkeys(CHAT_CAPS - {cap}, cap) if profile.has_one_cap else {}
    return Rewording(renamed=renamed, refused=frozenset(profile.refused)) if renamed or profile.refused else None


def spoken(name: str) -> Protocol:
    """A protocol of generations, or the wire format of an endpoint family."""
    return PROTOCOLS[name] if name in PROTOCOLS else FORMATS[name].protocol


def make_bridges(settings: Settings, endpoints: Mapping[str, Endpoint], prices: PriceBook, *, pepper: bytes) -> Bridges:
    @lru_cache(maxsize=1024)
    def dialect(target: Target) -> tuple[Dialect, bool]:
        endpoint = endpoints[target.provider]
        price = prices.find((target.provider, target.model))
        asks_usage = endpoint.asks_usage and target.protocol == "openai_chat"
        return dialect_of(
            endpoint,
            provider=target.provider,
            protocol=target.protocol,
            model=target.model,
            most_output=0 if price is None else price.max_output,
            default_output=settings.calls.default_output_tokens,
        ), asks_usage

    return Bridges(dialect, pepper=pepper)


def make_router(settings: Settings, endpoints: Mapping[str, Endpoint], dice: Random) -> Router:
    return Router(configured.routes(settings), endpoints, dice=dice, is_models_only=settings.is_models_only)


def scheduled_budgets(settings: Settings, stored: Iterable[VirtualKeyTerms] = ()) -> tuple[Scheduled, ...]:
    return tuple(scheduled(name, budget) for name, budget in configured.budgets(settings, stored).items())


def scheduled(name: str, budget: BudgetSettings) -> Scheduled:
    return Scheduled(name=name, period=budget.period, zone=budget.tz, window_s=window_s(budget.period))


def dispatch_settings(settings: Settings) -> DispatchSettings:
    hold_back = settings.calls.hold_back
    return DispatchSettings(
        hold_back_s=hold_back.time_s, hold_back_bytes=hold_back.size_bytes, buffered_bytes=settings.server.limits.body_bytes
    )


def idempotency_rules(settings: Settings) -> IdempotencyRules:
    given = settings.calls.idempotency
    return IdempotencyRules(ttl_s=given.ttl_s, keeps_replies=given.keeps_replies, max_reply_bytes=given.max_reply_bytes)


@lru_cache(maxsize=1024)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """One object for all equal ones: where thousands of callers alternate, it stays in the processor's cache."""
    return names


def make_caller(settings: Settings, key: VirtualKeyTerms | None) -> Caller:
    """The caller of a virtual key; None: nobody, who draws on the gateway-wide budgets only."""
    budgets = _shared(configured.budgets_of(settings, key))
    is_hard = configured.is_hard(settings, key)
    if key is None:
        return Caller(budgets=budgets, is_hard=is_hard)
    return Caller(
        name=key.name,
        models=_shared(key.models),
        budgets=budgets,
        is_hard=is_hard,
        expires_wall=float("inf") if key.expires_wall is None else key.expires_wall,
        tags=",".join(f"{name}={value}" for name, value in key.tags.items()),
    )
