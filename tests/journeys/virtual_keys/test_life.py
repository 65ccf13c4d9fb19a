"""Virtual keys that are made, changed and ended while the gateway runs."""

from pathlib import Path

from tests.journeys.running import VIRTUAL_KEY, Running, Serve, configuration
from tests.journeys.virtual_keys.keys import KEYS, call, code, make, team
from tests.journeys.wire import Line, Question, Reply, admin, ask, send

from omnillm.testing import FakeProvider, ManualClock

HOUR = 3600.0


async def test_a_key_works_at_once_and_is_its_own_caller(serve: Serve, provider: FakeProvider) -> None:
    """Its name, its tags and its own budget are in the ledger; the shared budget that it names is drawn on, too."""
    gateway = await serve(team(configuration(provider)))
    secret = await make(gateway, "ada", tags={"cost_center": "a1"}, budgets=["team"], budget={"limit_usd": "0.5", "period": "month"})
    assert secret.startswith("sk-omni-")
    assert len(secret) > 40
    assert (await call(gateway, secret)).status == 200
    request, _ = await gateway.last()
    assert (request.caller, request.tags) == ("ada", "cost_center=a1")
    spent = {budget.name: budget.settled_nanousd for budget in gateway.program.controller.budgets()}
    assert spent == dict.fromkeys(("team", "everything", "key:ada"), provider.invoice.total_nanousd)
    assert {entry.budget for entry in await gateway.program.store.entries(request.request_id)} == spent.keys()
    assert await gateway.program.store.verify() == []


async def test_its_limits_are_those_of_any_key(serve: Serve, provider: FakeProvider) -> None:
    """Requests, tokens, calls at a time, models; another key feels nothing of it."""
    gateway = await serve(configuration(provider))
    secrets = {
        "few": await make(gateway, "few", rpm=1),
        "short": await make(gateway, "short", tpm=40),
        "single": await make(gateway, "single", max_concurrency=1),
        "narrow": await make(gateway, "narrow", models=["claude", "fa*"]),
    }
    first = await call(gateway, secrets["few"])
    assert (first.status, first.headers["x-ratelimit-limit-requests"], first.headers["x-ratelimit-remaining-requests"]) == (200, "1", "0")
    assert code(await call(gateway, secrets["few"])) == (429, "requests_limit")
    assert [(await call(gateway, secrets["short"])).status for _ in range(2)] == [200, 429]
    line = await Line.open(gateway.port, ask("openai_chat", "Hello [[fault:stall_before_head]]", key=secrets["single"]))
    await provider.arrived(3)
    assert code(await call(gateway, secrets["single"])) == (429, "concurrency_limit")
    line.reset()
    assert (await call(gateway, secrets["narrow"])).status == 200
    assert code(await call(gateway, secrets["narrow"], model="openai/fake-small")) == (403, "model_not_allowed")
    assert (await call(gateway, VIRTUAL_KEY)).status == 200


async def test_its_budget_warns_at_its_own_thresholds(serve: Serve, provider: FakeProvider) -> None:
    """In each reply to it, from the moment on at which it was made."""
    gateway = await serve(configuration(provider))
    secret = await make(gateway, "ada", budget={"limit_usd": "0.0002", "warn": [0.05]})
    assert "x-omnillm-budget-warning" not in (await call(gateway, secret)).headers
    gateway.program._alert()
    assert (await call(gateway, secret)).headers["x-omnillm-budget-warning"] == "key:ada=5%"


