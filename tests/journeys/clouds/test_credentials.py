"""Credentials of clouds: signed with, renewed, and told of when they cannot be had."""

import sys
from pathlib import Path

import pytest
from tests.journeys.clouds.clouds import BEARER, RATES, SIGNED, configuration, put
from tests.journeys.running import Running, Serve
from tests.journeys.wire import send

from omnillm import Gateway, KeyConfig, NoAvailableKey, PrimitiveRequest, ProviderEndpoint
from omnillm.records import EntryKind
from omnillm.testing import Behaviour, FakeProvider, Fault, ManualClock


async def test_wrong_secret_sets_its_key_aside(serve: Serve, cloud_provider: FakeProvider) -> None:
    """The service's own word is the attempt's error; the other key serves; alone it is a 503 and not the client's 403."""
    wrong = SIGNED.partition(":")[0] + ":another-secret"
    gateway = await serve(configuration(cloud_provider, wrong))
    reply = await put(gateway, "nova")
    assert (reply.status, reply.error["code"]) == (503, "no_available_key")
    _, [attempt] = await gateway.last()
    assert (attempt.status, attempt.error) == (403, "InvalidSignatureException")
    assert gateway.keys("bedrock")["k0"].state == "dead"
    assert b"another-secret" not in reply.body
    mixed = await serve(configuration(cloud_provider, wrong, BEARER))
    assert (await put(mixed, "nova")).is_answer


async def test_static_credentials_that_expired_are_told_as_such(gateway: Running, cloud_provider: FakeProvider) -> None:
    """Nothing can renew them: one attempt, 503, and the row says why."""
    cloud_provider.script.behave(SIGNED, Behaviour(fault=Fault.status(403, code="expired_token")))
    assert (await put(gateway, "nova")).status == 503
    _, [attempt] = await gateway.last()
    assert attempt.error == "ExpiredTokenException"
    assert gateway.keys("bedrock")["k0"].state == "dead"


GIVE = """
import json, pathlib
path = pathlib.Path({count!r})
number = int(path.read_text()) + 1 if path.exists() else 1
path.write_text(str(number))
print(json.dumps(dict(Version=1, AccessKeyId=f"ASIA{{number}}", SecretAccessKey="s", SessionToken="t")))
"""


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's chain on this machine finds a process that gives out ASIA1, ASIA2, ..."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "give.py").write_text(GIVE.format(count=str(tmp_path / "count")))
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {tmp_path / 'give.py'}\n")


@pytest.mark.usefixtures("chain")
async def test_expired_credentials_are_renewed_and_the_call_sent_again(serve: Serve) -> None:
    """Once, on the same key, free of charge; when the new ones are refused too it is a 503 and the key rests."""
    keys = {"ASIA1:s:t": Behaviour(fault=Fault.status(403, code="expired_token")), "ASIA2:s:t": Behaviour()}
    async with FakeProvider(keys=keys, prices={"*": RATES}) as fake:
        gateway = await serve(configuration(fake, "default"))
        for is_stream in (False, True):
            assert (await put(gateway, "nova", is_stream=is_stream)).is_answer
        assert [logged.key for logged in fake.log] == ["ASIA1:s:t", "ASIA2:s:t", "ASIA2:s:t"]
        await gateway.agrees_with(fake)
        assert gateway.keys("bedrock")["k0"].state == "ready"
        fake.script.behave("ASIA2:s:t", Behaviour(fault=Fault.status(403, code="expired_token")))
        assert (await put(gateway, "nova")).status == 503
        _, [attempt] = await gateway.last()
        assert (attempt.verdict, attempt.error) == ("key_dead", "ExpiredTokenException")
        assert gateway.keys("bedrock")["k0"].state == "dead"
        assert gateway.in_flight == 0


