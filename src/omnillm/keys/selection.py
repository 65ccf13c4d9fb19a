"""Picks one of the ready keys. Each strategy looks at a few keys while most have room, and at all of them otherwise."""

from bisect import insort
from collections.abc import Callable, Collection
from operator import attrgetter

from omnillm.keys.key import LOAD_STEPS, Key
from omnillm.keys.model_class import FULL
from omnillm.keys.terms import Dice

WEIGHTED_TRIES = 8


class Ready(list[Key]):
    """The keys that are plainly ready, in their configured order. `heaviest` is at least the largest weight among them."""

    heaviest = 1

    def join(self, key: Key) -> None:
        insort(self, key, key=attrgetter("rank"))
        self.heaviest = max(self.heaviest, key.weight)


Selection = Callable[[Ready, str, int, Collection[str], float, Dice], Key | None]
"""(ready keys, model, tokens, labels to pass over, now, dice) -> a key with room, or None when there is none."""


def power_of_two(ready: Ready, model: str, tokens: int, passed: Collection[str], now: float, dice: Dice) -> Key | None:
    """The better of two random keys."""
    count = len(ready)
    if count < 2:
        return priority(ready, model, tokens, passed, now, dice)
    pair = int(dice.random() * (count * (count - 1)))
    first = pair % count
    one, other = ready[first], ready[first - 1 - pair // count]
    if not passed:
        # The key that wins ties cannot lose if its load is on the lowest step. Then the other key's windows need not be read.
        winner = one if _wins_tie(one, other) else other
        if winner.load(model, tokens, now) * LOAD_STEPS < 1.0:
            return winner
    one_load = one.load(model, tokens, now) if one.label not in passed else FULL
    other_load = other.load(model, tokens, now) if other.label not in passed else FULL
    if one_load < FULL and other_load < FULL:
        return one if _is_lighter(one, one_load, other, other_load) else other
    if one_load < FULL:
        return one
    return other if other_load < FULL else random_first_fit(ready, model, tokens, passed, now, dice)


def _is_lighter(one: Key, one_load: float, other: Key, other_load: float) -> bool:
    """Compare by the used share of the tightest limit, in coarse steps; then by calls in flight; then by latency."""
    ahead = int(other_load * LOAD_STEPS) - int(one_load * LOAD_STEPS)
    return ahead > 0 if ahead else _wins_tie(one, other)


def _wins_tie(one: Key, other: Key) -> bool:
    ahead = other.in_use - one.in_use
    return ahead > 0 if ahead else one.latency_s <= other.latency_s


def random_first_fit(ready: Ready, model: str, tokens: int, passed: Collection[str], now: float, dice: Dice) -> Key | None:
    """From a random key on, the first with room."""
    count = len(ready)
    start = int(dice.random() * count)
    for at in range(start, start + count):
        key = ready[at % count]
        if key.label not in passed and key.load(model, tokens, now) < FULL:
            return key
    return None


def weighted(ready: Ready, model: str, tokens: int, passed: Collection[str], now: float, dice: Dice) -> Key | None:
    """In proportion to weight among the keys with room: by rejection sampling with a few throws, and exactly if all of them failed."""
    count = len(ready)
    for _ in range(min(count, WEIGHTED_TRIES)):
        key = ready[int(dice.random() * count)]
        if dice.random() * ready.heaviest < key.weight and key.label not in passed and key.load(model, tokens, now) < FULL:
            return key
    fitting = [key for key in ready if key.label not in passed and key.load(model, tokens, now) < FULL]
    at = dice.random() * sum(key.weight for key in fitting)
    for key in fitting:
        at -= key.weight
        if at < 0:
            return key
    return None


def priority(ready: Ready, model: str, tokens: int, passed: Collection[str], now: float, dice: Dice) -> Key | None:  # noqa: ARG001 - a strategy's shape
    """The first of the list with room."""
    for key in ready:
        if key.label not in passed and key.load(model, tokens, now) < FULL:
            return key
    return None


SELECTIONS: dict[str, Selection] = {
    "power_of_two": power_of_two,
    "random_first_fit": random_first_fit,
    "weighted": weighted,
    "priority": priority,
}
