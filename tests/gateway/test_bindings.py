"""What was made lately is known at once, without the ledger; what is older, or too long, is not."""

import pytest
from msgspec.structs import replace

from omnillm.admission.asks import Lease
from omnillm.errors import BadRequest, CallerFault
from omnillm.gateway.bindings import KEPT_S, LONGEST_ID, MOST_RECENT, OBJECT_KEPT_S, Bindings, Pin, pinned
from omnillm.gateway.call import Call, Caller
from omnillm.protocols.bound import FILE, RESPONSE
from omnillm.protocols.protocol import RequestPeek
from omnillm.protocols.registry import PROTOCOLS
from omnillm.records import BATCH_BILL
from omnillm.routing.target import Plan, Target
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


async def test_one_key_answers_for_all_that_a_call_names() -> None:
    """What two keys made is one call's too much, and what another caller made is not there. A batch's bill is its request's own."""
    clock = ManualClock()
    bindings = Bindings(MemoryStore(clock=clock), clock)
    bindings.make(CALL, LEASE, ((FILE, "a"), (FILE, "b")))
    bindings.make(CALL, replace(LEASE, key="l"), ((FILE, "c"),))
    pin = await bindings.pin(CALL, ((FILE, "a"), (FILE, "b"), (FILE, "nobody's")))
    assert pin == Pin(provider="p", key="k", is_must=True, upstream_id="b", reasoning={})
    with pytest.raises(BadRequest, match="'a' and 'c' were made with two provider keys"):
        await bindings.pin(CALL, ((FILE, "a"), (FILE, "c")))
    with pytest.raises(CallerFault) as refused:
        await bindings.pin(replace(CALL, caller=Caller(name="bob")), ((FILE, "a"),))
    assert (refused.value.status, refused.value.code) == (404, "not_found")
    [bill] = bindings.make(CALL, LEASE, ((BATCH_BILL, "batch"),), request_id="r")
    assert bill.caller == "r"


async def test_the_first_owner_stays_until_its_time_is_over() -> None:
    """Nobody becomes the owner of an object because a reply mentions it."""
    clock = ManualClock()
    bindings, began = Bindings(MemoryStore(clock=clock), clock), clock.wall()
    another = replace(CALL, caller=Caller(name="bob"))
    made = bindings.make(CALL, LEASE, ((FILE, "f"), (RESPONSE, "r")))
    assert [binding.expires_wall_ms for binding in made] == [int((began + kept_s) * 1000) for kept_s in (OBJECT_KEPT_S, KEPT_S)]
    for seconds, owner in ((OBJECT_KEPT_S - 1, "ada"), (1, "bob")):
        clock.advance(seconds)
        bindings.make(another, LEASE, ((FILE, "f"),))
        found = await bindings.owner((FILE, "f"))
        assert found is not None
        assert found.caller == owner
    clock.advance(OBJECT_KEPT_S)
    assert await bindings.owner((FILE, "f")) is None


def test_where_a_wish_leads_is_tried_first() -> None:
    """Then the others, in their order; a must leaves nothing else."""
    targets = tuple(Target(provider=provider, model=model, protocol="openai_chat") for provider, model in ("qa", "pb", "rc", "pd"))
    plan = Plan(targets=targets, public_model="m", route="m")
    for is_must, order in ((False, "bdac"), (True, "bd")):
        pin = Pin(provider="p", key="k", is_must=is_must, upstream_id="f", reasoning={})
        assert "".join(target.model for target in pinned(plan, pin, CALL).targets) == order
