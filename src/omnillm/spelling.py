"""Which known name a misspelt name probably meant."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise

LONGEST = 64
"""Characters compared: names come from strangers too."""
MOST = 2000
"""Places looked at for one name; what a wrong name costs must not grow with how many are right."""
CANDIDATES = 16
CLOSE = 0.54
"""As much of both names must be in common: two letters that changed places leave so much of a name of three."""


class Spellings:
    """Names that are right, to be looked up by their letters, and by which of these stand side by side."""

    __slots__ = ("_names", "_places")

    def __init__(self, valid: Iterable[str]) -> None:
        self._names = tuple(valid)
        self._places: dict[str, list[int]] = {}
        for place, name in enumerate(self._names):
            for trait in _traits(name):
                self._places.setdefault(trait, []).append(place)

    def nearest(self, name: str, is_meant: Callable[[str], bool] = bool) -> str | None:
        """Return the name most like `name`, ignoring case, of those that can be meant, or None when none is close.

        What is rarest in it is looked at first: where thousands of names begin alike, their beginning tells nothing.
        """
        wanted = _traits(name)
        found: Counter[int] = Counter()
        left = MOST
        for places in sorted((self._places[trait] for trait in wanted if trait in self._places), key=len):
            found.update(places[:left])
            left -= len(places)
            if left <= 0:
                break
        candidates = (
            (_likeness(wanted, _traits(self._names[place])), -place)
            for place in sorted(found, key=found.__getitem__, reverse=True)[:CANDIDATES]
        )
        for likeness, place in sorted(candidates, reverse=True):
            if likeness < CLOSE:
                return None
            if is_meant(self._names[-place]):
                return self._names[-place]
        return None


def _traits(name: str) -> frozenset[str]:
    """Its letters, and its pairs of neighbours, those at its ends with a blank."""
    text = name[:LONGEST].lower()
    return frozenset((*text, *map("".join, pairwise(f" {text} "))))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """From 0 to 1."""
    return 2 * len(one & other) / (len(one) + len(other))


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """As `Spellings.nearest`, of names that are looked through once."""
    return Spellings(valid).nearest(name)


def guess(name: str, valid: Iterable[str]) -> str:
    """End of a sentence about a wrong name that says what is valid: "; did you mean X?" or nothing."""
    close = nearest(name, valid)
    return "" if close is None else f"; did you mean {close}?"


def hint(name: str, valid: Iterable[str]) -> str:
    """End of a sentence about a wrong name: "; did you mean X?", else the valid ones when they are few."""
    names = tuple(valid)
    close = _spellings(names).nearest(name)
    if close is not None:
        return f"; did you mean {close}?"
    return f"; valid: {', '.join(names)}" if 0 < len(names) <= 30 else ""


@lru_cache(maxsize=64)
def _spellings(names: tuple[str, ...]) -> Spellings:
    """What a virtual key may ask for is the same each time that it asks for something else."""
    return Spellings(names)
