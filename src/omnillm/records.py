"""What the ledger keeps. Gateway and stores never meet: they share these structs, which travel as JSON arrays in batches.

A row is immutable. Every key begins with the request id (16 bytes, time-ordered, as 32 hex digits here); `epoch` names the process that
wrote it, so that what a killed process left open can be told from what is in flight now. The rows of calls and attempts may be made by
position: of more than 15 keywords CPython makes a dictionary, which costs more than the row (3 us to 0.5).
"""

import enum

import msgspec

from omnillm.usage import NO_USAGE, Usage


class EntryKind(enum.IntEnum):
    RESERVE = 0
    SETTLE = 1
    VOID = 2
    ADJUST = 3


class Entry(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One movement of one budget scope. Unique in (request_id, attempt, kind, budget).

    RESERVE holds `amount_nanousd`; SETTLE replaces the reservation by `amount_nanousd`; VOID gives it back whole (amount 0); ADJUST adds.
    """

    request_id: str
    attempt: int
    kind: EntryKind
    budget: str
    period: str
    """Id of the budget's period at the time of the reservation: "2026-11", "total", or a rolling budget's bucket "2026-11-28T13:00Z/PT15M".

    A settle is booked to it too.
    """
    amount_nanousd: int
    wall_ms: int
    epoch: int
    is_estimated: bool = False


class AttemptRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One dispatch of a call to one target with one provider key."""

    request_id: str
    attempt: int
    provider: str
    model: str
    key: str
    """The provider key's label."""
    verdict: str
    status: int
    """The provider's HTTP status; 0: none came."""
    wall_ms: int
    """When it was sent."""
    duration_ms: int
    first_byte_ms: int
    """-1: no byte came."""
    usage: Usage
    is_usage_known: bool
    cost_nanousd: int
    is_estimated: bool
    price_version: str
    error: str
    """A code, never a provider's text."""
    epoch: int
    upstream_request_id: str = ""
    """The provider's own id of it, "" if its reply told none."""


class RequestRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One accepted request, written when it ends."""

    request_id: str
    wall_ms: int
    day: str
    """UTC day of `wall_ms`, "2026-11-25": the key of the daily roll-up."""
    duration_ms: int
    caller: str
    """Name of the virtual key, "" for nobody."""
    protocol: str
    operation: str
    model: str
    """As asked for."""
    provider: str
    """Of the answering attempt, "" when none."""
    upstream_model: str
    key: str
    status: int
    """What the client was answered; 499: it hung up."""
    outcome: str
    """success, an error's code, or aborted."""
    is_stream: bool
    attempts: int
    usage: Usage
    cost_nanousd: int
    is_estimated: bool
    tags: str
    session: str
    loss: str
    epoch: int


class Binding(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Which key made an upstream object, so that its id finds the key again. Unique in (kind, upstream_id); the first one stands."""

    kind: str
    """response, reasoning, file, cached_content, ..."""
    upstream_id: str
    provider: str
    key: str
    """The provider key's label."""
    caller: str
    """Name of the virtual key that it was made for: nobody else may use it. Of the gateway's own notes on an object: what is noted."""
    expires_wall_ms: int


BATCHES = "batches"
"""The operation of a call about batches: one that makes a batch costs the bound of all its requests."""
BATCH_SETTLEMENT = "batch_settlement"
"""The operation of the row by which a batch then costs what it cost."""
BATCH_BILL = "batch_bill"
"""The kind of a binding from a batch to the call that made it, whose id stands in the place of a caller."""


def settlement_id(made_by: str) -> str:
    """The id of a batch's settlement, from that of the call that made it: its neighbour, which no call of any process has."""
    return f"{int(made_by, 16) ^ 1:032x}"


class ClaimState(enum.IntEnum):
    TAKEN = 0
    FINISHED = 1
    FREE = 2


class ClaimRow(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What came of a caller's idempotency key. Unique in `scope`: that of a later request stands, and of one request the later state.

    TAKEN: the request was about to be sent; who finds this after the run has ended takes it for FINISHED, because nobody knows.
    FINISHED: it may have been billed, so it is not done again. FREE: it was not, so the row goes.
    """

    scope: str
    """Digest of the virtual key's name, the route and the idempotency key, 64 hex digits."""
    fingerprint: str
    """Of model, mode and body, keyed with the ledger's pepper, 64 hex digits."""
    request_id: str
    state: ClaimState
    expires_wall_ms: int
    status: int = 0
    """Of the reply, where that is kept; 0: it is not."""
    outcome: str = ""
    content_type: str = ""
    reply: bytes = b""
    """The body. b"" also where a row tells only that there is one."""


class OwnBudget(msgspec.Struct, frozen=True, kw_only=True):
    """A budget that only one virtual key draws on."""

    limit_nanousd: int
    period: str
    """day, week, month, total, or "rolling 24h"."""
    is_hard: bool
    tz: str
    warn_permille: tuple[int, ...]


class VirtualKey(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual key that was made through the admin API. Its secret is nowhere, only a digest that is keyed with the ledger's pepper.

    Limits: 0 = none; times: Unix milliseconds, 0 = never.
    """

    name: str
    """Its own for ever: a revoked key's is not given again, because the rows of its calls bear it."""
    digest: str
    """Of its secret, 64 hex digits."""
    pepper_id: str
    """Tells which pepper keyed the digests."""
    created_wall_ms: int
    previous_digest: str = ""
    """Of the secret before the last rotation, good until `previous_until_wall_ms`."""
    previous_until_wall_ms: int = 0
    rotated_wall_ms: int = 0
    revoked_wall_ms: int = 0
    expires_wall_ms: int = 0
    rpm: int = 0
    tpm: int = 0
    max_concurrency: int = 0
    models: tuple[str, ...] = ()
    """Names and patterns of the models that it may ask for; empty: all."""
    budgets: tuple[str, ...] = ()
    """Names of the shared budgets that it draws on."""
    budget: OwnBudget | None = None
    tags: dict[str, str] = {}
    metadata: dict[str, str] = {}
    revision: int = 0
    """The number of the change that wrote it, given by the store and rising with every change of any key; 0: never written."""


class Posting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one call hands to the ledger at once, or an administrator: all of it is written in one transaction, or none."""

    entries: tuple[Entry, ...] = ()
    attempts: tuple[AttemptRow, ...] = ()
    request: RequestRow | None = None
    bindings: tuple[Binding, ...] = ()
    virtual_keys: tuple[VirtualKey, ...] = ()
    """Each is written where the one that stands there has its revision, or where none stands and it has none."""
    claims: tuple[ClaimRow, ...] = ()


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What one budget has settled in one period, as the ledger knows it."""

    budget: str
    period: str
    settled_nanousd: int


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a usage report, or its total."""

    groups: tuple[str, ...] = ()
    """In the order in which the report was asked for; none: the total."""
    requests: int
    attempts: int
    cost_nanousd: int
    usage: Usage = NO_USAGE


class RequestFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests a list shall have: those that meet every condition. None, 0 and False are none."""

    virtual_key: str | None = None
    model: str | None = None
    """As asked for."""
    provider: str | None = None
    outcome: str | None = None
    status: int = 0
    since_wall_ms: int = 0
    """By the time in the id, as all that is sorted by id."""
    until_wall_ms: int = 0
    """The first moment that is too late."""
    min_cost_nanousd: int = 0
    is_lossy: bool = False
    """Only those whose translation could not carry something."""


EVERY_REQUEST = RequestFilter()


ID_RANDOM_BITS = 80
"""Of a request id, behind its 48 bits of Unix milliseconds; both together are 32 hex digits."""


def first_id(wall_ms: int) -> str:
    """The lowest request id of a moment."""
    return f"{wall_ms << ID_RANDOM_BITS:032x}"


def id_wall_ms(request_id: str) -> int:
    """Unix milliseconds of the moment at which an id was made."""
    return int(request_id, 16) >> ID_RANDOM_BITS
