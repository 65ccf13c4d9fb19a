"""Checks of several values together: repeated labels and secrets, names that do not exist, an open server beyond loopback.

If a section is already wrong, a check of it would only repeat that problem. So each check names the sections that must be right first.
"""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Final, TypeVar

from omnillm.config.configured import endpoint_of, is_fetched, needs_no_key
from omnillm.config.problems import Problems, at
from omnillm.config.settings import BudgetSettings, ModelSettings, ProviderSettings, ServerSettings, Settings, VirtualKeyTerms
from omnillm.config.values import has_midnight
from omnillm.errors import ConfigError
from omnillm.providers.heads import check_field
from omnillm.providers.urls import check_base_url
from omnillm.routing.target import parse_target
from omnillm.secret import Secret
from omnillm.spelling import hint, nearest

Named = TypeVar("Named", str, Secret)
SHORTEST_SECRET: Final = 16
"""Characters of what proves who somebody is: fewer can be guessed, and the shortest are on every attacker's list."""
MAX_TAGS_BYTES: Final = 2048
"""Usage is rolled up by the whole text of a call's tags, and PostgreSQL's indexes take no more."""
STORES: Final = ("sqlite:///", "postgresql://", "memory://")
PREFIXES: Final = ("openai", "anthropic", "gemini")


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_server(settings: Settings, problems: Problems) -> None:
    server = settings.server
    if _is_no_host(server, problems):
        return  # as a name it would be one of elsewhere
    is_open = not is_loopback(server.host)
    _check_length(server.admin_key, "server.admin_key", problems)
    if is_open and server.auth == "none":
        problems.add("server.auth", f"must be required: {server.host} can be reached from other machines")
    admin = server.admin
    for path, is_reachable in (("server.host", is_open), ("server.admin.host", admin is not None and not is_loopback(admin.host))):
        if is_reachable and server.admin_key is None:
            problems.add(path, "is beyond loopback, which needs server.admin_key")
    if admin is not None and server.port and (admin.host, admin.port) == (server.host, server.port):
        problems.add("server.admin.port", "is the main listener's own")


def _check_length(secret: Secret | None, path: str, problems: Problems) -> None:
    if secret is not None and len(secret.reveal()) < SHORTEST_SECRET:
        problems.add(path, f"must have at least {SHORTEST_SECRET} characters")


def _is_no_host(server: ServerSettings, problems: Problems) -> bool:
    """A host that is written as in a URL: with brackets, a scheme or a port."""
    hosts = {"server.host": server.host, "server.admin.host": server.admin.host if server.admin is not None else ""}
    for path, host in hosts.items():
        name, _, port = host.partition(":")
        if host.startswith("["):
            problems.add(path, f"is written without brackets: {host.strip('[]')}")
        elif "/" in host:
            problems.add(path, "is a URL, and must be an address or a name such as 127.0.0.1")
        elif port.isdigit():
            problems.add(path, f"is written without the port: {name}, and port: {port} beside it")
    return problems.concern("server")


def check_store(settings: Settings, problems: Problems) -> None:
    _check_length(settings.store.pepper, "store.pepper", problems)
    url = settings.store.url.reveal()
    if not url.startswith(STORES):
        close = nearest(url.partition(":")[0], (store.partition(":")[0] for store in STORES))
        meant = next((f"; did you mean {store}?" for store in STORES if close and store.startswith(close)), "")
        problems.add("store.url", f"must begin with {', '.join(STORES)}{meant}")


def check_traces(settings: Settings, problems: Problems) -> None:
    traces = settings.traces
    if traces is None:
        return
    try:
        check_base_url(traces.endpoint.reveal(), is_compat=False)
    except ConfigError:
        problems.add("traces.endpoint", "must be like https://host/v1/traces, without a user, a password or a fragment")
    for name, value in traces.headers.items():
        try:
            check_field(name, value)
        except ConfigError as error:
            problems.add(at("traces.headers", name), error.message)


def check_providers(settings: Settings, problems: Problems) -> None:
    if not settings.providers:
        problems.add("providers", "is missing or empty: at least one provider is needed")
    for name, provider in settings.providers.items():
        path = at("providers", name)
        try:
            endpoint_of(provider)
        except ConfigError as error:
            problems.add(f"{path}.{error.path}", error.message)
        _check_keys(provider, at(path, "keys"), problems)
        first, longest = provider.breaker.open_s, provider.breaker.longest_s
        if longest < first:
            problems.add(f"{path}.breaker.max_open", f"is {longest:g}s, and the first rest {first:g}s: it cannot be shorter")
        if provider.passthrough and provider.kind == "vertex_ai":
            problems.add(at(path, "passthrough"), "is not for vertex_ai: a path or a body can name what is of another project")
        for place, pattern in enumerate(provider.passthrough):
            if not pattern.startswith("/") or ".." in pattern:
                problems.add(at(at(path, "passthrough"), place), "must be a path such as /vector_stores*")


def _check_keys(provider: ProviderSettings, path: str, problems: Problems) -> None:
    is_keyless = needs_no_key(provider)
    if not (provider.keys or is_keyless):
        problems.add(path, "is missing or empty: a provider needs at least one key")
    labels: dict[str, str] = {}
    secrets: dict[Secret, str] = {}
    for place, key in enumerate(provider.keys):
        here = at(path, place)
        _once(labels, key.label, at(here, "label"), problems)
        if key.key is not None:
            _once(secrets, key.key, at(here, "key"), problems)
            if is_fetched(provider):
                problems.add(at(here, "key"), "means nothing beside auth: entra, which sends the machine's own token: leave one out")
        elif not is_keyless:
            problems.add(at(here, "key"), "is needed and must not be empty")


