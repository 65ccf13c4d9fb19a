"""The rules of native calls: what goes through, what never reaches a provider, what is repeated, and what it costs."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.in_turn import in_turn
from tests.journeys import wire
from tests.journeys.running import PRICES, Running, Serve, until
from tests.journeys.wire import Line, Question, Reply, exchange
from tests.soak import rounds

from omnillm.assemble import SystemClock
from omnillm.gateway.native.relay import at_the_end
from omnillm.records import Binding, Posting
from omnillm.stores.sqlite import database
from omnillm.testing import FAULTS, Behaviour, FakeProvider, ManualClock
from omnillm.testing.faults import Fault

ADA, BOB, CAROL, DORA = (f"sk-omni-{name}-0123456789" for name in ("ada", "bob", "carol", "dora"))
CONFIG = f"""
server: {{port: 0, auth: required, native: {{openai: openai}}}}
store: {{url: "memory://"}}
providers:
  openai:
    kind: openai
    base_url: BASE
    selection: priority
    passthrough: ["/vector_stores*"]
    keys: [{{label: a, key: sk-a, models: ["fake-*"]}}, {{label: b, key: sk-b}}]
  whole: {{kind: custom, protocol: openai_chat, base_url: "BASE/v1/chat/completions", passthrough: ["/v1/models"], keys: [{{label: a, key: sk-a}}]}}
  gemini: {{kind: gemini, base_url: BASE, auth: {{query: key}}, keys: [{{label: a, key: sk-a}}]}}
budgets: [{{name: soft, scope: named, limit_usd: 5, hard: false}}, {{name: hard, scope: named, limit_usd: 5}}]
virtual_keys:
  - {{name: ada, key: {ADA}, budgets: [soft]}}
  - {{name: bob, key: {BOB}, budgets: [hard]}}
  - {{name: carol, key: {CAROL}, models: ["openai/fake-small", fast]}}
  - {{name: dora, key: {DORA}}}
