"""Google's Interactions API through the gateway, by its own SDK: what is asked, what is kept, and what goes on in the background."""

import json
from typing import Any

import pytest
from google import genai
from google.genai import _interactions as sdk
from google.genai import types
from google.genai.client import AsyncClient
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve, configuration, until
from tests.journeys.wire import send

from omnillm.assemble import SystemClock
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, ManualClock

KEYS = {"a": "key: sk-a", "b": "key: sk-b", "c": "key: sk-c"}
OTHER_KEY = "sk-omni-other-0123456789abcdef"
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather at a place.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
}
TURNS = 6
REVISION = "2026-05-20"
HOUR_S = 3600.0


@pytest.fixture
async def fake() -> Any:
    """A provider whose keys are three projects: what one of them keeps, the others do not know."""
    keys = {rest.removeprefix("key: "): Behaviour(cached_tokens=2) for rest in KEYS.values()}
    async with FakeProvider(keys=keys, prices=PRICES, clock=SystemClock()) as provider:
        yield provider


@pytest.fixture
async def gateway(serve: Serve, fake: FakeProvider) -> Running:
    text = configuration(fake, keys=KEYS, callers=f", {{name: other, key: {OTHER_KEY}}}".removeprefix(", "))
    return await serve(text.replace("port: 0,", "port: 0, native: {gemini: gemini},"))


def client(gateway: Running, key: str = VIRTUAL_KEY, prefix: str = "") -> AsyncClient:
    options = types.HttpOptions(
        base_url=f"{gateway.base_url}{prefix}",
        retry_options=types.HttpRetryOptions(attempts=1),
        headers={"Api-Revision": REVISION},
    )
    return genai.Client(api_key=key, http_options=options).aio


async def streamed(google: AsyncClient, **asked: Any) -> list[Any]:
    return [event async for event in await google.interactions.create(model="gemini", stream=True, **asked)]


@pytest.mark.parametrize("prefix", ["", "/gemini"])
async def test_an_interaction(fake: FakeProvider, gateway: Running, prefix: str) -> None:
    """Text, usage and status reach the SDK; the model's public name is its target's on the wire, and the revision of the API goes along."""
    async with client(gateway, prefix=prefix) as google:
        made = await google.interactions.create(model="gemini", input="How deep is the lake?", generation_config={"max_output_tokens": 30})
    assert made.output_text.startswith("You said: How deep is the lake?")
    assert (made.status, made.model, made.usage.total_cached_tokens) == ("completed", "fake-small", 2)
    [logged] = fake.log
    assert json.loads(logged.body)["model"] == "fake-small"
    assert logged.headers[b"api-revision"] == REVISION.encode()
    await gateway.agrees_with(fake)


async def test_a_stream_of_one(fake: FakeProvider, gateway: Running) -> None:
    """Every event of the provider, in its order, thought and signature too; its last one has the usage."""
    async with client(gateway) as google:
        events = await streamed(google, input="[[think]] How deep is the lake?")
    kinds = [event.event_type for event in events]
    assert kinds[:3] == ["interaction.created", "interaction.status_update", "step.start"]
    assert kinds[-1] == "interaction.completed"
    text = "".join([event.delta.text for event in events if event.event_type == "step.delta" and event.delta.type == "text"])
    assert "How deep is the lake?" in text
    assert events[-1].interaction.usage.total_thought_tokens > 0
    await gateway.agrees_with(fake)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_tool_is_called_and_answered(fake: FakeProvider, gateway: Running, *, is_stream: bool) -> None:
    """The answer goes back to the key that has the call, by the id of the interaction before."""
    asked: dict[str, Any] = {"input": "[[tool]] What is the weather?", "tools": [WEATHER]}
    async with client(gateway) as google:
        if is_stream:
            events = await streamed(google, **asked)
            first = events[-1].interaction
            call = next(event.step for event in events if event.event_type == "step.start" and event.step.type == "function_call")
        else:
            first = await google.interactions.create(model="gemini", **asked)
            call = next(step for step in first.steps if step.type == "function_call")
        assert (first.status, call.name) == ("requires_action", "weather")
        result = {"type": "function_result", "call_id": call.id, "name": call.name, "result": [{"type": "text", "text": "Rain."}]}
        again = await google.interactions.create(model="gemini", input=[result], previous_interaction_id=first.id)
    assert again.status == "completed"
    assert len({logged.key for logged in fake.log}) == 1
    await gateway.agrees_with(fake)


