"""Why no key can take a call now, and when one could. It is asked only after no key was found, so it may look at every key."""

from collections.abc import Collection, Iterable
from math import inf

from omnillm.keys.circuit import OPEN, Circuit
from omnillm.keys.key import Key
from omnillm.keys.model_class import ModelClass
from omnillm.outcome import Verdict


class Outlook:
    """How it looks for a call, over some keys: of each value the best. Moments are seconds of the controller's clock.

    `possible_at`: the earliest moment at all, if everything that is out were given back at once. `wakes_at`: when time alone makes room.
    """

    __slots__ = ("is_broken", "is_known", "is_limited", "is_too_large", "is_tried", "largest", "possible_at", "wakes_at")

    def __init__(self) -> None:
        self.possible_at = inf
        self.wakes_at = inf
        self.largest = 0.0
        """Tokens of the largest call that would fit anywhere at all."""
        self.is_limited = self.is_broken = self.is_tried = self.is_too_large = False
        self.is_known = False
        """There is a key whose provider has not said that it does not know the model."""

    def merge(self, other: "Outlook") -> None:
        self.possible_at = min(self.possible_at, other.possible_at)
        self.wakes_at = min(self.wakes_at, other.wakes_at)
        self.largest = max(self.largest, other.largest)
        self.is_limited |= other.is_limited
        self.is_broken |= other.is_broken
        self.is_tried |= other.is_tried
        self.is_too_large |= other.is_too_large
        self.is_known |= other.is_known

    def add(self, key: Key, model: str, tokens: int, now: float, *, in_flight: int) -> None:
        """Adds a key. `in_flight`: tokens of open calls in its group. They may turn out to be fewer than was reserved."""
        model_class = key.group.class_of(model, now)
        largest = model_class.largest()
        self.largest = max(self.largest, largest)
        if tokens > largest:
            self.is_too_large = True
            return
        trouble = key.troubles.get(model)
        of_model = () if trouble is None else (trouble.circuit,)
        broken = [_circuit(circuit, now) for circuit in (key.dead, key.breaker.circuit, *of_model) if not circuit.admits(now)]
        self.is_known |= trouble is None or trouble.refusal is not Verdict.NOT_FOUND or trouble.circuit.admits(now)
        limited = list(_limits(key, model_class, tokens, now, in_flight))
        self.is_broken |= bool(broken)
        self.is_limited |= not broken
        moments = broken + limited
        self.possible_at = min(self.possible_at, max((possible for possible, _ in moments), default=now))
        self.wakes_at = min(self.wakes_at, max((wakes for _, wakes in moments), default=now))


Moments = tuple[float, float]
"""(possible at, wakes at) of one obstacle."""


def _circuit(circuit: Circuit, now: float) -> Moments:
    """An open circuit: its time. A half-open one whose probe is out: when the probe ends, or has been silent for long."""
    return (circuit.until, circuit.until) if circuit.state is OPEN else (now, circuit.probe_until)


def _limits(key: Key, model_class: ModelClass, tokens: int, now: float, in_flight: int) -> Iterable[Moments]:
    if key.is_full:
        yield now, inf
    if not model_class.circuit.admits(now):
        yield _circuit(model_class.circuit, now)
    held_until = model_class.held_until(tokens, now)
    if held_until:
        yield held_until, held_until
    for window in model_class.windows:
        moment = window.request_at(now)
        yield moment, moment
        moment = window.tokens_at(tokens, now)
        yield (now if window.tokens_left(now) + in_flight >= tokens else moment), moment


def outlook(keys: Iterable[Key], model: str, tokens: int, passed: Collection[str], now: float) -> Outlook:
    """Of the keys that serve the model; those in `passed` (labels) only say that they were tried."""
    view = Outlook()
    serving = [key for key in keys if key.serves(model)]
    in_flight: dict[str, int] = {}
    for key in serving:
        in_flight[key.group.name] = in_flight.get(key.group.name, 0) + key.tokens_in_flight
    for key in serving:
        if key.label in passed:
            view.is_tried = True
        else:
            view.add(key, model, tokens, now, in_flight=in_flight[key.group.name])
    return view
