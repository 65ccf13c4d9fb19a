"""Typical rows of a ledger, and how they get there, for `store_suite.py` and its parts."""

from typing import Final

from msgspec.structs import replace

from omnillm.records import AttemptRow, Binding, Entry, EntryKind, Posting, RequestRow
from omnillm.stores.store import Store
from omnillm.usage import Usage

WALL_S: Final = 1_795_608_000.0
"""2026-11-25 12:00 UTC."""
WALL_MS: Final = int(WALL_S * 1000)
USAGE: Final = Usage(input=300, cache_read=20, output=12, reasoning=7)
COST: Final = 139_200
DAY_MS: Final = 86_400_000


def binding(upstream_id: str, *, key: str = "prod-1", expires_wall_ms: int = WALL_MS + DAY_MS) -> Binding:
    return Binding(kind="response", upstream_id=upstream_id, provider="openai", key=key, caller="team-a", expires_wall_ms=expires_wall_ms)


def request_id(number: int) -> str:
    return f"{number:032x}"


def entry(number: int, kind: EntryKind, *, attempt: int = 0, budget: str = "team", amount: int = COST) -> Entry:
    return Entry(
        request_id=request_id(number),
        attempt=attempt,
        kind=kind,
        budget=budget,
        period="2026-11",
        amount_nanousd=amount,
        wall_ms=WALL_MS + number,
        epoch=1,
    )


def attempt_row(number: int, *, attempt: int = 0, provider: str = "openai", cost: int = COST) -> AttemptRow:
    return AttemptRow(
        request_id=request_id(number),
        attempt=attempt,
        provider=provider,
        model="gpt-4.1-mini",
        key="prod-1",
        verdict="success",
        status=200,
        wall_ms=WALL_MS + number,
        duration_ms=11,
        first_byte_ms=9,
        usage=USAGE,
        is_usage_known=True,
        cost_nanousd=cost,
        is_estimated=False,
        price_version="2026-11-01:openai/fast",
        error="",
        epoch=1,
    )


def request_row(number: int, *, attempts: int = 1, cost: int = COST, day: str = "2026-11-25", caller: str = "team-a") -> RequestRow:
    return RequestRow(
        request_id=request_id(number),
        wall_ms=WALL_MS + number,
        day=day,
        duration_ms=12,
        caller=caller,
        protocol="openai_chat",
        operation="generate",
        model="fast",
        provider="openai",
        upstream_model="gpt-4.1-mini",
        key="prod-1",
        status=200,
        outcome="success",
        is_stream=True,
        attempts=attempts,
        usage=USAGE,
        cost_nanousd=cost,
        is_estimated=False,
        tags='{"cost_center":"a1"}',
        session="s-1",
        loss="",
        epoch=1,
    )


def call(number: int, *, caller: str = "team-a", day: str = "2026-11-25") -> Posting:
    """What a typical call posts: one request, one attempt, one settlement."""
    return Posting(
        entries=(entry(number, EntryKind.SETTLE),),
        attempts=(attempt_row(number),),
        request=request_row(number, caller=caller, day=day),
    )


def with_id(posting: Posting, identity: str) -> Posting:
    """The same of another call."""
    assert posting.request is not None
    return Posting(
        entries=tuple(replace(row, request_id=identity) for row in posting.entries),
        attempts=tuple(replace(row, request_id=identity) for row in posting.attempts),
        request=replace(posting.request, request_id=identity),
    )


def tagged(posting: Posting, tags: str) -> Posting:
    assert posting.request is not None
    return replace(posting, request=replace(posting.request, tags=tags))


async def post_all(store: Store, *postings: Posting) -> None:
    for posting in postings:
        store.post(posting)
    await store.flush()
