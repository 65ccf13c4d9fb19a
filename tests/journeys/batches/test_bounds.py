"""What batches may cost: the bound at which each is booked when it is made, and what has none."""

import asyncio
import json
import os
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.journeys.batches.batching import (
    CHAT,
    COST,
    KEYS,
    PRICE,
    USED,
    gateway,
    inline,
    is_proven,
    line,
    made_of_file,
    of_file,
    spent,
    tell,
    uploaded,
)
from tests.leaving.stepping import run

from omnillm import (
    BadRequest,
    BudgetExceeded,
    Gateway,
    LedgerUnavailable,
    NoAvailableKey,
    OmniError,
    PriceConfig,
    PrimitiveForm,
    PrimitiveRequest,
    ProviderEndpoint,
)
from omnillm.config.prices import PricingSettings
from omnillm.gateway import bindings
from omnillm.gateway.native import batch_bounds
from omnillm.gateway.native.batch_bounds import MOST_BYTES
from omnillm.gateway.native.batch_lines import LONGEST_LINE, uploaded_lines
from omnillm.gateway.native.batch_results import Results
from omnillm.library.prices import price_settings
from omnillm.providers.kinds import KINDS
from omnillm.testing import Behaviour, FakeProvider
from omnillm.testing.shelves.shelf import Shelves
from omnillm.transport.sending import SLICE_BYTES
from omnillm.transport.spool import FileBody

PROMPT = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}], "generationConfig": {"maxOutputTokens": 20}}


@pytest.mark.parametrize("pinned", ["openai_chat", "openai_responses"])
async def test_a_batch_has_its_bound_whatever_is_pinned(provider: FakeProvider, pinned: str) -> None:
    """`protocol` says what calls are translated to; the lines of a file, and their results, may be in either of OpenAI's words."""
    endpoint = ProviderEndpoint(kind="openai", protocol=pinned, base_url=provider.base_url)
    body = {"model": "fake-small", "input": "Hello", "max_output_tokens": 20}
    async with Gateway(endpoint, keys=KEYS, budget_limit_usd="1", prices=PRICE) as program:
        made = await made_of_file(program, provider, line(), line(custom_id="b", url="/v1/responses", body=body))
        assert spent(program) == made.reply.cost_nanousd >= 2 * 20 * 1600
        tell(provider, "batches", made.id, status="completed", usage=USED, model="fake-small")
        await program.primitive_async_job(made.status_request)
        assert spent(program) == COST
        assert await is_proven(program)
    results = Results(replace(KINDS["openai"], protocols=(pinned,)))
    for usage in ({"prompt_tokens": 5, "completion_tokens": 7}, {"input_tokens": 5, "output_tokens": 7}):
        results.add({"response": {"status_code": 200, "body": {"model": "m", "usage": usage}}})
    assert [(each.usage.total_tokens, each.requests) for each in results.usages.values()] == [(24, 2)]


async def test_the_bound_of_a_file_outlives_a_restart(provider: FakeProvider, tmp_path: Path) -> None:
    """The ledger has it; but once its model costs something else, nobody knows what a batch of it may cost, and it must go up again."""
    store = f"sqlite:///{tmp_path / 'ledger.db'}"
    async with gateway(provider, store=store) as program:
        file = await uploaded(program, line())
        bound = (await program.primitive_async_job(of_file(file))).reply.cost_nanousd
    async with gateway(provider, store=store) as program:
        booked = spent(program)
        assert (await program.primitive_async_job(of_file(file))).reply.cost_nanousd == bound >= 20 * 1600
        assert spent(program) == booked + bound
    dearer = {"fake-small": PriceConfig(input="0.4", output="1.7", max_output=1000)}
    endpoint = ProviderEndpoint(kind="openai", base_url=provider.base_url)
    async with Gateway(endpoint, keys=KEYS, budget_limit_usd="1", prices=dearer, store=store) as program:
        with pytest.raises(BadRequest) as refused:
            await program.primitive_async_job(of_file(file))
        assert refused.value.code == "unbounded_cost"
        again = await program.primitive_async_job(of_file(await uploaded(program, line())))
        assert again.reply.cost_nanousd > bound


async def test_a_file_by_an_id_that_was_there_before_has_its_own_bound(provider: FakeProvider) -> None:
    """A host that is set up anew numbers its files anew: a batch is booked by what went up last under that id."""
    endpoint, made = ProviderEndpoint(kind="openai", base_url=provider.base_url), []
    async with Gateway(endpoint, keys=KEYS[:1], budget_limit_usd="1", prices=PRICE) as program:
        for lines in (1, 3):
            file = await uploaded(program, b"\n".join([line()] * lines))
            made.append((file, (await program.primitive_async_job(of_file(file))).reply.cost_nanousd))
            provider._judge.shelves = Shelves()
    (first, bound), (second, larger) = made
    assert (second, larger) == (first, 3 * bound)


