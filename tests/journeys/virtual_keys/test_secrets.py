"""The secret of a virtual key is nowhere but with its holder."""

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from tests.journeys.running import Serve, configuration
from tests.journeys.virtual_keys.keys import KEYS, call, code, make
from tests.journeys.wire import Question, admin, exchange

from omnillm.server.inference import CallHead
from omnillm.server.wiring import Wiring
from omnillm.testing import FakeProvider


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


async def test_another_pepper_is_told(serve: Serve, provider: FakeProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody can call with the old secrets; a rotation makes the key good again."""
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db")
    gateway = await serve(text)
    secret = await make(gateway, "ada")
    await gateway.end()
    again = await serve(text.replace("durability: relaxed", "durability: relaxed, pepper: canary-pepper-100"))
    assert "1 virtual keys were made with another pepper" in caplog.text
    assert (await call(again, secret)).status == 401
    rotated = (await admin(again, "POST", f"{KEYS}/ada/rotate")).json["secret"]
    assert (await call(again, rotated)).status == 200
    assert (await again.program.store.virtual_keys.get("ada")).pepper_id == again.service.keyring._pepper_id