pricing: {{overrides: {{openai/fake-small: {{input: 0.4, output: 1.6}}}}}}
"""
FILE = "/providers/openai/v1/files"
FORM = b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n%b\r\n--x--\r\n'
SEARCH = "/providers/openai/v1/vector_stores/vs_1/search"
"""Opened by the configuration: what it costs is known by its reply alone."""
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


@asynccontextmanager
async def answering(told: bytes, content_type: str, *, is_whole: bool = True) -> AsyncIterator[str]:
    """A host that answers every request with these bytes, in pieces; its base URL. Not whole: it owes one more, and waits."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        size = max(50, len(told) // 20)
        length = len(told) + (not is_whole)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (content_type.encode(), length))
        for at in range(0, len(told), size):
            writer.write(told[at : at + size])
            await writer.drain()
        if not is_whole:
            await reader.read()
        writer.close()

    with closing(await asyncio.start_server(answer, "127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(keys={"sk-a": Behaviour(), "sk-b": Behaviour()}, prices=PRICES, clock=SystemClock()) as provider:
        yield provider


@pytest.fixture
async def gateway(fake: FakeProvider, serve: Serve) -> Running:
    return await serve(CONFIG.replace("BASE", fake.base_url))


def question(method: str, path: str, body: bytes = b"", *, key: str = ADA, **fields: str) -> Question:
    return wire.question(method, path, body, key=key, headers={name.replace("_", "-"): value for name, value in fields.items()})


async def ask(gateway: Running, method: str, path: str, body: bytes = b"", *, key: str = ADA, **fields: str) -> Reply:
    return await exchange(gateway.port, question(method, path, body, key=key, **fields))


async def upload(gateway: Running, content: bytes = b"deep", *, key: str = ADA) -> Reply:
    return await ask(gateway, "POST", FILE, FORM % content, key=key, content_type=MULTIPART["content-type"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", f"/providers/openai/v1/{path}") for path in ("organization/usage/costs", "fine_tuning/jobs", "evals", "assistants")),
        *(("POST", f"/providers/openai/v1/{path}") for path in ("realtime/client_secrets", "admin_api_keys", "files/x", "responses/x")),
        ("DELETE", "/providers/openai/v1/models/fake-small"),
        ("PUT", FILE),
        ("GET", "/openai/v1/organization/projects"),
        ("POST", "/providers/gemini/v1beta/tunedModels"),
        ("POST", "/providers/openai/v1/messages"),
        ("GET", "/providers/openai/vector"),
    ],
)
async def test_what_stands_in_no_table_is_refused(fake: FakeProvider, gateway: Running, method: str, path: str) -> None:
    """Administration, billing, keys and training are not for a virtual key; and the provider hears nothing of it."""
    reply = await ask(gateway, method, path)
    assert (reply.status, "path_not_allowed" in reply.body.decode()) == (403, True)
    assert fake.log == []


@pytest.mark.parametrize(
    "rest",
    [
        "/v1/files/../models",
        "/v1/files/%2e%2e/models",
        "/v1/files/a%2Fb",
        "/v1/files/a%5cb",
        "/v1//files",
        "/v1/./files",
        "/v1/files/a\\b",
        "/v1/files/..",
    ],
)
async def test_a_path_that_can_be_read_in_two_ways_is_refused(fake: FakeProvider, gateway: Running, rest: str) -> None:
    """Before anything is sent."""
    reply = await ask(gateway, "GET", f"/providers/openai{rest}")
    assert (reply.status, reply.error["code"]) == (400, "ambiguous_path")
    assert fake.log == []


@pytest.mark.parametrize(
    "path", ["/v1/batches", "/anthropic/v1/files", "/gemini/v1beta/files", "/providers/nobody/v1/files", "/providers/openai"]
)
async def test_no_provider_is_named_for_it(fake: FakeProvider, gateway: Running, path: str) -> None:
    """404, as for any path of nobody; what `server.native` names is served at the root too."""
    reply = await ask(gateway, "GET", path)
    assert reply.status == (200 if path == "/v1/batches" else 404)


async def test_a_pattern_of_the_configuration_opens_a_path(fake: FakeProvider, gateway: Running) -> None:
    """It goes upstream as it stands; the provider's own 404 is told verbatim."""
    reply = await ask(gateway, "GET", "/providers/openai/v1/vector_stores/vs_1/files?limit=2")
    assert (reply.status, reply.error["code"]) == (404, "unknown_url")
    assert [(logged.path, logged.query) for logged in fake.log] == [("/v1/vector_stores/vs_1/files", "limit=2")]
    assert gateway.keys()["a"].state == "ready"


async def test_an_opened_path_lists_nothing_of_another(fake: FakeProvider, gateway: Running) -> None:
    """What nobody here made is shown to all; where nothing is left out, the provider's bytes are the client's."""
    stores = "/v1/vector_stores"
    made = {key: (await ask(gateway, "POST", stores, b"{}", key=key)).json["id"] for key in (ADA, DORA)}
    fake.shelf("sk-a").keep("vector_stores", "vs_old", {"id": "vs_old", "data": [1, {"x": []}]})
    for key, name in made.items():
        assert [entry["id"] for entry in (await ask(gateway, "GET", stores, key=key)).json["data"]] == ["vs_old", name]
    assert (await ask(gateway, "GET", f"{stores}/vs_old", key=DORA)).body == b'{"id":"vs_old","data":[1,{"x":[]}]}'


async def test_the_ends_of_an_opened_paths_page_are_the_callers_own(fake: FakeProvider, gateway: Running) -> None:
    """`first_id` and `last_id` tell of nothing that is left out. Of a page of which nothing is left the last one leads on to the next page."""
    stores = "/v1/vector_stores"
    ada, dora = [(await ask(gateway, "POST", stores, b"{}", key=key)).json["id"] for key in (ADA, DORA)]
    pages = [(await ask(gateway, "GET", f"{stores}{page}", key=key)).json for key, page in ((ADA, ""), (DORA, ""), (ADA, "?limit=1"))]
    told = [([entry["id"] for entry in page["data"]], page["first_id"], page["last_id"], page["has_more"]) for page in pages]
    assert told == [([ada], ada, ada, False), ([dora], dora, dora, False), ([], None, dora, True)]
    rest = (await ask(gateway, "GET", f"{stores}?limit=1&after={dora}")).json
    assert ([entry["id"] for entry in rest["data"]], rest["has_more"]) == ([ada], False)
    last = (await ask(gateway, "GET", f"{stores}?after={dora}", key=DORA)).json
    assert last == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


async def test_no_size_of_a_list_shows_what_is_anothers(fake: FakeProvider, gateway: Running) -> None:
    """A caller can make its own entries as long as it likes; what is too long to be looked through is not shown at all."""
    stores = "/v1/vector_stores"
    theirs, own = [(await ask(gateway, "POST", stores, b"{}", key=key)).json["id"] for key in (ADA, DORA)]
    for number, size in enumerate((1_500_000, 7_000_000)):
        fake.shelf("sk-a").keep("vector_stores", f"vs_{number}", {"id": f"vs_{number}", "metadata": {"x": "y" * size}})
        told = await ask(gateway, "GET", stores, key=DORA)
        if told.status == 200:
            assert [entry["id"] for entry in told.json["data"]] == ["vs_0", own]
    assert (told.status, told.error["code"]) == (400, "reply_too_large")
    assert theirs.encode() not in told.body
    assert (await ask(gateway, "GET", f"{stores}/vs_0", key=DORA)).status == 200
    await gateway.program.store.flush()
    assert gateway.in_flight == 0


async def test_the_case_of_a_type_of_content_means_nothing(serve: Serve, fake: FakeProvider, gateway: Running) -> None:
    """A list is looked through, and a stream is one, however its provider spells that it is."""
    async with answering(b'{"data": [{"id": "vs_theirs"}, {"id": "vs_free"}]}', "Application/JSON") as url:
        listing = await serve(CONFIG.replace("BASE", url))
        made = Binding(kind="object", upstream_id="vs_theirs", provider="openai", key="a", caller="ada", expires_wall_ms=2**50)
        await listing.program.store.post_durably(Posting(bindings=(made,)))
        assert (await ask(listing, "GET", "/v1/vector_stores", b"{}", key=DORA)).json == {"data": [{"id": "vs_free"}]}
    fake.enqueue(Fault(name="loud", fields=(("content-type", "Text/Event-Stream"),)))
    body = {"model": "openai/fake-small", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    assert b"[DONE]" in (await ask(gateway, "POST", "/v1/chat/completions", json.dumps(body).encode())).body
    assert [logged.fault for logged in fake.log] == ["loud"]


async def test_who_changes_what_all_share_does_not_become_its_owner(fake: FakeProvider, gateway: Running) -> None:
    """A store that was made elsewhere stays everybody's, though the reply to a change names it as the reply to its making does."""
    fake.shelf("sk-a").keep("vector_stores", "vs_2025", {"id": "vs_2025"})
    assert (await ask(gateway, "POST", "/v1/vector_stores/vs_2025", b'{"metadata": {}}')).json["metadata"] == {}
    assert (await ask(gateway, "GET", "/v1/vector_stores/vs_2025", key=DORA)).json["metadata"] == {}


async def test_an_opened_path_stands_at_the_root_as_well(fake: FakeProvider, gateway: Running) -> None:
    """Where SDKs ask that know the gateway by its root alone; what nobody opened is told where else it may be."""
    made = (await ask(gateway, "POST", "/v1/vector_stores", b"{}")).json["id"]
    assert (await ask(gateway, "GET", f"/v1/vector_stores/{made}")).json["id"] == made
    for path, fields in (("/v1/evals", {}), ("/v1/vector_stores", {"anthropic_version": "2023-06-01"})):
        refused = await ask(gateway, "GET", path, **fields)
        assert (refused.status, "below /providers/NAME" in refused.body.decode()) == (404, True)


async def test_what_an_opened_path_made_is_found_again(fake: FakeProvider, serve: Serve, tmp_path: Path) -> None:
    """With the key that made it, after a restart too; to another virtual key it is not there, and what nobody here made is nobody's."""
    text = (
        CONFIG.replace("BASE", fake.base_url)
        .replace("memory://", f"sqlite:///{tmp_path}/omnillm.db")
        .replace("priority", "random_first_fit")
    )
    stores, clock = "/providers/openai/v1/vector_stores", SystemClock()
    before, made = await serve(text, clock=clock), {}
    for _ in range(24):
        reply = await ask(before, "POST", stores, b"{}")
        made[reply.json["id"]] = reply.headers["x-omnillm-key"]
    assert set(made.values()) == {"a", "b"}
    await before.service.server.drain()
    await before.service.aclose()
    after = await serve(text, clock=clock)
    for name, key in made.items():
        reply = await ask(after, "GET", f"{stores}/{name}")
        assert (reply.status, reply.headers["x-omnillm-key"]) == (200, key)
        assert (await ask(after, "GET", f"{stores}/{name}", key=DORA)).status == 404
    heard = len(fake.log)
    assert (await ask(after, "GET", f"{stores}/vs_of_2025", key=DORA)).error["message"] == "No such object: vs_of_2025"
    assert len(fake.log) == heard + 1


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        (b'["FILE"]', "not_found"),
        (b'[null, "x" ,\n"FILE"]', "not_found"),
        (b'["' + b"x" * 600 + b'", "FILE"]', "not_found"),
        (b"[]", ""),
    ],
)
async def test_an_opened_path_shows_no_file_of_another(fake: FakeProvider, gateway: Running, ids: bytes, code: str) -> None:
    """Wherever it stands in a list of files to be searched."""
    made = (await upload(gateway)).json["id"]
    body = b'{"name": "s", "file_ids": %b}' % ids.replace(b"FILE", made.encode())
    reply = await ask(gateway, "POST", "/providers/openai/v1/vector_stores", body, key=DORA)
    assert (reply.json.get("error") or {"code": ""})["code"] == code


async def test_a_history_is_compacted_where_it_can_be_read(fake: FakeProvider, gateway: Running) -> None:
    """By the key whose response it goes on from; what it made goes back there, and is paid for by what it told."""
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/openai/v1", api_key=ADA, max_retries=0) as client:
        fake.enqueue(FAULTS["status_429"])
        first = await client.responses.create(model="openai/fake-small", input="How deep is the lake?")
        short = await client.responses.compact(model="fake-small", previous_response_id=first.id)
        assert short.output[1].type == "compaction"
        kept = short.output[-1].model_dump(exclude_none=True)
        await client.responses.create(model="openai/fake-small", input=[kept, {"role": "user", "content": "And how wide?"}])
    assert [logged.key for logged in fake.log] == ["sk-a", "sk-b", "sk-b", "sk-b"]
    compacted = [row for row in await gateway.program.store.requests(limit=9, before="") if row.operation == "compactions"]
    assert [(row.usage.input, row.usage.output, row.cost_nanousd) for row in compacted] == [(100, 10, 100 * 400 + 10 * 1600)]
    stranger = await ask(gateway, "POST", "/v1/responses/compact", b'{"previous_response_id": "%b"}' % first.id.encode(), key=DORA)
    assert stranger.status == 404


async def test_a_history_is_compacted_under_a_hard_budget(fake: FakeProvider, serve: Serve) -> None:
    """Its bound is that of a generation, and what it told is charged; what has none, or no room, is refused before it is sent."""
    text = CONFIG.replace("BASE", fake.base_url).replace("output: 1.6}", "output: 1.6, max_output: 1000}")
    gateway, path = await serve(text), "/v1/responses/compact"

    def settled() -> tuple[int, int]:
        return next((each.settled_nanousd, each.reserved_nanousd) for each in gateway.program.controller.budgets() if each.name == "hard")

    reply = await ask(gateway, "POST", path, b'{"model": "fake-small", "input": "How deep is the lake?"}', key=BOB)
    assert (reply.status, settled()) == (200, (100 * 400 + 10 * 1600, 0))
    fake.enqueue(FAULTS["reset_before_head"])
    assert (await ask(gateway, "POST", path, b'{"model": "fake-small", "input": "How deep is the lake?"}', key=BOB)).status == 502
    assert settled()[0] >= 100 * 400 + 10 * 1600 + 1000 * 1600
    for body, code in (
        (b'{"model": "fake-large", "input": "?"}', "price_unknown"),
        (b'{"model": "fake-small", "model": "x"}', "repeated_member"),
    ):
        assert (await ask(gateway, "POST", path, body, key=BOB)).error["code"] == code
    assert len(fake.log) == 2
    assert await gateway.program.store.verify() == []
    assert await gateway.wrong_costs() == []


async def test_a_history_is_compacted_for_a_model_by_its_public_name(fake: FakeProvider, serve: Serve) -> None:
    """As it was written: by the model's target, where the path names no provider, and who may use the name may; a large one, too."""
    models = "models: {fast: {targets: [openai/fake-small]}, pair: {targets: [openai/fake-small, other/fake-large]}, claude: {targets: [ant/c]}}\n"
    others = "  other: {kind: openai, base_url: BASE, keys: [{label: c, key: sk-b}]}\n  ant: {kind: anthropic, base_url: BASE, keys: [{label: d, key: sk-a}]}\n"
    text = CONFIG.replace("budgets: [{", f"{others}{models}budgets: [{{", 1).replace(
        "output: 1.6}", "output: 1.6, max_output: 1000}, other/fake-large: {input: 0.4, output: 1.6}"
    )
    gateway, path = await serve(text.replace("BASE", fake.base_url)), "/v1/responses/compact"

    async def compact(model: str, rest: str = '"input": "How deep?"', *, key: str = ADA, path: str = path) -> Reply:
        return await ask(gateway, "POST", path, f'{{"model": "{model}", {rest}}}'.encode(), key=key)

    def sent() -> tuple[str, Any, int]:
        body = json.loads(fake.log[-1].body)
        return fake.log[-1].key, body["model"], len(body["input"])

    long = f'"input": "{"x" * 2_000_000}"'
    for key, rest, size in ((ADA, '"input": "How deep?"', 9), (BOB, '"input": "How deep?"', 9), (CAROL, long, 2_000_000)):
        assert (await compact("fast", rest, key=key)).status == 200
        assert sent() == ("sk-a", "fake-small", size)
    row, [attempt] = await gateway.last()
    assert (row.model, row.provider, row.upstream_model, attempt.cost_nanousd) == ("fast", "openai", "fake-small", 100 * 400 + 10 * 1600)
    made = await ask(gateway, "POST", "/v1/responses", b'{"model": "other/fake-large", "input": "How deep?"}')
    assert (await compact("pair", f'"input": [], "previous_response_id": "{made.json["id"]}"')).status == 200
    assert sent() == ("sk-b", "fake-large", 0)
    assert (await compact("pair", key=CAROL)).error["code"] == "model_not_allowed"
    assert (await compact("claude")).error["code"] == "unsupported_protocol"
    assert (await compact("fast", path=f"/providers/openai{path}")).status == 200
    assert sent()[1] == "fast", "a path that names a provider has the provider's own words"
    assert await gateway.program.store.verify() == []


async def test_a_hard_budget_is_told_what_has_no_bound(fake: FakeProvider, gateway: Running) -> None:
    """Batches and what only the configuration opened are refused by name; files and lists cost nothing."""
    for method, path in (("POST", "batches"), ("GET", "vector_stores")):
        reply = await ask(gateway, method, f"/providers/openai/v1/{path}", b"{}", key=BOB)
        assert (reply.status, reply.error["code"]) == (400, "unbounded_cost")
        assert f"{method} /{path} is billed by" in reply.error["message"]
    kept = await ask(gateway, "POST", "/providers/gemini/v1beta/cachedContents", b'{"model":"models/fake-small"}', key=BOB)
    assert "is billed by tokens and time that" in kept.body.decode()
    assert fake.log == []
    made = (await upload(gateway, key=BOB)).json["id"]
    assert (await ask(gateway, "GET", f"{FILE}/{made}", key=BOB)).status == 200
    assert [entry["id"] for entry in (await ask(gateway, "GET", FILE, key=BOB)).json["data"]] == [made]


async def test_usage_is_taken_on_the_side(fake: FakeProvider, gateway: Running) -> None:
    """The provider's bytes for the client; tokens and cost for the ledger and a budget that counts."""
    body = json.dumps({"model": "fake-small", "input": "How deep is the lake?"}).encode()
    reply = await ask(gateway, "POST", "/providers/openai/v1/embeddings", body)
    assert reply.json["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
    assert reply.headers["x-omnillm-cost-usd"] == "0.0000024"
    assert fake.log[0].body == body
    request, [attempt] = await gateway.last()
    assert (request.operation, request.model, request.outcome) == ("embeddings", "openai/fake-small", "success")
    assert (attempt.usage.input, attempt.cost_nanousd, attempt.is_usage_known) == (6, 2400, True)
    assert [budget.settled_nanousd for budget in gateway.program.controller.budgets() if budget.name == "soft"] == [2400]
    assert await gateway.program.store.verify() == []


async def test_the_usage_of_a_long_reply_counts_too(serve: Serve) -> None:
    """It stands at the end of what went through in pieces."""
    told = b'{"found":["%b"],"usage":{"prompt_tokens":19000,"completion_tokens":0,"total_tokens":19000}}' % (b"deep " * 220_000)
    async with answering(told, "application/json") as url:
        gateway = await serve(CONFIG.replace("BASE", url))
        reply = await ask(gateway, "POST", SEARCH, b'{"model": "fake-small"}')
        assert reply.body == told
        _, [attempt] = await gateway.last()
        assert (attempt.usage.input, attempt.cost_nanousd, attempt.is_usage_known) == (19_000, 19_000 * 400, True)
        assert [budget.settled_nanousd for budget in gateway.program.controller.budgets() if budget.name == "soft"] == [19_000 * 400]


@in_turn(
    ("tail", "usage"),
    [
        (b'AAA"}],"usage":{"input_tokens":1}}', b'{"usage": {"input_tokens": 1}}'),
        (b'data: {"usage": {"a":1}}\n\ndata: {"type":"done","usage" :\t{"a":{"b":2}},"z":1}\n\n', b'{"usage": {"a": {"b": 2}}}'),
        (b'"text":"\\"usage\\":{}"}', b""),
        (b'"usage":{"a":', b""),
        (b'"usage":null}', b""),
        (b'"usage":{"a":' + b"[" * 16_000, b""),
        (b"\xff\xfe", b""),
    ],
)
def test_usage_at_the_end(tail: bytes, usage: bytes) -> None:
    """The last that is whole; nothing is made of what is none."""
    assert at_the_end(tail) == usage


async def test_a_key_for_some_models_spends_on_these_only(fake: FakeProvider, gateway: Running) -> None:
    """Where the model cannot be told, the call is refused; files are no model's."""
    for model, status in (("fake-small", 404), ("fake-large", 403), ("", 403)):
        body = json.dumps({"model": model, "query": "Hello"} if model else {"query": "Hello"}).encode()
        assert (await ask(gateway, "POST", SEARCH, body, key=CAROL)).status == status
    for other in (b"model", b"Model"):
        twice = b'{"%b": "fake-large", "model": "fake-small", "query": "Hello"}' % other
        reply = await ask(gateway, "POST", SEARCH, twice, key=CAROL)
        assert (reply.status, reply.error["code"]) == (400, "repeated_member")
    assert (await upload(gateway, key=CAROL)).status == 200


async def test_a_key_for_some_models_names_its_model_once(fake: FakeProvider, gateway: Running) -> None:
    """Also in inference, where the body goes on as it came, and without a budget: the host may read the first name, or ignore its case."""
    for other in ("model", "Model", "MODEL"):
        body = f'{{"{other}":"fake-large","model":"fake-small","messages":[]}}'.encode()
        reply = await ask(gateway, "POST", "/providers/openai/v1/chat/completions", body, key=CAROL)
        assert (reply.status, reply.error["code"]) == (400, "repeated_member")
    assert fake.log == []


async def test_a_batch_under_a_hard_budget_is_booked_and_settled(fake: FakeProvider, gateway: Running) -> None:
    """By the lines of the file that went up through here, which its caller may ask for; then by what its provider tells."""
    request = {"model": "fake-small", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": request}
    file = (await upload(gateway, json.dumps(line).encode(), key=BOB)).json["id"]
    asked = json.dumps({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}).encode()
    made = await ask(gateway, "POST", "/v1/batches", asked, key=BOB)
    [kept] = [kept for key in ("sk-a", "sk-b") if (kept := fake.shelf(key).find("batches", made.json["id"])) is not None]

    def settled() -> int:
        return next(budget.settled_nanousd for budget in gateway.program.controller.budgets() if budget.name == "hard")

    assert settled() >= 20 * 1600
    kept.told |= {"usage": {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}, "model": "fake-small"}
    for _ in range(2):
        assert (await ask(gateway, "GET", f"/v1/batches/{made.json['id']}", key=BOB)).status == 200
        assert settled() == 5 * 400 + 7 * 1600
    assert await gateway.program.store.verify() == []


@pytest.mark.parametrize("durability", ["strict", "relaxed"])
async def test_a_batch_without_a_bound_is_settled_in_the_soft_budgets_of_its_caller(
    fake: FakeProvider, serve: Serve, durability: str
) -> None:
    """Booked at nothing, because nobody knew what its file held: the budgets that it drew on are in the ledger all the same."""
    config = CONFIG.replace('url: "memory://"', f'url: "memory://", durability: {durability}').replace("BASE", fake.base_url)
    gateway = await serve(config)
    file = (await upload(gateway, b"{}", key=ADA)).json["id"]
    asked = json.dumps({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}).encode()
    made = await ask(gateway, "POST", "/v1/batches", asked, key=ADA)
    [kept] = [kept for key in ("sk-a", "sk-b") if (kept := fake.shelf(key).find("batches", made.json["id"])) is not None]

    def settled() -> int:
        return next(budget.settled_nanousd for budget in gateway.program.controller.budgets() if budget.name == "soft")

    assert settled() == 0
    kept.told |= {"usage": {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}, "model": "fake-small"}
    assert (await ask(gateway, "GET", f"/v1/batches/{made.json['id']}", key=ADA)).status == 200
    assert settled() == 5 * 400 + 7 * 1600
    assert await gateway.program.store.verify() == []


async def test_the_results_of_a_listed_batch_are_its_makers(fake: FakeProvider, gateway: Running) -> None:
    """Whoever looks at the list alone, and never at the batch, finds the file that it names there; nobody else does."""
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "fake-small", "messages": []}}
    file = (await upload(gateway, json.dumps(line).encode())).json["id"]
    asked = json.dumps({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}).encode()
    made = (await ask(gateway, "POST", "/v1/batches", asked)).json["id"]
    [(shelf, kept)] = [(shelf, kept) for key in ("sk-a", "sk-b") if (kept := (shelf := fake.shelf(key)).find("batches", made)) is not None]
    shelf.keep("files", "file-late", {"id": "file-late", "object": "file"}, b"late results")
    kept.told["error_file_id"] = "file-late"
    late = f"{FILE}/file-late/content"
    assert (await ask(gateway, "GET", late)).status == 404
    assert [each["id"] for each in (await ask(gateway, "GET", "/v1/batches")).json["data"]] == [made]
    assert (await ask(gateway, "GET", late)).body == b"late results"
    assert (await ask(gateway, "GET", late, key=DORA)).status == 404


async def test_a_small_page_is_found_behind_many_entries_of_others(fake: FakeProvider, gateway: Running) -> None:
    """A page of two does not mean two of the provider's at a time; it has two, and the next one what is left."""
    ids = [(await upload(gateway)).json["id"] for _ in range(3)]
    for key in ("sk-a", "sk-b"):
        for number in range(150):
            fake.shelf(key).keep("files", f"file-{key}-{number}", {"id": f"file-{key}-{number}", "object": "file"})
    told, after, more = [], "", True
    while more:
        page = (await ask(gateway, "GET", f"{FILE}?limit=2{after}")).json
        assert len(page["data"]) == min(2, len(ids) - len(told))
        told += [each["id"] for each in page["data"]]
        after, more = f"&after={told[-1]}", page["has_more"]
    assert sorted(told) == sorted(ids)


async def test_a_page_of_files_is_looked_up_in_the_ledger_at_once(
    fake: FakeProvider, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart none of them is in memory, and a busy machine takes half a second for each look: a hundred would take a minute."""
    gateway = await serve(CONFIG.replace("BASE", fake.base_url).replace("memory://", f"sqlite:///{tmp_path}/ledger.db"))
    names = [f"file-{number}" for number in range(40)]
    for name in names:
        fake.shelf("sk-a").keep("files", name, {"id": name, "object": "file"})
        bound = Binding(kind="file", upstream_id=name, provider="openai", key="a", caller="ada", expires_wall_ms=2**50)
        gateway.program.store.post(Posting(bindings=(bound,)))
    await gateway.program.store.flush()
    looks, connect = [], database.connect_to_read
    monkeypatch.setattr(database, "connect_to_read", lambda path: looks.append(path) or connect(path))
    page = (await ask(gateway, "GET", FILE)).json["data"]
    assert sorted(each["id"] for each in page) == sorted(names)
    assert len(looks) <= 2


async def test_a_size_that_is_none_is_the_providers_to_refuse(gateway: Running) -> None:
    """Also one with more digits than Python reads."""
    for size in ("x", "9" * 5_000):
        assert (await ask(gateway, "GET", f"{FILE}?limit={size}")).status == 400


async def test_a_query_of_more_parameters_than_a_list_takes_is_refused(gateway: Running) -> None:
    """Reading ten thousand of them over and over would hold up everybody for a tenth of a second."""
    assert (await ask(gateway, "GET", f"{FILE}?{'a=%41&' * 10_000}")).status == 400
    assert (await ask(gateway, "GET", f"{FILE}?{'a=%41&' * 99}")).status == 200


async def test_a_list_goes_on_from_what_nobody_here_made(fake: FakeProvider, serve: Serve) -> None:
    """Where no virtual key is asked for, and one key makes all, the provider's own list is shown, from wherever it is asked."""
    gateway = await serve(
        f"server: {{port: 0, auth: none}}\nproviders: {{openai: {{kind: openai, base_url: {fake.base_url}, keys: [{{label: a, key: sk-a}}]}}}}\n"
    )
    for number in range(3):
        fake.shelf("sk-a").keep("files", f"file-{number}", {"id": f"file-{number}", "object": "file"})
    page = await ask(gateway, "GET", f"{FILE}?after=file-2&limit=1")
    assert [each["id"] for each in page.json["data"]] == ["file-1"]
    assert page.json["has_more"] is True


async def test_the_usage_of_an_event_stream_is_read_on_the_side(serve: Serve) -> None:
    """Its bytes are the provider's own, however they are cut; tokens and cost are in the ledger."""
    events = (
        b'event: image_generation.partial_image\ndata: {"type":"image_generation.partial_image","b64_json":"AAAA"}\n\n'
        b'data: {"type":"image_generation.completed","usage":{"total_tokens":100,"input_tokens":40,"output_tokens":60}}\n\n'
    )

    async with answering(events, "text/event-stream") as url:
        gateway = await serve(CONFIG.replace("BASE", url))
        reply = await ask(gateway, "POST", SEARCH, b'{"model": "fake-small", "stream": true}')
        assert (reply.status, reply.body) == (200, events)
        request, [attempt] = await gateway.last()
        assert (request.outcome, attempt.usage.total_tokens, attempt.cost_nanousd) == ("success", 100, 40 * 400 + 60 * 1600)


async def test_what_an_event_stream_told_is_charged_when_its_client_leaves(serve: Serve) -> None:
    """As when its provider breaks off: the usage that came before is in the ledger and in the budget."""
    events = b'data: {"type":"image_generation.partial_image","usage":{"total_tokens":100,"input_tokens":40,"output_tokens":60}}\n\n'
    async with answering(events, "text/event-stream", is_whole=False) as url:
        gateway = await serve(CONFIG.replace("BASE", url))
        line = await Line.open(gateway.port, question("POST", SEARCH, b'{"model": "fake-small", "stream": true}'))
        shown = b""
        await line.head()
        while len(shown) < len(events):
            shown += await line.reader.read(1000)
        line.reset()
        await until(lambda: gateway.in_flight == 0)
        request, [attempt] = await gateway.last()
        assert (request.status, attempt.verdict, attempt.usage.total_tokens) == (499, "aborted", 100)
        assert attempt.cost_nanousd == 40 * 400 + 60 * 1600
        assert {each.name: each.settled_nanousd for each in gateway.program.controller.budgets()}["soft"] == attempt.cost_nanousd


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

    with closing(await asyncio.start_server(answer, "127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
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


async def test_fields_of_a_native_call(fake: FakeProvider, gateway: Running) -> None:
    """Everything of the client's but credentials, cookies, who forwarded it and what is ours; of the provider's nothing that is its own."""
    dropped = {"cookie": "c", "x-api-key": "k", "x-forwarded-for": "f", "x-omnillm-tags": "t", "forwarded": "g", "openai-organization": "o"}
    hop = {"connection": "keep-alive, x-hop", "x-hop": "h", "te": "trailers"}
    passed = {"x-anything": "1", "openai-beta": "b", "accept": "*/*", "user-agent": "u"}
    fields = {name.replace("-", "_"): value for name, value in (dropped | hop | passed).items()}
    reply = await ask(gateway, "GET", "/providers/openai/v1/models", **fields)
    sent = {name.decode(): value.decode() for name, value in fake.log[0].headers.items()}
    assert passed.items() <= sent.items()
    assert not (dropped | hop).keys() & sent.keys()
    assert sent["authorization"] == "Bearer sk-a"
    assert sent["accept-encoding"] == "identity"
    assert not {"set-cookie", "openai-organization", "openai-project", "server"} & reply.headers.keys()
    assert {"x-omnillm-provider", "x-omnillm-key"} <= reply.headers.keys()
    assert reply.headers["x-request-id"] == reply.headers["x-omnillm-request-id"]
    assert reply.headers["x-omnillm-upstream-request-id"] == "req_fake000000000001"


async def test_a_query_goes_through_without_its_key(fake: FakeProvider, gateway: Running) -> None:
    """In its order and spelling; the provider's key takes the place of ours."""
    head = question("GET", f"/providers/gemini/v1beta/models?b=%20x&key={ADA}&a=1").raw.replace(
        f"authorization: Bearer {ADA}\r\n".encode(), b""
    )
    reply = await exchange(gateway.port, Question("gemini", head))
    assert reply.status == 200
    assert (fake.log[0].path, fake.log[0].query) == ("/v1beta/models", "b=%20x&a=1&key=sk-a")


async def test_a_call_is_what_its_path_says(fake: FakeProvider, gateway: Running) -> None:
    """Google reads another method, other fields and a token from fields and parameters: a POST would list what others made."""
    fields = {f"x_{name}": "GET" for name in ("http_method_override", "http_method", "method_override")}
    query = "$httpMethod=GET&%24httpHeaders=authorization:x&access_token=ya29&oauth_token=y&x-http-method-override=GET&a=1"
    reply = await ask(gateway, "POST", f"/providers/gemini/v1beta/cachedContents?{query}", b"{}", **fields)
    assert reply.status == 200
    assert fake.log[0].query == "a=1&key=sk-a"
    assert not {name.replace("_", "-").encode() for name in fields} & fake.log[0].headers.keys()


async def test_what_a_key_made_that_is_gone_is_told_so(fake: FakeProvider, serve: Serve, tmp_path: Path) -> None:
    """By its label, in place of saying that there are no keys at all; a list goes on with those that are left."""
    text = CONFIG.replace("BASE", fake.base_url).replace("memory://", f"sqlite:///{tmp_path}/omnillm.db")
    before = await serve(text)
    made = (await upload(before)).json["id"]
    await before.service.server.drain()
    await before.service.aclose()
    after = await serve(text.replace('{label: a, key: sk-a, models: ["fake-*"]}, ', ""))
    told = {"model": "openai/fake-small", "messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": made}}]}]}
    for refused in (await ask(after, "GET", f"{FILE}/{made}"), await ask(after, "POST", "/v1/chat/completions", json.dumps(told).encode())):
        assert (refused.status, refused.error["code"]) == (503, "no_key_serves_model")
        assert f"{made!r} was made with key 'a' of provider 'openai'" in refused.error["message"]
    assert (await ask(after, "GET", FILE)).json["data"] == []


