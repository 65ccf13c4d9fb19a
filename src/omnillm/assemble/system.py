"""The machine's own clock and dice: nothing else reads them."""

import random
import secrets
import time
from functools import partial

ELAPSED = getattr(time, "CLOCK_BOOTTIME", None)
"""Linux's clock that goes on while the machine is suspended, which its monotonic one does not.

A laptop that has slept has no connection left that its providers know, and minutes that are over: what is due while it sleeps is due when
it wakes. Elsewhere there is the monotonic clock alone.
"""


class SystemClock:
    """The machine's own time."""

    now = staticmethod(time.monotonic if ELAPSED is None else partial(time.clock_gettime, ELAPSED))
    wall = staticmethod(time.time)


def system_dice() -> random.Random:
    """Seeded from the operating system: for choices and ids, never for secrets."""
    return random.Random(secrets.randbits(64))  # noqa: S311  not a secret
