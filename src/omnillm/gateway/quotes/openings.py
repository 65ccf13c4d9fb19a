"""Some streams begin with the usage of their prompt. This remembers which targets tell it truly."""

from typing import Final

from msgspec.structs import replace

from omnillm.pricing.cost import Price, cost
from omnillm.usage import Usage

MOST_TARGETS: Final = 10_000
Target = tuple[str, str]


class Openings:
    """What a target's streams tell at their beginning is believed once a whole one has shown that it is true, and none that it is less.

    Some hosts begin with an estimate, or with nothing, and tell the truth at the end; some tell only then what came from a cache.
    """

    def __init__(self) -> None:
        self._is_true: dict[Target, bool] = {}

    def compare(self, target: Target, opening: Usage, whole: Usage, price: Price) -> None:
        """A stream has ended well, and `whole` is what it has used. Told too much, at this price, proves nothing and harms nobody."""
        known = self._is_true.get(target)
        if known is False or (known is None and len(self._is_true) >= MOST_TARGETS):
            return
        told, used = prompt_of(opening), prompt_of(whole)
        if told == used:
            self._is_true[target] = True
        elif cost(told, price) < cost(used, price):
            self._is_true[target] = False

    def believed(self, target: Target, opening: Usage) -> Usage | None:
        """The usage of the prompt; None: nobody knows."""
        return prompt_of(opening) if self._is_true.get(target) else None


def prompt_of(usage: Usage) -> Usage:
    return replace(usage, output=0, reasoning=0, output_audio=0, output_image=0, output_video=0, images=0, tool_calls=0)
