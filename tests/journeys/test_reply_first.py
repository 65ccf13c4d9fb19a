"""A plain reply leaves before its call is closed, and nobody can tell by anything that comes after it."""

import asyncio
import socket

import pytest
from tests.journeys.running import Running, Serve, configuration, until
from tests.journeys.wire import ask, exchange

from omnillm.gateway.case import Case
from omnillm.gateway.ended import EndedCalls
from omnillm.money import format_usd
from omnillm.records import RequestRow
from omnillm.testing import FakeProvider


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(configuration(provider, queue="0s", keys={"good": "key: sk-good, max_concurrency: 1"}, caller="max_concurrency: 1"))


def head_with_cost(row: RequestRow) -> str:
    return f"x-omnillm-attempts: 1\r\nx-omnillm-cost-usd: {format_usd(row.cost_nanousd)}\r\n"


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
async def test_a_reply_is_with_its_client_before_its_call_is_closed(gateway: Running, is_stream: bool) -> None:
    """A plain one with its cost, a stream to its very end; and when that is told, the lease and the money are given back."""
    seen: list[tuple[bytes, RequestRow, int, int]] = []

    class Look(EndedCalls):
        def add(self, row: RequestRow) -> None:
            [budget] = gateway.program.controller.budgets()
            seen.append((client.recv(65536, socket.MSG_PEEK), row, gateway.in_flight, budget.reserved_nanousd))

    gateway.program.settlement.ended = Look(count_failures=gateway.program.settlement.ended.count_failures)
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.setblocking(False)
        client.sendall(ask("openai_chat", "hello", is_stream=is_stream).raw)
        await until(lambda: bool(seen))
    [(reply, row, in_flight, reserved)] = seen
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
    assert reply.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n") if is_stream else head_with_cost(row) in reply.decode()
    assert row.cost_nanousd > 0
    assert (in_flight, reserved) == (0, 0)


async def test_a_client_whose_next_call_lies_behind_its_last_finds_its_slot_free(gateway: Running) -> None:
    """One call at a time for the caller and for the key, and nobody waits: each of ten calls in one piece is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(ask("openai_chat", "hello").raw * 10)
    replies = b""
    while replies.count(b"HTTP/1.1 ") < 10:
        replies += await reader.read(1 << 20)
    writer.close()
    assert replies.count(b"HTTP/1.1 200 OK") == 10
    await gateway.spent()


async def test_a_defect_behind_a_reply_gives_back_what_its_call_held(
    gateway: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client has its reply, the provider its money; the row and the log say that something failed."""

    def broken(*_: object) -> None:
        raise KeyError("unforeseen")

    monkeypatch.setattr(Case, "bind", broken)
    reply = await exchange(gateway.port, ask("openai_responses", "hello"))
    assert reply.status == 200
    request, [attempt] = await gateway.last()
    assert (request.outcome, attempt.verdict, request.cost_nanousd) == ("internal_error", "success", attempt.cost_nanousd)
    assert await gateway.spent() > 0
    assert f"Call {request.request_id} failed with KeyError:" in caplog.text
