"""How long the long tests are: `make soak` repeats what `make test` does a little of."""

import os

FACTOR = int(os.environ.get("SOAK", "1"))


def rounds(usual: int) -> int:
    """So many in `make test`."""
    return usual * FACTOR
