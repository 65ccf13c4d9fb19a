"""Health, metrics and the admin API."""

import asyncio
import csv
import io
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from time import process_time, thread_time
from urllib.parse import quote

import pytest
from msgspec.structs import asdict
from prometheus_client.parser import text_string_to_metric_families
from tests.journeys.running import ADMIN_KEY, PRICES, VIRTUAL_KEY, Running, Serve, configuration, until
from tests.journeys.wire import Reply, ask, exchange, send
from tests.ports import free_port
from tests.stores.rows import entry, request_id

from omnillm.config.load import parse
from omnillm.config.settings import BudgetSettings, VirtualKeyTerms
from omnillm.money import format_usd
from omnillm.records import EntryKind, Posting
from omnillm.stores.daily import COUNT_COLUMNS
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, ManualClock
from omnillm.usage import NO_USAGE


async def get(gateway: Running, path: str, *, key: str = ADMIN_KEY, method: str = "GET", port: int = 0) -> Reply:
    """Ask at the main listener, or at another port."""
    return await send(gateway, method, path, key=key, port=port)


async def metrics(gateway: Running, *, key: str = ADMIN_KEY) -> dict[tuple[str, ...], float]:
    """(name, the labels' values in their alphabetical order) -> value."""
    text = (await get(gateway, "/metrics", key=key)).body.decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value for sample in samples}


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    """A gateway that has answered two calls, the second on its second attempt."""
    provider.script.behave("sk-second", Behaviour())
    running = await serve(configuration(provider, keys={"good": "key: sk-good", "second": "key: sk-second"}))
    assert (await exchange(running.port, ask("openai_chat", "Hello", cap=20))).status == 200
    provider.enqueue(FAULTS["rate_seconds"])
    assert (await exchange(running.port, ask("anthropic_messages", "Hello", cap=20))).status == 200
    await running.program.store.flush()
    return running


async def test_probes(gateway: Running) -> None:
    """Alive, ready, and no longer ready once it drains."""
    assert (await get(gateway, "/healthz", key="")).json == {"status": "ok"}
    assert (await get(gateway, "/readyz", key="")).json == {"status": "ready"}
    gateway.service.server.is_draining = True
    draining = await get(gateway, "/readyz", key="")
    assert (draining.status, draining.json) == (503, {"status": "draining"})


async def test_a_ledger_that_is_down_makes_it_unready(gateway: Running, provider: FakeProvider) -> None:
    """Alive all the same; a call that draws on a budget is a 503 of ours, and heals with the ledger."""
    store = gateway.program.store
    store.is_healthy = False
    down = await get(gateway, "/readyz", key="")
    assert (down.status, down.json) == (503, {"status": "ledger unavailable"})
    assert (await get(gateway, "/healthz", key="")).status == 200
    assert (await metrics(gateway))["omnillm_ledger_healthy",] == 0
    seen = len(provider.log)
    refused = await exchange(gateway.port, ask("openai_chat", "Hello", cap=20))
    assert (refused.status, refused.error["code"], refused.headers["retry-after"]) == (503, "ledger_unavailable", "1")
    assert len(provider.log) == seen
    store.is_healthy = True
    assert (await get(gateway, "/readyz", key="")).json == {"status": "ready"}
    assert (await exchange(gateway.port, ask("openai_chat", "Hello", cap=20))).status == 200


async def test_a_refusal_is_counted_once(serve: Serve, provider: FakeProvider) -> None:
    """Before a call began, and when one had begun that was never sent."""
    gateway = await serve(configuration(provider, caller="rpm: 1"))
    for key in (VIRTUAL_KEY, VIRTUAL_KEY, "sk-wrong"):
        await exchange(gateway.port, ask("openai_chat", "Hello", cap=20, key=key))
    await exchange(gateway.port, ask("openai_chat", "Hello", model="nothing-such"))
    found = {key[1]: value for key, value in (await metrics(gateway)).items() if key[0] == "omnillm_refusals_total"}
    assert found == {"requests_limit": 1, "invalid_api_key": 1, "model_not_found": 1}


