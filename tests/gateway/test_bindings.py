"""What was made lately is known at once, without the ledger; what is older, or too long, is not."""

from omnillm.admission.asks import Lease
from omnillm.gateway.bindings import LONGEST_ID, MOST_RECENT, Bindings
from omnillm.gateway.call import Call, Caller
from omnillm.protocols.bound import FILE
from omnillm.protocols.protocol import RequestPeek
from omnillm.protocols.registry import PROTOCOLS
from omnillm.stores.memory import MemoryStore
from omnillm.testing import ManualClock

LEASE = Lease(case_id="c", lease_id=1, provider="p", key="k", model="m")
CALL = Call(
    protocol=PROTOCOLS["openai_chat"],
    operation="files",
    caller=Caller(name="ada"),
    model="p",
    is_stream=False,
    peek=RequestPeek(model=""),
    members={},
    body=b"",
    headers={},
    started_at=0.0,
    wall=0.0,
    deadline=0.0,
)


async def test_the_oldest_are_left_to_the_ledger() -> None:
    """Memory holds so many of the newest; what this ledger was never given is nobody's."""
    bindings = Bindings(MemoryStore(clock=ManualClock()), ManualClock())
    made = bindings.make(CALL, LEASE, tuple((FILE, f"file-{number}") for number in range(MOST_RECENT + 2)))
    assert len(made) == MOST_RECENT + 2
    found = [await bindings.owner((FILE, f"file-{number}")) for number in (0, 1, 2, MOST_RECENT + 1)]
    assert [binding and binding.caller for binding in found] == [None, None, "ada", "ada"]


async def test_an_id_that_no_index_takes_is_not_bound() -> None:
    """The call's own rows are written together with what it made, and must not fail for it."""
    bindings = Bindings(MemoryStore(clock=ManualClock()), ManualClock())
    longest, longer = "f" * LONGEST_ID, "é" * LONGEST_ID
    assert [binding.upstream_id for binding in bindings.make(CALL, LEASE, ((FILE, longest), (FILE, longer)))] == [longest]