async def test_what_another_provider_made_is_asked_for_there(fake: FakeProvider, serve: Serve) -> None:
    """A response that a route's second provider keeps is found at the root, though another stands for its paths; not below another's name."""
    second = "providers:\n  second: {kind: openai, base_url: BASE, keys: [{label: z, key: sk-b}]}\n"
    gateway = await serve(CONFIG.replace("providers:\n", second).replace("BASE", fake.base_url))
    asked = json.dumps({"model": "second/fake-small", "input": "How deep is the lake?"}).encode()
    made = (await ask(gateway, "POST", "/v1/responses", asked, key=DORA)).json["id"]
    for path in (f"/v1/responses/{made}", f"/openai/v1/responses/{made}/input_items", f"/providers/second/v1/responses/{made}"):
        reply = await ask(gateway, "GET", path, key=DORA)
        assert (reply.status, reply.headers["x-omnillm-provider"], reply.headers["x-omnillm-key"]) == (200, "second", "z")
    reply = await ask(gateway, "GET", f"/providers/openai/v1/responses/{made}", key=DORA)
    assert (reply.status, reply.error["code"]) == (400, "bound_to_another_provider")


async def test_an_id_of_nobody_is_not_found(fake: FakeProvider, gateway: Running) -> None:
    """A virtual key finds what it made; what was made elsewhere could be anybody's."""
    reply = await ask(gateway, "GET", f"{FILE}/file-of-somebody")
    assert (reply.status, reply.error["code"]) == (404, "not_found")
    assert fake.log == []