async def test_its_budget_is_hard_over_a_reload_and_a_restart(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """What it spent stays spent, what it is stays as it was made."""
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict")
    gateway = await serve(text)
    secret = await make(gateway, "ada", rpm=100, budget={"limit_usd": "0.0003"}, metadata={"owner": "Zoë"})
    while (reply := await call(gateway, secret)).status == 200:
        pass
    assert code(reply) == (402, "budget_exceeded")
    assert reply.json["error"]["details"]["scope"] == "key:ada"
    spent = provider.invoice.total_nanousd
    assert 0 < spent <= 300_000
    await gateway.service.reload()
    assert code(await call(gateway, secret)) == (402, "budget_exceeded")
    before = (await admin(gateway, "GET", f"{KEYS}/ada")).json
    await gateway.end()
    again = await serve(text)
    assert code(await call(again, secret)) == (402, "budget_exceeded")
    assert (await admin(again, "GET", f"{KEYS}/ada")).json == before
    assert [budget.settled_nanousd for budget in again.program.controller.budgets() if budget.name == "key:ada"] == [spent]
    assert code(await admin(again, "POST", KEYS, {"name": "ada"})) == (409, "virtual_key_exists")


async def test_a_reload_keeps_what_its_windows_counted(serve: Serve, provider: FakeProvider) -> None:
    """Its own, and while others come and go those of everybody."""
    gateway = await serve(configuration(provider, caller="rpm: 2"))
    secret = await make(gateway, "ada", rpm=2)
    for each in (secret, VIRTUAL_KEY):
        assert (await call(gateway, each)).status == 200
    await gateway.service.reload()
    await make(gateway, "bob")
    await admin(gateway, "POST", f"{KEYS}/bob/revoke")
    for each in (secret, VIRTUAL_KEY):
        assert [(await call(gateway, each)).status for _ in range(2)] == [200, 429]


async def test_a_rotated_key_has_another_secret(serve: Serve, provider: FakeProvider) -> None:
    """The old one ends at once, or after the grace, or with the key; limits and budget go on counting, and a change ends no grace."""
    clock = ManualClock()
    gateway = await serve(configuration(provider), clock=clock)
    first = await make(gateway, "ada", rpm=4)
    assert (await call(gateway, first)).status == 200
    second = (await admin(gateway, "POST", f"{KEYS}/ada/rotate")).json["secret"]
    assert code(await call(gateway, first)) == (401, "invalid_api_key")
    assert (await call(gateway, second)).status == 200
    rotated = (await admin(gateway, "POST", f"{KEYS}/ada/rotate", {"grace": "1h"})).json
    third = rotated["secret"]
    assert rotated["virtual_key"]["previous_secret_until"] == clock.wall() + HOUR
    assert rotated["virtual_key"]["rotated_at"] == clock.wall()
    clock.advance(1)
    changed = (await admin(gateway, "PATCH", f"{KEYS}/ada", {"metadata": {"owner": "Ada"}})).json["virtual_key"]
    assert changed == rotated["virtual_key"] | {"metadata": {"owner": "Ada"}}
    assert len({first, second, third}) == 3
    assert [(await call(gateway, secret)).status for secret in (second, third)] == [200, 200]
    assert code(await call(gateway, third)) == (429, "requests_limit")
    clock.advance(HOUR)
    assert code(await call(gateway, second)) == (401, "expired_api_key")
    assert (await call(gateway, third)).status == 200
    await admin(gateway, "POST", f"{KEYS}/ada/rotate", {"grace": "1h"})
    assert code(await call(gateway, second)) == (401, "invalid_api_key")
    await admin(gateway, "PATCH", f"{KEYS}/ada", {"expires": "2020-01-01"})
    assert code(await call(gateway, third)) == (401, "expired_api_key")


async def test_a_key_that_changes_is_the_same_key(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """From its next call on: limits, models, expiry, budgets. What is not named stays, null is the default; over a restart, too."""
    text, clock = team(configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db")), ManualClock()
    gateway = await serve(text, clock=clock)
    secret = await make(gateway, "ada", rpm=1, models=["other"], expires="2020-01-01", tags={"x": "1"}, metadata={"owner": "Ada"})
    assert code(await call(gateway, secret)) == (401, "expired_api_key")
    for change, answer in (
        ({"expires": "2099-01-01"}, (403, "model_not_allowed")),
        ({"models": None, "tags": {"y": "2"}}, (200, "")),
        ({"metadata": {}}, (429, "requests_limit")),
        ({"rpm": 3}, (200, "")),
        ({"tpm": 10}, (400, "call_too_large")),
        ({"rpm": None, "tpm": None, "budgets": ["team"]}, (200, "")),
        ({"budget": {"limit_usd": "0.000001", "period": "month"}}, (402, "budget_exceeded")),
        ({"budget": {"limit_usd": "0.000001", "period": "month", "hard": "false"}}, (200, "")),
        ({"budget": {"limit_usd": "1", "period": "month"}}, (200, "")),
        ({}, (200, "")),
    ):
        changed = await admin(gateway, "PATCH", f"{KEYS}/ada", change)
        assert (changed.status, "secret" in changed.json) == (200, False), changed.body
        reply = await call(gateway, secret)
        assert (reply.status, "" if reply.status == 200 else reply.json["error"]["code"]) == answer, change
    request, _ = await gateway.last()
    assert (request.caller, request.tags) == ("ada", "y=2")
    assert {entry.budget for entry in await gateway.program.store.entries(request.request_id)} == {"team", "everything", "key:ada"}
    shown = changed.json["virtual_key"]
    assert (shown["rpm"], shown["models"], shown["tags"], shown["metadata"]) == (0, [], {"y": "2"}, {})
    spent = {budget.name: budget.settled_nanousd for budget in gateway.program.controller.budgets()}
    assert 0 < spent["key:ada"] < spent["team"] < spent["everything"]
    await gateway.end()
    again = await serve(text, clock=clock)
    assert (await admin(again, "GET", f"{KEYS}/ada")).json == changed.json
    assert {budget.name: budget.settled_nanousd for budget in again.program.controller.budgets()} == spent
    assert (await call(again, secret)).status == 200
    assert await again.program.store.verify() == []


async def test_the_tags_of_a_call_stand_beside_those_of_its_key(serve: Serve, provider: FakeProvider) -> None:
    """A call that names its run still counts for its key's cost centre; of the same name its own is taken."""
    gateway = await serve(team(configuration(provider)))
    secret = await make(gateway, "ada", tags={"cost_center": "a1", "env": "prod"})
    headers = {"x-omnillm-tags": "run=7,env=test"}
    assert (await call(gateway, secret, headers=headers)).status == 200
    request, _ = await gateway.last()
    assert request.tags == "run=7,env=test,cost_center=a1"
    usage = await admin(gateway, "GET", "/admin/v1/usage?group_by=tag:env")
    assert [(row["tag:env"], row["requests"]) for row in usage.json["rows"]] == [("test", 1)]


async def test_tags_without_end_make_no_sums_without_end(serve: Serve, provider: FakeProvider) -> None:
    """A key has so many texts of them a day; what comes beyond counts for the key's own tags, another key's still for its own, and in all totals."""
    gateway = await serve(team(configuration(provider, calls="tag_sets: 2")))
    ada, bob = await make(gateway, "ada", tags={"env": "prod"}), await make(gateway, "bob")
    for number in (1, 2, 3, 4, 1):
        assert (await call(gateway, ada, headers={"x-omnillm-tags": f"run={number}"})).status == 200
    for secret, headers in ((ada, {}), (bob, {"x-omnillm-tags": "run=9"})):
        assert (await call(gateway, secret, headers=headers)).status == 200
    for tag, told in (
        ("run", [("", 3), ("1", 2), ("2", 1), ("9", 1)]),
        ("env", [("", 1), ("prod", 6)]),
        ("x-omnillm-tags", [("", 5), ("other", 2)]),
    ):
        usage = await admin(gateway, "GET", f"/admin/v1/usage?group_by=tag:{tag}")
        assert [(row[f"tag:{tag}"], row["requests"]) for row in usage.json["rows"]] == told
    assert await gateway.program.store.verify() == []


async def test_a_revoked_key_ends_and_its_calls_go_on(serve: Serve, provider: FakeProvider) -> None:
    """401 from the next call on, both secrets; the open stream ends well and is paid for; twice is once, and nothing else changes it."""
    gateway = await serve(configuration(provider))
    first = await make(gateway, "ada", budget={"limit_usd": "1"})
    second = (await admin(gateway, "POST", f"{KEYS}/ada/rotate", {"grace": "1h"})).json["secret"]
    line = await Line.open(gateway.port, ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True, cap=20, key=first))
    assert await line.head() == 200
    await line.piece()
    revoked = await admin(gateway, "POST", f"{KEYS}/ada/revoke")
    assert (revoked.status, revoked.json["virtual_key"]["state"]) == (200, "revoked")
    for secret in (first, second):
        assert code(await call(gateway, secret)) == (401, "invalid_api_key")
    assert (await admin(gateway, "POST", f"{KEYS}/ada/revoke")).json == revoked.json
    for method, path, body in (("PATCH", "", {"rpm": 5}), ("POST", "/rotate", None)):
        assert code(await admin(gateway, method, f"{KEYS}/ada{path}", body)) == (409, "virtual_key_ended")
    assert "key:ada" not in {budget.name for budget in gateway.program.controller.budgets()}
    provider.gate("stall_mid_body").set()
    assert (await line.rest()).is_answer
    await line.close()
    await gateway.agrees_with(provider)


async def test_a_connection_that_lives_on_does_not_keep_a_key_alive(serve: Serve, provider: FakeProvider) -> None:
    """Call after call with the same head on one connection: what it led to before is asked for anew each time."""
    gateway = await serve(configuration(provider))
    secret = await make(gateway, "ada")
    question, longer = (ask("openai_chat", prompt, key=secret, cap=20) for prompt in ("Hello", "Hello again"))
    line = await Line.open(gateway.port, question)
    assert (await line.rest()).status == 200

    async def again(each: Question) -> Reply:
        line.status = 0
        line.writer.write(each.raw)
        return await line.rest()

    for models, status in ((["claude"], 403), ([], 200)):
        await admin(gateway, "PATCH", f"{KEYS}/ada", {"models": models})
        assert [(await again(each)).status for each in (question, longer)] == [status, status]
    await admin(gateway, "POST", f"{KEYS}/ada/revoke")
    assert code(await again(longer)) == (401, "invalid_api_key")
    await line.close()


async def test_a_head_that_is_known_to_all_connections_does_not_keep_a_key_alive(serve: Serve, provider: FakeProvider) -> None:
    """A connection for each call: rights taken away, given back, an applied configuration and the key's end are in force at once."""
    gateway = await serve(configuration(provider))
    secret = await make(gateway, "ada")
    heads = gateway.service.server._fronts[0]._crowd.heads
    for _ in range(3):
        assert (await call(gateway, secret)).status == 200
    assert len(heads) == 1
    for models, status in ((["claude"], 403), ([], 200)):
        await admin(gateway, "PATCH", f"{KEYS}/ada", {"models": models})
        assert [(await call(gateway, secret)).status for _ in range(3)] == [status] * 3
    await gateway.service.reload()
    assert len(heads) == 0
    assert [(await call(gateway, secret)).status for _ in range(3)] == [200] * 3
    await admin(gateway, "POST", f"{KEYS}/ada/revoke")
    assert [code(await call(gateway, secret)) for _ in range(3)] == [(401, "invalid_api_key")] * 3


async def piece(gateway: Running, target: str, body: bytes, command: str, key: str = "") -> Reply:
    """Of a resumable upload of Gemini's. What goes on bears no credential."""
    return await send(gateway, "POST", target, body, key=key, dialect="gemini", headers={"x-goog-upload-command": command})


async def test_an_upload_ends_with_its_key(serve: Serve, provider: FakeProvider) -> None:
    """The address where it goes on is its beginner's: with the key revoked, expired or rotated no other piece is taken; a grace holds."""
    clock = ManualClock()
    gateway = await serve(configuration(provider), clock=clock)
    secrets = {name: await make(gateway, name) for name in ("ada", "bob", "eve")}
    secrets["late"] = await make(gateway, "late", expires="2025-10-10")
    places = {}
    for name, secret in secrets.items():
        begun = await piece(gateway, "/providers/gemini/upload/v1beta/files", b'{"file": {}}', "start", secret)
        places[name] = begun.headers["x-goog-upload-url"].removeprefix("http://x")
        assert (await piece(gateway, places[name], b"deep ", "upload")).status == 200
    await admin(gateway, "POST", f"{KEYS}/ada/revoke")
    await admin(gateway, "POST", f"{KEYS}/bob/rotate", {"grace": "1h"})
    await admin(gateway, "POST", f"{KEYS}/eve/rotate")
    assert [(await piece(gateway, places[name], b"water", "upload")).status for name in secrets] == [401, 200, 401, 200]
    clock.advance(HOUR)
    assert [(await piece(gateway, places[name], b"water", "upload")).status for name in secrets] == [401, 401, 401, 200]
    clock.advance(16 * HOUR)
    assert (await piece(gateway, places["late"], b"", "upload, finalize")).status == 401
    assert [logged.body for logged in provider.log if logged.query] == [b"deep "] * 4 + [b"water"] * 3


async def test_an_expired_key_is_told_so(serve: Serve, provider: FakeProvider) -> None:
    """As one in the file is; the list says so, too."""
    clock = ManualClock(wall=1_795_608_000.0)
    gateway = await serve(configuration(provider), clock=clock)
    secret = await make(gateway, "ada", expires="2026-11-26")
    assert (await call(gateway, secret)).status == 200
    clock.advance(12 * HOUR)
    assert code(await call(gateway, secret)) == (401, "expired_api_key")
    assert (await admin(gateway, "GET", f"{KEYS}/ada")).json["virtual_key"]["state"] == "expired"
    assert code(await admin(gateway, "POST", f"{KEYS}/ada/rotate")) == (409, "virtual_key_ended")
