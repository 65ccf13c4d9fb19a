"""Virtual keys that are made, changed and ended while the gateway runs."""

import asyncio
import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.journeys.running import VIRTUAL_KEY, Running, Serve, configuration, until
from tests.journeys.wire import Line, Question, Reply, admin, ask, exchange, send

from omnillm.assemble import Service
from omnillm.assemble.keyring import POLL_TICKS, Keyring
from omnillm.config.load import parse
from omnillm.errors import CallerFault, ConfigError
from omnillm.server.inference import CallHead
from omnillm.server.wiring import Wiring
from omnillm.testing import FakeProvider, ManualClock

KEYS = "/admin/v1/virtual-keys"
HOUR = 3600.0
TEAM = "budgets: [{{name: team, scope: named, limit_usd: {limit}}}, "


def team(text: str, limit: str = "1000") -> str:
    """With a budget that keys may name."""
    return text.replace("budgets: [{name: everything", TEAM.format(limit=limit) + "{name: everything")


async def make(gateway: Running, name: str, **terms: Any) -> str:
    """Its secret."""
    made = await admin(gateway, "POST", KEYS, {"name": name, **terms})
    assert made.status == 201, made.body
    assert made.headers["cache-control"] == "no-store"
    return made.json["secret"]


async def call(gateway: Running, secret: str, **options: Any) -> Reply:
    return await exchange(gateway.port, ask("openai_chat", "Hello", key=secret, cap=20, **options))


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["error"]["code"]


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
    await gateway.service.server.drain()
    await gateway.service.aclose()
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
    """The old one ends at once, or after the grace; limits and budget go on counting."""
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
    assert len({first, second, third}) == 3
    assert [(await call(gateway, secret)).status for secret in (second, third)] == [200, 200]
    assert code(await call(gateway, third)) == (429, "requests_limit")
    clock.advance(HOUR)
    assert code(await call(gateway, second)) == (401, "expired_api_key")
    assert (await call(gateway, third)).status == 200
    await admin(gateway, "POST", f"{KEYS}/ada/rotate", {"grace": "1h"})
    assert code(await call(gateway, second)) == (401, "invalid_api_key")


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
    await gateway.service.server.drain()
    await gateway.service.aclose()
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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (b"[1]", "must be a JSON object"),
        ({"name": "bob"}, "name never changes"),
        ({"name": "ada"}, "name never changes"),
        ({"rmp": 5}, "rmp is not a key known here; did you mean rpm?"),
        ({"rmp": None}, "rmp is not a key known here; did you mean rpm?"),
        (b'{"rpm": 5, "rpm": null}', "rpm stands twice"),
        ({"rpm": 0}, "rpm is 0"),
        ({"budgets": ["taem"]}, "did you mean team?"),
        ({"budget": None}, "budget stays as long as the key"),
        ({"budget": {"limit_usd": "1"}}, "budget must keep its period and its time zone: month, UTC"),
        ({"budget": {"limit_usd": "1", "period": "month", "tz": "Asia/Tokyo"}}, "must keep its period and its time zone"),
        ({"budget": {"period": "month"}}, "budget.limit_usd is missing"),
    ],
)
async def test_what_is_wrong_with_a_change_is_told(serve: Serve, provider: FakeProvider, change: object, words: str) -> None:
    """And nothing changes."""
    gateway = await serve(team(configuration(provider)))
    await make(gateway, "ada", rpm=9, budget={"limit_usd": "1", "period": "month"})
    before = (await admin(gateway, "GET", f"{KEYS}/ada")).json
    refused = await admin(gateway, "PATCH", f"{KEYS}/ada", change)
    assert refused.status == 422 if isinstance(change, dict) else refused.status in {400, 422}
    assert words in refused.json["error"]["message"]
    assert (await admin(gateway, "GET", f"{KEYS}/ada")).json == before


async def test_a_revoked_key_ends_and_its_calls_go_on(serve: Serve, provider: FakeProvider) -> None:
    """401 from the next call on, both secrets; the open stream ends well and is paid for; twice is once."""
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
    assert code(await admin(gateway, "POST", f"{KEYS}/ada/rotate")) == (409, "virtual_key_ended")
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


