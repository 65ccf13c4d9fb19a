"""A gateway closes, drains or changes while a call is at any suspension of it: what is held then is settled, and whoever calls is told why."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests import soak
from tests.journeys.running import Running, until
from tests.leaving import calls
from tests.leaving.held import check_ledger, check_rest
from tests.leaving.serving import check_gone, served
from tests.leaving.stepping import LOOPS, Stepped, moments, on, run
from tests.leaving.wires import leave

from omnillm import Gateway, OmniError, Unavailable
from omnillm.config.load import parse
from omnillm.config.settings import Settings
from omnillm.server.front.application import Application
from omnillm.server.front.reply import Reply
from omnillm.server.front.requests import Request
from omnillm.testing import FakeProvider


def some(names: Any, usual: int) -> list[Any]:
    """By chance; under SOAK all."""
    listed = list(names)
    return listed if soak.FACTOR > 1 else random.sample(listed, usual)


# What a configuration may become

CHANGES: dict[str, Callable[[str], str]] = {
    "nothing": lambda text: text,
    "other keys": lambda text: text.replace("label: a, key: sk-a", "label: c, key: sk-c").replace(
        "label: b, key: sk-b", "label: d, key: sk-d"
    ),
    "another budget": lambda text: text.replace("name: everything", "name: other"),
    "no room": lambda text: text.replace('limit_usd: "1000000"', 'limit_usd: "0.000001"').replace("hard: false", "hard: true"),
    "other prices": lambda text: text.replace("input: 0.4, output: 1.6", "input: 0.8, output: 3.2"),
    "no provider": lambda text: text,
}


def changed(name: str, text: str) -> Settings:
    settings = parse(CHANGES[name](text), {})
    if name != "no provider":
        return settings
    providers, models = {"anthropic": settings.providers["anthropic"]}, {"claude": settings.models["claude"]}
    return replace(settings, providers=providers, models=models, pricing=replace(settings.pricing, overrides={}))


@pytest.mark.parametrize("change", CHANGES)
def test_a_configuration_may_change_under_a_call(tmp_path: Path, change: str) -> None:
    """At any suspension: the call ends, well or with an error of the gateway's, and what it has cost is in the ledger."""

    async def each() -> None:
        async with calls.provider() as fake:
            text = calls.configured(fake)
            (tmp_path / "omnillm.yaml").write_text(text)
            for name in some(calls.CALLS, usual=2):
                steps = await change_under(tmp_path, fake, name, parse(text, {}))
                for at, is_late in moments(steps, usual=1):
                    await change_under(tmp_path, fake, name, changed(change, text), at=at, is_late=is_late)

    on("plain", each)


async def change_under(path: Path, fake: FakeProvider, name: str, settings: Settings, *, at: int = 0, is_late: bool = False) -> int:
    """Returns how often the call was suspended."""
    billed = fake.invoice.total_nanousd
    async with Gateway.from_config(path / "omnillm.yaml", env={}) as gateway:
        program = gateway._program

        def reload() -> None:
            program.apply(settings)
            gateway._wire()

        ran = await run(calls.CALLS[name](gateway), reload, at=at, is_late=is_late)
        assert isinstance(ran.task.exception(), OmniError | None), name
        await check_rest(program)
        async with asyncio.timeout(5):
            await fake.ended(len(fake.log))
        await program.store.flush()
        requests = await program.store.requests(limit=99, before="")
        assert sum(request.cost_nanousd for request in requests) >= fake.invoice.total_nanousd - billed
    return ran.steps


@pytest.mark.parametrize("durability", ["relaxed", "strict"] if soak.FACTOR > 1 else ["strict"])
@pytest.mark.parametrize("loop", LOOPS if soak.FACTOR > 1 else ["uvloop"])
def test_a_gateway_may_close_under_a_call(tmp_path: Path, durability: str, loop: str) -> None:
    """From its first use on: the call ends at once, well or told `shutting_down`, and the ledger that is left has all of it."""

    async def each() -> None:
        for name in some(calls.CALLS, usual=3):
            steps = await close_under(tmp_path / name, name, durability)
            for at, is_late in moments(steps, usual=1):
                await close_under(tmp_path / f"{name}-{at}-{is_late}", name, durability, at=at, is_late=is_late)

    on(loop, each)


async def close_under(path: Path, name: str, durability: str, *, at: int = 0, is_late: bool = False) -> int:
    """Returns how often the call was suspended."""
    path.mkdir()
    before = asyncio.all_tasks()
    async with calls.provider() as fake:
        options = {"durability": durability, "store": f"sqlite:///{path}/ledger.db"}
        (path / "omnillm.yaml").write_text(calls.configured(fake, **options))
        gateway = Gateway.from_config(path / "omnillm.yaml", env={})
        closing: list[asyncio.Task[None]] = []
        ran = await run(calls.CALLS[name](gateway), lambda: closing.append(asyncio.create_task(gateway.aclose())), at=at, is_late=is_late)
        error = ran.task.exception()
        is_told = isinstance(error, Unavailable) and error.code == "shutting_down"
        assert error is None or is_told or (isinstance(error, RuntimeError) and "closed" in str(error)), error
        await gateway.aclose()
        await check_rest(gateway._program)
        await fake.idle()
        await until(lambda: asyncio.all_tasks() <= before)
        async with Gateway.from_config(path / "omnillm.yaml", env={}) as again:
            await check_ledger(again._program, fake)
    return ran.steps


