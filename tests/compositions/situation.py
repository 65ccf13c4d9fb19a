"""A whole situation: one configuration, a provider with its invoice, and acts of calls that meet faults, hang-ups, reloads and restarts."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from tests.compositions.asking import Asked, Asker, post, written
from tests.compositions.clients import QUIET_S, Heard, call
from tests.compositions.configured import ADMIN_KEY, CALLERS, PRICES, PROVIDERS, TELLING, changed, configured, secrets_of
from tests.compositions.features import CALLED, CONFIGURED, EVENTS, Choice, Met, draw
from tests.journeys.running import until
from tests.journeys.wire import Line, Reply
from tests.leaving.held import check_rest, revive
from tests.ports import free_port

from omnillm.assemble import Program, Service, SystemClock
from omnillm.config.load import parse
from omnillm.config.settings import Settings
from omnillm.errors import ConfigError
from omnillm.records import RequestRow
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault

JSON = dict[str, Any]
HUGE: Final = {"huge_event", "huge_head"}
"""Megabytes each: seldom."""
STALLS: Final = ("stall_before_head", "stall_mid_body", "sick")
SICK: Final = {
    "dead": Behaviour(fault=FAULTS["status_401"]),
    "limited": Behaviour(fault=FAULTS["rate_both"]),
    "failing": Behaviour(fault=FAULTS["status_500"]),
    "stalling": Behaviour(first=(Fault.stall(name="sick"), None, Fault.stall(after_events=1, name="sick"))),
    "rpm": Behaviour(rpm=3),
    "poor": Behaviour(fault=FAULTS["quota_insufficient"]),
}
TOLD: Final = {
    "words": Behaviour(words=8),
    "cached": Behaviour(words=8, cached_tokens=5),
    "thoughts": Behaviour(words=8, reasoning_tokens=20),
}
FORGOTTEN_S: Final = 3000


class LaterClock(SystemClock):
    """The machine's own, and as much later as a situation has it."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:  # type: ignore[override]  the machine's are functions
        return SystemClock.now() + self.ahead_s

    def wall(self) -> float:  # type: ignore[override]
        return SystemClock.wall() + self.ahead_s


class Books(msgspec.Struct, kw_only=True):
    """What is written of a situation."""

    program: Program
    rows: list[RequestRow]
    metrics: str
    """Of the last epoch, as `log`."""
    log: str
    epoch: int


async def rows_of(program: Program) -> list[RequestRow]:
    rows, before = list[RequestRow](), ""
    while page := await program.store.requests(limit=1000, before=before):
        rows += page
        before = page[-1].request_id
    return rows


