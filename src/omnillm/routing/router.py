"""Finds the targets of a call: by the model's exact name, else by the pattern with the longest literal part, else as provider/model."""

from bisect import bisect
from collections.abc import Mapping
from itertools import accumulate
from typing import NoReturn

import msgspec

from omnillm.errors import BadRequest, Forbidden, UnknownModel
from omnillm.keys.terms import Dice
from omnillm.pattern import Pattern, is_allowed, is_pattern
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.families import FAMILIES
from omnillm.providers.paths import COUNT_TOKENS, GENERATE
from omnillm.routing.target import ASKED, Considered, Explanation, Plan, Route, Target
from omnillm.spelling import Spellings, hint

LONGEST_NAME = 256
MOST_KNOWN = 4096
"""The most names whose plans are remembered: strangers can ask for any number."""


class Match(msgspec.Struct, frozen=True):
    rule: str
    route: str
    targets: tuple[Target, ...]
    weights: tuple[int, ...]


class Choice:
    """The plans of one asked name: a single one, or one for each target that may be drawn first."""

    __slots__ = ("bounds", "plans", "total")

    def __init__(self, plans: tuple[Plan, ...], weights: tuple[int, ...]) -> None:
        self.plans = plans
        self.bounds = tuple(accumulate(weights))
        self.total = self.bounds[-1] if self.bounds else 0


