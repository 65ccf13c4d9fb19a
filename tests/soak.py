"""How long the long tests are: `make soak` repeats what `make test` does a little of."""

import os

FACTOR = int(os.environ.get("SOAK", "1"))


def some(usual: int, *, most: int = 10) -> int:
    """So many in `make test`, and at most `most` times as many: of what a longer run finds little more."""
    return usual * min(FACTOR, most)


def rounds(usual: int) -> int:
    """So many in `make test`."""
    return usual * FACTOR
