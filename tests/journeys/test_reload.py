"""A changed configuration is applied to a running gateway: state is kept by name, open calls keep their snapshot, a bad file changes nothing."""

import asyncio
import gc
import os
import weakref
from pathlib import Path

import pytest
from tests.in_turn import in_turn
from tests.journeys.ledgers import locked
from tests.journeys.running import Running, Serve, configuration, until
from tests.journeys.wire import Line, ask, exchange

from omnillm.assemble import Service
from omnillm.config.load import parse
from omnillm.errors import ConfigError
from omnillm.testing import FAULTS, Behaviour, FakeProvider


async def reload(gateway: Running, text: str) -> None:
    gateway.service._read_settings = lambda: parse(text, {})
    await gateway.service.reload()


async def test_a_new_key_is_used_and_a_removed_one_is_not(serve: Serve, provider: FakeProvider) -> None:
    """From one moment to the next, without a restart."""
    provider.script.behave("sk-new", Behaviour())
    gateway = await serve(configuration(provider))
    await reload(gateway, configuration(provider, keys={"new": "key: sk-new"}))
    for _ in range(4):
        reply = await exchange(gateway.port, ask("openai_chat", "Hello"))
        assert (reply.status, reply.headers["x-omnillm-key"]) == (200, "new")
    assert {key.label for key in gateway.program.controller.keys(0)} == {"new"}


async def test_an_open_stream_keeps_its_key(serve: Serve, provider: FakeProvider) -> None:
    """A key that is removed under a stream dies at its last release."""
    provider.script.behave("sk-new", Behaviour())
    gateway = await serve(configuration(provider))
    line = await Line.open(gateway.port, ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True))
    assert await line.head() == 200
    await line.piece()
    await reload(gateway, configuration(provider, keys={"new": "key: sk-new"}))
    states = {key.label: key.state for key in gateway.program.controller.keys(0) if key.provider == "openai"}
    assert states == {"new": "ready", "good": "removed"}
    provider.gate("stall_mid_body").set()
    assert (await line.rest()).is_answer
    assert {key.label for key in gateway.program.controller.keys(0)} == {"new"}
    await line.close()


async def test_a_call_that_waits_may_get_a_new_key(serve: Serve, provider: FakeProvider) -> None:
    """A key that is added while calls wait serves them, though their snapshot does not know it."""
    provider.script.behave("sk-new", Behaviour())
    gateway = await serve(configuration(provider, keys={"good": "key: sk-good, max_concurrency: 1"}, queue="20s"))
    first = await Line.open(gateway.port, ask("openai_chat", "Hello [[fault:stall_before_head]]"))
    await provider.arrived(1)
    second = await Line.open(gateway.port, ask("openai_chat", "Hello"))
    while not gateway.program.admission._waiting:
        await asyncio.sleep(0)
    await reload(gateway, configuration(provider, keys={"good": "key: sk-good, max_concurrency: 1", "new": "key: sk-new"}, queue="20s"))
    served = await second.rest()
    assert (served.status, served.headers["x-omnillm-key"]) == (200, "new")
    first.reset()
    second.reset()


async def test_a_key_that_is_removed_before_its_call_is_sent_is_another_keys_turn(
    serve: Serve, provider: FakeProvider, tmp_path: Path
) -> None:
    """While the reservation goes to the disk nothing is sent yet: the call is neither refused nor sent with what was taken out."""
    provider.script.behave("sk-new", Behaviour())
    options = {"store": f"sqlite:///{tmp_path}/ledger.db", "durability": "strict", "caller": "tpm: 100000"}
    gateway = await serve(configuration(provider, **options))
    with locked(tmp_path / "ledger.db"):
        asked = asyncio.get_running_loop().create_task(exchange(gateway.port, ask("openai_chat", "Hello")))
        await until(lambda: gateway.in_flight == 1)
        await reload(gateway, configuration(provider, keys={"new": "key: sk-new"}, **options))
    reply = await asked
    assert (reply.status, reply.headers["x-omnillm-key"], reply.headers["x-omnillm-attempts"]) == (200, "new", "1")
    assert [each.key for each in provider.log] == ["sk-new"]
    assert {key.label for key in gateway.program.controller.keys(0)} == {"new"}
    await gateway.agrees_with(provider)
    request, attempts = await gateway.last()
    entries = await gateway.program.store.entries(request.request_id)
    assert [entry.kind.name for entry in entries] == ["RESERVE", "VOID", "RESERVE", "SETTLE"]
    assert [(attempt.attempt, attempt.key) for attempt in attempts] == [(2, "new")]
    later = await exchange(gateway.port, ask("openai_chat", "Hello", cap=20))
    used = 100_000 - int(later.headers["x-ratelimit-remaining-tokens"])
    assert used < request.usage.total_tokens + 200, "what was never sent has used none of the caller's tokens"