PAD = b" " * 1_100_000


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"input_file_id":"FILE"}', "not_found"),
        (b' \r\n\t{"input_file_id":"FILE"}', "not_found"),
        (b'\xef\xbb\xbf{"input_file_id":"FILE"}', "not_found"),
        (b'{"model":5,"input_file_id":"FILE"}', "not_found"),
        (b'{"input_file_id"\n: "FILE"}' + PAD, "not_found"),
        (PAD + b'{"input_file_id":"FILE"}', "not_found"),
        (b'{"pad":"' + PAD[: 1024 * 1024 - 14] + b'","input_file_id":"FILE"}', "not_found"),
        (b'{"input_file_id":"FILE","x":[' + b",".join(b'{"file_id":"mine-%d"}' % each for each in range(100)) + b"]}", "not_found"),
        (b'{"x":{"file_ids":["mine","FILE"]}}', "not_found"),
        ('{"input_file_id":"FILE"}'.encode("utf-16-le"), "ambiguous_body"),
        ('{"input_file_id":"FILE"}'.encode("utf-16-be"), "ambiguous_body"),
        ('{"input_file_id":"FILE"}'.encode("utf-16"), "ambiguous_body"),
        ('{"input_file_id":"FILE"}'.encode("utf-32-be"), "ambiguous_body"),
        (b'{"input_file_id":"\\u0066ile-00000001"}', "ambiguous_body"),
        (b'{"input_file\\u005fid":"FILE"}' + PAD, "ambiguous_body"),
        (b'{"input_file_id"' + PAD + b':"FILE"}', "ambiguous_body"),
        (b'{"x":[' + b",".join(b'{"file_id":"mine-%d"}' % each for each in range(1100)) + b"]}", "too_many_files"),
    ],
)
async def test_a_file_of_another_is_not_found_however_it_is_named(fake: FakeProvider, gateway: Running, body: bytes, code: str) -> None:
    """A batch over it would show its results: not behind spaces, beside nonsense, in a body on the disk, nor as the first of many."""
    made = (await upload(gateway)).json["id"]
    reply = await ask(gateway, "POST", "/v1/batches", body.replace(b"FILE", made.encode()), key=DORA)
    assert (reply.status, reply.error["code"]) == (404 if code == "not_found" else 400, code)
    assert len(fake.log) == 1


