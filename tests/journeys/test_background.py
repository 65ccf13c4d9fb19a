"""Responses that are written in the background: booked at their bound, and settled by what is told later, whoever asks."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.journeys.hosts import hosting
from tests.journeys.running import Running, Serve, until
from tests.journeys.wire import Line, Reply, question, send

from omnillm.assemble import SystemClock
from omnillm.testing import ManualClock

KEY = "sk-omni-ada-0123456789"
CONFIG = f"""
server: {{port: 0, auth: required, native: {{openai: openai}}}}
store: {{url: "STORE"}}
providers: {{openai: {{kind: openai, base_url: BASE, keys: [{{label: a, key: sk-a}}]}}}}
budgets: [{{name: everything, limit_usd: 5, period: total}}]
virtual_keys: [{{name: ada, key: {KEY}}}]
pricing:
  overrides:
    openai/m: {{input: 2, output: 8, context: 10000, per_tool: {{web_search: 0.01}}, service_tiers: {{flex: {{input: 1, output: 4}}}}}}
"""
ASKED = {"model": "openai/m", "input": "How deep is the lake?", "background": True, "max_output_tokens": 500}
USAGE = {"input_tokens": 8, "output_tokens": 20, "total_tokens": 28}
EXACT = 8 * 2000 + 20 * 8000
HOUR_S = 3600.0


class Host:
    """Answers whatever it is asked with what `told` is at the moment; `asked` are the request lines."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        self.asked: list[str] = []
        self.stream = b""
        self.tell("queued")

    def tell(self, status: str, usage: Any = None, output: Any = ()) -> None:
        self.told = {"id": "resp_1", "object": "response", "model": "m-2026", "status": status, "output": list(output), "usage": usage}

    def events(self, *told: dict[str, Any], is_whole: bool) -> None:
        """From now on a stream of these, which ends, or goes on for ever."""
        sent = b"".join(b"event: %b\ndata: %b\n\n" % (each["type"].encode(), json.dumps(each).encode()) for each in told)
        last = b"0\r\n\r\n" if is_whole else b""
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self.stream = head + b"%x\r\n%b\r\n" % (len(sent), sent) + last

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(65536):
            self.asked.append(head.partition(b" HTTP/1.1")[0].decode())
            body = json.dumps(self.told).encode()
            writer.write(
                self.stream or b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
            )
        writer.close()


@pytest.fixture
async def host() -> AsyncIterator[tuple[Host, str]]:
    """And its base URL."""
    host = Host()
    async with hosting(host.answer) as url:
        yield host, url


async def ask(gateway: Running, method: str, path: str, body: Any = None) -> Reply:
    return await send(gateway, method, path, body, key=KEY, dialect="openai_responses")


def spent(gateway: Running) -> int:
    return gateway.program.controller.budgets()[0].settled_nanousd


async def is_proven(gateway: Running) -> bool:
    """The ledger agrees with itself, with the budget, and each row with its price."""
    ledger, settled, reserved = await gateway.books()
    return ledger == settled and reserved == 0


async def begun(serve: Serve, url: str, *, store: str = "memory://", clock: Any = None, **more: Any) -> Running:
    """A gateway that has begun one, and has booked its bound."""
    gateway = await serve(CONFIG.replace("BASE", url).replace("STORE", store), clock=clock or SystemClock())
    assert (await ask(gateway, "POST", "/v1/responses", ASKED | more)).json["status"] == "queued"
    assert spent(gateway) >= 500 * 8000
    return gateway


async def test_it_is_settled_by_who_asks_for_it(serve: Serve, host: tuple[Host, str]) -> None:
    """Once, when it is over: what it used, and no more its bound; its row and the budget are corrected together."""
    told, url = host
    gateway = await begun(serve, url)
    booked = spent(gateway)
    told.tell("in_progress")
    assert (await ask(gateway, "GET", "/v1/responses/resp_1")).status == 200
    assert spent(gateway) == booked
    told.tell("completed", USAGE)
    for _ in range(2):
        assert (await ask(gateway, "GET", "/v1/responses/resp_1")).json["usage"] == USAGE
        assert spent(gateway) == EXACT
        assert await is_proven(gateway)