async def test_health_is_kept_by_label_and_a_changed_secret_is_well(serve: Serve, provider: FakeProvider) -> None:
    """A dead key stays dead over a reload, until its secret is another."""
    provider.script.behave("sk-other", Behaviour())
    gateway = await serve(configuration(provider, queue="0s"))
    provider.enqueue(FAULTS["status_401"])
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 503
    await reload(gateway, configuration(provider, queue="0s", limit_usd="999"))
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 503
    await reload(gateway, configuration(provider, queue="0s", keys={"good": "key: sk-other"}))
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 200


async def test_nothing_of_the_old_configuration_is_held_by_who_waits(serve: Serve, provider: FakeProvider) -> None:
    """Connections that are idle let it go at once; one with a call under way when that ends, and answers by the new one from then on."""
    gateway = await serve(configuration(provider))
    idle, busy = await Line.open(gateway.port, ask("openai_chat", "Hello")), await Line.open(gateway.port, ask("openai_chat", "Hello"))
    for line in (idle, busy):
        assert await line.head() == 200
        await line.piece()
    busy.writer.write(ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True).raw)
    assert await busy.head() == 200
    old = weakref.ref(gateway.program.engine)
    await reload(gateway, configuration(provider, limit_usd="999"))
    provider.gate("stall_mid_body").set()
    assert (await busy.rest()).is_answer
    gc.collect()
    assert old() is None
    for line in (idle, busy):
        line.writer.write(ask("openai_chat", "Hello").raw)
        assert await line.head() == 200
        line.reset()


async def test_a_budget_keeps_what_it_spent(serve: Serve, provider: FakeProvider) -> None:
    """A lowered limit binds at once; the balance is the old one."""
    gateway = await serve(configuration(provider))
    assert (await exchange(gateway.port, ask("openai_chat", "Hello", cap=20))).status == 200
    spent = (await gateway.books())[1]
    await reload(gateway, configuration(provider, limit_usd="0.00000001"))
    refused = await exchange(gateway.port, ask("openai_chat", "Hello", cap=20))
    assert (refused.status, refused.error["code"]) == (402, "budget_exceeded")
    assert (await gateway.books())[1] == spent


async def test_a_revoked_virtual_key_is_a_401(serve: Serve, provider: FakeProvider) -> None:
    """Who is no longer named may no longer call."""
    gateway = await serve(configuration(provider))
    await reload(gateway, configuration(provider).replace("sk-omni-journey-0123456789abcdef", "sk-omni-another-0123456789abcdef"))
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 401


async def test_a_new_virtual_key_may_call_at_once(serve: Serve, provider: FakeProvider) -> None:
    """With limits of its own; the old one goes on."""
    other = "sk-omni-newcomer-0123456789"
    gateway = await serve(configuration(provider))
    assert (await exchange(gateway.port, ask("openai_chat", "Hello", key=other))).status == 401
    await reload(gateway, configuration(provider, callers=f"{{name: other, key: {other}, rpm: 1}}"))
    assert [(await exchange(gateway.port, ask("openai_chat", "Hello", key=other))).status for _ in range(2)] == [200, 429]
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 200


async def test_a_lowered_limit_counts_what_went_before(serve: Serve, provider: FakeProvider) -> None:
    """Of a virtual key and of a provider's: the window is the old one, the limit is new; a raised one is free at once."""

    def limited(caller: int, key: int) -> str:
        return configuration(provider, queue="0s", caller=f"rpm: {caller}", keys={"good": f"key: sk-good, rpm: {key}"})

    gateway = await serve(limited(30, 30))
    for _ in range(3):
        assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 200
    for caller, key, code in ((3, 30, "requests_limit"), (30, 3, "all_keys_limited")):
        await reload(gateway, limited(caller, key))
        refused = await exchange(gateway.port, ask("openai_chat", "Hello"))
        assert (refused.status, refused.error["code"]) == (429, code)
    await reload(gateway, limited(30, 30))
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 200