async def test_a_body_that_hides_its_names_is_refused_or_sent_as_json(fake: FakeProvider, gateway: Running) -> None:
    """Not read as a form by the provider and as nothing by us, nor unpacked there."""
    made = (await upload(gateway, b'{"custom_id": "1"}')).json["id"].encode()
    packed = gzip.compress(b'{"input_file_id":"%b"}' % made)
    reply = await ask(gateway, "POST", "/v1/batches", packed, key=DORA, content_encoding="gzip")
    assert (reply.status, reply.error["code"], len(fake.log)) == (400, "ambiguous_body", 1)
    form = gzip.compress((FORM % (BATCH_LINE % b'{"file_id": "%b"}' % made)).replace(b"user_data", b"batch"))
    reply = await ask(gateway, "POST", FILE, form, key=DORA, content_type=MULTIPART["content-type"], content_encoding="gzip")
    assert (reply.status, reply.error["code"], len(fake.log)) == (400, "ambiguous_body", 1)
    own = b'{"input_file_id":"%b"}' % made
    assert (await ask(gateway, "POST", "/v1/batches", own, content_type=MULTIPART["content-type"])).status == 200
    assert fake.log[-1].headers[b"content-type"] == b"application/json"


BATCH_LINE = b'{"custom_id": "1", "method": "POST", "url": "/v1/responses", "body": {"model": "fake-small", "input": "a", "x": %b}}'


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        (b'{"file_id": "NAME"}', "file"),
        (b'{"file_ids": ["NAME"]}', "file"),
        (b'{"container": "NAME"}', "container"),
        (b'{"previous_response_id": "NAME"}', "response"),
        (b'{"conversation": {"id": "NAME"}}', "conversation"),
        (b'{"vector_store_ids": ["none", "NAME"]}', "object"),
        (b'[{"id": "NAME", "type": "image_generation_call"}]', "item"),
        (b'{"previous_interaction_id": "NAME"}', "interaction"),
        (b'{"environment_id": "NAME"}', "environment"),
        (b'{"environmentId": "NAME"}', "environment"),
        (b'{"previousInteractionId": "NAME"}', "interaction"),
        (b'{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/none", "fileSearchStores/NAME"]}}', "object"),
        (b'{"file\\u005fid": "NAME"}', "file"),
    ],
)
@pytest.mark.parametrize("pad", [b"", PAD], ids=["short", "long"])
async def test_a_batch_reads_nothing_of_another(fake: FakeProvider, gateway: Running, named: bytes, kind: str, pad: bytes) -> None:
    """Nor do the requests in its file, which its provider would answer with what another virtual key keeps there."""
    made = Binding(kind=kind, upstream_id=kind, provider="openai", key="a", caller="ada", expires_wall_ms=2**50)
    await gateway.program.store.post_durably(Posting(bindings=(made,)))
    line = BATCH_LINE % named.replace(b"NAME", kind.encode())
    form = (FORM % (line + pad)).replace(b"user_data", b"batch")
    reply = await ask(gateway, "POST", FILE, form, key=DORA, content_type=MULTIPART["content-type"])
    assert (reply.status, reply.error["code"]) == ((400, "ambiguous_body") if b"u005f" in named else (404, "not_found"))
    assert fake.log == []
    own = await ask(gateway, "POST", FILE, form.replace(b"\\u005f", b"_"), content_type=MULTIPART["content-type"])
    assert own.status == 200
    document = FORM % (line + pad)
    assert (await ask(gateway, "POST", FILE, document, key=DORA, content_type=MULTIPART["content-type"])).status == 200