def held(value: object) -> Iterator[object]:
    """What a value holds, however deep; not the program that a call's head leads to."""
    if isinstance(value, Wiring):
        return
    yield value
    if isinstance(value, dict):
        inner: Iterable[object] = (*value, *value.values())
        inner = (*inner, getattr(value, "told", ()))
    elif isinstance(value, tuple | list | set | frozenset):
        inner = value
    else:
        names = getattr(value, "__struct_fields__", getattr(value, "__slots__", ()))
        inner = [getattr(value, name) for name in names]
    for each in inner:
        yield from held(each)


async def test_no_secret_lies_in_memory_for_the_next_connection(serve: Serve, provider: FakeProvider) -> None:
    """Of a head that is known only a digest is kept, wherever the SDK puts the key, and whatever else the client sends."""
    gateway = await serve(configuration(provider))
    secret = await make(gateway, "ada")
    fields = f"authorization: Bearer {secret}", f"x-api-key: {secret}", f"x-goog-api-key: {secret}", f"cookie: session={secret}"
    body = json.dumps({"contents": [{"parts": [{"text": "Hello"}]}]})
    for field in (*fields, ""):
        head = f"POST /v1beta/models/fast:generateContent?key={secret} HTTP/1.1\r\nhost: x\r\n{field or 'accept: */*'}\r\n"
        raw = f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()
        assert [(await exchange(gateway.port, Question("gemini", raw))).status for _ in range(3)] == [200] * 3
    heads = gateway.service.server._fronts[0]._crowd.heads
    assert len(heads) == len(fields) + 1
    everything = list(held(heads))
    assert any(isinstance(each, CallHead) for each in everything)
    for each in everything:
        assert secret not in (each.decode("latin-1") if isinstance(each, bytes) else each if isinstance(each, str) else "")


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