async def test_an_open_stream_outlives_everything_that_it_needed(serve: Serve, provider: FakeProvider) -> None:
    """Its virtual key is revoked, its model gone, its budget spent: it ends well and is paid for."""
    gateway = await serve(configuration(provider))
    line = await Line.open(gateway.port, ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True, cap=20))
    assert await line.head() == 200
    await line.piece()
    changed = configuration(provider, limit_usd="0.000000001").replace(
        "sk-omni-journey-0123456789abcdef", "sk-omni-another-0123456789abcdef"
    )
    await reload(gateway, changed.replace("fast:", "quick:"))
    provider.gate("stall_mid_body").set()
    assert (await line.rest()).is_answer
    await line.close()
    await gateway.agrees_with(provider)


async def test_a_model_follows_the_file(serve: Serve, provider: FakeProvider) -> None:
    """A new name is answered, an old one unknown, in the list too."""
    gateway = await serve(configuration(provider))
    await reload(gateway, configuration(provider).replace("fast:", "quick:"))
    assert (await exchange(gateway.port, ask("openai_chat", "Hello", model="quick"))).status == 200
    assert (await exchange(gateway.port, ask("openai_chat", "Hello", model="fast"))).status == 404


async def test_a_file_that_takes_long_to_be_read_holds_nobody_up(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """Calls are served by the old one meanwhile; and what is asked for while it is read is done behind it."""
    text = configuration(provider)
    gateway, pipe = await serve(text), tmp_path / "omnillm.yaml"
    os.mkfifo(pipe)
    later = tmp_path / "later.yaml"
    later.write_text(text.replace("fast:", "quick:"))
    files = iter((pipe, later))
    gateway.service._read_settings = lambda: parse(next(files).read_text(), {})
    server = gateway.service.server
    server._begin_reload()
    assert server._reloading is not None
    assert (await exchange(gateway.port, ask("openai_chat", "hi"))).status == 200
    assert not server._reloading.done()
    server._begin_reload()  # the file has changed again, behind what is being read
    await asyncio.to_thread(pipe.write_text, text)
    await server._reloading
    assert (await exchange(gateway.port, ask("openai_chat", "hi", model="quick"))).status == 200


@pytest.mark.parametrize("admin", ["", ", admin: {host: localhost, port: 0}"], ids=["one door", "two doors"])
async def test_a_reload_while_the_doors_open_is_in_force_behind_all_of_them(provider: FakeProvider, admin: str) -> None:
    """SIGHUP comes when it will: a name is being looked up for a listener, and no door may go by the file of before for ever."""
    text = configuration(provider).replace("host: 127.0.0.1", "host: localhost").replace(", drain: 2s", f", drain: 2s{admin}")
    changed = parse(text.replace("name: journey", "name: renamed"), {})
    service = Service(parse(text, {}), reload=lambda: changed)
    await service.load()
    reloading = asyncio.get_running_loop().create_task(service.reload())
    await service.open_doors()
    try:
        await reloading  # it may be behind the doors on a busy machine, and usually is not
        assert (await exchange(service.address[1], ask("openai_chat", "Hello"))).status == 200
        assert {id(app.wiring) for app in service._apps} == {id(service._apps[0].wiring)}
        assert {caller.name for app in service._apps for caller in app.wiring.authenticator._callers.values()} == {"renamed"}
    finally:
        await service.aclose()


@in_turn(
    ("old", "new", "place"),
    [
        ("port: 0", "port: 4999", "server.port"),
        ("memory://", "sqlite:///elsewhere.db", "store"),
        ("drain: 2s", "drain: 3s", "server.drain"),
        ("drain: 2s", "drain: 2s, drain_delay: 3s", "server.drain_delay"),
        ("drain: 2s", "drain: 2s, limits: {connections: 5}", "server.limits"),
        ("drain: 2s", "drain: 3s, admin: {port: 0}", "server.admin, server.drain"),
        ("drain: 2s", "drain: 2s, log: {format: json}", "server.log"),
        ("period: total", "period: day", "budgets.everything.period"),
    ],
)
async def test_what_needs_a_restart_says_so(serve: Serve, provider: FakeProvider, old: str, new: str, place: str) -> None:
    """It is refused by name, rather than ignored."""
    gateway = await serve(configuration(provider))
    with pytest.raises(ConfigError) as refused:
        await reload(gateway, configuration(provider).replace(old, new))
    assert refused.value.path == place
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 200
