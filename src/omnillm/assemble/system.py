"""The machine's own clock and dice: nothing else reads them."""

import random
import secrets
import time


class SystemClock:
    """The machine's own time."""

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)


def system_dice() -> random.Random:
    """Seeded from the operating system: for choices and ids, never for secrets."""
    return random.Random(secrets.randbits(64))  # noqa: S311  not a secret