async def test_keys_are_listed_by_name_page_by_page(serve: Serve, provider: FakeProvider) -> None:
    """The file's among them, without a secret or a digest of one."""
    gateway = await serve(configuration(provider, caller="rpm: 7, models: [fast]"))
    secrets = [await make(gateway, name) for name in ("zoe", "ada", "kim")]
    listed = (await admin(gateway, "GET", KEYS)).json
    assert [(key["name"], key["source"]) for key in listed["virtual_keys"]] == [
        ("ada", "ledger"),
        ("journey", "file"),
        ("kim", "ledger"),
        ("zoe", "ledger"),
    ]
    assert listed["has_more"] is False
    first = (await admin(gateway, "GET", f"{KEYS}?limit=2")).json
    assert ([key["name"] for key in first["virtual_keys"]], first["has_more"]) == (["ada", "journey"], True)
    rest = (await admin(gateway, "GET", f"{KEYS}?limit=2&after=journey")).json
    assert rest == {"virtual_keys": listed["virtual_keys"][2:], "has_more": False}
    static = (await admin(gateway, "GET", f"{KEYS}/journey")).json["virtual_key"]
    assert (static["rpm"], static["models"], static["created_at"], static["state"]) == (7, ["fast"], None, "active")
    stored = [await gateway.program.store.virtual_keys.get(name) for name in ("zoe", "ada", "kim")]
    for secret in (*secrets, VIRTUAL_KEY, *(key.digest for key in stored)):
        assert secret not in json.dumps(listed)
    for wrong in ("limit=0", "limit=1001", "limit=x", "before=ada"):
        assert (await admin(gateway, "GET", f"{KEYS}?{wrong}")).status == 400


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 422, "name is missing"),
        (b"{", 400, "not valid JSON"),
        (b"\xff", 400, "not valid JSON"),
        (b"[]", 400, "must be a JSON object"),
        (b"[" * 50_000, 400, "not valid JSON"),
        (b" " * 70_000, 413, "larger than"),
        (b'{"name": "a", "name": "b"}', 422, "name stands twice"),
        ({"name": "a", "budget": {"limit_usd": "1", "period": "rolling 24h", "tz": "UTC"}}, 422, "budget.tz means nothing beside period"),
        ({"name": "a", "rmp": 5}, 422, "rmp is not a key known here; did you mean rpm?"),
        ({"name": "a", "key": "sk-omni-mine"}, 422, "key is not a key known here"),
        ({"name": "a b"}, 422, "name must be 1 to 64"),
        ({"name": None}, 422, "name has no value"),
        ({"name": "a", "rpm": -1}, 422, "rpm must be a whole number"),
        ({"name": "a", "rpm": 1.5}, 422, "rpm must be a whole number"),
        ({"name": "a", "rpm": 0}, 422, "rpm is 0"),
        ({"name": "a", "rpm": True}, 422, "rpm must be a whole number"),
        ({"name": "a", "rpm": [5]}, 422, "rpm must be a single value"),
        ({"name": "a", "tpm": float("nan")}, 422, "tpm must be a whole number"),
        ({"name": "a", "models": "fast"}, 422, "models must be a list"),
        ({"name": "a", "budget": {"limit_usd": 1e-12}}, 422, "budget.limit_usd must be decimal USD"),
        ({"name": "a", "budget": {"limit_usd": "-1"}}, 422, "budget.limit_usd must not be negative"),
        ({"name": "a", "budget": {"period": "day"}}, 422, "budget.limit_usd is missing"),
        ({"name": "a", "budget": {"limit_usd": 1, "name": "mine"}}, 422, "has neither name nor scope"),
        ({"name": "a", "budget": {"limit_usd": 1, "period": "year"}}, 422, "budget.period must be one of"),
        ({"name": "a", "budgets": ["taem"]}, 422, "budgets[0] names an unknown budget 'taem'; did you mean team?"),
        ({"name": "a", "tags": {"team": "a,b"}}, 422, "tags.team must hold no comma, which ends a tag."),
        ({"name": "a", "budgets": ["everything"]}, 422, "budgets[0] need not name everything"),
        ({"name": "a", "tags": {"x": "${HOME}\n"}}, 422, "tags.x must hold no line break"),
        ({"name": "a", "expires": "soon"}, 422, "expires must be a date"),
        ({"name": "journey"}, 409, "a name is given once"),
    ],
)
async def test_what_is_wrong_with_a_key_is_told(serve: Serve, provider: FakeProvider, body: object, status: int, words: str) -> None:
    """In the file's own words, and nothing is made."""
    gateway = await serve(team(configuration(provider)))
    refused = await admin(gateway, "POST", KEYS, body)
    assert refused.status == status
    assert words in refused.json["error"]["message"]
    assert "?." not in refused.json["error"]["message"]
    assert len((await admin(gateway, "GET", KEYS)).json["virtual_keys"]) == 1
    assert await gateway.program.store.virtual_keys.since(0, limit=9) == []


async def test_nothing_is_filled_in(serve: Serve, provider: FakeProvider) -> None:
    """Who asks over the network reads no variable and no file of the server's."""
    gateway = await serve(configuration(provider))
    await make(gateway, "ada", tags={"x": "${HOME}", "y": "${file:/etc/hostname}"})
    assert (await admin(gateway, "GET", f"{KEYS}/ada")).json["virtual_key"]["tags"] == {"x": "${HOME}", "y": "${file:/etc/hostname}"}


async def test_what_is_not_there_or_not_to_be_changed_is_told(serve: Serve, provider: FakeProvider) -> None:
    """404, 409 for the file's own, 405 for another method, and 422 for a strange grace."""
    gateway = await serve(configuration(provider))
    await make(gateway, "ada")
    for method, path in (
        ("GET", "/none"),
        ("POST", "/none/rotate"),
        ("POST", "/none/revoke"),
        ("PATCH", "/none"),
        ("GET", "/ada%2F"),
        ("GET", "/"),
        ("GET", "/'--"),
    ):
        assert code(await admin(gateway, method, KEYS + path)) == (404, "not_found")
    for method, path in (("POST", "/rotate"), ("POST", "/revoke"), ("PATCH", "")):
        assert code(await admin(gateway, method, f"{KEYS}/journey{path}")) == (409, "virtual_key_static")
    for method, path, allowed in (
        ("DELETE", "/ada", {"GET", "HEAD", "PATCH"}),
        ("GET", "/ada/revoke", {"POST"}),
        ("PUT", "", {"GET", "HEAD", "POST"}),
    ):
        refused = await admin(gateway, method, KEYS + path)
        assert (refused.status, set(refused.headers["allow"].split(", "))) == (405, allowed)
    for body in ({"grace": "soon"}, {"grace": -1}, {"grcae": "1h"}):
        assert code(await admin(gateway, "POST", f"{KEYS}/ada/rotate", body)) == (422, "invalid_virtual_key")