async def test_an_interaction_goes_back_to_its_key(fake: FakeProvider, gateway: Running) -> None:
    """Turn after turn; another virtual key does not find it, in either spelling, and one that is not kept binds nothing."""
    async with client(gateway) as google, client(gateway, OTHER_KEY) as stranger:
        for number in range(TURNS):
            first = await google.interactions.create(model="gemini", input=f"How deep is lake {number}?")
            await google.interactions.create(model="gemini", input="And how wide?", previous_interaction_id=first.id)
        keys = [logged.key for logged in fake.log]
        assert keys[::2] == keys[1::2]
        assert len(set(keys)) > 1, "the keys were not all used, so nothing was shown"
        with pytest.raises(sdk.NotFoundError, match="There is no interaction"):
            await stranger.interactions.create(model="gemini", input="Hm?", previous_interaction_id=first.id)
        with pytest.raises(sdk.NotFoundError, match="There is no interaction"):
            await stranger.interactions.create(model="gemini", input="Hm?", extra_body={"previousInteractionId": first.id})
        loose = await google.interactions.create(model="gemini", input="Not kept.", store=False)
        with pytest.raises(sdk.NotFoundError):
            await google.interactions.get(loose.id)
    assert len(fake.log) == 2 * TURNS + 1


async def test_a_kept_interaction_is_its_makers(fake: FakeProvider, gateway: Running) -> None:
    """It is read, streamed from an event on, cancelled and deleted with the key that made it; another virtual key finds none of it."""
    async with client(gateway) as google, client(gateway, OTHER_KEY) as stranger, client(gateway, prefix="/gemini") as prefixed:
        made = await google.interactions.create(model="gemini", input="How deep is the lake?")
        assert (await google.interactions.get(made.id)).output_text == made.output_text
        assert (await prefixed.interactions.get(made.id)).id == made.id
        events = [event async for event in await google.interactions.get(made.id, stream=True, last_event_id="e7")]
        assert [event.event_type for event in events] == ["interaction.completed"]
        assert "last_event_id=e7" in fake.log[-1].query
        for theirs in (stranger.interactions.get, stranger.interactions.cancel, stranger.interactions.delete):
            with pytest.raises(sdk.NotFoundError, match="There is no interaction"):
                await theirs(made.id)
        assert (await google.interactions.cancel(made.id)).status == "cancelled"
        await google.interactions.delete(made.id)
        with pytest.raises(sdk.NotFoundError, match="is not found"):
            await google.interactions.get(made.id)
    assert len({logged.key for logged in fake.log}) == 1
    await gateway.agrees_with(fake)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, sdk.BadRequestError),
        (404, sdk.NotFoundError),
        (422, sdk.UnprocessableEntityError),
        (429, sdk.RateLimitError),
        (500, sdk.InternalServerError),
        (503, sdk.InternalServerError),
    ],
)
async def test_errors_are_of_the_sdks_classes(serve: Serve, provider: FakeProvider, status: int, error: type[Exception]) -> None:
    """A request's own fault comes through word for word, the rest is the gateway's once no key could help."""
    gateway = await serve(configuration(provider, queue="0s"))
    for key in provider.script.keys:
        provider.script.behave(key, Behaviour(fault=Fault.status(status)))
    async with client(gateway) as google:
        for asked in ({}, {"stream": True}):
            with pytest.raises(error) as told:
                await google.interactions.create(model="gemini", input="hi", **asked)
            assert told.value.body["error"]["code"]
            assert told.value.body["error"]["message"]


async def test_a_wrong_key_is_the_callers_and_an_unknown_model_too(gateway: Running) -> None:
    """Before anything is sent."""
    async with client(gateway, "sk-omni-nobody-0123456789") as nobody:
        with pytest.raises(sdk.AuthenticationError):
            await nobody.interactions.create(model="gemini", input="hi")
    async with client(gateway) as google:
        with pytest.raises(sdk.NotFoundError, match="no model 'gemina'"):
            await google.interactions.create(model="gemina", input="hi")