SPACE = b" " * 5_000


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (b'"previous_response_id":' + SPACE + b'"NAME"', "response"),
        (b'"conversation"' + SPACE + b':"NAME"', "conversation"),
        (b'"conversation":{' + SPACE + b'"id":"NAME"}', "conversation"),
        (b'"conversation":{"x":{},"id":"NAME"}', "conversation"),
        (b'"tools":[{"type":"code_interpreter","container":' + SPACE + b'"NAME"}]', "container"),
        (b'"tools":[{"type":"file_search","vector_store_ids":[' + SPACE + b'"NAME"]}]', "object"),
        (b'"input":[{' + SPACE + b'"type":"item_reference","id":"NAME"}]', "item"),
    ],
)
async def test_the_requests_of_a_batch_are_read_like_any(fake: FakeProvider, gateway: Running, asked: bytes, kind: str) -> None:
    """No space is wide enough to hide a name, and no member beside it; nor does a line hide that is none."""
    made = Binding(kind=kind, upstream_id=kind, provider="openai", key="a", caller="ada", expires_wall_ms=2**50)
    await gateway.program.store.post_durably(Posting(bindings=(made,)))
    line = b'{"custom_id":"1","method":"POST","url":"/v1/responses","body":{"model":"fake-small",%b}}' % asked.replace(
        b"NAME", kind.encode()
    )
    form = FORM.replace(b"user_data", b"batch")
    for file in (line, line[:-1], line[:-1] + b',"body":{}}'):
        reply = await ask(gateway, "POST", FILE, form % file, key=DORA, content_type=MULTIPART["content-type"])
        assert (reply.status, reply.error["code"]) in {(404, "not_found"), (400, "ambiguous_body")}
    reply = await ask(gateway, "POST", FILE, (form % b"{}").replace(b"\r\n", b"\n"), key=DORA, content_type=MULTIPART["content-type"])
    assert (reply.status, reply.error["code"], fake.log) == (400, "malformed_form", [])


