"""A provider key: one upstream credential with its own concurrency limit, its breaker, and the models that it was denied."""

from collections.abc import Collection

from omnillm.keys.breaker import Breaker
from omnillm.keys.circuit import CLOSED, Circuit
from omnillm.keys.group import Group
from omnillm.keys.model_class import FULL, ModelClass
from omnillm.keys.terms import BreakerConfigured, Dice, KeyConfigured
from omnillm.keys.trouble import Trouble
from omnillm.keys.witnesses import Witnesses
from omnillm.pattern import matches

LATENCY_WEIGHT = 0.2
"""Of the newest sample in the moving average."""
LOAD_STEPS = 16
"""How finely load is compared: keys within a step of each other are told apart by latency."""
MODELS_MOST = 1000


class Key:
    """Identified by its label; the secret itself is never here."""

    # fmt: off
    __slots__ = (
        "_serves", "breaker", "class_by_model", "dead", "group", "in_use", "is_choosy", "is_failing", "is_ready", "is_removed",
        "label", "latency_s", "max_concurrency", "models", "rank", "salt", "secret_id", "seen_in", "tokens_in_flight", "troubles",
        "weight", "well_models", "witnesses",
    )
    # fmt: on

    def __init__(self, terms: KeyConfigured, breaker: BreakerConfigured, group: Group, rank: int) -> None:
        self.label = terms.label
        self.secret_id = terms.secret_id
        self.salt = fnv1a(terms.label)
        self.breaker = Breaker(breaker)
        self.witnesses = Witnesses()
        self.well_models = Witnesses()
        self.troubles: dict[str, Trouble] = {}
        """Of models. Each is forgotten when it is sound."""
        self.dead = Circuit()
        self.latency_s = 0.0
        self.in_use = 0
        """Calls that it has now: an exact count. `max_concurrency` of them are the most, 0 = no limit."""
        self.tokens_in_flight = 0
        self.is_removed = False
        self.is_ready = False
        """Whether it stands in its pool's list of ready keys."""
        self.seen_in = -1
        """In which ten seconds it last answered, and `is_failing`: how. `Outage` counts by both."""
        self.is_failing = False
        self.configure(terms, group, rank)

    def configure(self, terms: KeyConfigured, group: Group, rank: int) -> None:
        """`rank` is its place in the configured list."""
        self.group = group
        self.class_by_model = group.class_by_model
        self.rank = rank
        self.weight = max(1, terms.weight)
        self.models = terms.models
        self.max_concurrency = terms.max_concurrency
        self._serves: dict[str, bool] = {}
        self.is_choosy = bool(self.models or self.troubles)
        """Whether there may be models that it does not take."""

    @property
    def is_full(self) -> bool:
        return 0 < self.max_concurrency <= self.in_use

    @property
    def is_closed(self) -> bool:
        """Plainly ready: neither dead nor tripped, whatever its limits say."""
        return self.dead.state is CLOSED and self.breaker.circuit.state is CLOSED

    def serves(self, model: str) -> bool:
        """Whether its configuration names the model; a call of none (a file's) is any key's."""
        if not (self.models and model):
            return True
        known = self._serves.get(model)
        if known is None:
            if len(self._serves) >= MODELS_MOST:
                self._serves.clear()
            known = self._serves[model] = any(matches(pattern, model) for pattern in self.models)
        return known

    def load(self, model: str, tokens: int, now: float) -> float:
        """How busy it would be with a call of so many tokens, for a comparison with other keys; FULL: it cannot take it."""
        limit, in_use = self.max_concurrency, self.in_use + 1
        if (limit and in_use > limit) or (self.is_choosy and not self._takes(model, now)):
            return FULL
        load = (self.class_by_model.get(model) or self.group.class_of(model, now)).load(tokens, now)
        return in_use / limit if limit and in_use > load * limit else load

    def fits(self, model: str, tokens: int, passed: Collection[str], now: float) -> bool:
        """Whether it takes the call now, perhaps as its probe; not if its label is among those `passed` over."""
        return self.label not in passed and self.can_probe(now) and self.load(model, tokens, now) < FULL

    def _takes(self, model: str, now: float) -> bool:
        trouble = self.troubles.get(model)
        return self.serves(model) and (trouble is None or trouble.circuit.admits(now))

    def can_probe(self, now: float) -> bool:
        """Whether both of its own circuits let one attempt through."""
        return self.dead.admits(now) and self.breaker.circuit.admits(now)

    def revive(self) -> None:
        """Well again, for every model."""
        self.dead.revive()
        self.breaker.revive()
        self.troubles.clear()

    def circuits(self, model: str, model_class: ModelClass) -> list[Circuit]:
        """All that can keep it from `model`."""
        trouble = self.troubles.get(model)
        of_model = () if trouble is None else (trouble.circuit,)
        return [self.dead, self.breaker.circuit, model_class.circuit, *of_model]

    def trouble(self, model: str) -> Trouble:
        """Made at need; the oldest is forgotten when callers make up too many names."""
        trouble = self.troubles.get(model)
        if trouble is None:
            if len(self.troubles) >= MODELS_MOST:
                del self.troubles[next(iter(self.troubles))]
            self.is_choosy = True
            trouble = self.troubles[model] = Trouble(self.breaker.terms)
        return trouble

    def did_well(self, grant: object, caller: str, model: str, now: float) -> None:
        """A success that tells something new, as each does of a model in trouble: its breaker counts the share that fails."""
        self.witnesses.did_well(caller, now)
        self.well_models.did_well(model, now)
        self.breaker.succeeded(grant, now)
        trouble = self.troubles.get(model)
        if trouble is not None:
            trouble.witnesses.did_well(caller, now)
            trouble.succeeded(grant, now)
            if trouble.is_sound:
                del self.troubles[model]
                self.is_choosy = bool(self.models or self.troubles)

    def did_badly(self, grant: object, caller: str, model: str, now: float, dice: Dice) -> None:
        """A failure is the model's own while other models do well and none of them fails as well, and else the key's."""
        is_alone = not any(each.is_failing(now) for name, each in self.troubles.items() if name != model and not each.refusal)
        is_models_own = is_alone and self.well_models.others_did_well(model, now)
        if is_models_own or model in self.troubles:
            self.trouble(model).met(grant, caller, now, dice)
        is_believed = self.witnesses.is_believed(caller, now)
        if grant in self.breaker.circuit.probes or (is_believed and not is_models_own):
            self.breaker.failed(grant, now, dice)


def fnv1a(text: str) -> int:
    """A hash of 64 bits that is the same in every process."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value
