"""Virtual keys that the ledger keeps beside a file that changes, and beside other processes."""

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.journeys.running import Running, Serve, configuration, until
from tests.journeys.virtual_keys.keys import KEYS, call, code, make, team
from tests.journeys.wire import admin

from omnillm.assemble import Service
from omnillm.assemble.keyring import POLL_TICKS
from omnillm.config.load import parse
from omnillm.errors import CallerFault, ConfigError
from omnillm.testing import FakeProvider


async def test_another_process_hears_of_it(serve: Serve, provider: FakeProvider) -> None:
    """One that shares the ledger lets a key in, changes and ends it within twenty ticks, which are a second."""
    settings = parse(configuration(provider), {})
    gateway = await serve(settings)
    service = Service(settings, reload=lambda: settings, store=gateway.program.store)
    await service.start()
    other = Running(service, gateway.log)
    secret = await make(gateway, "ada", rpm=1)
    await until_status(other, secret, 200)
    assert code(await call(other, secret)) == (429, "requests_limit")
    rotated = (await admin(gateway, "POST", f"{KEYS}/ada/rotate")).json["secret"]
    await until_status(other, secret, 401)
    await until_status(other, rotated, 429)
    await admin(gateway, "POST", f"{KEYS}/ada/revoke")
    await until_status(other, rotated, 401)
    assert POLL_TICKS < 20
    await service.server.drain()
    await service.aclose()


async def until_status(gateway: Running, secret: str, status: int) -> None:
    async with asyncio.timeout(5):
        while (await call(gateway, secret)).status != status:
            await asyncio.sleep(0.02)