@pytest.mark.parametrize("pinned", ["openai_chat", "openai_responses"])
async def test_a_batch_reads_nothing_of_another_whatever_is_pinned(fake: FakeProvider, serve: Serve, pinned: str) -> None:
    """`protocol` says what calls are translated to; the host's files and batches stay OpenAI's."""
    gateway = await serve(CONFIG.replace("BASE", fake.base_url).replace("kind: openai\n", f"kind: openai\n    protocol: {pinned}\n"))
    made = (await upload(gateway)).json["id"].encode()
    form = (FORM % (BATCH_LINE % b'{"file_id": "%b"}' % made)).replace(b"user_data", b"batch")
    reply = await ask(gateway, "POST", FILE, form, key=DORA, content_type=MULTIPART["content-type"])
    assert (reply.status, len(fake.log)) == (404, 1)


@pytest.mark.parametrize("purpose", [b'"batch"', b'"b\\u0061tch"', b'"batch","purpose":"user_data"', b'"user_data"'])
async def test_the_file_of_a_batch_is_uploaded_whole(fake: FakeProvider, gateway: Running, purpose: bytes) -> None:
    """In parts, a name could lie across two of them."""
    body = b'{"bytes":9,"filename":"a.jsonl","mime_type":"application/jsonl","purpose":%b}' % purpose
    reply = await ask(gateway, "POST", "/v1/uploads", body, key=DORA)
    assert (reply.status, len(fake.log)) == ((200, 1) if purpose == b'"user_data"' else (400, 0))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"bytes=9&filename=a.jsonl&mime_type=application/jsonl&purpose=batch", "application/x-www-form-urlencoded"),
        ((FORM % b"").replace(b"user_data", b"batch"), MULTIPART["content-type"]),
    ],
)
async def test_an_upload_in_parts_says_in_json_what_it_is_for(fake: FakeProvider, gateway: Running, body: bytes, content_type: str) -> None:
    """What is not read here could be for a batch."""
    reply = await ask(gateway, "POST", "/v1/uploads", body, key=DORA, content_type=content_type)
    assert (reply.status, reply.error["code"], fake.log) == (400, "ambiguous_body", [])