async def test_a_file_whose_bound_cannot_be_read_now_is_not_told_to_have_none(
    provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory has forgotten it, and the ledger is away: it is to be asked for again, not to go up again."""
    monkeypatch.setattr(bindings, "MOST_RECENT", 0)
    path = tmp_path / "ledger.db"
    async with gateway(provider, store=f"sqlite:///{path}") as program:
        file = await uploaded(program, line())
        await program._program.store.flush()
        path.rename(tmp_path / "away.db")
        with pytest.raises(LedgerUnavailable, match="cannot be read"):
            await program.primitive_async_job(of_file(file))
        (tmp_path / "away.db").rename(path)
        assert (await program.primitive_async_job(of_file(file))).reply.cost_nanousd > 0


async def test_prices_that_change_while_a_file_goes_up_bound_no_batch_of_it_too_low(provider: FakeProvider) -> None:
    """At any moment of it: what was summed up by the old prices, if only in part, is the bound of nothing under the new ones."""
    file = b"\n".join([line()] * 1000)
    form = PrimitiveForm(file=file, filename="in.jsonl", fields={"purpose": "batch"})
    dearer = price_settings("fake-small", PriceConfig(input="0.8", output="3.2", max_output=1000))
    async with gateway(provider) as program:
        bound = (await program.primitive_async_job(of_file(await uploaded(program, file)))).reply.cost_nanousd
    for at in range(1, 5):
        async with gateway(provider) as program:
            changed = replace(program._program.settings, pricing=PricingSettings(overrides={"default/fake-small": dearer}))
            upload = program.primitive_call(PrimitiveRequest(path="/v1/files", body=form))
            ran = await run(upload, partial(program._program.apply, changed), at=at)
            assert ran.has_acted
            with suppress(BadRequest):
                assert (await program.primitive_async_job(of_file(ran.task.result().json()["id"]))).reply.cost_nanousd == 2 * bound


async def test_an_announced_price_that_comes_into_force_while_a_file_goes_up_bounds_no_batch_of_it_too_low(
    provider: FakeProvider,
) -> None:
    """As with a price that a reload brings: no bound is the old prices' and is taken for the new ones'."""
    prices = [{"openai": {"fake-small": {"input": rate, "output": 4 * rate, "max_output": 1000}}} for rate in (400_000_000, 800_000_000)]
    told = {"version": "1", "date": "1", "source": "", "models": prices[0], "aliases": {}, "announced": {"2027-03-01": prices[1]}}
    form = PrimitiveForm(file=b"\n".join([line()] * 1000), filename="in.jsonl", fields={"purpose": "batch"})
    bounds = set()
    for at in range(5):
        async with Gateway(ProviderEndpoint(kind="openai", base_url=provider.base_url), keys=KEYS, budget_limit_usd="1") as program:
            program._program.settlement.quoter.prices.catalog._load = lambda: json.dumps(told).encode()
            program._program.ticker.close()  # the day is told here
            program._program._follow_prices("2027-02-28" if at else "2027-03-01")
            upload = program.primitive_call(PrimitiveRequest(path="/v1/files", body=form))
            ran = await run(upload, partial(program._program._follow_prices, "2027-03-01"), at=at)
            assert ran.has_acted == bool(at)
            with suppress(BadRequest):
                bounds.add((await program.primitive_async_job(of_file(ran.task.result().json()["id"]))).reply.cost_nanousd)
    assert len(bounds) == 1


async def test_a_provider_that_is_gone_while_a_file_goes_up_is_told_as_that(provider: FakeProvider) -> None:
    """No defect, and nothing is sent."""
    form = PrimitiveForm(file=b"\n".join([line()] * 1000), filename="in.jsonl", fields={"purpose": "batch"})
    async with gateway(provider) as program:
        upload = program.primitive_call(PrimitiveRequest(path="/v1/files", body=form))
        gone = replace(program._program.settings, providers={}, models={}, pricing=PricingSettings())
        ran = await run(upload, partial(program._program.apply, gone), at=1)
        with pytest.raises(NoAvailableKey, match="No provider key is configured"):
            ran.task.result()
    assert provider.log == []


async def test_anthropics_requests_are_bounded_in_the_body(provider: FakeProvider) -> None:
    """And settled by their results, each at the price of the model that answered it."""
    async with gateway(provider, "anthropic") as program:
        made = await program.primitive_async_job(inline("fake-small", "fake-small"))
        assert spent(program) == made.reply.cost_nanousd >= 2 * 20 * 1600
        message = {"type": "message", "model": "fake-small", "content": [], "usage": {"input_tokens": 5, "output_tokens": 7}}
        lines = [{"custom_id": "0", "result": {"type": "succeeded", "message": message}}, {"custom_id": "1", "result": {"type": "errored"}}]
        tell(provider, "messages/batches", made.id, content="\n".join(map(json.dumps, lines)).encode())
        [request] = made.result_requests
        await program.primitive_call(request)
        assert spent(program) == COST
        assert await is_proven(program)


async def test_geminis_requests_are_bounded_in_the_body(provider: FakeProvider) -> None:
    """And settled by the replies in what is told: the fake one's are done at once."""
    batch = {"batch": {"inputConfig": {"requests": {"requests": [{"request": PROMPT}, {"request": PROMPT}]}}}}
    async with gateway(provider, "gemini") as program:
        path = "/v1beta/models/fake-small:batchGenerateContent"
        made = await program.primitive_async_job(PrimitiveRequest.json(batch, path=path))
        assert made.reply.cost_nanousd >= 2 * 20 * 1600
        assert spent(program) == 2 * 3 * 400
        assert await is_proven(program)


@in_turn(
    "content",
    [
        line(url="/v1/images/generations"),
        line(body={**CHAT, "model": "unknown-model"}),
        line() + b"\nnot json",
        b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions"}',
        line()[:-1] + b', "body": {"model": "fake-small", "messages": []}}',
        b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "fake-small", "model": "fake-large", "messages": []}}',
        line(body={**CHAT, "n": "three"}),
        line(url="/v1/responses", body={"model": "gpt-5-mini", "input": "x", "max_output_tokens": 20, "tools": [{"type": "web_search"}]}),
    ],
)
async def test_what_has_no_bound_is_refused_under_a_hard_budget(provider: FakeProvider, content: bytes) -> None:
    """One line that nobody can bound is enough, and so is a file that nobody saw."""
    async with gateway(provider) as program:
        for file in (await uploaded(program, line() + b"\n" + content), "file-of-yesterday"):
            sent = len(provider.log)
            with pytest.raises(OmniError) as refused:
                await program.primitive_async_job(of_file(file))
            assert refused.value.code == "unbounded_cost"
            assert (len(provider.log), spent(program)) == (sent, 0)


