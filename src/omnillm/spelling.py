"""What a misspelt name was probably meant to be."""

import difflib
from collections.abc import Iterable

LONGEST = 64
"""Characters compared: names come from strangers too, and the comparison is quadratic."""
MOST = 500
"""Names compared."""


def nearest(name: str, valid: Iterable[str], *, most: int = MOST) -> str | None:
    """Return the valid name most like `name`, ignoring case, or None when none is close. Of the first `most`."""
    known = {each[:LONGEST].lower(): each for _, each in zip(range(most), valid, strict=False)}
    found = difflib.get_close_matches(name[:LONGEST].lower(), known, n=1, cutoff=0.6)
    return known[found[0]] if found else None


def hint(name: str, valid: Iterable[str]) -> str:
    """End of a sentence about a wrong name: "; did you mean X?", else the valid ones when they are few."""
    names = list(valid)
    close = nearest(name, names)
    if close is not None:
        return f"; did you mean {close}?"
    return f"; valid: {', '.join(names)}" if 0 < len(names) <= 30 else ""