async def test_a_batch_has_the_models_of_its_requests_alone(fake: FakeProvider, gateway: Running) -> None:
    """A virtual key for some models does not make one of others by naming one of its own beside the file."""
    made = (await upload(gateway, key=CAROL)).json["id"].encode()
    reply = await ask(gateway, "POST", "/v1/batches", b'{"model":"fake-small","input_file_id":"%b"}' % made, key=CAROL)
    assert (reply.status, reply.error["code"], len(fake.log)) == (403, "model_not_allowed", 1)


@pytest.mark.parametrize("pad", [b"", PAD])
async def test_a_file_of_ones_own_is_found(fake: FakeProvider, gateway: Running, pad: bytes) -> None:
    """With the key that has it; what only looks like a name is none."""
    fake.enqueue(FAULTS["status_429"])
    made = (await upload(gateway, b'{"custom_id": "1"}', key=DORA)).json["id"].encode()
    body = b'{"input_file_id":"%b","metadata":{"my_file_id":"x","b":"\\\\u0066","c":"file_id"}}' % made + pad
    reply = await ask(gateway, "POST", "/v1/batches", body, key=DORA)
    assert reply.headers["x-omnillm-key"] == "b"
    assert fake.log[-1].body == body


@pytest.mark.parametrize("name", ["fileUri", "file_uri"])
async def test_a_cache_shows_no_file_of_another(fake: FakeProvider, gateway: Running, name: str) -> None:
    """Gemini's clients name files by URI."""
    body = {"contents": [{"parts": [{"fileData": {name: "https://generativelanguage.googleapis.com/v1beta/files/of-ada"}}]}]}
    reply = await ask(gateway, "POST", "/providers/gemini/v1beta/cachedContents", json.dumps(body).encode(), key=DORA)
    assert (reply.status, fake.log) == (404, [])


@pytest.mark.parametrize("name", ["fileName", "file_name"])
async def test_a_batch_of_geminis_runs_over_no_file_of_another(fake: FakeProvider, gateway: Running, name: str) -> None:
    """There the input is named; a document that only has a name is nobody's."""
    path = "/providers/gemini/v1beta/models/fake-small:batchGenerateContent"
    for value, status in (("files/of-ada", 404), ("lake.pdf", 0)):
        body = json.dumps({"batch": {"inputConfig": {name: value}}}).encode()
        reply = await ask(gateway, "POST", path, body, key=DORA)
        assert (reply.status == 404 and "There is no file" in reply.body.decode()) == (status == 404)


async def test_who_asks_for_what_is_gone_keeps_nobody_from_the_key(fake: FakeProvider, gateway: Running) -> None:
    """Gemini answers 403 for a file that it has forgotten."""
    made = (await upload(gateway)).json["id"]
    fake.enqueue(Fault.status(403))
    assert (await ask(gateway, "GET", f"{FILE}/{made}")).status == 503
    assert (await upload(gateway, key=DORA)).status == 200
    assert [logged.key for logged in fake.log] == ["sk-a"] * 3


async def test_a_list_does_not_go_on_from_what_another_made(fake: FakeProvider, gateway: Running) -> None:
    """Nor tell that it is there."""
    made = (await upload(gateway)).json["id"]
    paths = [*(f"{FILE}?after={name}" for name in (made, "file-of-nobody")), "/providers/gemini/v1beta/files?pageToken=t"]
    replies = [await ask(gateway, "GET", path, key=DORA) for path in paths]
    assert [reply.status for reply in replies] == [400, 400, 400]
    assert replies[0].error["message"] == replies[1].error["message"]
    assert len(fake.log) == 1


async def test_what_is_uploaded_names_nothing(fake: FakeProvider, gateway: Running) -> None:
    """A document may speak of files."""
    reply = await ask(
        gateway, "POST", "/providers/gemini/upload/v1beta/files", b'{"file_id": "somebody-s"}', key=DORA, x_goog_upload_command="start"
    )
    assert (reply.status, len(fake.log)) == (200, 1)


async def test_a_providers_refusal_goes_through_verbatim(fake: FakeProvider, gateway: Running) -> None:
    """A deleted file is the caller's affair: the key stays well, for files as for models."""
    made = (await upload(gateway)).json["id"]
    assert (await ask(gateway, "DELETE", f"{FILE}/{made}")).json["deleted"]
    reply = await ask(gateway, "GET", f"{FILE}/{made}")
    assert (reply.status, reply.error["message"]) == (404, f"No such object: {made}")
    assert (await upload(gateway)).headers["x-omnillm-key"] == "a"


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


async def test_a_whole_url_passes_what_its_patterns_say(fake: FakeProvider, gateway: Running) -> None:
    """It has no root, so its paths stand at its origin."""
    assert (await ask(gateway, "GET", "/providers/whole/v1/models")).status == 200
    assert (await ask(gateway, "GET", "/providers/whole/v1/files")).status == 403
    assert [logged.path for logged in fake.log] == ["/v1/models"]


@pytest.mark.parametrize(("proto", "scheme"), [("https", "https"), ("http", "http")])
async def test_an_upload_goes_on_where_the_client_is(fake: FakeProvider, gateway: Running, proto: str, scheme: str) -> None:
    """At the address that the client used, behind a proxy as well; only its beginner knows it."""
    path = "/providers/gemini/upload/v1beta/files"
    fields = {"x_goog_upload_command": "start", "x_forwarded_proto": proto}
    url = (await ask(gateway, "POST", path, b"{}", **fields)).headers["x-goog-upload-url"]
    assert url.startswith(f"{scheme}://gateway{path}?upload_id=")
    strange = await ask(gateway, "POST", f"{path}?upload_id=guessed", b"x", key="sk-wrong")
    assert strange.status == 401