@pytest.mark.parametrize("name", ["cut_before_content", "error_before_content"])
async def test_a_fault_before_the_first_word_is_hidden(gateway: Running, fake: FakeProvider, name: str) -> None:
    """Another key says it all."""
    fake.enqueue(FAULTS[name])
    async with client(gateway) as google:
        events = await streamed(google, input="How deep is the lake?")
    assert events[-1].event_type == "interaction.completed"
    assert len(fake.log) == 2


async def test_a_stream_that_breaks_off_ends_in_an_error(gateway: Running, fake: FakeProvider) -> None:
    """Never as if it were complete: neither the last event nor [DONE]."""
    fake.enqueue(FAULTS["reset_mid_body"])
    async with client(gateway) as google:
        events = await streamed(google, input="How deep is the lake?")
    assert events[-1].event_type == "error"
    assert events[-1].error.code == "upstream_lost"
    assert not any(event.event_type == "interaction.completed" for event in events)


async def test_work_in_the_background_is_asked_of_who_speaks_it(gateway: Running, fake: FakeProvider) -> None:
    """Nobody else could be asked for its result later."""
    async with client(gateway) as google:
        with pytest.raises(sdk.BadRequestError, match="background"):
            await google.interactions.create(model="fast", input="hi", background=True)
    assert fake.log == []


@pytest.mark.filterwarnings("ignore:.*experimental:UserWarning")
async def test_what_is_beside_interactions_is_refused_in_its_words(gateway: Running, fake: FakeProvider) -> None:
    """Agents, environments, triggers and webhooks: the SDK raises what it is told."""
    async with client(gateway) as google:
        for other in ("agents", "environments", "triggers", "webhooks"):
            with pytest.raises(sdk.APIStatusError) as told:
                await getattr(google, other).list()
            assert told.value.status_code in {403, 404}
    assert fake.log == []


async def test_other_methods_of_the_path_are_told_which_there_is(gateway: Running) -> None:
    """In the words of the API."""
    reply = await send(gateway, "GET", "/v1beta/interactions")
    assert (reply.status, reply.json["error"]["code"]) == (405, "method_not_allowed")


BACKGROUND: dict[str, Any] = {"input": "How deep is the lake?", "background": True, "generation_config": {"max_output_tokens": 50}}
BOUND_NANOUSD = 50 * 1600


def spent(gateway: Running) -> int:
    return gateway.program.controller.budgets()[0].settled_nanousd


async def test_one_in_the_background_is_settled_by_who_asks_for_it(fake: FakeProvider, gateway: Running) -> None:
    """Booked at its bound when it begins, and once at what it has used."""
    async with client(gateway) as google:
        made = await google.interactions.create(model="gemini", **BACKGROUND)
        assert (made.status, made.steps) == ("in_progress", None)
        assert spent(gateway) >= BOUND_NANOUSD
        for _ in range(2):
            assert (await google.interactions.get(made.id)).status == "completed"
            assert 0 < await gateway.agrees_with(fake) < BOUND_NANOUSD


async def test_a_stream_in_the_background_that_breaks_off_is_taken_up_again(fake: FakeProvider, gateway: Running) -> None:
    """By its id, at the key that writes it to its end; until then it stays at its bound."""
    fake.enqueue(FAULTS["reset_mid_body"])
    async with client(gateway) as google:
        events = await streamed(google, **BACKGROUND)
        assert (events[-1].event_type, spent(gateway) >= BOUND_NANOUSD) == ("error", True)
        [last] = [event async for event in await google.interactions.get(events[0].interaction.id, stream=True)]
    assert last.interaction.status == "completed"
    assert len({logged.key for logged in fake.log}) == 1
    await gateway.agrees_with(fake)


async def test_one_that_was_cancelled_costs_what_it_can_have_used(fake: FakeProvider, gateway: Running) -> None:
    """Of which no usage is told: what it shows, and what may have been written unseen until then."""
    async with client(gateway) as google:
        made = await google.interactions.create(model="gemini", **BACKGROUND | {"generation_config": {"max_output_tokens": 60_000}})
        booked = spent(gateway)
        kept = fake.shelf(fake.log[0].key).find("interactions", made.id)
        assert kept is not None
        del kept.told["usage"]
        assert (await google.interactions.cancel(made.id)).status == "cancelled"
        assert 0 < spent(gateway) < booked
        await gateway.spent()