@in_turn(
    "head",
    [
        b"content-disposition: form-data; name=\"file\"; filename*=utf-8''a",
        b'Content-Disposition: form-data; name="purpose"; filename="a"',
        b'X-Comment: form-data; name="purpose"\r\ncontent-disposition: form-data; name="file"; filename="a"',
    ],
)
async def test_every_part_of_a_form_that_may_be_the_file_counts(head: bytes) -> None:
    """However its head is spelt, and whatever else stands in it."""
    form = b"--x\r\n%b\r\n\r\n%b\r\n--x--\r\n" % (head, line())
    lines = [each async for each in uploaded_lines(form, b"multipart/form-data; boundary=x")]
    assert [each.protocol for each in lines] == ["openai_chat"]


@in_turn(
    "form",
    [
        b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\n{"url": 5, "method": "POST", "body": {}}\r\n--x--\r\n',
        b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\n%b\n--x\ncontent-disposition: form-data; name="purpose"\n\n{}\r\n--x--\r\n',
        b'--y\r\ncontent-disposition: form-data; name="file"\r\n\r\n%b\r\n--y--\r\n',
        b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--x  \r\ncontent-disposition: form-data; name="file"\r\n\r\n%b\r\n--x--\r\n',
        b"--x\r\ncontent-disposition: form-data; name*=utf-8''file; name=\"purpose\"\r\n\r\n%b\r\n--x--\r\n",
        b"",
    ],
)
async def test_a_form_that_hides_its_file_has_no_bound(form: bytes) -> None:
    """A delimiter that only we would see, or none that we know; or a name that is read in two ways."""
    for kind in (b"multipart/form-data; boundary=x", b"multipart/form-data"):
        with pytest.raises(BadRequest):
            _ = [each async for each in uploaded_lines(form % line() if b"%b" in form else form, kind)]