async def test_metrics_tell_what_happened(gateway: Running) -> None:
    """Counts, tokens, cost and keys; budgets only for the administrator."""
    text = (await get(gateway, "/metrics", key="")).body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    calls = {
        sample.labels["protocol"]: sample.value for sample in families["omnillm_calls"].samples if sample.labels["outcome"] == "success"
    }
    assert calls == {"openai_chat": 1.0, "anthropic_messages": 1.0}
    attempts = sum(sample.value for sample in families["omnillm_attempts"].samples)
    assert attempts == 3.0
    assert {sample.labels["key"] for sample in families["omnillm_key_available"].samples} == {"good", "second"}
    [failed] = families["omnillm_failed_attempts"].samples
    assert (failed.labels["provider"], failed.labels["verdict"], failed.value) == ("anthropic", "rate_limited", 1.0)
    assert sum(sample.value for sample in families["omnillm_cost_usd"].samples) > 0
    assert "omnillm_budget_limit_usd" not in text or "everything" not in text
    assert "everything" in (await get(gateway, "/metrics")).body.decode()


async def test_an_attempt_that_fails_with_its_call_is_counted(serve: Serve, provider: FakeProvider) -> None:
    """Also where no other one was tried; one that succeeded is not."""
    gateway = await serve(configuration(provider))
    for prompt in ("Hello", "Hello [[fault:status_400]]"):
        await exchange(gateway.port, ask("openai_chat", prompt, cap=20))
    found = [(*key[1:], value) for key, value in (await metrics(gateway)).items() if key[0] == "omnillm_failed_attempts_total"]
    assert found == [("good", "openai", "caller_fault", 1)]


async def test_rows_tell_when_a_call_began_and_how_long_it_took(serve: Serve) -> None:
    """In milliseconds, the call from its arrival and the attempt from its sending."""
    clock = ManualClock(wall=1_795_608_000.25)
    async with FakeProvider(prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake, keys={"good": "key: sk-good, max_concurrency: 1"}), clock=clock)
        fake.enqueue(Fault.stall())
        calls = []
        for seen in (1, 2):
            calls.append(asyncio.ensure_future(exchange(gateway.port, ask("openai_chat", "Hello", cap=20))))
            await until(lambda seen=seen: len(fake.log) + gateway.waiting == seen)
        clock.advance(1.5)
        fake.gate("stall").set()
        await asyncio.gather(*calls)
        store = gateway.program.store
        await store.flush()
        requests = await store.requests(limit=2, before="")
        attempts = [row for request in requests for row in await store.attempts(request.request_id)]
    assert [(row.wall_ms, row.duration_ms) for row in requests] == [(1_795_608_000_250, 1500)] * 2
    told = [(row.wall_ms, row.duration_ms, row.first_byte_ms) for row in attempts]
    assert told == [(1_795_608_001_750, 0, 0), (1_795_608_000_250, 1500, 1500)]


async def longest_turn(asked: asyncio.Future[Reply]) -> float:
    """Of the time that the process takes for an answer: the share of the event loop's longest turn."""
    begun, last = process_time(), thread_time()
    longest = 0.0
    while not asked.done():
        await asyncio.sleep(0)
        last, before = thread_time(), last
        longest = max(longest, last - before)
    return longest / (process_time() - begun)


