"""What `omnillm explain` tells: the plan of a model, and what each target costs."""

import msgspec

from omnillm.assemble.parts import make_router
from omnillm.assemble.prices import make_prices
from omnillm.assemble.system import system_dice
from omnillm.config import configured
from omnillm.config.settings import Settings
from omnillm.money import format_usd
from omnillm.routing.target import Explanation


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    target: str
    protocol: str
    reason: str
    input_usd: str
    """Per million tokens; "" without a price."""
    output_usd: str
    price_version: str
    """Which figures: list, section and model, as rows in the ledger name them."""
    price_match: str
    """How they were found: configured, exact or alias; "" without a price."""


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    plan: Explanation
    targets: tuple[Priced, ...]


def explain_model(settings: Settings, model: str, protocol: str) -> Explained:
    """UnknownModel: nothing serves it."""
    plan = make_router(settings, configured.endpoints(settings), system_dice()).explain(model, protocol=protocol)
    prices = make_prices(settings)
    targets = []
    for each in plan.targets:
        provider, name = each.target.provider, each.target.model
        match = prices.catalog.match(provider, prices.sections[provider], name)
        price = prices.find((provider, name))
        targets.append(
            Priced(
                target=str(each.target),
                protocol=each.protocol,
                reason=each.reason,
                input_usd=format_usd(price.input) if price else "",
                output_usd=format_usd(price.output) if price else "",
                price_version=price.version if price else "",
                price_match=match.rule if match else "",
            ),
        )
    return Explained(plan=plan, targets=tuple(targets))