# The server's calls


class Stepping:
    """An application whose next call is stepped."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.stepped: Stepped | None = None
        self.next: tuple[Callable[[], object], int, bool] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application, name)

    async def respond(self, request: Request, reply: Reply) -> None:
        ask, self.next = self.next, None
        responding = self._application.respond(request, reply)
        if ask is None:
            await responding
            return
        act, at, is_late = ask
        self.stepped = Stepped(responding, act, at=at, is_late=is_late)
        await self.stepped


def hang_up(gateway: Running) -> None:
    """As the socket tells it: the client is gone."""
    [front] = gateway.service.server._fronts
    for connection in tuple(front._crowd.connections):
        connection._transport.abort()


def drain(gateway: Running) -> Coroutine[Any, Any, None]:
    gateway.service.server.stop()
    return gateway.service.server.drain()


ACTS: dict[str, Callable[[Running], Coroutine[Any, Any, None] | None]] = {
    "hang up": hang_up,
    "drain": drain,
    "reload": lambda gateway: gateway.service.reload(),
    "end of the grace": lambda gateway: gateway.program.interrupt(),
    "cut": lambda gateway: gateway.service.server.close(),
}


async def act_under(said: bytes, act: str, *, at: int = 0, is_late: bool = False) -> int:
    """A client's call, under which that happens to the server. Returns how often the call was suspended."""
    before, going_on = asyncio.all_tasks(), list[asyncio.Task[None]]()
    async with calls.provider() as fake, served(calls.configured(fake)) as gateway:

        def strike() -> None:
            begun = ACTS[act](gateway)
            if begun is not None:
                going_on.append(asyncio.create_task(begun))

        [front] = gateway.service.server._fronts
        front._crowd.application = application = Stepping(front._crowd.application)
        application.next = (strike, at, is_late)
        within = asyncio.all_tasks()
        heard = await leave(gateway.port, said, "close", after=1 << 20)
        if at == 0 or act == "reload":
            assert heard.startswith((b"HTTP/1.1 200", b"HTTP/1.1 101"))
        assert not heard.startswith(b"HTTP/1.1 500")
        await asyncio.gather(*going_on)
        await check_gone(gateway, fake, within)
        await check_ledger(gateway.program, fake)
        assert application.stepped is not None
    await until(lambda: asyncio.all_tasks() <= before)
    return application.stepped.steps


@pytest.mark.parametrize("loop", LOOPS if soak.FACTOR > 1 else ["plain"])
@pytest.mark.parametrize("act", ACTS)
def test_a_server_may_end_or_change_under_a_call(act: str, loop: str) -> None:
    """The call ends with it, or goes on; it is never the gateway's defect, and nothing is held."""

    async def each() -> None:
        for name in some(calls.REQUESTS, usual=2):
            steps = await act_under(calls.REQUESTS[name], act)
            for at, is_late in moments(steps, usual=1):
                await act_under(calls.REQUESTS[name], act, at=at, is_late=is_late)

    on(loop, each)


# Processes

STRICT = """
import asyncio, os, sys
from omnillm import Gateway, KeyConfig, PrimitiveRequest, ProviderEndpoint
from omnillm.testing import FakeProvider
from tests.leaving.stepping import on, run

ASK = PrimitiveRequest.json({"model": "fake-small", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20})
make = lambda url: Gateway(ProviderEndpoint.openai(url), keys=[KeyConfig(label="a", key="key-a")])
made = make("http://127.0.0.1:9")

async def call_and_leave():
    async with FakeProvider() as fake, make(fake.base_url) as one, make(fake.base_url) as other, made:
        for at in range(4):
            await asyncio.gather(*(run(each.primitive_call(ASK), at=at) for each in (one, other)))
        assert [key.in_flight for each in (one, other) for key in each.pool_status()] == [0, 0]
        assert len(fake.log) > 2
        os.write(1, (made._program.settlement.make_id(1000.0) + "\\n").encode())

forked = os.fork()
on("debug", call_and_leave)
if forked:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]))
"""


@pytest.mark.skipif(soak.FACTOR == 1, reason="a second of the processor for imports: run it with SOAK set")
def test_processes_that_were_forked_do_not_share_a_gateway() -> None:
    """Two gateways each, called and left under `-X dev -W error`: nobody complains, and of one that was made before no id is made twice."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", STRICT]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    complaints = [line for line in ended.stderr.splitlines() if not line.startswith("Executing ")]
    assert (ended.returncode, complaints) == (0, [])
    assert len(set(ended.stdout.split())) == 2


async def test_gateways_with_the_same_dice_make_no_id_twice(tmp_path: Path) -> None:
    """As those of processes have that were forked from the one that made the gateway."""
    async with calls.provider() as fake:
        (tmp_path / "omnillm.yaml").write_text(calls.configured(fake))
        one, other = (Gateway.from_config(tmp_path / "omnillm.yaml", env={}) for _ in range(2))
        other._program.dice.setstate(one._program.dice.getstate())
        async with one, other:
            assert len({each._program.settlement.make_id(1000.0) for each in (one, other)}) == 2
