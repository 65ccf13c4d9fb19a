"""A gateway whose ledger is in PostgreSQL, as its callers and its administrator see it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.journeys.running import Running, Serve, configuration, until
from tests.journeys.test_operations import get
from tests.journeys.wire import admin, ask, exchange
from tests.postgres import GUARDED, PASSWORD, Postgres
from tests.stores.postgres_wire import Wire

from omnillm.errors import LedgerUnavailable
from omnillm.records import EntryKind
from omnillm.testing import FakeProvider, Fault

QUESTION = ask("openai_chat", "hello", cap=20)


@pytest.fixture
def schema(postgres: Postgres) -> str:
    """Where a user who needs a password may make tables."""
    name = postgres.schema()
    postgres.administer(f'GRANT ALL ON SCHEMA "{name}" TO {GUARDED}')
    return name


@pytest.fixture
async def wire(postgres: Postgres, tmp_path: Path) -> AsyncIterator[Wire]:
    async with Wire(tmp_path, postgres.directory) as wire:
        yield wire


def text(postgres: Postgres, provider: FakeProvider, wire: Wire, schema: str, durability: str = "strict") -> str:
    url = postgres.url(schema, user=GUARDED, password=PASSWORD, host=str(wire.here)).reveal()
    return configuration(provider, store=url, durability=durability)


async def readiness(gateway: Running) -> int:
    return (await get(gateway, "/readyz", key="")).status


async def test_ledger_is_kept_over_restarts(wire: Wire, postgres: Postgres, serve: Serve, provider: FakeProvider, schema: str) -> None:
    """What was spent and who may call: both are there when the gateway starts again, and the admin API reports them."""
    gateway = await serve(text(postgres, provider, wire, schema))
    made = await admin(gateway, "POST", "/admin/v1/virtual-keys", {"name": "ada"})
    assert (await exchange(gateway.port, ask("openai_chat", "hello", cap=20, key=made.json["secret"]))).is_answer
    cost, settled, reserved = await gateway.books()
    assert (cost, reserved) == (settled, 0)
    assert cost == provider.invoice.total_nanousd > 0
    await gateway.service.aclose()
    again = await serve(text(postgres, provider, wire, schema))
    assert await again.books() == (cost, cost, 0)
    assert (await exchange(again.port, ask("openai_chat", "hello", cap=20, key=made.json["secret"]))).is_answer
    await again.program.store.flush()
    usage = (await get(again, "/admin/v1/usage?group_by=virtual_key")).json
    assert [(row["virtual_key"], row["requests"]) for row in usage["rows"]] == [("ada", 2)]


async def test_lost_database_refuses_who_has_a_budget(
    wire: Wire, postgres: Postgres, serve: Serve, provider: FakeProvider, schema: str
) -> None:
    """503, nothing sent, nothing held, not ready; and when it is back, so is the gateway, without a restart."""
    gateway = await serve(text(postgres, provider, wire, schema))
    assert (await exchange(gateway.port, QUESTION)).is_answer
    await wire.cut()
    reply = await exchange(gateway.port, QUESTION)
    assert (reply.status, reply.error["code"]) == (503, "ledger_unavailable")
    assert await readiness(gateway) == 503
    assert (len(provider.log), gateway.in_flight) == (1, 0)
    await wire.mend()
    await until(lambda: gateway.program.store.is_healthy)
    assert await readiness(gateway) == 200
    assert (await exchange(gateway.port, QUESTION)).is_answer
    cost, settled, reserved = await gateway.books()
    assert cost == settled == provider.invoice.total_nanousd
    assert reserved == 0


async def test_lost_database_is_told_without_its_place(
    wire: Wire, postgres: Postgres, serve: Serve, provider: FakeProvider, schema: str
) -> None:
    """Neither to who draws on a budget nor to who names what only the ledger knows the owner of; the log says it."""
    gateway = await serve(text(postgres, provider, wire, schema))
    await wire.cut()
    named = ask("openai_responses", "And how wide?", cap=20, more={"previous_response_id": "resp_1"})
    for question in (named, QUESTION, named):
        reply = await exchange(gateway.port, question)
        assert (reply.status, reply.error["code"]) == (503, "ledger_unavailable")
        assert str(wire.here) not in reply.error["message"]
        assert not any(word in reply.error["message"] for word in ("connect", "closed", schema)), reply.error["message"]
        assert int(reply.headers["retry-after-ms"]) > 0
    assert provider.log == []
    await wire.mend()
    await until(lambda: gateway.program.store.is_healthy)


async def test_calls_go_on_without_the_database_where_that_is_allowed(
    wire: Wire, postgres: Postgres, serve: Serve, provider: FakeProvider, schema: str
) -> None:
    """`when_down: allow`: they are answered, and booked once it is back."""
    gateway = await serve(text(postgres, provider, wire, schema, "strict, when_down: allow"))
    await wire.cut()
    await exchange(gateway.port, QUESTION)
    await until(lambda: not gateway.program.store.is_healthy)
    sent = len(provider.log)
    replies = [await exchange(gateway.port, QUESTION) for _ in range(3)]
    assert all(reply.is_answer for reply in replies)
    await wire.mend()
    await until(lambda: gateway.program.store.is_healthy)
    cost, settled, reserved = await gateway.books()
    assert cost == settled == provider.invoice.total_nanousd
    assert (len(provider.log), reserved) == (sent + 3, 0)


async def test_reply_with_an_id_that_no_index_takes_is_paid_for(
    wire: Wire, postgres: Postgres, serve: Serve, provider: FakeProvider, schema: str
) -> None:
    """It binds nothing; what it cost is in the ledger, and nothing stays reserved there."""
    gateway = await serve(text(postgres, provider, wire, schema))
    endless = "resp_" + "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(9_000))
    counts = {"input_tokens": 5, "output_tokens": 5, "total_tokens": 10}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
    reply = {"id": endless, "object": "response", "status": "completed", "model": "fake-small", "output": [said], "usage": counts}
    provider.enqueue(Fault(http_status=200, body=json.dumps(reply).encode(), fields=(("content-type", "application/json"),)))
    assert (await exchange(gateway.port, ask("openai_responses", "hello", cap=20))).is_answer
    cost, settled, reserved = await gateway.books()
    assert (cost, settled, reserved) == (10_000, 10_000, 0)
    request, _ = await gateway.last()
    assert {entry.kind for entry in await gateway.program.store.entries(request.request_id)} == {EntryKind.RESERVE, EntryKind.SETTLE}


async def test_gateway_that_was_taken_over_spends_nothing_more_and_ends(
    wire: Wire, postgres: Postgres, serve: Serve, provider: FakeProvider, schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even with `when_down: allow`, which is for an outage: another process spends the same budget now, and this one's calls are in no book."""
    gateway = await serve(text(postgres, provider, wire, schema, "strict, when_down: allow"))
    await wire.cut()
    await exchange(gateway.port, QUESTION)
    await until(lambda: not gateway.program.store.is_healthy)
    other = await serve(configuration(provider, store=postgres.url(schema).reveal(), durability="strict"))
    assert (await exchange(gateway.port, QUESTION)).is_answer  # it cannot know yet
    await wire.mend()
    await until(lambda: gateway.program.store.is_taken_over)
    sent = len(provider.log)
    reply = await exchange(gateway.port, QUESTION)
    assert (reply.status, reply.error["code"], len(provider.log)) == (503, "ledger_unavailable", sent)
    await until(lambda: gateway.service.server.is_draining)
    assert "has taken the ledger" in caplog.text
    assert (await exchange(other.port, QUESTION)).is_answer
    with pytest.raises(LedgerUnavailable, match="has taken the ledger"):
        await gateway.service.aclose()
