"""What a gateway still holds: nothing, once the calls on it have ended, whichever way they did."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from tests.journeys.running import until

from omnillm.assemble import Program
from omnillm.keys.pool import Pool
from omnillm.records import EntryKind, RequestRow
from omnillm.testing import FakeProvider


async def check_rest(program: Program) -> None:
    """Nothing is held once what was told of the end has come to it."""
    try:
        await until(lambda: not held(program))
    except TimeoutError:
        raise AssertionError("; ".join(held(program))) from None


def held(program: Program) -> list[str]:
    """All that is held, in words."""
    return [*_granted(program), *_in_the_transport(program)]


def _granted(program: Program) -> Iterator[str]:
    controller = program.controller
    yield from (f"case {case}" for case in controller._holdings)
    yield from (f"lease {lease}" for lease in controller._leasing.grants)
    yield from (f"{case} waits" for case in (*controller._asks.waiters, *controller._needs.waiters, *program.admission._waiting))
    yield from (f"{each.reserved_nanousd} of {each.name}" for each in controller.budgets() if each.reserved_nanousd)
    yield from (f"caller {each.name}: {each.in_use}" for each in controller._tickets._allowances.values() if each.in_use)
    for pool in controller._leasing.pools.values():
        yield from _probed(pool)
        keys = (*pool.keys.values(), *pool.removed)
        yield from (f"key {each.label}: {each.in_use}, {each.tokens_in_flight}" for each in keys if each.in_use or each.tokens_in_flight)
    if program._idempotency is not None:
        yield from (f"claim {scope}" for scope in program._idempotency.claims._in_flight)


def _probed(pool: Pool) -> Iterator[str]:
    if pool.outage.circuit.probes:
        yield f"{pool.provider} is probed"
    for key in pool.keys.values():
        circuits = (
            key.dead,
            key.breaker.circuit,
            *(each.circuit for each in key.troubles.values()),
            *(each.circuit for each in key.group.classes()),
        )
        if any(circuit.probes for circuit in circuits):
            yield f"{key.label} is probed"


def _in_the_transport(program: Program) -> Iterator[str]:
    client = program.client
    for origin, pool in client._pools.items():
        busy = len(pool._open) - pool.idle_count
        if pool._connecting or busy or pool._leaving:
            yield f"{origin}: {pool._connecting} connecting, {busy} open, {len(pool._leaving)} leaving"
    yield from (f"{socket}" for socket in client._sockets)
    yield from (f"{limit}" for limit in client._connector._under_way)
    yield from (f"{task}" for task in program.drains._tasks)


def settled(program: Program) -> int:
    """nano-USD, in the budget of everything."""
    [budget] = [each for each in program.controller.budgets() if each.name == "everything"]
    return budget.settled_nanousd


async def check_left(program: Program, fake: FakeProvider) -> None:
    """Who called has gone: nothing is held, the provider has seen the end of all, no connection is left but idle ones, and all is paid."""
    await check_rest(program)
    async with asyncio.timeout(5):
        await fake.ended(len(fake.log))
    pools = program.client._pools.values()
    await until(lambda: fake.open_connections == sum(pool.idle_count for pool in pools))
    assert settled(program) >= fake.invoice.total_nanousd


async def check_ledger(program: Program, fake: FakeProvider) -> None:
    """Its sums are those of its rows and the budget's, not below the provider's; each attempt that arrived has a row, each reservation an end."""
    store = program.store
    await store.flush()
    assert await store.verify() == []
    requests = [each async for each in _requests(program)]
    assert sum(request.cost_nanousd for request in requests) == settled(program) >= fake.invoice.total_nanousd
    sent, ends = 0, dict[tuple[str, str, int], set[EntryKind]]()
    for request in requests:
        sent += len(await store.attempts(request.request_id))
        for entry in await store.entries(request.request_id):
            ends.setdefault((entry.request_id, entry.budget, entry.attempt), set()).add(entry.kind)
    assert sent >= len(fake.log)
    assert [end for end, kinds in ends.items() if kinds == {EntryKind.RESERVE}] == []


async def _requests(program: Program) -> AsyncIterator[RequestRow]:
    """All, the newest first."""
    before = ""
    while page := await program.store.requests(limit=1000, before=before):
        for each in page:
            yield each
        before = page[-1].request_id


def revive(program: Program) -> None:
    """What faults have done to keys and providers is over."""
    for name, pool in program.controller._leasing.pools.items():
        pool.outage.circuit.revive()
        for label in pool.keys:
            program.controller.revive(name, label, program.clock.now())