async def test_calls_go_on_while_the_budgets_of_many_are_scraped(gateway: Running) -> None:
    """A scrape with thousands of virtual keys' budgets is long, and streams do not stand still for it."""
    for number in range(2_000):
        gateway.program.enrolment.enrol(VirtualKeyTerms(name=f"team-{number}", budget=BudgetSettings(limit_nanousd=1)))
    scrape = asyncio.ensure_future(get(gateway, "/metrics"))
    assert await longest_turn(scrape) < 0.5, "most of the scrape was one turn of the event loop"
    assert scrape.result().body.count(b"omnillm_budget_left_usd{") == 2_001


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_calls_go_on_while_a_long_report_is_written(serve: Serve, provider: FakeProvider, tmp_path: Path, form: str) -> None:
    """Who spent what on each day, for 150 virtual keys over 20 days."""
    gateway = await serve(configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db"))
    counts = ", ".join(["1"] * len(COUNT_COLUMNS))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger, ledger:
        ledger.execute(
            f"""INSERT INTO daily (day, caller, model, provider, key, {", ".join(COUNT_COLUMNS)})
                WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 2999)
                SELECT '2026-11-' || (10 + n / 150), 'team-' || (n % 150), 'fast', 'openai', 'good', {counts} FROM n"""
        )
    report = asyncio.ensure_future(get(gateway, f"/admin/v1/usage?group_by=day,virtual_key&format={form}"))
    assert await longest_turn(report) < 0.08, "writing it was one turn of the event loop"
    assert report.result().body.count(b"team-") == 3_000


async def test_scrapes_at_the_same_time_are_one(gateway: Running) -> None:
    """Anybody may ask for them: a hundred at once took the memory and the time of a hundred. Whoever leaves takes it from nobody."""
    for number in range(500):
        gateway.program.enrolment.enrol(VirtualKeyTerms(name=f"team-{number}", budget=BudgetSettings(limit_nanousd=1)))
    begun = process_time()
    await get(gateway, "/metrics")
    once, begun = process_time() - begun, process_time()
    first, *others = [asyncio.ensure_future(get(gateway, "/metrics")) for _ in range(40)]
    await asyncio.sleep(0)
    first.cancel()
    replies = await asyncio.gather(*others)
    assert process_time() - begun < 15 * once
    assert all(reply.body.count(b"omnillm_budget_left_usd{") == 501 for reply in replies)


async def test_usage_adds_up_in_every_grouping(gateway: Running, provider: FakeProvider) -> None:
    """The rows of each grouping sum to the total, which is the invoice."""
    groups = {}
    for group in ("virtual_key", "model", "provider", "provider_key", "day"):
        report = (await get(gateway, f"/admin/v1/usage?group_by={group}")).json
        groups[group] = {row[group] for row in report["rows"]}
        assert sum(row["usage"]["output"] for row in report["rows"]) == report["total"]["usage"]["output"] > 0
        assert report["total"]["requests"] == 2
        assert report["total"]["attempts"] == sum(row["attempts"] for row in report["rows"]) == 3
        assert sum(round(float(row["cost_usd"]) * 1e9) for row in report["rows"]) == provider.invoice.total_nanousd
    assert groups["virtual_key"] == {"journey"}
    assert groups["model"] == {"fast", "claude"}
    assert groups["provider"] == {"openai", "anthropic"}
    assert groups["provider_key"] >= {"openai/good"} or groups["provider_key"] >= {"openai/second"}
    assert (await get(gateway, "/admin/v1/usage?group_by=total")).json["rows"] == []
    [today] = groups["day"]
    for query, requests in (
        (f"since={today}", 2),
        (f"since={today}&until={today}", 2),
        ("until=2020-01-01", 0),
        (f"since={today.replace('-', '')}", 2),
    ):
        assert (await get(gateway, f"/admin/v1/usage?{query}")).json["total"]["requests"] == requests
    by_day = (await get(gateway, "/admin/v1/usage?group_by=day,model")).json["rows"]
    assert [(row["day"], row["model"], row["requests"]) for row in by_day] == [(today, "claude", 1), (today, "fast", 1)]
    table = await get(gateway, "/admin/v1/usage?group_by=day,model&format=csv")
    lines = list(csv.DictReader(io.StringIO(table.body.decode())))
    assert table.headers["content-type"].startswith("text/csv")
    assert [(row["day"], row["model"], row["cost_usd"], row["output"]) for row in lines] == [
        (row["day"], row["model"], row["cost_usd"], str(row["usage"]["output"])) for row in by_day
    ]
    for query in (
        "group_by=nothing",
        "group_by=day,total",
        "format=xml",
        "groupby=day",
        "since=yesterday",
        "since=2026-11-26&until=2026-11-25",
        "until=2026-13-01",
        "since=%00",
    ):
        assert (await get(gateway, f"/admin/v1/usage?{query}")).status == 400


async def test_nothing_yet_is_nothing(serve: Serve, provider: FakeProvider) -> None:
    """A fresh gateway reports zeros, not errors."""
    gateway = await serve(configuration(provider))
    usage = (await get(gateway, "/admin/v1/usage")).json
    assert usage == {"total": {"cost_usd": "0", "requests": 0, "attempts": 0, "usage": asdict(NO_USAGE)}, "rows": []}
    assert (await get(gateway, "/admin/v1/requests")).json == {"requests": [], "next": None}


async def test_requests_page_and_open_up(gateway: Running) -> None:
    """The newest first, page by page; one request with its attempts."""
    first = (await get(gateway, "/admin/v1/requests?limit=1")).json
    [newest] = first["requests"]
    assert first["next"] == newest["request_id"]
    assert (await get(gateway, "/admin/v1/requests?limit=2")).json["next"] is None
    assert (newest["protocol"], newest["attempts"], newest["status"]) == ("anthropic_messages", 2, 200)
    [older] = (await get(gateway, f"/admin/v1/requests?limit=1&before={newest['request_id']}")).json["requests"]
    assert older["protocol"] == "openai_chat"
    opened = (await get(gateway, f"/admin/v1/requests/{newest['request_id']}")).json
    assert [attempt["verdict"] for attempt in opened["attempts"]] == ["rate_limited", "success"]
    assert opened["request"] == newest
    assert sum(round(float(entry["amount_usd"]) * 1e9) for entry in opened["entries"]) == round(float(newest["cost_usd"]) * 1e9) > 0
    assert (await get(gateway, f"/admin/v1/requests?before={older['request_id']}")).json["requests"] == []
    for limit in ("0", "-1", "1001", "1.5", "x", "", "%C2%B2", "9" * 5000):
        assert (await get(gateway, f"/admin/v1/requests?limit={limit}")).status == 400
    for before in ("zz", newest["request_id"][:-1], newest["request_id"].upper(), "g" * 32, "%00", "\u0660" * 32):
        assert (await get(gateway, f"/admin/v1/requests?before={quote(before)}")).status == 400, before
    for unknown in (newest["request_id"][:-1], newest["request_id"] + "0", "f" * 32, "x", "%25", "'--"):
        assert (await get(gateway, f"/admin/v1/requests/{unknown}")).status == 404
    await gateway.program.store.post_durably(Posting(entries=(entry(7, EntryKind.RESERVE),)))
    under_way = (await get(gateway, f"/admin/v1/requests/{request_id(7)}")).json
    assert (under_way["request"], under_way["attempts"], len(under_way["entries"])) == (None, [], 1)


async def test_requests_are_filtered(gateway: Running) -> None:
    """By each condition; a misspelt one is not a list of everything."""

    async def found(query: str) -> list[str]:
        return [row["protocol"] for row in (await get(gateway, f"/admin/v1/requests?{query}")).json["requests"]]

    rows = (await get(gateway, "/admin/v1/requests")).json["requests"]
    today = rows[0]["day"]
    chat, both = ["openai_chat"], ["anthropic_messages", "openai_chat"]
    before = datetime.fromtimestamp(rows[-1]["wall_ms"] / 1000 - 60, UTC)
    for query, expected in (
        ("virtual_key=journey", both),
        ("virtual_key=", []),
        ("model=fast", chat),
        ("provider=openai&outcome=success", chat),
        ("outcome=cancelled", []),
        ("status=200", both),
        ("status=429", []),
        (f"since={today}", both),
        (f"since={today}&until={today}", both),
        ("until=2020-01-01", []),
        ("since=2999-01-01T00:00:00%2B02:00", []),
        (f"since={quote(before.astimezone(timezone(timedelta(hours=14))).isoformat())}", both),
        (f"until={quote(before.isoformat())}", []),
        ("min_cost_usd=0", both),
        ("min_cost_usd=1000", []),
        ("lossy=true", []),
        ("lossy=false", both),
    ):
        assert await found(query) == expected, query
    for query in (
        "status=2000",
        "status=abc",
        "status=%D9%A2%D9%A0%D9%A0",  # 200, in Arabic digits
        "since=yesterday",
        "since=2026-11-26&until=2026-11-25",
        "until=99999",
        "min_cost_usd=-1",
        "min_cost_usd=x",
        "lossy=1",
        "colour=red",
    ):
        assert (await get(gateway, f"/admin/v1/requests?{query}")).status == 400, query
    table = (await get(gateway, "/admin/v1/requests?format=csv")).body.decode()
    lines = list(csv.DictReader(io.StringIO(table)))
    assert [(line["request_id"], line["cost_usd"]) for line in lines] == [(row["request_id"], row["cost_usd"]) for row in rows]


async def test_a_loss_report_opens_up(serve: Serve, provider: FakeProvider) -> None:
    """A translated call lists what could not be carried; it is found by that, and counted by kind."""
    gateway = await serve(
        configuration(provider).replace("claude: {targets: [anthropic/fake-small]}", "claude: {targets: [openai/fake-small]}")
    )
    assert (await exchange(gateway.port, ask("anthropic_messages", "Hello", cap=20, more={"top_k": 5}))).status == 200
    await gateway.program.store.flush()
    [row] = (await get(gateway, "/admin/v1/requests?lossy=true")).json["requests"]
    opened = (await get(gateway, f"/admin/v1/requests/{row['request_id']}")).json["request"]
    assert {"path", "kind", "detail"} == set(opened["loss"][0])
    assert opened["loss"] == row["loss"]
    counted = {key[1]: value for key, value in (await metrics(gateway)).items() if key[0] == "omnillm_losses_total"}
    assert sum(counted.values()) == len(row["loss"])


async def test_pools_show_a_rest_and_revive_ends_it(serve: Serve, provider: FakeProvider) -> None:
    """A key that was refused is dead until its time, or until an administrator says otherwise."""
    gateway = await serve(configuration(provider, queue="0s"))
    provider.enqueue(FAULTS["status_401"])
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 503
    states = {(key["provider"], key["state"]) for key in (await get(gateway, "/admin/v1/pools")).json["keys"]}
    assert ("openai", "dead") in states
    assert (await get(gateway, "/admin/v1/pools/openai/good/revive", method="POST")).status == 200
    assert (await get(gateway, "/admin/v1/pools/openai/none/revive", method="POST")).status == 404
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 200


async def test_budgets_show_spent_and_left(gateway: Running, provider: FakeProvider) -> None:
    """Decimal strings that add up."""
    [budget] = (await get(gateway, "/admin/v1/budgets")).json["budgets"]
    used = provider.invoice.total_nanousd
    assert budget == {
        "name": "everything",
        "period": "total",
        "is_hard": True,
        "limit_usd": "1000",
        "used_usd": format_usd(used),
        "held_usd": "0",
        "left_usd": format_usd(1000 * 10**9 - used),
        "resets_at": None,
    }


async def test_the_admin_api_is_the_administrators(gateway: Running) -> None:
    """401 without a key, 403 with another, and a virtual key is another."""
    for path in ("/admin/v1/pools", "/admin/v1/usage", "/admin/v1/requests", "/admin/v1/budgets", "/admin/v1/nothing"):
        assert (await get(gateway, path, key="")).status == 401
        assert (await get(gateway, path, key="admin-wrong-0123456789")).status == 403
        assert (await get(gateway, path, key=VIRTUAL_KEY)).status == 403
    for path in ("/admin/v1/nothing", "/admin/v1/pools/", "/admin/", "/admin/v1/../v1/pools", "/admin/v1/pools/openai/good/x/revive"):
        assert (await get(gateway, path)).status == 404
    for path, method in (("/admin/v1/pools", "POST"), ("/admin/v1/pools/openai/good/revive", "GET"), ("/admin/v1/reload", "GET")):
        reply = await get(gateway, path, method=method)
        assert (reply.status, method in reply.headers["allow"]) == (405, False)
        assert reply.json["error"]["message"] == f"{path} takes {reply.headers['allow']}, not {method}."


async def test_an_error_of_the_admin_api_has_the_fields_of_every_error(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """An id of its own, whether to come again, and when: a ledger that is down for a report is a 503 as for a call."""
    gateway = await serve(configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db"))
    wrong = {"/admin/v1/nothing": 404, "/admin/v1/requests/none": 404, "/admin/v1/usage?x=1": 400, "/nothing": 404}
    wrong |= {"/admin/v1/pools/openai/none/revive": 404, "/admin/v1/virtual-keys/none": 404, "/admin/v1/reload": 405}
    ids = set()
    for path, status in wrong.items():
        reply = await get(gateway, path, method="POST" if path.endswith("revive") else "GET")
        assert (reply.status, reply.headers["x-should-retry"]) == (status, "false")
        assert set(reply.json["error"]) >= {"code", "message"}
        ids.add(reply.headers["x-omnillm-request-id"])
    assert len(ids) == len(wrong)
    assert {len(each) for each in ids} == {32}
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as damaged:
        damaged.execute("DROP TABLE daily")
    down = await get(gateway, "/admin/v1/usage")
    assert (down.status, down.json["error"]["code"], down.headers["retry-after"]) == (503, "ledger_unavailable", "1")
    assert "x-should-retry" not in down.headers


async def test_a_reload_is_asked_for(serve: Serve, provider: FakeProvider, caplog: pytest.LogCaptureFixture) -> None:
    """Applied, as the log says for whoever reads that, or refused with the place of the mistake and nothing changed."""
    gateway = await serve(configuration(provider))
    caplog.set_level("INFO", "omnillm")
    assert (await get(gateway, "/admin/v1/reload", method="POST")).json == {"status": "applied"}
    assert [record.message for record in caplog.records] == [
        "the changed configuration is applied",
        "the configuration was applied, by 127.0.0.1",
    ]
    text = configuration(provider).replace("virtual_keys:", "virtual_keyz:")
    gateway.service._read_settings = lambda: parse(text, {})
    refused = await get(gateway, "/admin/v1/reload", method="POST")
    assert (refused.status, refused.json["error"]["code"]) == (422, "bad_configuration")
    assert "virtual_keys" in refused.json["error"]["message"]
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 200


async def test_an_admin_listener_takes_operations_away_from_the_main_one(serve: Serve, provider: FakeProvider) -> None:
    """With a listener of its own, the main one serves calls and probes only."""
    port = free_port()
    gateway = await serve(configuration(provider).replace("drain: 2s", f"drain: 2s, admin: {{host: 127.0.0.1, port: {port}}}"))
    for path in ("/admin/v1/pools", "/metrics"):
        assert (await get(gateway, path)).status == 404
        assert (await get(gateway, path, port=port)).status == 200
    assert (await get(gateway, "/admin/v1/pools", key="", port=port)).status == 401
    assert (await get(gateway, "/admin/v1/pools", key=VIRTUAL_KEY, port=port)).status == 403
    for each in (gateway.port, port):
        assert (await get(gateway, "/readyz", port=each)).status == 200
    assert (await exchange(port, ask("openai_chat", "Hello"))).status == 404
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 200


async def test_without_auth_nobody_is_asked(serve: Serve, provider: FakeProvider) -> None:
    """auth: none on loopback: any key or none will do, and the gateway's budget holds all the same."""
    gateway = await serve(configuration(provider, limit_usd="0.0000001").replace("auth: required", "auth: none"))
    refused = await exchange(gateway.port, ask("openai_chat", "Hello", cap=50, key="whatever"))
    assert refused.status == 402
    assert refused.error["code"] == "budget_exceeded"


async def test_one_line_a_call(gateway: Running) -> None:
    """Who, what, where to, how often, how long, how much; no prompt, no secret."""
    gateway.close_log()
    lines = gateway.log.getvalue().decode().splitlines()
    assert len(lines) == 2
    assert "caller=journey model=claude provider=anthropic" in lines[1]
    assert "attempts=2" in lines[1]
    assert "Hello" not in "".join(lines)
    assert VIRTUAL_KEY not in "".join(lines)


async def test_the_log_speaks_json(serve: Serve, provider: FakeProvider) -> None:
    """One object a line, for programs."""
    gateway = await serve(configuration(provider).replace("drain: 2s", "drain: 2s, log: {format: json}"))
    await exchange(gateway.port, ask("gemini", "Hello"))
    gateway.close_log()
    [line] = gateway.log.getvalue().splitlines()
    told = json.loads(line)
    assert (told["event"], told["status"], told["provider"], told["key"]) == ("call", 200, "gemini", "good")
