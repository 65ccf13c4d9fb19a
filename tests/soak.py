"""How long the long tests are: `make soak` repeats what `make test` does a little of."""

import os

FACTOR = int(os.environ.get("SOAK", "1"))


def some(usual: int) -> int:
    """So many in `make test`, and at most ten times as many: of what a longer run finds little more."""
    return usual * min(FACTOR, 10)


def rounds(usual: int) -> int:
    """So many in `make test`."""
    return usual * FACTOR
