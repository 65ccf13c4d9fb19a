"""A quota group: keys that share one account's limits. Providers limit an account and a model, not a key."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from omnillm.keys.model_class import Handover, ModelClass, tightest
from omnillm.keys.terms import KeyConfigured, ModelLimits
from omnillm.limits.window import Window, resized
from omnillm.pattern import matches

if TYPE_CHECKING:
    from omnillm.keys.key import Key

MODELS_MOST = 1000
"""Models whose class is remembered. If a route passes names through, callers can make them up."""


class Group:
    """A window for all models together, and a `ModelClass` for each pattern, or for each model that no pattern names."""

    __slots__ = ("_classes", "_limits", "class_by_model", "is_earmarked", "keys", "name", "window")

    def __init__(self, name: str) -> None:
        self.name = name
        self.keys: list[Key] = []
        self.window: Window | None = None
        self.is_earmarked = False
        """Room is kept in it for a call that waits (`admission/earmarks.py`)."""
        self._limits: dict[str, list[ModelLimits]] = {}
        """By pattern, what its keys state."""
        self._classes: dict[str, ModelClass] = {}
        self.class_by_model: dict[str, ModelClass] = {}
        """Of the models asked for so far; `class_of` finds the others. Always the same dict, because the keys hold it, too."""

    def configure(self, members: Sequence[KeyConfigured]) -> None:
        """The limits that its keys state. Classes keep their content."""
        self.window = resized(self.window, tightest([each.rpm for each in members]), tightest([each.tpm for each in members]))
        self._limits = {}
        for limits in [limits for each in members for limits in each.limits]:
            self._limits.setdefault(limits.pattern, []).append(limits)
        self.class_by_model.clear()
        for name in self._limits:
            self._classes.setdefault(name, ModelClass(name, self.window))
        for name, model_class in self._classes.items():
            model_class.configure(self._limits.get(name, ()), self.window)

    def class_of(self, model: str, now: float) -> ModelClass:
        """The class of the first pattern that matches, else the model's own."""
        return self.class_by_model.get(model) or self._classify(model, now)

    def classes(self) -> list[ModelClass]:
        return list(self._classes.values())

    def take_over(self, other: "Group", now: float) -> list[Handover]:
        """A key has moved here from the other group. What was used there may have been used of this account."""
        own, theirs = self.window, other.window
        handovers = [(theirs, own)] if own is not None and theirs is not None else []
        for model_class in other.classes():
            if not model_class.is_idle(now):
                handovers += self.class_of(model_class.name, now).take_over(model_class, now)
        return handovers

    def forget_health(self) -> None:
        for model_class in self._classes.values():
            model_class.forget_health()

    def _classify(self, model: str, now: float) -> ModelClass:
        if len(self.class_by_model) >= MODELS_MOST:
            self._forget_idle(now)
        name = next((pattern for pattern in self._limits if matches(pattern, model)), model)
        model_class = self._classes.get(name)
        if model_class is None:
            model_class = self._classes[name] = ModelClass(name, self.window)
        self.class_by_model[model] = model_class
        return model_class

    def _forget_idle(self, now: float) -> None:
        self.class_by_model.clear()
        kept = {name: model_class for name, model_class in self._classes.items() if name in self._limits or not model_class.is_idle(now)}
        if len(kept) >= len(self._limits) + MODELS_MOST:
            kept = {name: self._classes[name] for name in self._limits}
        self._classes = kept


def group_name(terms: KeyConfigured) -> str:
    """A key without a group is one of its own, whose name no configured group can have."""
    return terms.group or f"\0{terms.label}"