async def test_keys_are_the_administrators(serve: Serve, provider: FakeProvider) -> None:
    """A virtual key makes none, sees none and ends none, not even itself."""
    gateway = await serve(configuration(provider))
    secret = await make(gateway, "ada")
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/ada"), ("PATCH", "/ada"), ("POST", "/ada/rotate"), ("POST", "/ada/revoke")):
        for key, status in ((secret, 403), (VIRTUAL_KEY, 403), ("", 401)):
            assert (await admin(gateway, method, KEYS + path, key=key)).status == status
    assert (await call(gateway, secret)).status == 200


async def test_many_askers_at_once(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """A name is given to one of them; of the rotations at once the last one's secret is good, and no other."""
    gateway = await serve(configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db"))
    made = await asyncio.gather(*(admin(gateway, "POST", KEYS, {"name": "ada"}) for _ in range(8)))
    assert sorted(reply.status for reply in made) == [201, *[409] * 7]
    rotated = await asyncio.gather(*(admin(gateway, "POST", f"{KEYS}/ada/rotate") for _ in range(8)))
    assert {reply.status for reply in rotated} == {200}
    assert sorted([(await call(gateway, reply.json["secret"])).status for reply in rotated]) == [200, *[401] * 7]


async def test_no_secret_is_kept_or_logged(serve: Serve, provider: FakeProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the ledger's files, nor in a log, nor by a digest without the pepper, nor is a digest a credential."""
    caplog.set_level(logging.DEBUG)
    gateway = await serve(configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db"))
    secrets = [await make(gateway, "ada")]
    secrets.append((await admin(gateway, "POST", f"{KEYS}/ada/rotate", {"grace": "1h"})).json["secret"])
    for secret in secrets:
        assert (await call(gateway, secret)).status == 200
    await gateway.program.store.flush()
    gateway.close_log()
    everything = b"".join([path.read_bytes() for path in tmp_path.iterdir()] + [caplog.text.encode(), gateway.log.getvalue()])
    for secret in secrets:
        assert secret.encode() not in everything
        assert secret.removeprefix("sk-omni-").encode() not in everything
    kept = await gateway.program.store.virtual_keys.get("ada")
    assert code(await call(gateway, kept.digest)) == (401, "invalid_api_key")
    assert gateway.program.pepper.hex().encode() in (tmp_path / "ledger.db.pepper").read_bytes()
    assert gateway.program.pepper.hex().encode() not in (tmp_path / "ledger.db").read_bytes()


async def test_a_disk_that_refuses_makes_no_key(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """503, and nothing has changed; a revocation that is not on disk is not told as done."""
    gateway = await serve(configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db"))
    secret = await make(gateway, "ada")
    gateway.program.store._writer.is_healthy = False
    for path, body in ((KEYS, {"name": "bob"}), (f"{KEYS}/ada/revoke", None), (f"{KEYS}/ada/rotate", None)):
        assert code(await admin(gateway, "POST", path, body)) == (503, "ledger_unavailable")
    gateway.program.store._writer.is_healthy = True
    assert (await call(gateway, secret)).status == 200
    await make(gateway, "bob")


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


async def test_two_processes_that_change_a_key_at_once(serve: Serve, provider: FakeProvider) -> None:
    """The ledger takes one of them; the other is told to look again, and that of a name which was just given."""
    gateway = await serve(configuration(provider))
    kept = gateway.program.store.virtual_keys
    await make(gateway, "ada")
    await kept.put(replace(await kept.get("ada"), rpm=5))
    assert code(await admin(gateway, "PATCH", f"{KEYS}/ada", {"rpm": 7})) == (409, "virtual_key_changed")
    assert code(await admin(gateway, "POST", f"{KEYS}/ada/rotate")) == (409, "virtual_key_changed")
    await kept.put(replace(await kept.get("ada"), name="bob", digest="0" * 64, revision=0))
    assert code(await admin(gateway, "POST", KEYS, {"name": "bob"})) == (409, "virtual_key_exists")


async def test_a_key_that_has_ended_does_not_change(serve: Serve, provider: FakeProvider) -> None:
    """It stays revoked since the first time, and another one is made in its place."""
    gateway = await serve(configuration(provider))
    await make(gateway, "ada")
    revoked = (await admin(gateway, "POST", f"{KEYS}/ada/revoke")).json
    assert (await admin(gateway, "POST", f"{KEYS}/ada/revoke")).json == revoked
    for method, path, body in (("PATCH", "", {"rpm": 5}), ("POST", "/rotate", None)):
        assert code(await admin(gateway, method, f"{KEYS}/ada{path}", body)) == (409, "virtual_key_ended")


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
    await gateway.service.server.drain()
    await gateway.service.aclose()
    settings = parse(text, {})
    service = Service(settings, reload=lambda: settings)
    try:
        with pytest.raises(ConfigError, match="'ada', which the ledger keeps: budgets"):
            await service.start()
    finally:
        await service.aclose()


async def test_another_pepper_is_told(serve: Serve, provider: FakeProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody can call with the old secrets; a rotation makes the key good again."""
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db")
    gateway = await serve(text)
    secret = await make(gateway, "ada")
    await gateway.service.server.drain()
    await gateway.service.aclose()
    again = await serve(text.replace("durability: relaxed", "durability: relaxed, pepper: canary-pepper-100"))
    assert "1 virtual keys were made with another pepper" in caplog.text
    assert (await call(again, secret)).status == 401
    rotated = (await admin(again, "POST", f"{KEYS}/ada/rotate")).json["secret"]
    assert (await call(again, rotated)).status == 200


async def test_a_thousand_keys_are_loaded_and_counted(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """More than a page of them, each with a budget of its own."""
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db")
    gateway = await serve(text)
    secret = await make(gateway, "key-0", budget={"limit_usd": 1, "period": "day"})
    kept = await gateway.program.store.virtual_keys.get("key-0")
    shared = gateway.program.store.virtual_keys
    await asyncio.gather(
        *(shared.put(replace(kept, name=f"key-{number}", digest=f"{number:064x}", revision=0)) for number in range(1, 1100))
    )
    keyring = Keyring(gateway.program)
    await keyring.read()
    keyring.enrol()
    assert len(keyring.page(after="", limit=2000)) == 1101
    assert len(gateway.program.controller.budgets()) == 1101
    assert (await call(gateway, secret)).status == 200


async def test_who_changes_what_is_in_the_log(serve: Serve, provider: FakeProvider, caplog: pytest.LogCaptureFixture) -> None:
    """Each change by its address, and what is refused or only asked for is none."""
    gateway = await serve(configuration(provider))
    caplog.set_level(logging.INFO, "omnillm.admin")
    await make(gateway, "ada")
    for method, path in (
        ("GET", f"{KEYS}/ada"),
        ("PATCH", f"{KEYS}/ada"),
        ("POST", f"{KEYS}/ada/rotate"),
        ("POST", f"{KEYS}/ada/revoke"),
        ("POST", f"{KEYS}/bob/revoke"),
        ("POST", "/admin/v1/pools/openai/good/revive"),
    ):
        await admin(gateway, method, path, {})
    changes = ("virtual key 'ada' " + done for done in ("was created", "was changed", "has a new secret", "was revoked"))
    told = [record.message for record in caplog.records if record.name == "omnillm.admin"]
    assert told == [f"{change}, by 127.0.0.1" for change in (*changes, "key openai/good was revived")]
