"""A second gateway on a ledger: it stands by until the first one ends."""

import asyncio
import signal
from pathlib import Path

import pytest
from tests.journeys.running import VIRTUAL_KEY, Serve, configuration, until
from tests.journeys.served import Served
from tests.journeys.test_reload import reload
from tests.journeys.wire import admin, ask, exchange
from tests.ports import free_port

from omnillm.assemble import turn
from omnillm.testing import FakeProvider


async def test_gateway_that_stands_by_takes_over_what_is_spent_and_who_may_call(
    serve: Serve, provider: FakeProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`store.wait`: its doors open as the first one has ended, and no earlier; what it waits for is told once."""
    monkeypatch.setattr(turn, "AGAIN_S", 0.0)
    caplog.set_level("INFO", logger="omnillm")
    url = f"sqlite:///{tmp_path}/ledger.db"
    first = await serve(configuration(provider, store=url, durability="strict"))
    made = await admin(first, "POST", "/admin/v1/virtual-keys", {"name": "ada"})
    question = ask("openai_chat", "hello", cap=20, key=made.json["secret"])
    assert (await exchange(first.port, question)).is_answer
    second = asyncio.create_task(serve(configuration(provider, store=url, durability="strict, wait: 1m")))
    await until(lambda: "standing by for up to 60 s: the ledger" in caplog.text)
    assert (await exchange(first.port, question)).is_answer
    assert not second.done()
    await first.service.aclose()
    gateway = await second
    assert (await exchange(gateway.port, question)).is_answer
    await gateway.agrees_with(provider)
    assert caplog.text.count("standing by") == 1


async def test_gateway_that_stands_by_takes_over_with_the_file_as_it_was_changed_meanwhile(
    serve: Serve, provider: FakeProvider, tmp_path: Path
) -> None:
    """SIGHUP goes to all gateways: whoever took over with the file of its own start would let in whom that file no longer names.

    And it would end, where a virtual key was made that only the new file knows the budget of.
    """
    port, path, other = free_port(), tmp_path / "omnillm.yaml", "sk-omni-changed-0123456789abcdef"
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict, wait: 1m").replace(
        "port: 0", f"port: {port}"
    )
    first = await serve(text.replace(f"port: {port}", "port: 0"))
    path.write_text(text)
    second = await Served.start(path, port)
    try:
        await second.until_told("standing by")
        changed = text.replace(VIRTUAL_KEY, other).replace("budgets: [{", "budgets: [{name: late, scope: named, limit_usd: 1}, {")
        path.write_text(changed)
        await reload(first, changed.replace(f"port: {port}", "port: 0"))
        assert (await admin(first, "POST", "/admin/v1/virtual-keys", {"name": "ada", "budgets": ["late"]})).status == 201
        second.signal(signal.SIGHUP)
        await first.service.aclose()
        await second.until_told("serving on")
        assert (await exchange(port, ask("openai_chat", "hello"))).status == 401
        assert (await exchange(port, ask("openai_chat", "hello", key=other))).is_answer
        second.signal(signal.SIGTERM)
        assert await second.ended() == 0
    finally:
        await second.kill()


async def test_gateway_that_stands_by_ends_well_when_it_is_told_to(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """By a handler of its own: the first process of a container is ended by no signal that it has none for, and would be killed in the end."""
    path = tmp_path / "omnillm.yaml"
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict, wait: 1m")
    await serve(text)
    path.write_text(text)
    second = await Served.start(path, 0)
    try:
        await second.until_told("standing by")
        second.signal(signal.SIGTERM)
        assert await second.ended() == 0
        assert "Traceback" not in second.stderr
    finally:
        await second.kill()
