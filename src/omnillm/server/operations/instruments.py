"""What the operator's pages read of a running program, and what they set going in it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol as Interface

import msgspec

from omnillm.admission.asks import BudgetSnapshot, KeySnapshot
from omnillm.gateway.counters import Counters
from omnillm.records import EVERY_REQUEST, AttemptRow, Entry, RequestFilter, RequestRow, UsageRow
from omnillm.server.operations.virtual_keys import VirtualKeys


class Reports(Interface):
    """What the admin API reads of a store."""

    @property
    def is_healthy(self) -> bool: ...

    async def usage(self, *, group_by: str, since_day: str, until_day: str) -> list[UsageRow]: ...
    async def requests(self, *, limit: int, before: str, only: RequestFilter = EVERY_REQUEST) -> list[RequestRow]: ...
    async def request(self, request_id: str) -> RequestRow | None: ...
    async def attempts(self, request_id: str) -> list[AttemptRow]: ...
    async def entries(self, request_id: str) -> list[Entry]: ...


class Instruments(msgspec.Struct, frozen=True, kw_only=True):
    """The handles of a running program."""

    counters: Callable[[], Counters]
    reports: Reports
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
