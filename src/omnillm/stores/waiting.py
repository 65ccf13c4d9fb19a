"""What stands in the writer's queue: what of it is written again after a failure, and how those who wait are told (done, or refused)."""

import asyncio
from collections.abc import Callable
from typing import Final

from omnillm.errors import LedgerUnavailable
from omnillm.records import Posting
from omnillm.stores import orphans

MAX_BACKOFF_S: Final = 1.0
"""The longest time between two tries of the writer, after which whoever is refused may come back."""


class Awaited:
    """A posting in the queue that somebody waits for."""

    __slots__ = ("done", "posting")

    def __init__(self, posting: Posting, done: asyncio.Future[None]) -> None:
        self.posting = posting
        self.done = done


class Chore:
    """Work on the connection between two batches, for somebody who waits for its result."""

    __slots__ = ("done", "work")

    def __init__(self, work: Callable[[], int], done: asyncio.Future[int]) -> None:
        self.work = work
        self.done = done


def to_apply_again(item: Posting | Awaited, *, is_unknown: bool) -> Posting | None:
    """What is left to write of a batch that failed. Whoever waited is refused, and what may have been reserved for them is given back."""
    if isinstance(item, Posting):
        return item
    voids = orphans.voids(item.posting.entries) if is_unknown else ()
    return Posting(entries=voids) if voids else None


def fulfil(done: asyncio.Future[int], answer: int | LedgerUnavailable) -> None:
    if done.done():  # its caller was cancelled
        return
    if isinstance(answer, LedgerUnavailable):
        done.set_exception(answer)
    else:
        done.set_result(answer)


def resolve(waiting: list[asyncio.Future[None]], refusal: str) -> None:
    for done in waiting:
        if done.done():  # its caller was cancelled
            continue
        if refusal:
            done.set_exception(LedgerUnavailable(refusal, retry_after_s=MAX_BACKOFF_S))
        else:
            done.set_result(None)
