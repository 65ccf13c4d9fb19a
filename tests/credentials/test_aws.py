"""Keys of Bedrock: what a key's text means, and AWS's own chain as botocore finds it."""

import asyncio
import json
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from omnillm.credentials.aws import aws_credential
from omnillm.errors import ConfigError
from omnillm.secret import Secret
from omnillm.testing import ManualClock

HEAD = b"POST /model/m/converse HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n"


def credential(key: str, region: str = "us-east-1", clock: ManualClock | None = None):
    return aws_credential(Secret(key), region=region, clock=clock or ManualClock(), dice=Random(1), told="key bedrock/a")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without credentials of its own; its files are in the directory."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


async def test_api_key_is_sent_as_it_stands_and_keys_sign() -> None:
    """A colon tells them apart; a session token is signed and sent."""
    assert credential("ABSKQmVkcm9ja0FQSUtleS0xMjM=") is None
    signing = credential("AKIA0:secret/with+signs:token=")
    assert signing is not None
    assert await signing.ready() == ""
    assert not signing.renew(signing.version)
    fields = signing.fields(HEAD, b"{}").decode()
    assert "Credential=AKIA0/" in fields
    assert "x-amz-security-token: token=\r\n" in fields
    assert "secret" not in fields


@pytest.mark.parametrize("key", ["AKIA0:", ":secret"])
def test_half_a_key_is_refused(key: str) -> None:
    """By its form, without repeating it."""
    with pytest.raises(ConfigError, match="must be ACCESS_KEY_ID") as caught:
        credential(key)
    assert caught.value.path == "key"


def test_signature_needs_a_region() -> None:
    """An API key does not."""
    with pytest.raises(ConfigError) as caught:
        credential("AKIA0:secret", region="")
    assert caught.value.path == "region"
    assert credential("api-key", region="") is None


def test_missing_botocore_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where a chain is asked for; a signature needs none."""
    monkeypatch.setitem(sys.modules, "botocore", None)
    assert credential("AKIA0:secret") is not None
    with pytest.raises(ConfigError, match=r"pip install 'omnillm\[aws\]'"):
        credential("default")


async def test_chain_finds_environment_and_profiles(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What botocore finds signs; another profile by its name."""
    (machine / "credentials").write_text(
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = s1\n[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = s2\n"
    )
    for key, expected in (("default", "AKIADEFAULT"), ("profile:other", "AKIAOTHER")):
        found = credential(key)
        assert found is not None
        assert await found.ready() == ""
        assert f"Credential={expected}/" in found.fields(HEAD, b"").decode()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3")
    found = credential("default")
    assert found is not None
    assert await found.ready() == ""
    assert "Credential=AKIAENV/" in found.fields(HEAD, b"").decode()


async def test_chain_without_credentials_says_what_to_do(machine: Path) -> None:
    """Not at start, where the machine's role may not be there yet, but when they are needed."""
    found = credential("default")
    assert found is not None
    assert "key bedrock/a: AWS's credential chain found nothing: set AWS_PROFILE" in await found.ready()
    missing = credential("profile:nobody")
    assert missing is not None
    assert "ProfileNotFound" in await missing.ready()


async def test_role_that_may_not_be_assumed_is_told(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the word of AWS's token service, whose refusals are no errors of botocore's own."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
        writer.write(b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    (machine / "credentials").write_text("[source]\naws_access_key_id = AKIA0\naws_secret_access_key = s1\n")
    (machine / "config").write_text(
        "[profile role]\nregion = us-east-1\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = source\n"
    )
    with closing(await asyncio.start_server(refuse, "127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        found = credential("profile:role")
        assert found is not None
        assert await found.ready() == "key bedrock/a: AWS's credential chain was refused (AccessDenied)"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("nothing", "AWS's credential chain failed"),
        ('{"Version": 1, "AccessKeyId": "", "SecretAccessKey": "s"}', "AWS's credential chain found nothing"),
    ],
    ids=["no JSON", "an empty key"],
)
async def test_process_that_gives_no_credentials_is_told(machine: Path, given: str, told: str) -> None:
    """A call is then answered by another key; nothing that botocore does not catch reaches it."""
    (machine / "config").write_text(f"[default]\ncredential_process = echo '{given}'\n")
    found = credential("default")
    assert found is not None
    assert told in await found.ready()


async def test_refused_credentials_are_sought_anew(machine: Path) -> None:
    """A process that gives out credentials is asked again, once. A look after a minute is at what botocore keeps."""
    count = machine / "count"
    script = machine / "give.py"
    script.write_text(
        "import json, pathlib\n"
        f"path = pathlib.Path({str(count)!r})\n"
        "number = int(path.read_text() or 0) + 1 if path.exists() else 1\n"
        "path.write_text(str(number))\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'ASIA{number}', 'SecretAccessKey': 's', 'SessionToken': 't'}))\n"
    )
    (machine / "config").write_text(f"[default]\ncredential_process = {json.dumps(sys.executable)} {script}\n")
    clock = ManualClock()
    found = credential("default", clock=clock)
    assert found is not None
    await found.ready()
    clock.advance(61)
    await found.ready()
    assert found._task is not None
    await found._task
    assert "Credential=ASIA1/" in found.fields(HEAD, b"").decode()
    assert found.version == 1, "the same again is nothing newer"
    assert found.renew(1)
    assert await found.ready() == ""
    assert "Credential=ASIA2/" in found.fields(HEAD, b"").decode()
    assert not found.renew(found.version)
