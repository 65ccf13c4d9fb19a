"""A ledger that cannot be written: how often it is tried, and what is told of it."""

from omnillm.errors import LedgerUnavailable
from omnillm.stores.connection import TakenOver
from omnillm.stores.outage import MOST_REASONS, Outage


def test_tries_are_rarer_and_rarer_up_to_one_a_second():
    """A short outage is over soon after its reason, a long one takes no processor."""
    outage = Outage(None, [])
    assert [outage.backoff_s() for _ in range(7)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_each_reason_is_told_once_and_of_many_the_first(caplog):
    """A later one may be the cause; reasons that differ by a number do not fill the log. Another process that has taken over always is."""
    outage = Outage(None, [])
    for number in (0, 0, *range(MOST_REASONS + 3)):
        outage.tell(LedgerUnavailable(f"reason {number}"))
    assert [record.getMessage() for record in caplog.records] == [
        f"reason {number}; it is tried again until it works" for number in range(MOST_REASONS)
    ]
    caplog.clear()
    for _ in range(2):
        outage.tell(TakenOver("another process has it"))
    assert [record.getMessage() for record in caplog.records] == ["another process has it; what waits to be written is lost"]
