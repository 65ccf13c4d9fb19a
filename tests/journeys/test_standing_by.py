"""A second gateway on a ledger: it stands by until the first one ends."""

import asyncio
from pathlib import Path

import pytest
from tests.journeys.running import Serve, configuration, until
from tests.journeys.test_virtual_keys import admin
from tests.journeys.wire import ask, exchange

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