@in_turn("parameters", [b"xboundary=y; boundary=x", b'a="boundary=y"; boundary=x', b"boundary=y; boundary=x", b"boundary=x"])
async def test_lines_are_looked_for_where_the_provider_finds_them(parameters: bytes) -> None:
    """A form in a form: the inner one, which is cheap, is text of a part, or in front of all parts."""
    form = b'--%b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n%b\r\n--%b--\r\n'
    inner = (form % (b"y", line(), b"y")).rstrip()
    dear = line(body={**CHAT, "max_tokens": 10_000})
    outer = form % (b"x", dear + b"\r\n" + inner, b"x")
    with pytest.raises(BadRequest):
        _ = [each async for each in uploaded_lines(outer, b"multipart/form-data; " + parameters)]


async def test_a_batch_without_a_cap_that_anybody_knows_is_refused(provider: FakeProvider) -> None:
    """A cap that is filled in elsewhere stands in no file: what the provider writes is bounded by nobody."""
    endpoint, prices = ProviderEndpoint(kind="openai", base_url=provider.base_url), {"fake-small": PriceConfig(input="0.4", output="1.6")}
    uncapped = {name: value for name, value in CHAT.items() if name != "max_tokens"}
    async with Gateway(endpoint, keys=KEYS, budget_limit_usd="1", prices=prices) as program:
        with pytest.raises(BadRequest) as refused:
            await program.primitive_async_job(of_file(await uploaded(program, line() + b"\n" + line(body=uncapped))))
        assert (refused.value.code, spent(program)) == ("unbounded_cost", 0)
        await program.primitive_async_job(of_file(await uploaded(program, line())))
        assert spent(program) > 0


