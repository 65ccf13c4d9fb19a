"""Keys of Vertex AI: what a key's text means, and tokens from a server as google-auth fetches them."""

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from omnillm.assemble import SystemClock
from omnillm.credentials.google import google_credential
from omnillm.errors import ConfigError
from omnillm.secret import Secret
from omnillm.testing import ManualClock


class TokenServer:
    """Google's token endpoint: t1, t2, ... for an hour each; with `is_broken` none."""

    def __init__(self) -> None:
        self.given = 0
        self.is_broken = False
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        assertion = await reader.readexactly(length)
        assert b"grant_type=urn" in assertion
        claims = json.loads(base64.urlsafe_b64decode(assertion.split(b".")[1] + b"=="))
        assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        self.given += 1
        told = (
            {"error": "invalid_grant"} if self.is_broken else {"access_token": f"t{self.given}", "expires_in": 3600, "token_type": "Bearer"}
        )
        body = json.dumps(told).encode()
        status = b"400 Bad Request" if self.is_broken else b"200 OK"
        writer.write(
            b"HTTP/1.1 %b\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"
            % (status, len(body), body)
        )
        await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[TokenServer]:
    tokens = TokenServer()
    async with await asyncio.start_server(tokens.serve, "127.0.0.1", 0) as listening:
        tokens.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/token"
        yield tokens


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


@pytest.fixture
def account(tmp_path: Path, server: TokenServer, private_key: str) -> Path:
    """The file of a service account whose tokens the server gives."""
    told = {"type": "service_account", "client_email": "a@b", "private_key": private_key, "private_key_id": "1", "token_uri": server.url}
    path = tmp_path / "account.json"
    path.write_text(json.dumps(told))
    return path


def test_token_is_sent_as_it_stands() -> None:
    """Nothing of Google's is imported for it."""
    assert google_credential(Secret("ya29.token"), clock=ManualClock(), dice=Random(1), told="key vertex/a") is None


def test_missing_google_auth_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where tokens have to be fetched."""
    monkeypatch.setitem(sys.modules, "google.auth", None)
    assert google_credential(Secret("ya29.token"), clock=ManualClock(), dice=Random(1), told="key vertex/a") is None
    with pytest.raises(ConfigError, match=r"pip install 'omnillm\[google\]'"):
        google_credential(Secret("default"), clock=ManualClock(), dice=Random(1), told="key vertex/a")


def test_missing_file_is_told_at_start() -> None:
    """With its path, which is no secret."""
    with pytest.raises(ConfigError, match="not there: /nowhere"):
        google_credential(Secret("service_account:/nowhere.json"), clock=ManualClock(), dice=Random(1), told="key vertex/a")


@pytest.mark.parametrize("how", ["file", "default"])
async def test_account_gets_tokens_and_another_after_a_refusal(
    how: str, account: Path, server: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its file, or as application default credentials; one token for many calls."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    key = f"service_account:{account}" if how == "file" else "default"
    found = google_credential(Secret(key), clock=ManualClock(wall=0.0), dice=Random(1), told="key vertex/a")
    assert found is not None
    assert await asyncio.gather(*[found.ready() for _ in range(5)]) == [""] * 5
    assert found.fields(b"", b"") == b"authorization: Bearer t1\r\n"
    assert found.renew(found.version)
    assert await found.ready() == ""
    assert found.fields(b"", b"") == b"authorization: Bearer t2\r\n"
    assert server.given == 2


async def test_token_is_fetched_anew_before_its_end(account: Path, server: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the hour that it is good for, wherever the machine is: google-auth tells a moment in UTC, and does not say so."""
    clock = ManualClock(wall=SystemClock().wall())
    found = google_credential(Secret(f"service_account:{account}"), clock=clock, dice=Random(1), told="key vertex/a")
    assert found is not None
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert await found.ready() == ""
    finally:
        monkeypatch.undo()
        time.tzset()
    clock.advance(3000)
    assert await found.ready() == ""
    assert found._task is None, "it is fresh for 55 minutes"
    clock.advance(598)
    assert await found.ready() == ""
    assert found.fields(b"", b"") == b"authorization: Bearer t2\r\n", "in its last seconds it is waited for"


async def test_refused_account_says_whose_it_is(account: Path, server: TokenServer) -> None:
    """The kind of trouble, and no secret."""
    server.is_broken = True
    found = google_credential(Secret(f"service_account:{account}"), clock=ManualClock(), dice=Random(1), told="key vertex/a")
    assert found is not None
    assert await found.ready() == "key vertex/a: Google's credentials cannot be had (RefreshError)"


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON"])
async def test_file_that_is_no_account_is_told_when_it_is_read(text: str, tmp_path: Path) -> None:
    """As trouble, not as an exception."""
    path = tmp_path / "account.json"
    path.write_text(text)
    found = google_credential(Secret(f"service_account:{path}"), clock=ManualClock(), dice=Random(1), told="key vertex/a")
    assert found is not None
    assert "Google's credentials cannot be had" in await found.ready()