class Router:
    """Answers from a table of the names already asked for; a changed configuration is a new Router."""

    def __init__(self, routes: Mapping[str, Route], endpoints: Mapping[str, Endpoint], *, dice: Dice, is_models_only: bool = False) -> None:
        self._exact = {name: route for name, route in routes.items() if not is_pattern(name)}
        patterns = [Pattern(name) for name in routes if is_pattern(name)]
        patterns.sort(key=lambda pattern: -pattern.literal_length)
        self._patterns = tuple((pattern, routes[pattern.text]) for pattern in patterns)
        self._endpoints = endpoints
        self._is_models_only = is_models_only
        self._dice = dice
        self._choices: dict[tuple[str, str, str], Choice] = {}
        self._permitted: set[tuple[str, tuple[str, ...]]] = set()
        self._spellings = Spellings(self.models())

    def plan(self, model: str, *, protocol: str, operation: str = GENERATE, allowed: tuple[str, ...] = (), provider: str = "") -> Plan:
        """Return the targets in the order in which to try them, each with the protocol that it will be spoken to in.

        `protocol`: the client's; what a target cannot be asked in it, it is asked in its own, if it is a generation. `allowed`: the
        caller's names and patterns, () for all. `provider`: the only one, whatever the routes say. Forbidden 403, UnknownModel 404;
        BadRequest 400 when no target has the operation or the name cannot be sent.
        """
        if provider:
            return self._plan_at(provider, model, protocol=protocol, operation=operation, allowed=allowed)
        if allowed and model not in allowed and (model, allowed) not in self._permitted:
            self._permit(model, allowed)
        choice = self._choices.get((model, protocol, operation)) or self._choose(model, protocol, operation, allowed)
        if choice.total:
            return choice.plans[bisect(choice.bounds, self._dice.random() * choice.total)]
        return choice.plans[0]

    def _plan_at(self, provider: str, model: str, *, protocol: str, operation: str, allowed: tuple[str, ...]) -> Plan:
        """Return the one target of "provider/model", in the client's protocol."""
        name = model.removeprefix(f"{provider}/")
        self.check_spendable(provider, name, allowed)
        if not name or len(model) > LONGEST_NAME or not model.isascii() or not model.isprintable():
            self._refuse(model, allowed)
        target = Target(provider=provider, model=name, protocol=protocol)
        if not self._endpoints[provider].speaks(protocol, operation, model=name):
            raise BadRequest(f"the provider {provider} has no {operation} of {_shown(name)} in {protocol}", code="unsupported_protocol")
        return Plan(targets=(target,), public_model=model, route=f"{provider}/{ASKED}")

    def check_spendable(self, provider: str, name: str, allowed: tuple[str, ...]) -> None:
        """Raise Forbidden unless a caller may ask this provider for this model by its own name; "" is one that is not known."""
        if self._is_models_only:
            raise Forbidden(f"models_only: provider {provider} is asked through the models of the configuration", code="model_not_allowed")
        if allowed and not name:
            raise Forbidden("this key may use some models only, and the call does not say which it asks for", code="model_not_allowed")
        if allowed:
            self._permit(f"{provider}/{name}", allowed)

    def protocol_for(self, target: Target, client_protocol: str, operation: str = GENERATE) -> str:
        """Return what goes upstream: the client's own protocol where the provider speaks it, else the provider's default.

        "": the provider does not have this endpoint family, or does not count tokens.
        """
        if operation in FAMILIES:
            return self._endpoints[target.provider].format_for(client_protocol, operation, model=target.model)
        if operation == COUNT_TOKENS:
            return self._endpoints[target.provider].counts_in(client_protocol, model=target.model)
        endpoint = self._endpoints[target.provider]
        return client_protocol if client_protocol in endpoint.protocols_for(target.model) else endpoint.default_for(target.model)

    def models(self, allowed: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the public names that can be listed: those configured, and provider/model of their targets."""
        names = dict.fromkeys(self._exact)
        if not self._is_models_only:
            routes = (*self._exact.values(), *(route for _, route in self._patterns))
            names |= dict.fromkeys(str(target) for route in routes for target in route.targets if target.model != ASKED)
        return tuple(name for name in names if is_allowed(name, allowed))

    def knows(self, model: str, allowed: tuple[str, ...] = ()) -> bool:
        """Whether a call for this name would have a target: many more names than can be listed."""
        return is_allowed(model, allowed) and self._match(model) is not None

    def explain(self, model: str, *, protocol: str = "") -> Explanation:
        """Tell which rule matched and where each target is asked to generate; `protocol` "": whatever the client speaks."""
        match = self._match(model)
        if match is None:
            self._refuse(model, ())
        weights = match.weights or (0,) * len(match.targets)
        return Explanation(
            model=model,
            rule=match.rule,
            route=match.route,
            strategy="weighted" if match.weights else "ordered",
            targets=tuple(self._consider(*each, protocol) for each in zip(match.targets, weights, strict=True)),
        )

    def _permit(self, model: str, allowed: tuple[str, ...]) -> None:
        if len(model) > LONGEST_NAME or not is_allowed(model, allowed):
            raise Forbidden(f"this key may not use the model {_shown(model)}{hint(model, allowed)}", code="model_not_allowed")
        if len(self._permitted) >= MOST_KNOWN:
            self._permitted.clear()
        self._permitted.add((model, allowed))

    def _consider(self, target: Target, weight: int, protocol: str) -> Considered:
        protocols = self._endpoints[target.provider].protocols_for(target.model)
        return Considered(
            target=target,
            weight=weight,
            protocol=self.protocol_for(target, protocol),
            reason=f"{target.provider} speaks {', '.join(protocols)}"
            + (f"; translated from {protocol}" if protocol and protocol not in protocols else "")
            + (f"; drawn first with weight {weight}" if weight else ""),
        )

    def _can_serve(self, target: Target, protocol: str, operation: str) -> bool:
        """Generations, families and counts of tokens are translated, where they can be; live sessions are not."""
        if operation in FAMILIES or operation == COUNT_TOKENS:
            return bool(self.protocol_for(target, protocol, operation))
        return self._endpoints[target.provider].speaks(
            self.protocol_for(target, protocol) if operation == GENERATE else protocol, operation, model=target.model
        )

    def _choose(self, model: str, protocol: str, operation: str, allowed: tuple[str, ...]) -> Choice:
        match = self._match(model)
        if match is None:
            self._refuse(model, allowed)
        kept = [at for at, target in enumerate(match.targets) if self._can_serve(target, protocol, operation)]
        if not kept:
            raise BadRequest(self._unspoken(model, match, protocol, operation), code="unsupported_protocol")
        chosen = [match.targets[at] for at in kept]
        targets = [msgspec.structs.replace(target, protocol=self.protocol_for(target, protocol, operation)) for target in chosen]
        is_bridged = any(target.protocol != protocol for target in targets)
        weights = [match.weights[at] for at in kept] if match.weights else []
        choice = Choice(
            tuple(
                Plan(targets=order, public_model=model, route=match.route, is_bridged=is_bridged)
                for order in (_orders(targets, weights) if weights else [tuple(targets)])
            ),
            tuple(weights),
        )
        if len(self._choices) >= MOST_KNOWN:
            self._choices.clear()
        self._choices[model, protocol, operation] = choice
        return choice

    def _match(self, model: str) -> Match | None:
        exact = self._exact.get(model)
        if exact is not None:
            return Match("exact", model, _filled(exact.targets, model), exact.weights)
        if not model or len(model) > LONGEST_NAME or not model.isascii() or not model.isprintable():
            return None  # a name that passes through ends in a header and in a URL
        for pattern, route in self._patterns:
            if pattern.matches(model):
                return Match("pattern", pattern.text, _filled(route.targets, model), route.weights)
        provider, _, name = model.partition("/")
        if name and provider in self._endpoints and not self._is_models_only:
            return Match("provider/model", f"{provider}/{ASKED}", (Target(provider=provider, model=name),), ())
        return None

    def _refuse(self, model: str, allowed: tuple[str, ...]) -> NoReturn:
        close = self._spellings.nearest(model, lambda name: is_allowed(name, allowed))
        raise UnknownModel(f"no model {_shown(model)} here" + (f"; did you mean {close}?" if close else ""))

    def _unspoken(self, model: str, match: Match, protocol: str, operation: str) -> str:
        if operation in FAMILIES:
            having = "; ".join(
                f"{name} ({self._endpoints[name].kind}) has {', '.join(self._endpoints[name].operations)}"
                for name in dict.fromkeys(target.provider for target in match.targets)
            )
            return f"the providers of the model {_shown(model)} have no {operation}: {having}"
        spoken = dict.fromkeys(name for target in match.targets for name in self._endpoints[target.provider].protocols_for(target.model))
        if protocol in spoken or operation == COUNT_TOKENS:
            return f"the providers of the model {_shown(model)} have no {operation}"
        return f"the model {_shown(model)} cannot be asked through {protocol}: its providers speak {', '.join(spoken)}"


def _filled(targets: tuple[Target, ...], model: str) -> tuple[Target, ...]:
    return tuple(Target(provider=each.provider, model=model) if each.model == ASKED else each for each in targets)


def _orders(targets: list[Target], weights: list[int]) -> list[tuple[Target, ...]]:
    """For each target the order in which it comes first and the others follow, heaviest first."""
    by_weight = sorted(range(len(targets)), key=lambda at: -weights[at])
    return [(targets[first], *(targets[at] for at in by_weight if at != first)) for first in range(len(targets))]


def _shown(model: str) -> str:
    return repr(model if len(model) <= LONGEST_NAME else f"{model[:64]}…")