@pytest.mark.usefixtures("chain")
async def test_expired_credentials_are_renewed_for_what_goes_through_unread_too(serve: Serve) -> None:
    """A refusal for them says that nothing was done: the POST is signed anew and sent again, on the same key."""
    keys = {"ASIA1:s:t": Behaviour(fault=Fault.status(403, code="expired_token")), "ASIA2:s:t": Behaviour()}
    async with FakeProvider(keys=keys, prices={"*": RATES}) as fake:
        gateway = await serve(configuration(fake, "default").replace("hard: true", "hard: false"))
        assert (await send(gateway, "POST", "/providers/bedrock/model/meta.llama4/invoke", {"prompt": "hi"})).status == 200
        assert [logged.key for logged in fake.log] == ["ASIA1:s:t", "ASIA2:s:t"]
        _, attempts = await gateway.last()
        assert [attempt.verdict for attempt in attempts] == ["stale", "success"]
        assert gateway.keys("bedrock")["k0"].state == "ready"
        assert gateway.in_flight == 0


async def test_credentials_that_cannot_be_had_send_nothing(
    serve: Serve, cloud_provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """503 without a request, the reason in the log and in the error; beside another key nobody notices."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    gateway = await serve(configuration(cloud_provider, "profile:nobody"))
    reply = await put(gateway, "nova")
    assert (reply.status, reply.error["code"]) == (503, "no_available_key")
    assert cloud_provider.log == []
    assert gateway.keys("bedrock")["k0"].state == "dead"
    reason = "key bedrock/k0: AWS's credential chain failed (ProfileNotFound)"
    assert reason in caplog.text
    assert reason in reply.error["message"]
    gateway.program.controller.revive("bedrock", "k0", gateway.program.clock.now())
    again = await put(gateway, "nova")
    assert f"{reason}; asked for again in " in again.error["message"]
    assert caplog.text.count(reason) == 1
    native = PrimitiveRequest(path="/model/meta.llama4/invoke", body=b'{"prompt":"hi"}')
    endpoint = ProviderEndpoint.bedrock("us-east-1", base_url=cloud_provider.base_url)
    async with Gateway(endpoint, keys=[KeyConfig(label="a", key="profile:nobody")]) as library:
        with pytest.raises(NoAvailableKey, match=r"credential chain failed \(ProfileNotFound\)"):
            await library.primitive_call(native)
    assert cloud_provider.log == []
    assert await gateway.books() == (0, 0, 0)
    mixed = await serve(configuration(cloud_provider, "profile:nobody", SIGNED))
    for _ in range(3):
        assert (await put(mixed, "nova")).is_answer


async def test_what_credentials_held_back_and_what_was_sent_after_it_have_a_reservation_each(
    serve: Serve, cloud_provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strict: the first is given back, the second settled, each once, and the row counts what was sent."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    text = configuration(cloud_provider, "profile:nobody", SIGNED).replace("durability: relaxed", "durability: strict")
    text = text.replace("memory://", f"sqlite:///{tmp_path}/ledger.db")
    gateway = await serve(text.replace("{kind: bedrock", "{selection: priority, kind: bedrock"))
    assert (await put(gateway, "nova")).is_answer
    await gateway.agrees_with(cloud_provider)
    request, [attempt] = await gateway.last()
    assert (request.attempts, attempt.attempt) == (1, 2)
    entries = await gateway.program.store.entries(request.request_id)
    assert sorted((entry.attempt, entry.kind) for entry in entries) == [
        *((1, kind) for kind in (EntryKind.RESERVE, EntryKind.VOID)),
        *((2, kind) for kind in (EntryKind.RESERVE, EntryKind.SETTLE)),
    ]


async def test_a_key_serves_again_soon_after_its_credentials_can_be_had(
    serve: Serve, cloud_provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gives them out was away for a while: the key rests for a second each time, not for minutes as after a refusal."""
    profile = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    clock = ManualClock()
    gateway = await serve(configuration(cloud_provider, "profile:away"), clock=clock)
    for _ in range(10):
        assert (await put(gateway, "nova")).status == 503
        assert 0.0 < gateway.keys("bedrock")["k0"].failure_cool_down_s <= 1.0
        clock.advance(31.0)
    name, _, secret = SIGNED.partition(":")
    profile.write_text(f"[away]\naws_access_key_id = {name}\naws_secret_access_key = {secret}\n")
    assert (await put(gateway, "nova")).is_answer
    assert gateway.keys("bedrock")["k0"].state == "ready"
