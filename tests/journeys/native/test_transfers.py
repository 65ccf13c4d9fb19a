"""Native calls: uploads and downloads, what is repeated of them, and what they hold meanwhile."""

import asyncio

import pytest
from tests.in_turn import in_turn
from tests.journeys.hosts import hosting
from tests.journeys.native.asking import CONFIG, DORA, FILE, FORM, MULTIPART, ask, question, upload
from tests.journeys.running import Running, Serve, until
from tests.journeys.wire import Line
from tests.soak import rounds

from omnillm.testing import FAULTS, FakeProvider, ManualClock
from omnillm.testing.faults import Fault


@pytest.mark.parametrize("fault", ["reset_before_head", "status_500", "status_529"])
async def test_what_may_have_been_received_is_not_repeated(fake: FakeProvider, gateway: Running, fault: str) -> None:
    """A second upload would be a second file. Reading twice is as good as once."""
    fake.enqueue(FAULTS[fault])
    assert (await upload(gateway)).status in {502, 503}
    assert len(fake.log) == 1
    made = (await upload(gateway)).json["id"]
    fake.enqueue(FAULTS[fault])
    reply = await ask(gateway, "GET", f"{FILE}/{made}")
    assert (reply.status, reply.headers.get("x-omnillm-attempts")) == (200, "2")


async def test_a_kept_connection_that_dies_is_no_fault_of_its_key(fake: FakeProvider, gateway: Running) -> None:
    """What can be read twice is sent again with the same key, on a new connection, and nobody's breaker hears of it."""
    made = (await upload(gateway)).json["id"]
    fake.enqueue(None, FAULTS["close_before_head"])
    for _ in range(2):
        assert (await ask(gateway, "GET", f"{FILE}/{made}")).status == 200
    _, attempts = await gateway.last()
    assert [(row.key, row.verdict) for row in attempts] == [("a", "stale"), ("a", "success")]
    assert gateway.keys()["a"].consecutive_failures == 0


async def test_a_long_download_keeps_nobody_from_the_key_that_it_tries(serve: Serve) -> None:
    """A key returns from a 429 with one call as its probe: once the reply of that has begun, the key is anybody's."""
    clock, told, rest = ManualClock(), [], asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            told.append(reader)
            if len(told) == 1:
                writer.write(b"HTTP/1.1 429 Slow\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n")
                continue
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 4\r\n\r\nde")
            if len(told) == 2:
                await rest.wait()
            writer.write(b"ep")
        writer.close()

    async with hosting(answer) as url:
        gateway = await serve(CONFIG.replace("BASE", url) + "calls: {queue: 0s}", clock=clock)
        path = "/providers/whole/v1/models"
        assert (await ask(gateway, "GET", path)).status == 429
        clock.advance(1.1)
        line = await Line.open(gateway.port, question("GET", path))
        assert await line.head() == 200
        assert (await ask(gateway, "GET", path)).body == b"deep"
        rest.set()
        assert (await line.rest()).body == b"deep"
        await line.close()


@pytest.mark.parametrize("fault", ["status_429", "status_401"])
async def test_what_was_refused_goes_to_another_key(fake: FakeProvider, gateway: Running, fault: str) -> None:
    """It was not received; the file is then that key's."""
    fake.enqueue(FAULTS[fault])
    reply = await upload(gateway)
    assert (reply.status, reply.headers["x-omnillm-key"], reply.headers["x-omnillm-attempts"]) == (200, "b", "2")
    content = await ask(gateway, "GET", f"{FILE}/{reply.json['id']}/content")
    assert (content.body, content.headers["x-omnillm-key"]) == (b"deep", "b")


async def test_who_asks_for_what_is_gone_keeps_nobody_from_the_key(fake: FakeProvider, gateway: Running) -> None:
    """Gemini answers 403 for a file that it has forgotten."""
    made = (await upload(gateway)).json["id"]
    fake.enqueue(Fault.status(403))
    assert (await ask(gateway, "GET", f"{FILE}/{made}")).status == 503
    assert (await upload(gateway, key=DORA)).status == 200
    assert [logged.key for logged in fake.log] == ["sk-a"] * 3


async def test_a_large_body_goes_by_way_of_the_disk(fake: FakeProvider, gateway: Running) -> None:
    """Up and down, byte for byte, and little of it in memory at a time; above `limits.body` too, if asked to (SOAK)."""
    content = bytes(range(256)) * 4096 * rounds(4)
    front = next(iter(gateway.service.server._fronts))
    line = await Line.open(gateway.port, question("POST", FILE, FORM % content, content_type=MULTIPART["content-type"]))
    most = 0
    task = asyncio.create_task(line.rest())
    while not task.done():
        most = max(most, front.held_bytes)
        await asyncio.sleep(0)
    made = (await task).json["id"]
    assert most <= 1024 * 1024
    assert (await ask(gateway, "GET", f"{FILE}/{made}/content")).body == content
    line.reset()


async def test_a_download_that_breaks_off_is_cut(fake: FakeProvider, gateway: Running) -> None:
    """Never an end in good order; the ledger says what was lost."""
    made = (await upload(gateway, b"x" * 3_000_000)).json["id"]
    fake.enqueue(Fault.reset(after_bytes=1_000_000))
    reply = await ask(gateway, "GET", f"{FILE}/{made}/content")
    assert not reply.is_whole
    request, [attempt] = await gateway.last()
    assert (request.outcome, attempt.verdict) == ("upstream_lost", "lost")


async def test_a_client_that_hangs_up_leaves_nothing_held(fake: FakeProvider, gateway: Running) -> None:
    """The row says 499, and the key's slot is free."""
    made = (await upload(gateway, b"x" * 3_000_000)).json["id"]
    fake.enqueue(Fault(name="stalls", action="stall", point="bytes", after=1_000_000))
    line = await Line.open(gateway.port, question("GET", f"{FILE}/{made}/content"))
    await line.head()
    assert await line.reader.read(1000)
    line.reset()
    await until(lambda: gateway.in_flight == 0)
    request, _ = await gateway.last()
    assert (request.status, request.outcome) == (499, "aborted")


async def test_bodies_have_a_limit_of_their_own(fake: FakeProvider, serve: Serve) -> None:
    """`limits.upload` for what is spooled, `limits.body` for what is read."""
    gateway = await serve(CONFIG.replace("BASE", fake.base_url).replace("port: 0", "port: 0, limits: {body: 1KiB, upload: 2KiB}"))
    assert (await upload(gateway, b"x" * 1500)).status == 200
    assert (await upload(gateway, b"x" * 2500)).status == 413
    assert (await ask(gateway, "POST", "/v1/chat/completions", b"x" * 1500)).status == 413


@in_turn(("proto", "scheme"), [("https", "https"), ("http", "http")])
async def test_an_upload_goes_on_where_the_client_is(fake: FakeProvider, gateway: Running, proto: str, scheme: str) -> None:
    """At the address that the client used, behind a proxy as well; only its beginner knows it."""
    path = "/providers/gemini/upload/v1beta/files"
    fields = {"x_goog_upload_command": "start", "x_forwarded_proto": proto}
    url = (await ask(gateway, "POST", path, b"{}", **fields)).headers["x-goog-upload-url"]
    assert url.startswith(f"{scheme}://gateway{path}?upload_id=")
    strange = await ask(gateway, "POST", f"{path}?upload_id=guessed", b"x", key="sk-wrong")
    assert strange.status == 401
