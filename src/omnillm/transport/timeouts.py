"""Deadlines without a timer for each call: each item says when it is due, and one sweep looks at all of them."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Protocol

import msgspec


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Seconds. `connect_s` covers DNS, TCP, a proxy and TLS; `first_byte_s` and `idle_s` apply to streams, `total_s` to all."""

    connect_s: float = 5.0
    first_byte_s: float = 60.0
    idle_s: float = 300.0
    total_s: float = 600.0


class Watched(Protocol):
    """Something that is due at `due` (of the clock's `now()`); infinity means never. It changes `due` as it likes."""

    due: float

    def expire(self, now: float) -> None: ...


class Deadlines(set[Watched]):
    """The watched items. Moving a deadline is one assignment; the price is a sweep over all items, some 20 times a second."""

    __slots__ = ()

    def sweep(self, now: float) -> None:
        """Expire what is due, all of it even when one of them raises."""
        do_all([partial(item.expire, now) for item in self if item.due <= now])


def do_all(acts: Sequence[Callable[[], object]]) -> None:
    """Call each in order, even when some raise; what they raised is raised after the last."""
    rest = iter(acts)
    for act in rest:
        try:
            act()
        except BaseException:
            # The stack chains all that is raised. Where nothing is, which is nearly always, it would be most of the work.
            with ExitStack() as stack:
                for later in reversed(list(rest)):
                    stack.callback(later)
                raise