def _once(seen: dict[Named, str], value: Named, path: str, problems: Problems) -> None:
    if value in seen:
        problems.add(path, f"is the same as {seen[value]}")
    else:
        seen[value] = path


def check_native(settings: Settings, problems: Problems) -> None:
    for prefix, provider in settings.server.native.items():
        path = at("server.native", prefix)
        if prefix not in PREFIXES:
            problems.add(path, f"is not a drop-in prefix{hint(prefix, PREFIXES)}")
        _check_provider(provider, path, settings, problems)


def check_models(settings: Settings, problems: Problems) -> None:
    for name, model in settings.models.items():
        path = at("models", name)
        if not model.targets:
            problems.add(at(path, "targets"), "is empty: a model needs at least one target")
        _check_targets(model, at(path, "targets"), settings, problems)


def _check_targets(model: ModelSettings, path: str, settings: Settings, problems: Problems) -> None:
    seen: dict[str, str] = {}
    for place, each in enumerate(model.targets):
        here = at(path, place)
        try:
            target = parse_target(each.target)
        except ValueError as error:
            problems.add(here, f"is a model of this file: {error}" if each.target in settings.models else str(error))
            continue
        _check_provider(target.provider, here, settings, problems)
        _once(seen, each.target, here, problems)
        if each.weight is not None and model.strategy != "weighted":
            problems.add(at(here, "weight"), "needs strategy: weighted beside targets")


def check_budgets(settings: Settings, problems: Problems) -> None:
    seen: dict[str, str] = {}
    for place, budget in enumerate(settings.budgets):
        path = at("budgets", place)
        if budget.name:
            _once(seen, budget.name, at(path, "name"), problems)
        else:
            problems.add(at(path, "name"), "is missing")
        _check_zone(budget, path, problems)


def _check_zone(budget: BudgetSettings, path: str, problems: Problems) -> None:
    """Refuse a time zone for a period that does not begin at midnight."""
    if not has_midnight(budget.period) and at(path, "tz") in problems.lines:
        problems.add(at(path, "tz"), f"means nothing beside period: {budget.period}, which has no midnight; remove it")


def check_virtual_keys(settings: Settings, problems: Problems) -> None:
    names: dict[str, str] = {}
    secrets: dict[Secret, str] = {}
    if settings.server.admin_key is not None:
        secrets[settings.server.admin_key] = "server.admin_key"
    for place, key in enumerate(settings.virtual_keys):
        path = at("virtual_keys", place)
        _once(names, key.name, at(path, "name"), problems)
        _once(secrets, key.key, at(path, "key"), problems)
        _check_length(key.key, at(path, "key"), problems)
        check_terms(key, path, settings, problems)


def check_terms(key: VirtualKeyTerms, path: str, settings: Settings, problems: Problems) -> None:
    """Check a virtual key, of the file or not: its budgets exist, and its own has no name."""
    scopes = {budget.name: budget.scope for budget in settings.budgets}
    _check_named(key.budgets, at(path, "budgets"), scopes, problems)
    if sum(len(f"{name}={value},".encode()) for name, value in key.tags.items()) > MAX_TAGS_BYTES:
        problems.add(at(path, "tags"), f"have more than {MAX_TAGS_BYTES} bytes together")
    _check_own(key.budget, at(path, "budget"), problems)


def _check_named(names: Iterable[str], path: str, scopes: Mapping[str, str], problems: Problems) -> None:
    seen: dict[str, str] = {}
    for place, name in enumerate(names):
        here = at(path, place)
        if name not in scopes:
            problems.add(here, f"names an unknown budget {name!r}{hint(name, scopes)}")
        elif scopes[name] == "gateway":
            problems.add(here, f"need not name {name}: every call draws on it; scope: named makes it one to be named")
        _once(seen, name, here, problems)


def _check_own(budget: BudgetSettings | None, path: str, problems: Problems) -> None:
    if budget is None:
        return
    if budget.name or budget.scope != "gateway":
        problems.add(path, "is the key's own and has neither name nor scope")
    _check_zone(budget, path, problems)


def check_pricing(settings: Settings, problems: Problems) -> None:
    for name in settings.pricing.overrides:
        path = at("pricing.overrides", name)
        provider, _, model = name.partition("/")
        if not model:
            problems.add(path, "must be keyed by provider/model")
        else:
            _check_provider(provider, path, settings, problems)


def _check_provider(name: str, path: str, settings: Settings, problems: Problems) -> None:
    if name not in settings.providers:
        problems.add(path, f"names an unknown provider {name!r}{hint(name, settings.providers)}")


Check = Callable[[Settings, Problems], None]
CHECKS: Final[tuple[tuple[Check, tuple[str, ...]], ...]] = (
    (check_server, ("server",)),
    (check_store, ("store",)),
    (check_traces, ("traces",)),
    (check_providers, ("providers",)),
    (check_native, ("server", "providers")),
    (check_models, ("models", "providers")),
    (check_budgets, ("budgets",)),
    (check_virtual_keys, ("virtual_keys", "budgets", "server")),
    (check_pricing, ("pricing", "providers")),
)


def check(settings: Settings, problems: Problems) -> None:
    """Run every check whose sections were read without a problem."""
    sound = [run for run, sections in CHECKS if not any(problems.concern(section) for section in sections)]
    for run in sound:
        run(settings, problems)