async def test_its_paid_tools_are_settled_with_it(serve: Serve, host: tuple[Host, str]) -> None:
    """By the calls that stand in its output, at the terms that it was booked with."""
    told, url = host
    gateway = await begun(serve, url, tools=[{"type": "web_search"}], max_tool_calls=3)
    told.tell("incomplete", USAGE, [{"type": "web_search_call", "id": "ws_1", "status": "completed"}])
    await ask(gateway, "GET", "/v1/responses/resp_1")
    assert spent(gateway) == EXACT + 10_000_000
    assert await is_proven(gateway)


async def test_it_costs_what_its_tier_does(serve: Serve, host: tuple[Host, str]) -> None:
    """The one in which it was written, where that is told, and not the one that was asked for: whole, and in a stream's last event."""
    told, url = host
    gateway = await begun(serve, url)
    told.tell("completed", USAGE)
    told.told["service_tier"] = "flex"
    await ask(gateway, "GET", "/v1/responses/resp_1")
    assert spent(gateway) == EXACT // 2
    told.tell("queued")
    told.told["id"] = "resp_2"
    assert (await ask(gateway, "POST", "/v1/responses", ASKED)).status == 200
    told.tell("completed", USAGE)
    told.events({"type": "response.completed", "sequence_number": 2, "response": told.told | {"service_tier": "flex"}}, is_whole=True)
    await ask(gateway, "GET", "/v1/responses/resp_2?stream=true")
    assert spent(gateway) == EXACT
    assert await is_proven(gateway)


@pytest.mark.parametrize(("status", "usage", "left"), [("failed", None, 0), ("failed", USAGE, EXACT), ("cancelled", USAGE, EXACT)])
async def test_one_that_came_to_nothing(serve: Serve, host: tuple[Host, str], status: str, usage: Any, left: int) -> None:
    """It costs what it says."""
    told, url = host
    gateway = await begun(serve, url)
    told.tell(status, usage)
    await ask(gateway, "POST", "/v1/responses/resp_1/cancel", {})
    assert spent(gateway) == left
    assert await is_proven(gateway)


@pytest.mark.parametrize("thinks", ["true", "false"])
@pytest.mark.parametrize(("open_s", "saved"), [(0.5, 500 - 16 - 250 - 20), (60, 0)])
async def test_one_that_was_cancelled_costs_what_it_can_have_used(
    serve: Serve, host: tuple[Host, str], thinks: str, open_s: float, saved: int
) -> None:
    """OpenAI tells no usage of it: what it shows, and what any model can have written until then that nobody has seen."""
    told, url = host
    clock = ManualClock()
    gateway = await serve(
        CONFIG.replace("BASE", url).replace("STORE", "memory://").replace("input: 2,", f"thinks: {thinks}, input: 2,"), clock=clock
    )
    assert (await ask(gateway, "POST", "/v1/responses", ASKED)).status == 200
    booked = spent(gateway)
    clock.advance(open_s)
    told.tell("cancelled", None, [{"type": "message"}])  # 20 bytes
    for _ in range(2):
        assert (await ask(gateway, "POST", "/v1/responses/resp_1/cancel", {})).json["status"] == "cancelled"
        clock.advance(HOUR_S)
    assert booked - spent(gateway) == saved * 8000
    assert await is_proven(gateway)
    settlement = next(row for row in await gateway.program.store.requests(limit=9, before="") if row.operation == "batch_settlement")
    [attempt] = await gateway.program.store.attempts(settlement.request_id)
    assert (settlement.is_estimated, attempt.is_estimated, attempt.is_usage_known) == (True, True, False)
    assert attempt.price_version.endswith(f"+{500 - saved}+0")


