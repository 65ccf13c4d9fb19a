"""What an administrator may ask of virtual keys, and what is told of a request that is wrong."""

import asyncio
import json
import logging
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.in_turn import every_case
from tests.journeys.running import VIRTUAL_KEY, Serve, configuration
from tests.journeys.virtual_keys.keys import KEYS, call, code, make, team
from tests.journeys.wire import admin

from omnillm.assemble.keyring import Keyring
from omnillm.testing import FakeProvider

CHANGES = [
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
]
"""Of a key, and what is told of them."""


async def test_what_is_wrong_with_a_change_is_told(serve: Serve, provider: FakeProvider) -> None:
    """And nothing changes."""
    gateway = await serve(team(configuration(provider)))
    await make(gateway, "ada", rpm=9, budget={"limit_usd": "1", "period": "month"})
    before = (await admin(gateway, "GET", f"{KEYS}/ada")).json
    with every_case() as case:
        for change, words in CHANGES:
            with case(repr(change)):
                refused = await admin(gateway, "PATCH", f"{KEYS}/ada", change)
                assert refused.status == 422 if isinstance(change, dict) else refused.status in {400, 422}
                assert words in refused.json["error"]["message"]
                assert (await admin(gateway, "GET", f"{KEYS}/ada")).json == before


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
    budget = {"limit_usd": "1", "hard": True}
    for name, own in (("max", budget | {"period": "month", "tz": "Asia/Tokyo"}), ("mia", budget | {"period": "rolling 24h"})):
        await make(gateway, name, budget=own)
        shown = (await admin(gateway, "GET", f"{KEYS}/{name}")).json["virtual_key"]["budget"]
        assert shown == own
        assert (await admin(gateway, "PATCH", f"{KEYS}/{name}", {"budget": shown})).status == 200, "as it is shown it may be sent back"


WRONG = [
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
]


async def test_what_is_wrong_with_a_key_is_told(serve: Serve, provider: FakeProvider) -> None:
    """In the file's own words, and nothing is made."""
    gateway = await serve(team(configuration(provider)))
    with every_case() as case:
        for body, status, words in WRONG:
            with case(f"{body!r:.60}"):
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


async def test_a_thousand_keys_are_loaded_and_counted(
    serve: Serve, provider: FakeProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """More than a page of them, each with a budget of its own, and all made with the pepper that is in use."""
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
    assert "another pepper" not in caplog.text
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
