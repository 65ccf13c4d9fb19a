"""What `omnillm explain` tells: the plan of a model, and what each target costs."""

import msgspec

from omnillm.assemble.parts import make_router
from omnillm.assemble.prices import make_prices
from omnillm.assemble.system import SystemClock, system_dice
from omnillm.config import configured
from omnillm.config.settings import Settings
from omnillm.money import format_usd
from omnillm.pattern import is_pattern
from omnillm.routing.target import ASKED, Explanation, parse_target


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    target: str
    protocol: str
    reason: str
    input_usd: str
    """Per million tokens; "" without a price."""
    output_usd: str
    price_version: str
    """Names the price as rows in the ledger do: list, section and model."""
    price_match: str
    """How they were found: configured, exact, alias or spelling; "" without a price."""


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    plan: Explanation
    targets: tuple[Priced, ...]


def explain_model(settings: Settings, model: str, protocol: str) -> Explained:
    """UnknownModel: nothing serves it."""
    endpoints = configured.endpoints(settings)
    plan = make_router(settings, endpoints, system_dice()).explain(model, protocol=protocol)
    prices = make_prices(settings, endpoints, SystemClock().wall())
    targets = []
    for each in plan.targets:
        provider, name = each.target.provider, each.target.model
        match = prices.catalog.match(provider, prices.sections[provider], name)
        price = prices.find((provider, name))
        targets.append(
            Priced(
                target=str(each.target),
                protocol=each.protocol,
                reason=each.reason
                + ("" if configured.is_served(settings.providers[provider], name) else "; no key serves it")
                + ("" if price else _left_out(settings)),
                input_usd=format_usd(price.input) if price else "",
                output_usd=format_usd(price.output) if price else "",
                price_version=price.version if price else "",
                price_match=match.rule if match else "",
            ),
        )
    return Explained(plan=plan, targets=tuple(targets))


def _left_out(settings: Settings) -> str:
    """Of which calls a target is left out because it has no price."""
    if settings.pricing.unknown == "allow":
        return ""
    is_always = settings.pricing.unknown == "refuse" or any(budget.scope == "gateway" for budget in settings.budgets)
    return "; left out of every call" if is_always else "; left out of calls that draw on a budget"


def unpriced(settings: Settings) -> tuple[str, ...]:
    """Targets of the configured models that have no price, as provider/model. Patterns of models are left out."""
    prices = make_prices(settings, configured.endpoints(settings), SystemClock().wall())
    named = [(name, parse_target(each.target)) for name, model in settings.models.items() for each in model.targets]
    asked = [(target.provider, name if target.model == ASKED else target.model) for name, target in named]
    return tuple(dict.fromkeys("/".join(pair) for pair in asked if not is_pattern(pair[1]) and prices.find(pair) is None))