async def test_a_file_that_becomes_shorter_while_it_is_read_has_no_bound(tmp_path: Path) -> None:
    """It is a library caller's own, who may write to it: the rest is not waited for."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(line() * 3)
    body = FileBody(str(path), b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\n', b"\r\n--x--\r\n")
    os.truncate(path, 100)
    with pytest.raises(BadRequest, match="became shorter"):
        async with asyncio.timeout(5):
            async for _ in uploaded_lines(body, b"multipart/form-data; boundary=x"):
                pass


async def test_a_form_may_end_with_its_last_delimiter() -> None:
    """Some clients write no line feed behind it; and a line that nobody would hold has no bound."""
    form = b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\n%b\r\n--x--'
    assert len([each async for each in uploaded_lines(form % line(), b"multipart/form-data; boundary=x")]) == 1
    with pytest.raises(BadRequest, match="too long"):
        _ = [each async for each in uploaded_lines(form % bytes(LONGEST_LINE + SLICE_BYTES), b"multipart/form-data; boundary=x")]


GEMINIS = "/v1beta/models/fake-small:batchGenerateContent"
BOUNDLESS = [
    ("anthropic", "/v1/messages/batches", b'{"messages": []}'),
    ("anthropic", "/v1/messages/batches", b'{"requests": [], "Requests": []}'),
    ("anthropic", "/v1/messages/batches", b'{"requests": []}' + b" " * MOST_BYTES),
    ("openai", "/v1/batches", b'{"endpoint": "/v1/chat/completions"}'),
    ("openai", "/v1/batches", b'{"input_file_id": 5, "endpoint": "/v1/chat/completions"}'),
    ("gemini", GEMINIS, b'{"batch": {"inputConfig": {"fileName": "files/x"}}}'),
    ("gemini", GEMINIS, b'{"batch": {"input_config": {"requests": {"requests": []}, "fileName": "files/x"}}}'),
]


@in_turn(("kind", "path", "body"), BOUNDLESS)
async def test_a_batch_whose_requests_cannot_be_found_has_no_bound(kind: str, path: str, body: bytes) -> None:
    """Under a hard budget it is refused before anything is sent, with the code of whatever has no bound."""
    async with FakeProvider(keys={"*": Behaviour()}) as provider, gateway(provider, kind) as program:
        with pytest.raises(BadRequest) as refused:
            await program.primitive_async_job(PrimitiveRequest(body=body, path=path))
        assert refused.value.code == "unbounded_cost"
        assert (provider.log, spent(program)) == ([], 0)


@pytest.mark.parametrize("is_hard", [True, False])
async def test_a_batch_whose_price_is_unknown_is_for_budgets_that_only_count(
    provider: FakeProvider, tmp_path: Path, *, is_hard: bool
) -> None:
    """With `pricing.unknown: allow` a call without a price is free; what a batch may cost must be known all the same where a limit is hard."""
    (tmp_path / "omnillm.yaml").write_text(
        f"providers: {{claude: {{kind: anthropic, base_url: {provider.base_url}, keys: [{{label: a, key: key-a}}]}}}}\n"
        f"store: {{url: 'memory://'}}\nbudgets: [{{name: all, limit_usd: 1, hard: {str(is_hard).lower()}}}]\npricing: {{unknown: allow}}\n"
    )
    async with Gateway.from_config(tmp_path / "omnillm.yaml", env={}) as program:
        asked = inline("nobodys-model")
        if is_hard:
            with pytest.raises(BadRequest) as refused:
                await program.primitive_async_job(asked)
            assert refused.value.code == "unbounded_cost"
            assert "'nobodys-model'" in refused.value.message
            assert provider.log == []
        else:
            assert (await program.primitive_async_job(asked)).reply.cost_nanousd == 0


async def test_a_batch_larger_than_the_budget_is_refused(provider: FakeProvider) -> None:
    """Before it is sent, with nothing held."""
    async with gateway(provider, "anthropic", limit="0.0001") as program:
        with pytest.raises(BudgetExceeded):
            await program.primitive_async_job(inline(*["fake-small"] * 100))
        with pytest.raises(BudgetExceeded) as refused:
            await program.primitive_async_job(inline("unknown-model"))
        assert refused.value.code == "price_unknown"
        assert (provider.log, spent(program)) == ([], 0)
        assert program.budget_remaining_usd() * 10**9 == 100_000


@pytest.mark.parametrize("is_hard", [True, False])
async def test_a_batch_that_no_ledger_could_add_up_is_refused_or_not_booked(
    provider: FakeProvider, tmp_path: Path, *, is_hard: bool
) -> None:
    """A thousand requests that may each cost millions: a hard budget refuses them, a soft one counts them once they are over."""
    config = tmp_path / "omnillm.yaml"
    config.write_text(
        f"providers: {{claude: {{kind: anthropic, base_url: {provider.base_url}, keys: [{{label: a, key: key-a}}]}}}}\n"
        f"store: {{url: 'sqlite:///{tmp_path}/ledger.db'}}\n"
        f"budgets: [{{name: all, limit_usd: '9000000000', hard: {str(is_hard).lower()}}}]\n"
        "pricing: {overrides: {claude/fake-small: {input: 1, output: 1000000}}}\n"
    )
    params = {"model": "fake-small", "max_tokens": 2**31, "messages": [{"role": "user", "content": "Hello"}]}
    requests = [{"custom_id": str(number), "params": params} for number in range(1100)]
    asked = PrimitiveRequest.json({"requests": requests}, path="/v1/messages/batches")
    async with Gateway.from_config(config, env={}) as program:
        if is_hard:
            with pytest.raises(BadRequest, match="more than 9 million USD together") as refused:
                await program.primitive_async_job(asked)
            assert refused.value.code == "unbounded_cost"
        else:
            assert (await program.primitive_async_job(asked)).reply.cost_nanousd == 0
        await program._program.store.flush()
        assert await is_proven(program)
        assert len(await program._program.store.requests(limit=9, before="")) == (not is_hard)


async def test_others_have_their_turns_while_a_file_of_short_lines_is_bounded(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of a megabyte of it was one turn of the event loop, and as long as two thousand quotes."""
    monkeypatch.setattr(batch_bounds, "TURN", 1)
    turns = 0

    async def wait_in_line() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with gateway(provider) as program:
        waiting = asyncio.create_task(wait_in_line())
        await uploaded(program, b"\n".join([line()] * 500))
        waiting.cancel()
    assert turns > 500


async def test_a_line_of_more_values_than_a_body_may_have_has_no_bound(provider: FakeProvider) -> None:
    """It is not read for seconds: its batch is refused, as one whose cost nobody knows."""
    long = line(body={**CHAT, "messages": [{"role": "user", "content": [{}] * 300_000}]})
    async with gateway(provider) as program:
        with pytest.raises(BadRequest) as refused:
            await program.primitive_async_job(of_file(await uploaded(program, long)))
        assert refused.value.code == "unbounded_cost"


@in_turn(
    "body",
    [
        b'{"requests": [], "requests": [{"custom_id": "a", "params": {}}]}',
        b'{"requests": [{"params": {"model": "fake-small"}, "params": {"model": "fake-small"}}]}',
        b'{"requests": {}}',
        b"[]",
    ],
)
async def test_a_body_that_can_be_read_in_two_ways_is_refused(provider: FakeProvider, body: bytes) -> None:
    """What is bounded must be what is asked for."""
    async with gateway(provider, "anthropic") as program:
        with pytest.raises(BadRequest):
            await program.primitive_async_job(PrimitiveRequest(body=body, path="/v1/messages/batches"))
    assert provider.log == []