class Situation:
    """`async with situation(seed, path) as it: await it.play()`."""

    def __init__(self, seed: int, chosen: Choice, path: Path, met: Met) -> None:
        self.seed = seed
        self.dice = Random(seed)
        self.first = chosen
        """The configuration's features at the beginning."""
        self.chosen = dict(chosen)
        self.path = path
        self.met = met
        """Of all situations; what is drawn here follows from the seed alone."""
        self._met = Met()
        self.clock = LaterClock()
        self.asker = Asker()
        self.heard: list[Heard] = []
        self.told: list[bytes] = []
        """Everything that was written anywhere, where no secret may stand."""
        self.made: list[tuple[str, str]] = []
        """(name, secret) of virtual keys of the admin API that are good."""
        self.happened: list[str] = []
        self.epoch_began = 0
        """How many requests the provider had seen when the ledger began."""
        self.was_killed = False
        self.grouped_at = 0.0
        """When its keys came into their groups."""
        self.bound: set[str] = set()
        """Budgets that were hard since the ledger began, and whose limits are the same."""
        self.listen_port = 0
        self.is_running = False
        self._count = 0
        self._repeatable: list[Asked] = []
        self.later = asyncio.Event()
        self.kept: list[Line] = []
        """Connections of clients on which another request may follow."""

    # -- the provider

    @asynccontextmanager
    async def provided(self, certificate: Path) -> AsyncIterator[None]:
        keys = {"*": TOLD[self.first["told"]]}
        if self.first["sick"] != "none":
            keys |= {secrets_of(provider)[1]: SICK[self.first["sick"]] for provider in PROVIDERS}
        if self.first["served"] != "as asked":
            served = msgspec.structs.replace(keys["*"], tier=self.first["served"])
            keys = {secret: served for provider in TELLING for secret in secrets_of(provider)} | keys
        lag = self.dice.choice([0, 8])
        fake = FakeProvider(keys=keys, prices=PRICES, clock=self.clock, sleep=lambda _: asyncio.sleep(0), billing_lag_tokens=lag)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        self.certificate, self.shown = certificate, self.path / "shown.pem"
        self.shown.write_bytes(certificate.read_bytes())
        self.trusted = ssl.create_default_context(cafile=str(certificate))
        async with fake:
            beside = await asyncio.get_running_loop().create_server(fake._connect, "127.0.0.1", 0, ssl=tls)
            port = beside.sockets[0].getsockname()[1]
            self.fake, self.urls = fake, {"plain": fake.base_url, "tls": f"https://127.0.0.1:{port}"}
            try:
                yield
            finally:
                beside.close()

    # -- the gateway

    @property
    def ledger(self) -> str:
        """Its URL."""
        return "memory://" if self.first["store"] == "memory" else f"sqlite:///{self.path}/ledger.db"

    def settings(self, chosen: Choice) -> Settings:
        self.text = configured(
            chosen, self.urls, ledger=self.ledger, tls=str(self.shown), port=self.listen_port, admin_port=self.admin_port
        )
        return parse(self.text, {})

    async def start(self) -> None:
        self.admin_port = free_port()
        settings = self.settings(self.chosen)
        self.log = BytesIO()
        self.service = Service(settings, reload=lambda: settings, clock=self.clock, log_to=self.log)
        await self.service.start()
        self.is_running = True
        self.program = self.service.program
        self.port = self.service.address[1]
        self.note_start()

    @property
    def forgets(self) -> bool:
        """Rows of its ledger may be gone, which were kept for long enough."""
        return self.first["retention"] != "long" and self.clock.ahead_s > FORGOTTEN_S

    def note_start(self) -> None:
        """What is known of a gateway that has begun."""
        self.limited_since = len(self.fake.log)
        """How many requests the provider had seen when the present limits of its keys began."""
        if not self.bound or self.first["store"] == "memory":
            hard = {"everything": self.chosen["everything"] != "soft", "team": self.chosen["named"] == "tight", "key:first": True}
            self.bound = {name for name, is_hard in hard.items() if is_hard and self.first["served"] != "priority"}  # nobody can foresee it
        if self.first["admin"] == "beside":
            self.admin_port = self.port
        if self.first["store"] == "memory":
            self.epoch_began = len(self.fake.log)
            self.made.clear()
            self.asker = Asker()
            self._repeatable.clear()

    async def watch(self) -> None:
        """Looks at the money that is held, now and then: with what is settled it is never beyond a hard limit."""
        while True:
            await asyncio.sleep(0.001)
            for budget in self.program.controller.budgets():
                if budget.name in self.bound and budget.settled_nanousd + budget.reserved_nanousd > budget.limit_nanousd:
                    raise AssertionError(f"beyond its limit: {budget}")

    async def stop(self) -> None:
        """SIGTERM; calls under way have their grace."""
        self.is_running = False
        self.service.server.stop()
        await self.service.server.drain()
        await self.service.aclose()

    async def abandon(self) -> None:
        """What a failure has left running is cut."""
        if self.is_running:
            self.service.server.stop()
            await self.stop()

    # -- the acts

    async def play(self, acts: int = 3) -> None:
        for _ in range(acts):
            await self.act()
        await self.quiet()

    async def act(self) -> None:
        dice = self.dice
        event = dice.choice(EVENTS)
        self.happened.append(event)
        asked = [each for _ in range(dice.randrange(6, 24)) for each in self.some()]
        before = asyncio.all_tasks()
        tasks = [asyncio.create_task(call(self, each)) for each in asked]
        tasks.append(asyncio.create_task(self.happen(event)))
        watching = asyncio.create_task(self.watch())
        while True:
            done, left = await asyncio.wait(tasks, timeout=QUIET_S)
            for each in done:
                each.result()
            if not left:
                break
            self.go_on()
        if watching.done():
            watching.result()
        watching.cancel()
        for name in STALLS:
            self.fake.gate(name).clear()
        self.later.clear()
        await self.quiet()
        if event != "restart":
            await self.until_alone(before)
        if dice.random() < 0.7:
            self.revive()
        if dice.random() < 0.4:
            self.jump(dice.choice([2.0, 61.0, 61.0, 3700.0, 3700.0, 90_000.0]))

    async def until_alone(self, before: set[asyncio.Task[Any]]) -> None:
        """No task is left of what has ended."""
        await until(lambda: asyncio.all_tasks() <= before)

    def jump(self, seconds: float) -> None:
        """Time passes, for gateway and provider alike."""
        self.clock.ahead_s += seconds

    def revive(self) -> None:
        """What faults have done to keys and providers is over."""
        revive(self.program)

    def go_on(self) -> None:
        """Stalls of the provider end, and clients that had paused read on."""
        for name in STALLS:
            self.fake.gate(name).set()
        self.later.set()

    async def quiet(self) -> None:
        """Nothing is under way: nothing is held either."""
        while self.kept:
            self.kept.pop().reset()
        looks = self.program.batch_looks
        await until(lambda: looks._task is None and looks._due > self.clock.now())
        await self.rest()
        async with asyncio.timeout(5):
            await self.fake.ended(len(self.fake.log))
        for front in self.service.server._fronts:
            await until(lambda front=front: front.open_connections == front.held_bytes == len(front._crowd.ending) == 0)
        pools = self.program.client._pools.values()
        await until(lambda: self.fake.open_connections <= sum(pool.idle_count for pool in pools))

    async def rest(self) -> None:
        """Nothing is held. TLS takes its farewell with who is slow to answer it, for half a minute at most."""
        while True:
            try:
                return await check_rest(self.program)
            except AssertionError as error:
                if "0 connecting, 0 open" not in str(error):
                    raise

    def some(self) -> list[Asked]:
        """One request, or one and its repetitions."""
        dice, choice = self.dice, draw(CALLED, self.dice, self._met, of=2)
        for met in (self._met, self.met):
            met.note(choice)
        self.met.pairs.update(frozenset((one, other)) for one in choice.items() for other in self.chosen.items())
        repetition = choice["idempotency"]
        if repetition in {"repeated", "other body"} and self._repeatable:
            first = dice.choice(self._repeatable)
            words = first.words_number if repetition == "repeated" else self._count + 1
            again = {**first.choice, "end": choice["end"], "idempotency": repetition}
            return [self._asked(again, words, (first.caller, first.secret), first.fault, first.idempotency_key)]
        fault = self._fault(choice["fault"])
        key = "" if repetition == "none" else f"idem-{self._count + 1}"
        asked = self._asked(choice, self._count + 1, self._caller(choice["caller"]), fault, key)
        if key:
            self._repeatable.append(asked)
        return [asked]

    def _asked(self, choice: Choice, words: int, caller: tuple[str, str], fault: str, key: str) -> Asked:
        self._count += 1
        return self.asker.ask(self._count, words, choice, caller=caller, fault=fault, key=key)

    def _fault(self, often: str) -> str:
        if often == "none":
            return ""
        name = self.dice.choice(sorted(FAULTS))
        if name in HUGE and self.dice.random() < 0.9:
            name = "status_503"
        return f"[[fault:{name}{ {'once': '*1', 'twice': '*2', 'always': ''}[often] }]]"

    def _caller(self, name: str) -> tuple[str, str]:
        if name == "made" and self.made:
            return self.dice.choice(self.made)
        return (
            (name, CALLERS[name])
            if name in CALLERS
            else ("", "sk-canary-nobody-0123456789")
            if name == "nobody"
            else ("first", CALLERS["first"])
        )

    # -- what happens beside

    async def happen(self, event: str) -> None:
        await self.wait_a_little()
        match event:
            case "reload":
                if self.dice.random() < 0.5:
                    self.shown.write_bytes(self.dice.choice([self.certificate, renewed(self.certificate)]).read_bytes())
                await self.reload(changed(self.chosen, CONFIGURED, self.dice, first=self.first))
            case "bad reload":
                await self.reload_badly()
            case "keys":
                await self.manage_keys()
            case "revive":
                await self.admin("POST", f"/admin/v1/pools/openai/k{self.dice.randrange(5)}/revive")
            case "look":
                for path in ("pools", "budgets", "usage", "usage?group_by=tag:of", "requests?limit=9", "virtual-keys"):
                    await self.admin("GET", f"/admin/v1/{path}")
                await self.admin("GET", "/metrics")
            case "time":
                self.jump(self.dice.choice([0.5, 3.0, 30.0, 4000.0]))
            case "restart":
                await self.restart()
            case "batches":
                self.tell_of_batches()
            case "outage":
                await self.outage()

    async def wait_a_little(self) -> None:
        for _ in range(self.dice.choice([0, 3, 30, 100, 300])):
            await asyncio.sleep(0)

    async def reload(self, after: dict[str, str]) -> None:
        settings = self.settings(after)
        self.service._read_settings = lambda: settings
        self.note_change(after)
        await self.service.reload()

    def note_change(self, after: dict[str, str]) -> None:
        """Another configuration is in force."""
        differing = {name: value for name, value in after.items() if value != self.chosen[name]}
        self.happened[-1] = f"{self.happened[-1]} {differing}"
        if after["everything"] != self.chosen["everything"]:
            self.bound.discard("everything")
        if after["named"] != self.chosen["named"]:
            self.bound.discard("team")
        if after["rpm"] != self.chosen["rpm"] or after["keys"] != self.chosen["keys"]:
            self.limited_since = len(self.fake.log)
        if after["group"] != self.chosen["group"]:
            self.grouped_at = self.clock.now()
        self.chosen = after

    async def reload_badly(self) -> None:
        def read() -> Settings:
            return parse(self.text.replace('"kind": "gemini"', '"kind": "gemino"'), {})

        self.service._read_settings = read
        with suppress(ConfigError):
            await self.service.reload()
            raise AssertionError("a bad file was applied")

    async def manage_keys(self) -> None:
        """One is made, and one that was is changed, rotated or revoked."""
        dice = self.dice
        name = f"made-{len(self.happened)}"
        body: JSON = {"name": name, "tags": {"of": "made"}}
        if dice.random() < 0.5:
            body["budget"] = {"limit_usd": "0.01", "period": dice.choice(["day", "total", "rolling 1h"])}
        if dice.random() < 0.5:
            body |= {"rpm": 5, "tpm": 20_000}
        if self.chosen["named"] != "none" and dice.random() < 0.5:
            body["budgets"] = ["team"]
        made = await self.admin("POST", "/admin/v1/virtual-keys", body, is_secret=True)
        if made.status == 201:
            self.made.append((name, made.json["secret"]))
        await self.wait_a_little()
        if len(self.made) > 1:
            old = self.made[dice.randrange(len(self.made) - 1)]
            path = f"/admin/v1/virtual-keys/{old[0]}"
            match dice.choice(["change", "rotate", "revoke"]):
                case "change":
                    await self.admin("PATCH", path, {"rpm": dice.choice([None, 3, 50]), "max_concurrency": dice.choice([None, 2])})
                case "rotate":
                    reply = await self.admin("POST", f"{path}/rotate", {"grace": dice.choice(["0s", "1h"])}, is_secret=True)
                    if reply.status == 200:
                        self.made[self.made.index(old)] = (old[0], reply.json["secret"])
                case "revoke":
                    await self.admin("POST", f"{path}/revoke")
                    self.made.remove(old)

    async def outage(self) -> None:
        """The ledger's file is gone for a while."""
        path = self.path / "ledger.db"
        if self.first["store"] == "memory":
            return
        away = path.rename(self.path / "away.db")
        for _ in range(self.dice.randrange(4)):
            await self.wait_a_little()
        away.rename(path)
        await self.until_healthy()

    async def until_healthy(self) -> None:
        """The ledger takes rows again."""
        await until(lambda: self.program.store.is_healthy, seconds=20)

    def tell_of_batches(self) -> None:
        """Each that was made is under way, over, or failed, from now on."""
        usage = {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 7, "total_tokens": 12}
        over = [{"status": "in_progress"}, {"status": "completed", "usage": usage, "model": "fake-small"}, {"status": "failed"}]
        for secret in secrets_of("openai"):
            for kept in self.fake.shelf(secret)._kept.get("batches", {}).values():
                if kept.told["status"] == "in_progress" or (kept.told["status"] == "completed" and "usage" not in kept.told):
                    kept.told |= self.dice.choice(over)

    async def restart(self) -> None:
        await self.stop()
        self.close_epoch()
        await self.start()

    def close_epoch(self) -> None:
        self.told.append(self.log.getvalue())

    @asynccontextmanager
    async def books(self) -> AsyncIterator[Books]:
        """Once all is quiet."""
        program = self.program
        await program.store.flush()
        rows = await rows_of(program)
        metrics = (await self.admin("GET", "/metrics")).body.decode()
        program.ended.flush()
        assert self.service.call_log is not None
        self.service.call_log.close()
        yield Books(program=program, rows=rows, metrics=metrics, log=self.log.getvalue().decode(), epoch=program.settlement.journal.epoch)

    async def admin(self, method: str, path: str, body: JSON | None = None, *, is_secret: bool = False) -> Reply:
        raw = post(path, body, ADMIN_KEY, {}) if body is not None else written(method, path, ADMIN_KEY, {})
        if body is not None and method != "POST":
            raw = raw.replace(b"POST", method.encode(), 1)
        line = await self.connect(self.admin_port, "openai_chat")
        line.writer.write(raw)
        reply = await line.rest()
        line.reset()
        assert reply.status < 500, reply
        if not is_secret:
            self.told.append(reply.body)
        return reply

    # -- one call

    async def connect(self, port: int, dialect: str) -> Line:
        tls = self.trusted if self.first["front"] == "tls" else None
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, limit=1 << 26)
        return Line(reader, writer, dialect)


def renewed(certificate: Path) -> Path:
    """Another one of the same authority, with a key of another kind."""
    return certificate.with_name("renewed.pem")


@asynccontextmanager
async def situation(it: Situation, certificate: Path) -> AsyncIterator[Situation]:
    """It is started, and stopped behind the block."""
    async with it.provided(certificate):
        try:
            await it.start()
            yield it
            it.go_on()
            await it.stop()
            it.close_epoch()
        finally:
            await it.abandon()
