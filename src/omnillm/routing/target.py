"""The values of routing: targets, routes as they are configured, and the plans of calls."""

import msgspec
from msgspec.structs import force_setattr

ASKED = "*"
"""A target's model: the name that was asked for goes through."""


class Target(msgspec.Struct, frozen=True, kw_only=True, gc=False, cache_hash=True):
    provider: str
    model: str
    """The provider's own name of the model."""
    protocol: str = ""
    """In a plan: what goes upstream, the client's own protocol where the provider speaks it."""

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


def parse_target(text: str) -> Target:
    """Read "provider/model", split at the first slash; "provider/*" lets the asked name through. ValueError: not of that form."""
    provider, _, model = text.partition("/")
    if not (provider and model) or (ASKED in model and model != ASKED):
        raise ValueError("must be provider/model, or provider/* for the asked name")
    return Target(provider=provider, model=model)


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model's calls may go, as configured."""

    targets: tuple[Target, ...]
    weights: tuple[int, ...] = ()
    """One a target: the first is drawn by weight, the others follow, heaviest first. Empty: in the order given."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The targets of one call, in the order in which they will be tried."""

    targets: tuple[Target, ...]
    public_model: str
    """The name that the caller asked for."""
    route: str
    """The rule that matched: a name or pattern of `models`, or "provider/*". Bounded in number, so fit for a metric's label."""
    is_bridged: bool = False
    """One of the targets does not speak the client's protocol."""
    pairs: tuple[tuple[str, str], ...] = ()
    """(provider, model) of each target. Derived."""

    def __post_init__(self) -> None:
        force_setattr(self, "pairs", tuple((target.provider, target.model) for target in self.targets))


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """One target of an explanation."""

    target: Target
    weight: int
    """0: the route is ordered."""
    protocol: str
    """What would go upstream."""
    reason: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a model, and why."""

    model: str
    rule: str
    """exact, pattern or provider/model."""
    route: str
    strategy: str
    """ordered or weighted."""
    targets: tuple[Considered, ...]