async def test_an_agent_costs_what_it_tells(serve: Serve) -> None:
    """Without a budget it is asked for as a model is, by its public name, and what was booked for its work is no bound."""
    clock = SystemClock()
    async with FakeProvider(keys={"sk-good": Behaviour(words=30)}, prices=PRICES, clock=clock) as fake:
        text = configuration(fake, limit_usd="7", calls="default_output_tokens: 2").replace(
            "port: 0,", "port: 0, native: {gemini: gemini},"
        )
        gateway = await serve(text.replace('[{name: everything, limit_usd: "7", period: total, hard: true}]', "[]"), clock=clock)
        async with client(gateway) as google:
            made = await google.interactions.create(agent="gemini", input="How deep is the lake?", background=True)
            assert await google.interactions.get(made.id)
        assert json.loads(fake.log[0].body)["agent"] == "fake-small"
        await gateway.program.store.flush()
        [row] = await gateway.program.store.usage(group_by="total", since_day="", until_day="")
        assert row.cost_nanousd == fake.invoice.total_nanousd > 30 * 1600


async def test_one_that_nobody_asks_for_is_looked_at(serve: Serve) -> None:
    """An hour later, with the key that made it."""
    clock = ManualClock()
    async with FakeProvider(keys={"sk-good": Behaviour()}, prices=PRICES, clock=clock) as fake:
        gateway = await serve(configuration(fake).replace("port: 0,", "port: 0, native: {gemini: gemini},"), clock=clock)
        async with client(gateway) as google:
            await google.interactions.create(model="gemini", **BACKGROUND)
        looks = gateway.program.batch_looks
        clock.advance(HOUR_S + 700)
        await until(lambda: looks._due > clock.now() and looks._task is None)
        assert [logged.method for logged in fake.log] == ["POST", "GET"]
        await gateway.agrees_with(fake)


PRICED = "{input: 0.4, output: 1.6, context: 10000, max_output: 9000, per_tool: {web_search: 0.01}}"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"model": None, "agent": "gemini"}, "agent"),
        ({"tools": [{"type": "mcp_server", "url": "https://h"}]}, "the tool mcp_server"),
        ({"environment": {"type": "remote"}}, "environment"),
        ({"Background": True}, "odd letters"),
        ({"previousInteractionId": "v1_x"}, "previousInteractionId"),
    ],
)
async def test_what_has_no_bound_is_refused_under_a_budget(serve: Serve, provider: FakeProvider, asked: dict[str, Any], told: str) -> None:
    """Before anything is sent; without a budget it is asked for."""
    gateway = await serve(configuration(provider, price=PRICED))
    body = {name: value for name, value in ({"model": "gemini", "input": "hi"} | asked).items() if value is not None}
    reply = await send(gateway, "POST", "/v1beta/interactions", body)
    assert (reply.status, told in reply.json["error"]["message"]) == (400, True), reply.body
    assert provider.log == []
    text = configuration(provider, price=PRICED, limit_usd="7")
    free = await serve(text.replace('[{name: everything, limit_usd: "7", period: total, hard: true}]', "[]"))
    assert (await send(free, "POST", "/v1beta/interactions", body)).status == 200


@pytest.mark.parametrize(
    ("asked", "dollars"),
    [
        ({}, 0.000_030),
        ({"previous_interaction_id": "v1_x"}, 0.004_016),
        ({"tools": [{"type": "google_search"}]}, 0.1),
        ({"tools": [{"type": "code_execution"}]}, 0.008),
    ],
)
async def test_the_bound_is_what_it_may_cost(serve: Serve, provider: FakeProvider, asked: dict[str, Any], dollars: float) -> None:
    """One that a budget has no room for is refused, and one that it has room for is not."""
    body = {"model": "gemini", "input": "hi", "generation_config": {"max_output_tokens": 10}} | asked
    tight = await serve(configuration(provider, price=PRICED, limit_usd=f"{dollars * 0.3:.9f}"))
    refused = await send(tight, "POST", "/v1beta/interactions", body)
    assert (refused.status, refused.json["error"]["code"]) == (402, "budget_exceeded"), refused.body
    roomy = await serve(configuration(provider, price=PRICED, limit_usd=f"{dollars * 1.2:.9f}"))
    status = 400 if "previous_interaction_id" in asked else 200  # the provider does not know it
    assert (await send(roomy, "POST", "/v1beta/interactions", body)).status == status