async def test_one_that_nobody_asks_for_is_looked_at(serve: Serve, host: tuple[Host, str], tmp_path: Path) -> None:
    """An hour later, after a restart, with the key that has it."""
    told, url = host
    clock, store = ManualClock(), f"sqlite:///{tmp_path}/omnillm.db"
    before = await begun(serve, url, store=store, clock=clock)
    await before.end()
    after = await serve(CONFIG.replace("BASE", url).replace("STORE", store), clock=clock)
    told.tell("completed", USAGE)
    looks = after.program.batch_looks
    clock.advance(HOUR_S + 700)
    await until(lambda: looks._due > clock.now() and looks._task is None)
    assert told.asked == ["POST /v1/responses", "GET /v1/responses/resp_1"]
    assert spent(after) == EXACT
    assert await is_proven(after)


CREATED = {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "status": "in_progress", "output": []}}
DELTA = {
    "type": "response.output_text.delta",
    "sequence_number": 1,
    "item_id": "msg_1",
    "output_index": 0,
    "content_index": 0,
    "delta": "Deep",
}


async def test_a_stream_that_was_left_in_the_foreground_is_no_bill(serve: Serve, host: tuple[Host, str]) -> None:
    """Its provider writes it no further: nobody is asked for it later, and it costs what was observed."""
    told, url = host
    told.events(CREATED, DELTA, is_whole=False)
    gateway = await serve(CONFIG.replace("BASE", url).replace("STORE", "memory://"))
    line = await Line.open(gateway.port, question("POST", "/v1/responses", ASKED | {"stream": True, "background": False}, key=KEY))
    assert await line.head() == 200
    assert b"resp_1" in await line.piece()
    line.reset()
    await until(lambda: gateway.in_flight == 0)
    assert 0 < spent(gateway) < 500 * 8000
    assert await gateway.program.store.open_bills(since_wall_ms=0) == []


async def test_a_stream_that_was_left_is_taken_up_again(serve: Serve, host: tuple[Host, str]) -> None:
    """By its id, which the client has read: it is the caller's own, with its key, and its last event says what it cost."""
    told, url = host
    told.events(CREATED, DELTA, is_whole=False)
    gateway = await serve(CONFIG.replace("BASE", url).replace("STORE", "memory://"))
    line = await Line.open(gateway.port, question("POST", "/v1/responses", ASKED | {"stream": True}, key=KEY))
    assert await line.head() == 200
    assert b"resp_1" in await line.piece()
    line.reset()
    await until(lambda: gateway.in_flight == 0)
    assert spent(gateway) >= 500 * 8000
    done: dict[str, Any] = {
        "type": "response.completed",
        "sequence_number": 2,
        "response": {"id": "resp_1", "status": "completed", "output": [], "usage": USAGE},
    }
    silent = done | {"response": done["response"] | {"usage": None}}
    for last, is_settled in ((silent, False), (done, True), (done, True)):  # one that does not say what it cost leaves it at its bound
        told.events(DELTA, last, is_whole=True)
        again = await ask(gateway, "GET", "/v1/responses/resp_1?stream=true&starting_after=0")
        assert (again.status, again.is_whole, told.asked[-1]) == (200, True, "GET /v1/responses/resp_1?stream=true&starting_after=0")
        assert spent(gateway) == EXACT if is_settled else spent(gateway) >= 500 * 8000
    assert await is_proven(gateway)