async def test_a_foreign_key_that_does_not_fit_is_not_in_force(
    serve: Serve, provider: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process may have another file: a budget that is unknown here is not a budget without a limit."""
    gateway = await serve(configuration(provider))
    secret = await make(gateway, "ada")
    kept = await gateway.program.store.virtual_keys.get("ada")
    await gateway.program.store.virtual_keys.put(replace(kept, budgets=("elsewhere",)))
    await until_status(gateway, secret, 401)
    assert "'ada', which the ledger keeps: budgets[0] names an unknown budget 'elsewhere'" in caplog.text


async def test_a_key_that_a_reload_brings_back_into_force_has_its_limits_and_its_budget(serve: Serve, provider: FakeProvider) -> None:
    """It fits the file again, and its secret is good: a caller whom the controller did not know would have no limits."""
    gateway = await serve(configuration(provider))
    secret = await make(gateway, "ada", rpm=3, budget={"limit_usd": "1"})
    assert (await call(gateway, secret)).status == 200
    kept = await gateway.program.store.virtual_keys.get("ada")
    await gateway.program.store.virtual_keys.put(replace(kept, budgets=("team",)))
    await gateway.service.keyring._poll()
    assert (await call(gateway, secret)).status == 401
    gateway.service._read_settings = lambda: parse(team(configuration(provider)), {})
    await gateway.service.reload()
    assert [(await call(gateway, secret)).status for _ in range(3)] == [200, 200, 429]
    spent = {budget.name: budget.settled_nanousd for budget in gateway.program.controller.budgets()}
    one = provider.invoice.total_nanousd // 3
    assert spent == {"team": 2 * one, "everything": 3 * one, "key:ada": 3 * one}


async def test_a_file_that_cannot_be_applied_brings_no_key_back(serve: Serve, provider: FakeProvider) -> None:
    """Nothing is in force for one whom the controller does not know; the next file that can brings it back."""
    gateway = await serve(configuration(provider))
    secret = await make(gateway, "ada", rpm=2)
    kept = gateway.program.store.virtual_keys
    await kept.put(replace(await kept.get("ada"), budgets=("team",)))
    await gateway.service.keyring._poll()
    fits = team(configuration(provider))
    vertex = "  vertex: {kind: vertex_ai, project: p, region: global, keys: [{label: v, key: 'service_account:/nowhere.json'}]}\nmodels:"
    for text, known in ((fits.replace("models:", vertex, 1), set()), (fits, {"ada"})):
        settings = parse(text, {})
        gateway.service._read_settings = lambda: settings  # noqa: B023  asked for at once
        with nullcontext() if known else pytest.raises(ConfigError, match="a service account's file that is not there"):
            await gateway.service.reload()
        assert gateway.program.enrolment.keys.keys() == known
    assert [(await call(gateway, secret)).status for _ in range(3)] == [200, 200, 429]


async def test_a_foreign_key_that_fits_again_finds_what_it_had_spent(serve: Serve, provider: FakeProvider) -> None:
    """Its own budget is not shown while it makes no calls, and neither forgets what was spent nor what its limits counted."""
    gateway = await serve(configuration(provider))
    secret = await make(gateway, "ada", rpm=2, budget={"limit_usd": "1", "period": "day"})
    assert (await call(gateway, secret)).status == 200

    def own() -> list[Any]:
        return [budget for budget in gateway.program.controller.budgets() if budget.name.endswith("ada")]

    [before] = own()
    assert before.settled_nanousd > 0
    kept = gateway.program.store.virtual_keys
    made = await kept.get("ada")
    await kept.put(replace(made, budgets=("elsewhere",)))
    await until(lambda: own() == [])
    assert (await call(gateway, secret)).status == 401
    await kept.put(replace(await kept.get("ada"), budgets=made.budgets))
    await until(lambda: own() != [])
    assert (await call(gateway, secret)).status == 200
    [after] = own()
    assert after.period == before.period
    assert after.settled_nanousd == 2 * before.settled_nanousd
    assert code(await call(gateway, secret)) == (429, "requests_limit")


async def test_a_file_that_does_not_fit_the_kept_keys_changes_nothing(serve: Serve, provider: FakeProvider) -> None:
    """A budget that a key draws on must stay, and a name cannot be given again; a revoked key asks for its name only."""
    gateway = await serve(team(configuration(provider)))
    secret = await make(gateway, "ada", budgets=["team"])
    for text, words in (
        (configuration(provider), "budgets[0] names an unknown budget 'team'"),
        (team(configuration(provider, callers="{name: ada, key: sk-omni-another-0123}")), "has the name of one in the file"),
    ):
        gateway.service._read_settings = lambda text=text: parse(text, {})
        refused = await admin(gateway, "POST", "/admin/v1/reload")
        assert code(refused) == (422, "bad_configuration")
        assert words in refused.json["error"]["message"]
    assert (await call(gateway, secret)).status == 200
    await admin(gateway, "POST", f"{KEYS}/ada/revoke")
    gateway.service._read_settings = lambda: parse(configuration(provider), {})
    assert (await admin(gateway, "POST", "/admin/v1/reload")).status == 200


async def test_a_key_that_is_being_made_and_a_file_without_its_budget_exclude_each_other(
    serve: Serve, provider: FakeProvider, tmp_path: Path
) -> None:
    """Whichever comes second is refused. A key that slipped in would stand in the way of every later file."""
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db")
    gateway = await serve(team(text))
    service = gateway.service
    service._read_settings = lambda: parse(text, {})
    making = asyncio.create_task(service.keyring.create(b'{"name": "ada", "budgets": ["team"]}'))
    await asyncio.sleep(0)
    with pytest.raises(ConfigError, match="'ada', which the ledger keeps: budgets"):
        await service.reload()
    assert (await making).listed.state == "active"
    await service.keyring.revoke("ada")
    reloading = asyncio.create_task(service.reload())
    with pytest.raises(CallerFault, match="unknown budget 'team'"):
        await asyncio.gather(reloading, service.keyring.create(b'{"name": "bob", "budgets": ["team"]}'))
    await service.reload()


async def test_a_start_that_does_not_fit_the_kept_keys_is_refused(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """A key whose budget is gone would be a key without that budget."""
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db")
    gateway = await serve(team(text))
    await make(gateway, "ada", budgets=["team"])
    await gateway.end()
    settings = parse(text, {})
    service = Service(settings, reload=lambda: settings)
    try:
        with pytest.raises(ConfigError, match="'ada', which the ledger keeps: budgets"):
            await service.start()
    finally:
        await service.aclose()
