"""The operator's page: who gets it, what it may do, and that it shows what a running gateway answers."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.dashboard.browser import CHROMIUM, tab
from tests.dashboard.views import Views, rows, running_views, words
from tests.in_turn import in_turn
from tests.journeys.running import ADMIN_KEY, Running, Serve, configuration
from tests.journeys.wire import Reply, admin, ask, exchange, send
from tests.ports import free_port

from omnillm.dashboard.routes import read_assets
from omnillm.testing import FAULTS, Behaviour, FakeProvider

HOSTILE = "<img/src=x/onerror=document.title='owned'>"


async def get(gateway: Running, path: str, *, port: int = 0) -> Reply:
    """As anybody may."""
    return await send(gateway, "GET", path, key="", port=port)


async def told(gateway: Running, path: str) -> dict[str, object]:
    """A reply of the admin API."""
    reply = await admin(gateway, "GET", path)
    assert reply.status == 200, reply.body
    return reply.json


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    """A gateway that has answered a call on its second attempt, with a tag that would like to be markup."""
    provider.script.behave("sk-second", Behaviour())
    running = await serve(configuration(provider, keys={"good": "key: sk-good", "second": "key: sk-second"}))
    provider.enqueue(FAULTS["rate_seconds"])
    question = ask("openai_chat", "Hello", cap=20, headers={"x-omnillm-session": HOSTILE})
    assert (await exchange(running.port, question)).status == 200
    await running.program.store.flush()
    return running


@pytest.fixture(scope="module")
def views() -> Iterator[Views]:
    with running_views() as views:
        yield views


async def test_the_page_is_for_everybody_and_what_it_shows_is_not(gateway: Running) -> None:
    page = await get(gateway, "/dashboard")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert ADMIN_KEY.encode() not in page.body
    for name in re.findall(rb'(?:src|href)="(dashboard/[^"]*)"', page.body):
        asset = await get(gateway, f"/{name.decode()}")
        assert (asset.status, asset.headers["x-content-type-options"]) == (200, "nosniff")
    assert (await get(gateway, "/admin/v1/pools")).status == 401


async def test_nothing_foreign_runs_in_it(gateway: Running) -> None:
    policy = dict(part.split(" ", 1) for part in (await get(gateway, "/dashboard")).headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    page = read_assets()["index.html"].decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|javascript:", page)  # the policy would not run them


async def test_what_has_not_changed_is_not_sent_again(gateway: Running) -> None:
    tag = (await get(gateway, "/dashboard/views.js")).headers["etag"]
    again = await send(gateway, "GET", "/dashboard/views.js", key="", headers={"if-none-match": tag, "connection": "close"})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)


@in_turn(
    "path", ["/dashboard/", "/dashboard/none.js", "/dashboard/index.html", "/dashboard/..%2froutes.py", "/dashboard/a/b", "/dashboards"]
)
async def test_there_is_nothing_else_below_it(gateway: Running, path: str) -> None:
    assert (await get(gateway, path)).status == 404


async def test_it_moves_with_the_admin_api(serve: Serve, provider: FakeProvider) -> None:
    admin = free_port()
    gateway = await serve(configuration(provider).replace("drain: 2s}", f"drain: 2s, admin: {{host: 127.0.0.1, port: {admin}}}}}"))
    refused = await get(gateway, "/dashboard")
    assert refused.status == 404
    assert "it is served by the listener of server.admin" in refused.body.decode()
    assert (await get(gateway, "/dashboard", port=admin)).status == 200


async def test_it_shows_what_a_gateway_answers(gateway: Running, views: Views) -> None:
    """Every member that the views read is in the replies."""
    now = {"nowMs": gateway.program.clock.wall() * 1000}
    pools, by_day = await told(gateway, "/admin/v1/pools"), await told(gateway, "/admin/v1/usage?group_by=day")
    [call] = (listed := await told(gateway, "/admin/v1/requests"))["requests"]
    one = await told(gateway, f"/admin/v1/requests/{call['request_id']}")
    assert words(views("figures", {"byDay": by_day, **pools, **now}))[4:8:2] == ["1", "2.00"]
    assert "1 calls" in str(views("days", {"byDay": by_day, **now}))
    assert {row[0] for row in rows(views("keys", pools))} >= {"openai/good", "openai/second"}
    [budget] = rows(views("budgets", {**await told(gateway, "/admin/v1/budgets"), **now}))
    [spent] = rows(views("spending", {"by": "model", "usage": await told(gateway, "/admin/v1/usage?group_by=model")}))
    [line] = rows(views("requests", listed))
    assert (budget[0], budget[3], spent[0]) == ("everything", spent[1], "fast")
    assert line[1:6] == ["journey", "fast", "openai/fake-small", "success 200", "2"]
    shown = rows(views("request", {"id": call["request_id"], **one}))
    assert [row[3] for row in shown[:2]] == ["rate_limited 429", "success 200"]
    assert [row[1] for row in shown[2:]] == ["settled"]
    [key] = rows(views("virtualKeys", await told(gateway, "/admin/v1/virtual-keys")))
    assert key[:3] == ["journey", "active", "file"]


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed on this machine; the views themselves are run in V8")
async def test_in_a_browser(gateway: Running, tmp_path: Path) -> None:
    """The admin key is asked for, kept for the tab, and forgotten; a call opens; a key is revived; nothing that is shown runs."""
    async with tab(tmp_path) as page:
        await page.tell("Page.navigate", url=f"http://127.0.0.1:{gateway.port}/dashboard")
        await page.until("document.querySelector('#access') && !document.querySelector('#access').hidden")
        assert await page.run("document.querySelector('main').hidden")
        await page.run(f"document.querySelector('[name=key]').value = {ADMIN_KEY!r}; document.querySelector('#access').requestSubmit()")
        await page.until("document.querySelector('[data-request]') !== null")
        assert await page.run("document.querySelector('#state').textContent") == "ready"

        await page.run("document.querySelector('[data-request]').click()")
        dialog = await page.until("document.querySelector('#request').open && document.querySelector('#request-shown').textContent")
        assert HOSTILE in dialog
        await page.run("document.querySelector('#request button').click()")
        assert not await page.run("document.querySelector('#request').open")

        await page.run("document.querySelector('[data-do=revive]').click()")
        await page.until("!document.querySelector('[data-do=revive]')")

        await page.run(
            "document.querySelector('[name=group_by]').value = 'nonsense'; document.querySelector('#spending-asked').requestSubmit()"
        )
        assert "grouped by day" in await page.until("document.querySelector('#notice').textContent")

        await page.tell("Page.reload")
        await page.until("document.querySelector('[data-do=leave]') && !document.querySelector('[data-do=leave]').hidden")
        await page.run("document.querySelector('[data-do=leave]').click()")
        await page.until("!document.querySelector('#access').hidden && document.querySelector('#keys').textContent === ''")
        assert await page.run("document.querySelector('img') === null && document.title === 'omnillm'")
        refusals = [said for said in page.complaints if "the server responded with a status of" not in said]
        assert not refusals
