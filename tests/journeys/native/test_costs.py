"""Native calls: what is told of usage is charged, and what has no bound is refused to a hard budget."""

import json
from typing import Any

import openai
import pytest
from tests.in_turn import in_turn
from tests.journeys.hosts import answering
from tests.journeys.native.asking import ADA, BATCHED, BOB, CAROL, CONFIG, DORA, FILE, ask, batch_over, question, upload
from tests.journeys.running import Running, Serve, until
from tests.journeys.wire import Line, Reply

from omnillm.gateway.native.relay import at_the_end
from omnillm.testing import FAULTS, FakeProvider

SEARCH = "/providers/openai/v1/vector_stores/vs_1/search"
"""Opened by the configuration: what it costs is known by its reply alone."""


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


@pytest.mark.parametrize("durability", ["strict", "relaxed"])
@pytest.mark.parametrize(
    ("name", "key", "content", "least"), [("hard", BOB, BATCHED, 20 * 1600), ("soft", ADA, b"{}", 0)], ids=["hard", "soft"]
)
async def test_a_batch_is_settled_in_the_budgets_of_its_caller(
    fake: FakeProvider, serve: Serve, name: str, key: str, content: bytes, least: int, durability: str
) -> None:
    """Booked by the lines of the file that went up, or at nothing when nobody knows what it holds; then, once, by what its provider tells."""
    gateway = await serve(CONFIG.replace('url: "memory://"', f'url: "memory://", durability: {durability}').replace("BASE", fake.base_url))
    made, _, kept = await batch_over(gateway, fake, content, key)

    def settled() -> int:
        return next(budget.settled_nanousd for budget in gateway.program.controller.budgets() if budget.name == name)

    assert (settled() >= least, settled() > 0) == (True, least > 0)
    kept.told |= {"usage": {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}, "model": "fake-small"}
    for _ in range(2):
        assert (await ask(gateway, "GET", f"/v1/batches/{made}", key=key)).status == 200
        assert settled() == 5 * 400 + 7 * 1600
    assert await gateway.program.store.verify() == []


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
