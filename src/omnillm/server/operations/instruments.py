"""What the operator's pages need of a running program: what they read from it, and what they can start in it."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from omnillm.admission.asks import BudgetSnapshot, KeySnapshot
from omnillm.gateway.counters import Counters
from omnillm.server.operations.virtual_keys import VirtualKeys
from omnillm.stores.store import Store


class Instruments(msgspec.Struct, frozen=True, kw_only=True):
    """The handles of a running program."""

    counters: Callable[[], Counters]
    store: Store
    virtual_keys: VirtualKeys
    keys: Callable[[], list[KeySnapshot]]
    budgets: Callable[[], list[BudgetSnapshot]]
    revive: Callable[[str, str], bool]
    reload: Callable[[], Awaitable[None]]
    is_draining: Callable[[], bool]
    is_admin: Callable[[Mapping[bytes, bytes]], bool]
    dropped: Callable[[], Mapping[str, int]]
    """What was for others and reached nobody: how many `log_lines` and `spans`."""
    make_id: Callable[[], str]
