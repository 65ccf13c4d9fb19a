"""`omnillm keys`, against a running server."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.cli.running import Ran, Run

from omnillm.assemble import Service
from omnillm.config.load import parse

ADMIN_KEY = "admin-of-keys-0123456789"
CONFIG = f"""
server: {{port: 0, admin_key: {ADMIN_KEY}}}
store: {{url: "memory://"}}
providers: {{openai: {{kind: openai, keys: [{{label: a, key: sk-a}}]}}}}
budgets: [{{name: team-x, scope: named, limit_usd: 5}}]
virtual_keys: [{{name: static, key: sk-omni-static-0123, rpm: 5}}]
"""
Keys = Callable[..., Awaitable[Ran]]


def environment(url: str, admin_key: str = ADMIN_KEY) -> dict[str, str]:
    return {"NO_COLOR": "1", "OMNILLM_ADMIN_KEY": admin_key, "OMNILLM_URL": url}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Of a server on loopback."""
    settings = parse(CONFIG, {})
    service = Service(settings, reload=lambda: settings)
    await service.start()
    try:
        yield f"http://127.0.0.1:{service.address[1]}"
    finally:
        await service.server.drain()
        await service.aclose()


@pytest.fixture
def keys(run: Run, url: str) -> Keys:
    """`await keys("list")`: against that server."""

    async def ask(*arguments: str, **options: str) -> Ran:
        return await asyncio.to_thread(run, "keys", *arguments, **environment(url, **options))

    return ask


async def test_a_process_makes_a_key(url: str) -> None:
    """The secret stands alone on its standard output."""
    command = [sys.executable, "-m", "omnillm", "keys", "create", "ada"]
    env = {"PATH": os.environ["PATH"], **environment(url)}
    made = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=50, check=False, env=env)
    assert (made.returncode, made.stderr) == (0, "The secret of ada: nobody can show it again.\n")
    assert len(made.stdout.split()) == 1


async def test_a_key_from_its_making_to_its_end(keys: Keys) -> None:
    """The secret stands alone on standard output; everything else shows none."""
    terms = ["--rpm", "60", "--tpm", "9000", "--max-concurrency", "3", "--model", "fast", "--model", "claude-*", "--expires", "2099-01-01"]
    money = [
        "--budget",
        "team-x",
        "--limit-usd",
        "0.5",
        "--period",
        "rolling 1d",
        "--soft",
        "--tag",
        "cost_center=a1",
        "--metadata",
        "owner=Zoë=Z",
    ]
    made = await keys("create", "ada", *terms, *money)
    assert (made.returncode, made.stderr) == (0, "The secret of ada: nobody can show it again.\n")
    [secret] = made.stdout.split()
    shown = await keys("show", "ada", "--json")
    key = json.loads(shown.stdout)["virtual_key"]
    assert (key["rpm"], key["tpm"], key["max_concurrency"], key["models"], key["budgets"]) == (
        60,
        9000,
        3,
        ["fast", "claude-*"],
        ["team-x"],
    )
    assert key["budget"] == {"limit_usd": "0.5", "period": "rolling 24h", "hard": False}
    assert (key["tags"], key["metadata"], key["expires_at"]) == ({"cost_center": "a1"}, {"owner": "Zoë=Z"}, 4_070_908_800.0)
    changed = await keys("change", "ada", "--rpm", "90", "--without", "tpm", "--limit-usd", "2", "--period", "rolling 24h", "--json")
    after = json.loads(changed.stdout)["virtual_key"]
    own = {"limit_usd": "2", "period": "rolling 24h", "hard": True}
    assert after == {**key, "rpm": 90, "tpm": 0, "budget": own}
    rotated = json.loads((await keys("rotate", "ada", "--grace", "1h", "--json")).stdout)
    assert rotated["secret"] != secret
    plain = await keys("show", "ada")
    listed = await keys("list")
    assert "2099-01-01 00:00:00Z" in plain.stdout
    assert [line.split()[:3] for line in listed.stdout.splitlines()] == [
        ["name", "state", "source"],
        ["ada", "active", "ledger"],
        ["static", "active", "file"],
    ]
    assert (await keys("revoke", "ada")).returncode == 0
    assert [key["state"] for key in json.loads((await keys("list", "--json")).stdout)["virtual_keys"]] == ["revoked", "active"]
    for told in (shown, plain, listed):
        assert secret not in told.stdout + told.stderr
        assert rotated["secret"] not in told.stdout + told.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "static"), "a name is given once"),
        (("create", "ada", "--rpm", "many"), "rpm must be a whole number"),
        (("create", "ada", "--budget", "team-y"), "did you mean team-x?"),
        (("create", "ada", "--period", "day"), "budget.limit_usd is missing"),
        (("show", "a/b c"), "There is nothing at"),
        (("revoke", "static"), "change it there"),
        (("change", "static", "--rpm", "5"), "change it there"),
        (("change", "none", "--without", "rpm"), "There is no virtual key 'none'"),
        (("rotate", "none"), "There is no virtual key 'none'"),
        (("list", "--admin-key", "admin-other-0123456789"), "needs the admin key"),
        (("list", "--admin-key", ""), "give it as --admin-key or OMNILLM_ADMIN_KEY"),
    ],
)
async def test_a_refusal_is_one_message(keys: Keys, arguments: tuple[str, ...], words: str) -> None:
    """What the server says, exit code 1, no traceback."""
    ran = await keys(*arguments)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert words in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


async def test_what_is_wrong_with_the_command_is_exit_code_2(keys: Keys) -> None:
    """A tag without a value, a limit both given and taken away, a URL that is none."""
    assert (await keys("create", "ada", "--tag", "x")).returncode == 2
    both = await keys("change", "ada", "--rpm", "5", "--without", "rpm")
    assert (both.returncode, both.stdout) == (2, "")
    assert "rpm is given, too" in both.stderr
    for url in ("127.0.0.1:4000", "ftp://x", "http://"):
        ran = await keys("list", "--url", url)
        assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)


async def test_nobody_answers(run: Run) -> None:
    """Nothing listens there, or somebody else does."""
    ran = await asyncio.to_thread(run, "keys", "list", **environment("http://127.0.0.1:1"))
    assert ran.returncode == 1
    assert ran.stderr == "omnillm: no omnillm answers at http://127.0.0.1:1: Connection refused. (Another server: --url, or OMNILLM_URL.)\n"

    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 No\r\ncontent-length: 4\r\n\r\nnull")
        writer.close()

    server = await asyncio.start_server(stranger, "127.0.0.1", 0)
    async with server:
        ran = await asyncio.to_thread(run, "keys", "list", **environment(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert ran.returncode == 1
    assert "no omnillm answers at" in ran.stderr
    assert "Traceback" not in ran.stderr