GEMINI = f"""
server: {{port: 0, auth: required, native: {{gemini: gemini}}}}
store: {{url: "memory://"}}
providers: {{gemini: {{kind: gemini, base_url: BASE, keys: [{{label: a, key: sk-a}}]}}}}
budgets: [{{name: everything, limit_usd: 5, period: total}}]
virtual_keys: [{{name: ada, key: {KEY}}}]
pricing: {{overrides: {{gemini/m: {{input: 2, output: 8, context: 10000, per_tool: {{web_search: 0.01}}}}}}}}
"""
SEARCH = {"type": "google_search_call", "id": "s", "arguments": {"queries": ["depth of the lake"]}}
PART = {"total_input_tokens": 8, "total_output_tokens": 1}
ALL = {"total_input_tokens": 8, "total_output_tokens": 20}
COUNTED = ALL | {"grounding_tool_count": [{"type": "google_search", "count": 1}]}


def interaction(status: str, **told: Any) -> dict[str, Any]:
    return {"id": "v1_1", "object": "interaction", "status": status, **told}


def event(kind: str, **told: Any) -> dict[str, Any]:
    return {"type": kind, "event_type": kind, **told}


CREATED_AT_GOOGLE = event("interaction.created", interaction=interaction("in_progress"))
SEARCHED = event("step.start", index=0, step=SEARCH)
STOPPED = event("step.stop", index=0, usage=PART)


def completed(usage: Any) -> dict[str, Any]:
    return event("interaction.completed", interaction=interaction("completed", usage=usage))


@in_turn(
    ("told", "is_settled"),
    [
        ((CREATED_AT_GOOGLE, SEARCHED, STOPPED), False),  # it is not over: the provider has closed the stream, and goes on
        ((CREATED_AT_GOOGLE, SEARCHED, STOPPED, event("interaction.status_update", status="in_progress", usage=PART)), False),
        ((STOPPED, completed(ALL)), False),  # taken up behind its searches, which nobody counts
        ((STOPPED, completed(COUNTED)), True),
        ((CREATED_AT_GOOGLE, SEARCHED, STOPPED, completed(ALL)), True),
    ],
)
async def test_a_stream_of_an_interaction_settles_it_when_it_tells_all(
    serve: Serve, host: tuple[Host, str], told: tuple[dict[str, Any], ...], *, is_settled: bool
) -> None:
    """What its steps have used so far is not what it costs; nor are its last words, where they leave out its searches."""
    provider, url = host
    provider.stream, provider.told = b"", interaction("in_progress")
    gateway = await serve(GEMINI.replace("BASE", url), clock=SystemClock())
    asked = {"model": "gemini/m", "input": "hi", "background": True, "tools": [{"type": "google_search"}]}
    await ask(gateway, "POST", "/v1beta/interactions", asked | {"generation_config": {"max_output_tokens": 500}})
    booked = spent(gateway)
    assert booked >= 500 * 8000 + 10 * 10_000_000
    provider.events(*told, is_whole=True)
    assert (await ask(gateway, "GET", "/v1beta/interactions/v1_1?stream=true")).is_whole
    assert spent(gateway) == (EXACT + 10_000_000 if is_settled else booked)
    provider.stream, provider.told = b"", interaction("completed", steps=[SEARCH], usage=ALL)
    await ask(gateway, "GET", "/v1beta/interactions/v1_1")
    assert spent(gateway) == EXACT + 10_000_000
    assert await is_proven(gateway)


async def test_what_an_interaction_has_used_so_far_is_not_what_it_is_booked_at(serve: Serve, host: tuple[Host, str]) -> None:
    """It is being written; no later settlement could exceed what was booked."""
    provider, url = host
    provider.told = interaction("in_progress", usage=PART)
    gateway = await serve(GEMINI.replace("BASE", url), clock=SystemClock())
    asked = {"model": "gemini/m", "input": "hi", "background": True, "generation_config": {"max_output_tokens": 500}}
    assert (await ask(gateway, "POST", "/v1beta/interactions", asked)).json["usage"] == PART
    assert spent(gateway) >= 500 * 8000
    provider.told = interaction("completed", steps=[], usage=ALL)
    await ask(gateway, "GET", "/v1beta/interactions/v1_1")
    assert spent(gateway) == EXACT
    assert await is_proven(gateway)
