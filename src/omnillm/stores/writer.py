"""The thread that owns the ledger's only read-write connection, and the queue before it.

The event loop appends to a deque and goes on; it wakes the thread only if that sleeps. The thread commits at once after a time without
work, or if somebody waits for a posting and no other came meanwhile. Otherwise it lets postings gather between two transactions, because a
commit costs as much as a dozen postings: for a short time if somebody waits for one of them, for longer if nobody does.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from omnillm.clock import Clock
from omnillm.errors import LedgerUnavailable
from omnillm.records import Posting
from omnillm.stores.backlog import BATCH, Backlog
from omnillm.stores.book import Book
from omnillm.stores.connection import CommitUnknown, TakenOver, foreseen
from omnillm.stores.outage import Outage
from omnillm.stores.waiting import MAX_BACKOFF_S, Awaited, Chore, fulfil, resolve, to_apply_again

logger = logging.getLogger(__name__)

QUEUE_LIMIT: Final = 100_000
"""Postings (about 200 MB) that may wait while the disk refuses or stalls; beyond it the oldest are dropped and counted."""
GATHER_S: Final = 0.0005
GATHER_BEHIND_S: Final = 0.02
IDLE_S: Final = 1.0
"""How often an idle thread looks whether the program has ended without closing its store."""


class Writer:
    """`is_healthy` is False from a failed write or a drop to the next write that succeeds; `dropped` counts postings lost for good.

    `is_taken_over`: none will succeed any more.
    """

    def __init__(self, book: Book, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self.is_healthy = True
        self.is_taken_over = False
        self.failure: LedgerUnavailable | None = None
        """Why the last try to write failed; None: it did not."""
        self.dropped = 0
        self.commits = 0
        self._book = book
        self._loop = loop
        self._clock = clock
        self._queue = Backlog()
        self._chores: deque[Chore] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        # The thread raises a flag before it looks at the queue, a poster reads it after it has appended: no wake-up is lost.
        self._is_asleep = False
        self._is_lingering = False
        self._is_awaited = False
        self._gathers = False
        """The last transaction was awaited by nobody: the next one waits for more postings, even if none has come yet."""
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, name="omnillm-ledger", daemon=False)
        self._thread.start()

    @property
    def is_closing(self) -> bool:
        return self._closing.is_set()

    def post(self, posting: Posting) -> None:
        queue = self._queue
        queue.append(posting)
        if self._is_asleep or len(queue) > QUEUE_LIMIT:
            self._attend()

    def post_durably(self, posting: Posting) -> asyncio.Future[None]:
        """A future that is done when the posting is on disk."""
        if not self.is_healthy or self._closing.is_set():
            raise LedgerUnavailable("the ledger cannot be written at the moment", retry_after_s=MAX_BACKOFF_S)
        done = self._loop.create_future()
        self._queue.append(Awaited(posting, done))
        self._is_awaited = True
        if self._is_asleep or self._is_lingering or len(self._queue) > QUEUE_LIMIT:
            self._attend()
        return done

    def do_between(self, work: Callable[[], int]) -> asyncio.Future[int]:
        """A future of what `work` returns, done by the thread between two batches."""
        if not self.is_healthy or self._closing.is_set():
            raise LedgerUnavailable("the ledger cannot be written at the moment", retry_after_s=MAX_BACKOFF_S)
        chore = Chore(work, self._loop.create_future())
        self._chores.append(chore)
        if self._is_asleep:
            self._attend()
        return chore.done

    def close(self) -> None:
        """Write what is queued and end the thread. Waits for it: never call it on the event loop."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _attend(self) -> None:
        """The rare part of posting: wake the thread, make room, or refuse after the end."""
        if self._is_ended:
            self.dropped += len(self._queue)
            self._queue.clear()
            raise LedgerUnavailable("the ledger is closed")
        self._is_asleep = self._is_lingering = False
        self._wake.set()
        while len(self._queue) > QUEUE_LIMIT:
            self.is_healthy = False
            oldest = self._queue.popleft()
            self.dropped += 1
            if isinstance(oldest, Awaited):
                resolve([oldest.done], "the ledger is too slow: its queue is full")

    def _run(self) -> None:
        try:
            while self._await_work():
                if self._queue:
                    self._write(self._take())
                self._do_chore()
        except (LedgerUnavailable, MemoryError) as failure:
            self.failure = foreseen(failure)
            logger.exception("the ledger is closed with %d postings unwritten", len(self._queue))
        finally:
            self.is_healthy = False
            self._is_ended = self._is_asleep = True
            self.dropped += len(self._queue)
            self._refuse_awaited("the ledger is closed")
            self._refuse_chores()
            self._queue.clear()

    def _await_work(self) -> bool:
        """False when the store is closing and nothing is left to write."""
        if self._queue or self._gathers:
            self._linger()
        if not self._queue:
            self._sleep()
        return bool(self._queue or self._chores)

    def _linger(self) -> None:
        """After a transaction: let more postings gather before the next one, unless a whole batch is there already."""
        if len(self._queue) >= BATCH or self._chores:
            return
        # More came in during the last transaction, so more will during the next: then a commit serves several who wait.
        is_crowded = bool(self._queue)
        self._is_lingering = True
        if not self._is_awaited:
            self._wake.wait(GATHER_BEHIND_S)
        self._is_lingering = False
        self._wake.clear()
        if self._is_awaited and is_crowded:
            self._closing.wait(GATHER_S)

    def _sleep(self) -> None:
        """Until something is posted or the store closes."""
        while True:
            self._is_asleep = True
            # A program that ends without closing its store would wait for this thread for ever.
            if self._queue or self._chores or self._closing.is_set() or not threading.main_thread().is_alive():
                break
            is_woken = self._wake.wait(IDLE_S)
            self._wake.clear()
            if not is_woken:
                self._ensure(self._book.rest)
        self._is_asleep = False

    def _take(self) -> list[Posting | Awaited]:
        self._is_awaited = False
        batch = self._queue.take()
        if self._queue:
            self._is_awaited = True
        return batch

    def _write(self, batch: list[Posting | Awaited]) -> None:
        waiting = [item.done for item in batch if isinstance(item, Awaited)]
        self._gathers = not waiting
        postings = [item.posting if isinstance(item, Awaited) else item for item in batch]
        try:
            is_on_disk = self._book.write(postings, is_awaited=bool(waiting), now=self._clock.now())
        except (LedgerUnavailable, MemoryError) as failure:
            error = foreseen(failure)
            self.is_healthy = False
            is_unknown = isinstance(error, CommitUnknown)
            self._queue.put_back([again for item in batch if (again := to_apply_again(item, is_unknown=is_unknown))])
            self._tell(waiting, str(error))
            self._recover(error, postings)
        except ValueError as error:
            self._suspect(batch, error)
        except BaseException:
            self._queue.put_back(batch)  # with the thread's end, whoever waits is told
            self._is_awaited = bool(waiting) or self._is_awaited
            raise
        else:
            self.commits += 1
            self.is_healthy = True
            self._queue.committed(postings, is_on_disk=is_on_disk)
            self._tell(waiting)

    def _suspect(self, batch: list[Posting | Awaited], error: ValueError) -> None:
        """The database cannot hold a posting of the batch: find out which, and lose only that one."""
        if len(batch) > 1:
            self._queue.suspect(batch)
            return
        self.dropped += 1
        logger.error("a posting is lost: %s", error)
        self._tell([item.done for item in batch if isinstance(item, Awaited)], str(error))

    def _do_chore(self) -> None:
        """Do one chore, but not while rows may have to be written again: if it deleted them they would look new, and be booked twice."""
        if not self._chores or self._queue.may_repeat:
            return
        if self._queue.has_unsynced and not self._ensure(self._book.sync):
            return
        chore = self._chores.popleft()
        try:
            result = chore.work()
        except (LedgerUnavailable, MemoryError) as failure:
            error = foreseen(failure)
            self._answer(chore.done, error)
            self._recover(error)
        else:
            self._answer(chore.done, result)

    def _refuse_chores(self) -> None:
        while self._chores:
            self._answer(self._chores.popleft().done, LedgerUnavailable("the ledger is closed"))

    def _answer(self, done: asyncio.Future[int], answer: int | LedgerUnavailable) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(fulfil, done, answer)

    def _ensure(self, sync: Callable[[], None]) -> bool:
        """Whether all that was written is on disk; if not, what was not synced waits to be written again."""
        try:
            sync()
        except (LedgerUnavailable, MemoryError) as failure:
            self._recover(foreseen(failure))
            return False
        self._queue.synced()
        return True

    def _recover(self, error: LedgerUnavailable, refused: list[Posting] | None = None) -> None:
        """Try until the ledger can be written again, with the `refused` postings as a test. If the store closes it tries once more."""
        self.is_healthy = False
        outage = Outage(self._book, refused or [])
        while True:
            outage.tell(error)
            self.is_taken_over |= isinstance(error, TakenOver)
            is_last = self._closing.wait(outage.backoff_s()) or not threading.main_thread().is_alive()
            self._refuse_awaited(str(error))
            try:
                outage.try_again()
            except (LedgerUnavailable, MemoryError) as again:
                if is_last:
                    raise
                error = foreseen(again)
            else:
                self._queue.doubt()
                self.is_healthy = True
                logger.warning("the ledger can be written again; %d postings were dropped so far", self.dropped)
                return

    def _refuse_awaited(self, reason: str) -> None:
        """Refuse the postings that somebody waits for. The others stay in the queue until the disk takes them."""
        if not self._is_awaited:
            return
        self._is_awaited = False
        self._tell(self._queue.take_awaited(), reason)

    def _tell(self, waiting: list[asyncio.Future[None]], refusal: str = "") -> None:
        """Tell all who wait, with one wake-up of the loop."""
        if waiting and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(resolve, waiting, refusal)
