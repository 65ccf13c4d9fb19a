"""What a batch, or a response written in the background, has cost: by the usage that its provider tells, and the terms of its booking."""

from collections.abc import Iterable, Mapping

import msgspec

from omnillm.gateway.native.batch_bounds import BATCH_TIER
from omnillm.gateway.native.batch_results import Group, Together
from omnillm.gateway.native.cancelled import Cancelled, most_of
from omnillm.gateway.quotes.price_book import PriceBook
from omnillm.pricing.cost import MAX_COST_NANOUSD, cost_of_many
from omnillm.pricing.reference import BOUND
from omnillm.pricing.terms import PLAIN, Terms
from omnillm.records import AttemptRow
from omnillm.usage import NO_USAGE, Usage

Usages = Mapping[Group, Together]
Told = Usages | Cancelled


def cost_of_usages(prices: PriceBook, attempt: AttemptRow, usages: Usages, *, is_batch: bool, is_held: bool) -> tuple[int | None, str]:
    """(nano-USD, the figures), or (None, the model that has no price). At most the bound, if one was booked.

    Of a response of which no budget holds anything, what was booked may be no bound: an agent works for as long as it likes.

    A batch costs by its tier, a response by the terms that it was booked with. Where a provider tells one sum of all requests, nobody
    knows which of them were long.
    """
    total, versions = 0, dict[str, None]()
    for (named, longest, place, tier), (usage, requests) in usages.items():
        names = (named or attempt.model, attempt.model) if is_batch else (attempt.model,)
        placed = msgspec.structs.replace(BATCH_TIER, place=place)
        terms = (placed, BATCH_TIER, PLAIN) if is_batch else (served_terms(attempt.price_version, tier), PLAIN)
        found = (prices.find((attempt.provider, name), each) for name in names for each in terms)
        price = next((each for each in found if each is not None), None)
        if price is None:
            return None, named or attempt.model
        total += cost_of_many(usage, price, requests=requests, longest=longest)
        versions[price.version] = None
    is_bounded = is_batch or is_held or total_of(usages).is_incredible
    most = attempt.cost_nanousd if is_bounded else 0
    return min(total, most or MAX_COST_NANOUSD), "+".join(versions)


def cost_of_cancelled(prices: PriceBook, attempt: AttemptRow, cancelled: Cancelled, *, wall_ms: int) -> tuple[int | None, str]:
    """As `cost_of_usages`, at the terms that it was booked with."""
    target = attempt.provider, attempt.model
    price = prices.find(target, served_terms(attempt.price_version, None)) or prices.find(target)
    if price is None or BOUND not in attempt.price_version:
        return None, attempt.model
    real, version = most_of(cancelled, attempt, price, wall_ms=wall_ms)
    return min(real, attempt.cost_nanousd), version


def served_terms(price_version: str, tier: str | None) -> Terms:
    """The terms in the price version of a row that was charged by its bound, with the tier that was told since."""
    booked = Terms.parse(price_version.partition(BOUND)[0].partition(";")[2])
    return booked if tier is None else msgspec.structs.replace(booked, tier=tier)


def joined(parts: Iterable[Usages]) -> Usages:
    """What the parts have used together."""
    sums: dict[Group, Together] = {}
    for part in parts:
        for group, (usage, requests) in part.items():
            before = sums.get(group, Together())
            sums[group] = Together(before.usage + usage, before.requests + requests)
    return sums


def total_of(usages: Usages) -> Usage:
    return sum((each.usage for each in usages.values()), start=NO_USAGE)
