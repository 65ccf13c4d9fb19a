"""What waits to be written, in which order, and what may stand in the ledger already."""

import asyncio

from omnillm.records import Entry, EntryKind, Posting
from omnillm.stores.backlog import BATCH, Backlog
from omnillm.stores.waiting import Awaited, to_apply_again

RESERVE = Entry(request_id="r", attempt=1, kind=EntryKind.RESERVE, budget="b", period="1", amount_nanousd=70, wall_ms=1, epoch=1)


def filled(count):
    postings = [Posting() for _ in range(count)]
    backlog = Backlog()
    backlog.extend(postings)
    return backlog, postings


def test_postings_are_taken_in_order_and_put_back_in_front():
    """A whole batch at a time, and nothing of it may be known yet."""
    backlog, postings = filled(BATCH + 2)
    batch = backlog.take()
    assert batch == postings[:BATCH]
    backlog.put_back(batch[-2:])
    assert not backlog.may_repeat
    assert [*map(id, backlog.take())] == [*map(id, postings[BATCH - 2 :])]
    assert backlog.take() == []


def test_a_batch_of_which_one_cannot_be_held_is_tried_one_by_one():
    """Those behind it are a batch again; until the last of the suspects is taken, what waits may be known already."""
    backlog, postings = filled(3)
    suspects = backlog.take()
    backlog.extend(more := [Posting(), Posting()])
    backlog.suspect(suspects)
    for at in range(3):
        assert backlog.may_repeat
        assert [*map(id, backlog.take())] == [id(postings[at])]
    assert not backlog.may_repeat
    assert [*map(id, backlog.take())] == [*map(id, more)]


def test_what_was_committed_and_not_synced_is_written_again_when_the_disk_fails():
    """In its order and before the rest, once; what was synced meanwhile is safe."""
    backlog, postings = filled(4)
    for posting in postings[:3]:
        backlog.popleft()
        backlog.committed([posting], is_on_disk=posting is postings[0])
        assert backlog.has_unsynced is (posting is not postings[0])
    backlog.doubt()
    assert (backlog.has_unsynced, backlog.may_repeat) == (False, True)
    assert [*map(id, backlog)] == [*map(id, postings[1:])]
    backlog.doubt()
    assert len(backlog) == 3
    assert len(backlog.take()) == 3
    assert not backlog.may_repeat


def test_what_is_on_disk_has_all_before_it_there():
    """And so has a sync."""
    for sync in (lambda backlog: backlog.committed([Posting()], is_on_disk=True), Backlog.synced):
        backlog, _ = filled(0)
        backlog.committed([Posting()], is_on_disk=False)
        sync(backlog)
        assert not backlog.has_unsynced
        backlog.doubt()
        assert not backlog


class Meanwhile(Backlog):
    """The event loop posts one more while the writer's thread takes the first out."""

    late = None

    def popleft(self):
        first = super().popleft()
        if self.late is None:
            self.late = Posting()
            self.append(self.late)
        return first


async def test_what_nobody_waits_for_stays_in_its_order_when_the_others_are_refused():
    """Also before what is posted meanwhile: a key that is given back must not be taken once more by its own call, when that is written after it."""
    backlog = Meanwhile()
    behind = [Posting(), Posting()]
    waited = [Awaited(Posting(), asyncio.get_running_loop().create_future()) for _ in range(2)]
    backlog.extend([behind[0], waited[0], behind[1], waited[1]])
    assert backlog.take_awaited() == [each.done for each in waited]
    assert [*map(id, backlog)] == [*map(id, [*behind, backlog.late])]


async def test_a_reservation_that_nobody_knows_to_be_written_is_given_back():
    """Who waited for it has been refused, so that it would be held for ever; what is certain not to stand there needs nothing."""
    waited = Awaited(Posting(entries=(RESERVE,)), asyncio.get_running_loop().create_future())
    again = to_apply_again(waited, is_unknown=True)
    assert [(entry.kind, entry.attempt, entry.budget, entry.period, entry.amount_nanousd) for entry in again.entries] == [
        (EntryKind.VOID, 1, "b", "1", 0)
    ]
    assert to_apply_again(waited, is_unknown=False) is None
    assert to_apply_again(Awaited(Posting(), waited.done), is_unknown=True) is None
    written_behind = Posting()
    assert to_apply_again(written_behind, is_unknown=True) is to_apply_again(written_behind, is_unknown=False) is written_behind
