"""Health, metrics and the admin API."""

import asyncio
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.journeys.running import ADMIN_KEY, VIRTUAL_KEY, Running, Serve, configuration
from tests.journeys.wire import Question, Reply, ask, exchange

from omnillm.testing import FAULTS, Behaviour, FakeProvider


async def get(gateway: Running, path: str, *, key: str = ADMIN_KEY, method: str = "GET", port: int = 0) -> Reply:
    raw = f"{method} {path} HTTP/1.1\r\nhost: x\r\n{f'authorization: Bearer {key}' if key else 'x-no: key'}\r\ncontent-length: 0\r\n\r\n"
    assert not port
    async with asyncio.timeout(10):
        return await exchange(gateway.port, Question("openai_chat", raw.encode()))


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
    assert sum(sample.value for sample in families["omnillm_cost_usd"].samples) > 0
    assert "omnillm_budget_limit_usd" not in text or "everything" not in text
    assert "everything" in (await get(gateway, "/metrics")).body.decode()


async def test_usage_adds_up_in_every_grouping(gateway: Running, provider: FakeProvider) -> None:
    """The rows of each grouping sum to the total, which is the invoice."""
    for group in ("virtual_key", "model", "provider", "provider_key", "day"):
        report = (await get(gateway, f"/admin/v1/usage?group_by={group}")).json
        assert report["total"]["requests"] == 2
        assert report["total"]["attempts"] == sum(row["attempts"] for row in report["rows"]) == 3
        assert sum(round(float(row["cost_usd"]) * 1e9) for row in report["rows"]) == provider.invoice.total_nanousd
    assert (await get(gateway, "/admin/v1/usage?group_by=nothing")).status == 400


async def test_requests_page_and_open_up(gateway: Running) -> None:
    """The newest first, page by page; one request with its attempts."""
    [newest] = (await get(gateway, "/admin/v1/requests?limit=1")).json["requests"]
    assert (newest["protocol"], newest["attempts"], newest["status"]) == ("anthropic_messages", 2, 200)
    [older] = (await get(gateway, f"/admin/v1/requests?limit=1&before={newest['request_id']}")).json["requests"]
    assert older["protocol"] == "openai_chat"
    opened = (await get(gateway, f"/admin/v1/requests/{newest['request_id']}")).json
    assert [attempt["verdict"] for attempt in opened["attempts"]] == ["rate_limited", "success"]
    assert (await get(gateway, "/admin/v1/requests?limit=0")).status == 400


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
    assert budget["name"] == "everything"
    assert round(float(budget["used_usd"]) * 1e9) == provider.invoice.total_nanousd
    assert budget["held_usd"] == "0"


async def test_the_admin_api_is_the_administrators(gateway: Running) -> None:
    """401 without a key, 403 with another, and a virtual key is another."""
    for path in ("/admin/v1/pools", "/admin/v1/usage", "/admin/v1/requests", "/admin/v1/budgets", "/admin/v1/nothing"):
        assert (await get(gateway, path, key="")).status == 401
        assert (await get(gateway, path, key="admin-wrong-0123456789")).status == 403
        assert (await get(gateway, path, key=VIRTUAL_KEY)).status == 403
    assert (await get(gateway, "/admin/v1/nothing")).status == 404


async def test_an_admin_listener_takes_operations_away_from_the_main_one(serve: Serve, provider: FakeProvider) -> None:
    """With a listener of its own, the main one serves calls and probes only."""
    text = configuration(provider).replace("drain: 2s", "drain: 2s, admin: {host: 127.0.0.1, port: 0}")
    gateway = await serve(text)
    assert (await get(gateway, "/admin/v1/pools")).status == 404
    assert (await get(gateway, "/metrics")).status == 404
    assert (await get(gateway, "/readyz")).status == 200
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 200


async def test_without_auth_nobody_is_asked(serve: Serve, provider: FakeProvider) -> None:
    """auth: none on loopback: any key or none will do, and the gateway's budget holds all the same."""
    gateway = await serve(configuration(provider, limit_usd="0.0000001").replace("auth: required", "auth: none"))
    refused = await exchange(gateway.port, ask("openai_chat", "Hello", cap=50, key="whatever"))
    assert refused.status == 402
    assert refused.error["code"] == "budget_exceeded"


async def test_one_line_a_call(gateway: Running) -> None:
    """Who, what, where to, how often, how long, how much; no prompt, no secret."""
    gateway.service.call_log.flush()
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
    gateway.service.call_log.flush()
    [line] = gateway.log.getvalue().splitlines()
    told = json.loads(line)
    assert (told["event"], told["status"], told["provider"], told["key"]) == ("call", 200, "gemini", "good")
