"""B11: what was asked with an idempotency key is told again, or refused, and never charged twice."""

import asyncio

import anthropic
import openai
import pytest
from tests.journeys.idempotency.once import KEPT, KEY, check_once, check_refused, code_of, once
from tests.journeys.running import VIRTUAL_KEY, Serve, configuration, until
from tests.journeys.wire import DIALECTS, Question, ask_count, exchange

from omnillm.testing import FakeProvider, Fault, ManualClock

OTHER_KEY = "sk-omni-other-0123456789abcdef"
OTHER = f"{{name: other, key: {OTHER_KEY}}}"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_b11_reply_that_is_kept_is_told_again(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """Status, body and content type as before; it costs nothing, is no call, and names the one that was."""
    gateway = await serve(configuration(provider, calls=KEPT, caller="rpm: 1"))
    first = await exchange(gateway.port, once(dialect))
    again = await exchange(gateway.port, once(dialect))
    assert first.is_answer
    assert (again.status, again.body, again.headers["content-type"]) == (200, first.body, first.headers["content-type"])
    assert again.headers["x-omnillm-idempotent-replay"] == "true"
    assert again.headers["x-omnillm-cost-usd"] == "0"
    original = first.headers["x-omnillm-request-id"]
    assert again.headers["x-omnillm-request-id"] == again.headers["x-omnillm-original-request-id"] == original
    assert again.headers["request-id" if dialect == "anthropic_messages" else "x-request-id"] == original
    assert "x-omnillm-idempotent-replay" not in first.headers
    assert [row.request_id for row in await gateway.program.store.requests(limit=9, before="")] == [original]
    await check_once(gateway, provider)


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_b11_reply_that_is_not_kept_is_not_made_again(serve: Serve, provider: FakeProvider, dialect: str, is_stream: bool) -> None:
    """A stream never is, and a plain reply only when the configuration says so: the ledger has what can be known of it."""
    gateway = await serve(configuration(provider, calls=KEPT if is_stream else ""))
    first = await exchange(gateway.port, once(dialect, is_stream=is_stream))
    assert first.is_answer
    again = await exchange(gateway.port, once(dialect, is_stream=is_stream))
    check_refused(again, 409, "idempotency_finished")
    assert again.headers["x-omnillm-original-request-id"] == first.headers["x-omnillm-request-id"]
    assert first.headers["x-omnillm-request-id"] in again.error["message"]
    await check_once(gateway, provider)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_key_is_for_one_call_while_it_is_under_way_and_after(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """Its repetition is told to come again, reserves nothing, and then gets the reply; another body is refused each time."""
    clock = ManualClock()
    gateway = await serve(configuration(provider, calls=KEPT), clock=clock)
    provider.enqueue(Fault.stall())
    task = asyncio.get_running_loop().create_task(exchange(gateway.port, once(dialect)))
    await provider.arrived(1)
    [held] = gateway.program.controller.budgets()
    again = await exchange(gateway.port, once(dialect))
    check_refused(again, 409, "idempotency_in_flight", should_retry=True)
    assert (again.headers["retry-after"], again.headers["retry-after-ms"]) == ("1", "1000")
    for seconds, told in ((7, "7000"), (40, "30000")):  # as long as it has taken so far
        clock.advance(seconds)
        assert (await exchange(gateway.port, once(dialect))).headers["retry-after-ms"] == told
    check_refused(await exchange(gateway.port, once(dialect, "goodbye")), 422, "idempotency_mismatch")
    assert gateway.program.controller.budgets() == [held]
    provider.gate("stall").set()
    first = await task
    assert first.is_answer
    assert (await exchange(gateway.port, once(dialect))).body == first.body
    check_refused(await exchange(gateway.port, once(dialect, "goodbye")), 422, "idempotency_mismatch")
    await check_once(gateway, provider)


async def test_key_is_its_callers_and_its_routes_own(serve: Serve, provider: FakeProvider) -> None:
    """Another virtual key, and another path, do not meet it; a drop-in prefix is the same path."""
    gateway = await serve(configuration(provider, callers=OTHER))
    for each in (once(), once(caller=OTHER_KEY), once("openai_responses"), once("anthropic_messages"), once("gemini")):
        assert (await exchange(gateway.port, each)).is_answer
    prefixed = Question("openai_chat", once().raw.replace(b"POST /v1/", b"POST /openai/v1/"))
    check_refused(await exchange(gateway.port, prefixed), 409, "idempotency_finished")
    await check_once(gateway, provider, calls=5)


async def test_anonymous_callers_share_a_scope(serve: Serve, provider: FakeProvider) -> None:
    """With `auth: none` nobody is told from anybody."""
    gateway = await serve(configuration(provider).replace("auth: required", "auth: none"))
    assert (await exchange(gateway.port, once(caller="one"))).is_answer
    check_refused(await exchange(gateway.port, once(caller="two")), 409, "idempotency_finished")


async def test_key_that_is_none_is_refused(serve: Serve, provider: FakeProvider) -> None:
    """1 to 255 visible ASCII characters, once, and nothing was sent."""
    gateway = await serve(configuration(provider))
    raw = once().raw
    for value in ("", "x" * 256, "two words", "caf\xe9", "tab\there"):
        reply = await exchange(gateway.port, Question("openai_chat", raw.replace(KEY.encode(), value.encode("latin-1"))))
        assert (reply.status, code_of(reply)) == (400, "invalid_idempotency_key"), value
    twice = Question("openai_chat", raw.replace(b"\r\n\r\n", b"\r\nidempotency-key: again\r\n\r\n", 1))
    assert (await exchange(gateway.port, twice)).status == 400
    assert provider.log == []
    assert (await exchange(gateway.port, once(key="x" * 255))).is_answer


@pytest.mark.parametrize("dialect", ["anthropic_messages", "gemini"])
async def test_counting_tokens_is_free_so_its_key_means_nothing(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """It may be asked as often as one likes."""
    gateway = await serve(configuration(provider))
    for _ in range(2):
        reply = await exchange(gateway.port, ask_count(dialect, "hello", headers={"idempotency-key": KEY}))
        assert (reply.status, {"input_tokens", "totalTokens"} & reply.json.keys() != set()) == (200, True)
    assert len(provider.log) == 2


@pytest.mark.parametrize(("short_by", "status"), [(0, 200), (1, 409)])
async def test_a_reply_of_just_the_largest_size_is_kept(serve: Serve, provider: FakeProvider, short_by: int, status: int) -> None:
    """`max_reply` is the last size that is kept."""
    size = len((await exchange((await serve(configuration(provider))).port, once())).body)
    gateway = await serve(configuration(provider, calls=f"idempotency: {{store_replies: true, max_reply: {size - short_by}B}}"))
    assert (await exchange(gateway.port, once())).is_answer
    assert (await exchange(gateway.port, once())).status == status


@pytest.mark.parametrize("dialect", ["anthropic_messages", "gemini"])
async def test_translated_reply_is_told_again_in_the_clients_words(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """As the client got it, not as the provider gave it."""
    gateway = await serve(configuration(provider, calls=KEPT))
    replies = [await exchange(gateway.port, once(dialect, model="fast")) for _ in range(2)]
    assert replies[0].is_answer
    assert replies[0].body == replies[1].body
    await check_once(gateway, provider)


async def test_sdk_of_openai_waits_and_gets_the_first_reply(serve: Serve, provider: FakeProvider) -> None:
    """Its own retry, after its own wait, is enough; what is used up for good it does not repeat."""
    gateway = await serve(configuration(provider, calls=KEPT))
    provider.enqueue(Fault.stall())
    headers = {"idempotency-key": KEY}
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=2) as client:

        async def create(content: str = "hello", **more):
            return await client.chat.completions.create(
                model="fast", messages=[{"role": "user", "content": content}], extra_headers=headers, **more
            )

        first = asyncio.get_running_loop().create_task(create())
        await provider.arrived(1)
        second = asyncio.get_running_loop().create_task(create())
        await until(lambda: gateway.program.counters.refusals.get("idempotency_in_flight") == 1)
        provider.gate("stall").set()
        assert (await first).id == (await second).id
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            await create("goodbye")
        assert caught.value.code == "idempotency_mismatch"
    await check_once(gateway, provider)


async def test_sdk_of_anthropic_does_not_repeat_what_is_used_up(serve: Serve, provider: FakeProvider) -> None:
    """It is told so once."""
    gateway = await serve(configuration(provider))
    async with anthropic.AsyncAnthropic(base_url=gateway.base_url, api_key=VIRTUAL_KEY, max_retries=2) as client:

        async def create():
            return await client.messages.create(
                model="claude", max_tokens=64, messages=[{"role": "user", "content": "hello"}], extra_headers={"idempotency-key": KEY}
            )

        assert (await create()).content
        with pytest.raises(anthropic.ConflictError, match="see request"):
            await create()
    assert gateway.program.counters.refusals["idempotency_finished"] == 1
    await check_once(gateway, provider)
