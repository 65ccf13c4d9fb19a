"""What is bound to a provider key finds it again: responses that a provider keeps, and reasoning that only its issuer can read."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest
from msgspec.structs import replace
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve, configuration
from tests.journeys.wire import PROVIDERS, exchange
from tests.journeys.wire import ask as ask_raw

from omnillm.assemble import SystemClock
from omnillm.records import Binding, Posting
from omnillm.stores.sqlite import database
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault

KEYS = {"a": "key: sk-a", "b": "key: sk-b", "c": "key: sk-c"}
OTHER_KEY = "sk-omni-other-0123456789abcdef"
TURNS = 6
RESPONSES_ONLY = "openai: {kind: openai, protocol: responses,"


@pytest.fixture
async def three_keys():
    """A provider whose keys are three accounts: what one of them keeps or encrypts, the others do not know."""
    keys = {rest.removeprefix("key: "): Behaviour() for rest in KEYS.values()}
    async with FakeProvider(keys=keys, prices=PRICES, clock=SystemClock()) as fake:
        yield fake


def client(gateway: Running, key: str = VIRTUAL_KEY) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=key, max_retries=0, _strict_response_validation=True)


async def ask(sdk: openai.AsyncOpenAI, *, is_stream: bool = False, **asked: Any) -> tuple[Any, str]:
    """The response, and the label of the key that answered."""
    if is_stream:
        raw = await sdk.responses.with_raw_response.create(model="fast", stream=True, **asked)
        events = [event async for event in raw.parse()]
        return events[-1].response, raw.headers["x-omnillm-key"]
    raw = await sdk.responses.with_raw_response.create(model="fast", **asked)
    return raw.parse(), raw.headers["x-omnillm-key"]


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_previous_response_goes_back_to_its_key(serve: Serve, three_keys: FakeProvider, is_stream: bool) -> None:
    """Turn after turn: another key's account would not know the response."""
    gateway = await serve(configuration(three_keys, keys=KEYS))
    async with client(gateway) as sdk:
        used = set()
        for number in range(TURNS):
            first, key = await ask(sdk, input=f"How deep is lake {number}?", is_stream=is_stream)
            used.add(key)
            second, again = await ask(sdk, input="And how wide?", previous_response_id=first.id, is_stream=is_stream)
            third, last = await ask(sdk, input="And how old?", previous_response_id=second.id, is_stream=is_stream)
            assert third.output_text
            assert key == again == last
        assert len(used) > 1, "the keys were not all used, so nothing was shown"


async def test_response_of_another_virtual_key_is_not_found(serve: Serve, three_keys: FakeProvider) -> None:
    """404, before anything is sent; an id that nobody here made goes to the provider, which says what it is."""
    gateway = await serve(configuration(three_keys, keys=KEYS, callers=f"{{name: other, key: {OTHER_KEY}}}"))
    async with client(gateway) as sdk, client(gateway, OTHER_KEY) as stranger:
        first, _ = await ask(sdk, input="How deep is the lake?")
        sent = len(three_keys.log)
        with pytest.raises(openai.NotFoundError):
            await ask(stranger, input="And how wide?", previous_response_id=first.id)
        assert len(three_keys.log) == sent
        with pytest.raises(openai.BadRequestError) as unknown:
            await ask(sdk, input="And how wide?", previous_response_id="resp_nobodys")
        assert unknown.value.code == "previous_response_not_found"


async def test_response_that_is_not_kept_binds_nothing(serve: Serve, three_keys: FakeProvider) -> None:
    """With `store: false` there is nothing to come back to."""
    gateway = await serve(configuration(three_keys, keys=KEYS))
    async with client(gateway) as sdk:
        first, _ = await ask(sdk, input="How deep is the lake?", store=False)
        await gateway.program.store.flush()
        assert await gateway.program.store.bindings("response", [first.id]) == []


WITH_CODE = "{input: 0.4, output: 1.6, per_tool: {code_interpreter: 0.03, file_search: 0.0025}}"
WITH_FILES = {
    "openai_chat": ("file", "file-1", {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]}),
    "openai_chat, long": (
        "file",
        "file-1",
        {
            "messages": [
                {"role": "user", "content": 'How deep is the_lake["north"]?' * 1000},
                {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]},
            ]
        },
    ),
    "openai_responses": ("file", "file-1", {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]}),
    "openai_responses, searched": (
        "object",
        "vs_1",
        {"max_tool_calls": 1, "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
    ),
    "anthropic_messages": (
        "file",
        "file_1",
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "file_1"}}]}]},
    ),
    "openai_responses, for code": (
        "file",
        "file-1",
        {
            "tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ['a"]', "file-0", "file-1"]}}],
            "max_tool_calls": 1,
        },
    ),
    "openai_responses, container": (
        "container",
        "cntr_1",
        {"tools": [{"type": "code_interpreter", "container": "cntr_1"}], "max_tool_calls": 1},
    ),
    "anthropic_messages, container": ("container", "container_1", {"container": "container_1"}),
    "anthropic_messages, container with skills": ("container", "container_1", {"container": {"skills": [], "id": "container_1"}}),
    "gemini": (
        "file",
        "files/one",
        {"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": "https://x.test/v1beta/files/one"}}]}]},
    ),
    "gemini_interactions": ("file", "files/one", {"input": [{"type": "document", "uri": "https://x.test/v1beta/files/one"}]}),
    "gemini_interactions, cached": ("cached_content", "cachedContents/one", {"cached_content": "cachedContents/one"}),
    "gemini, cached": ("cached_content", "cachedContents/one", {"cachedContent": "cachedContents/one"}),
    "gemini, searched": ("object", "one-1", {"tools": [{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/one-1"]}}]}),
    "gemini_interactions, searched": (
        "object",
        "one-1",
        {"tools": [{"type": "file_search", "file_search_store_names": ["fileSearchStores/one-1"]}]},
    ),
}


@pytest.mark.parametrize("named", WITH_FILES)
async def test_file_and_cached_content_are_asked_for_where_they_are(serve: Serve, three_keys: FakeProvider, named: str) -> None:
    """Call after call with the key that made it, which the ledger knows; to another virtual key it is not there."""
    dialect, (kind, upstream_id, body) = named.split(",", maxsplit=1)[0], WITH_FILES[named]
    gateway = await serve(configuration(three_keys, keys=KEYS, callers=f"{{name: other, key: {OTHER_KEY}}}", price=WITH_CODE))
    made = Binding(
        kind=kind, upstream_id=upstream_id, provider=PROVIDERS[dialect], key="b", caller="journey", expires_wall_ms=4_000_000_000_000
    )
    await gateway.program.store.post_durably(Posting(bindings=(made,)))
    asked = [await exchange(gateway.port, ask_raw(dialect, "How deep?", cap=9, more=body)) for _ in range(TURNS)]
    assert [(reply.status, reply.headers["x-omnillm-key"]) for reply in asked] == [(200, "b")] * TURNS
    sent = len(three_keys.log)
    stranger = await exchange(gateway.port, ask_raw(dialect, "How deep?", cap=9, more=body, key=OTHER_KEY))
    assert (stranger.status, len(three_keys.log)) == (404, sent)
    others = {(await exchange(gateway.port, ask_raw(dialect, "How deep?", cap=9))).headers["x-omnillm-key"] for _ in range(5 * TURNS)}
    assert len(others) > 1, "the keys are not all used, so nothing was shown"


def anthropics(*, is_stream: bool) -> Fault:
    """A reply of which code was run in a container."""
    container = {"id": "container_1", "expires_at": "2026-11-30T00:00:00Z"}
    usage = {"input_tokens": 5, "output_tokens": 1}
    if not is_stream:
        told = {"type": "message", "content": [{"type": "text", "text": "deep"}], "stop_reason": "end_turn", "usage": usage}
        return Fault(http_status=200, body=json.dumps(told | {"container": container}).encode())
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "role": "assistant", "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "deep"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "container": container}, "usage": usage},
        {"type": "message_stop"},
    ]
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return Fault(http_status=200, body=body.encode(), fields=(("content-type", "text/event-stream"),))


def openais(*, is_stream: bool) -> Fault:
    """As `anthropics`."""
    run = {"type": "code_interpreter_call", "id": "ci_1", "code": "6*7", "container_id": "cntr_1", "outputs": None, "status": "completed"}
    usage = {"input_tokens": 5, "output_tokens": 1, "total_tokens": 6}
    told = {"id": "resp_1", "object": "response", "status": "completed", "output": [run], "usage": usage}
    if not is_stream:
        return Fault(http_status=200, body=json.dumps(told).encode())
    event = {"type": "response.completed", "sequence_number": 0, "response": told}
    body = f"event: response.completed\ndata: {json.dumps(event)}\n\n".encode()
    return Fault(http_status=200, body=body, fields=(("content-type", "text/event-stream"),))


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", ["openai_responses", "anthropic_messages"])
async def test_container_of_another_virtual_key_is_not_found(serve: Serve, three_keys: FakeProvider, dialect: str, is_stream: bool) -> None:
    """It holds the files of whoever had code run in it, who finds it again with the key that made it."""
    is_openai = dialect == "openai_responses"
    gateway = await serve(configuration(three_keys, keys=KEYS, callers=f"{{name: other, key: {OTHER_KEY}}}", price=WITH_CODE))
    tool = (
        {"type": "code_interpreter", "container": "cntr_1"} if is_openai else {"type": "code_execution_20250825", "name": "code_execution"}
    )
    asked: dict[str, Any] = {"tools": [tool]} | ({"max_tool_calls": 1} if is_openai else {"container": "container_1"})
    three_keys.enqueue((openais if is_openai else anthropics)(is_stream=is_stream))
    made = await exchange(gateway.port, ask_raw(dialect, "Run it.", cap=9, is_stream=is_stream, more=asked))
    again = [await exchange(gateway.port, ask_raw(dialect, "And again.", cap=9, more=asked)) for _ in range(TURNS)]
    assert [(reply.status, reply.headers["x-omnillm-key"]) for reply in again] == [(200, made.headers["x-omnillm-key"])] * TURNS
    sent = len(three_keys.log)
    stranger = await exchange(gateway.port, ask_raw(dialect, "Show it.", cap=9, more=asked, key=OTHER_KEY))
    assert (stranger.status, len(three_keys.log)) == (404, sent)


async def test_binding_survives_a_restart(serve: Serve, three_keys: FakeProvider, tmp_path: Path) -> None:
    """It is in the ledger."""
    text = configuration(three_keys, keys=KEYS, store=f"sqlite:///{tmp_path}/omnillm.db", durability="strict")
    before = await serve(text)
    made = []
    async with client(before) as sdk:
        for number in range(TURNS):
            made.append(await ask(sdk, input=f"How deep is lake {number}?"))
    await before.end()
    after = await serve(text)
    async with client(after) as sdk:
        for response, key in made:
            _, again = await ask(sdk, input="And how wide?", previous_response_id=response.id)
            assert again == key


async def test_bound_call_waits_for_its_key_and_takes_no_other(serve: Serve, three_keys: FakeProvider) -> None:
    """The account that keeps the response is dead: the call fails, though other keys are well."""
    gateway = await serve(configuration(three_keys, keys=KEYS, queue="0s"))
    async with client(gateway) as sdk:
        first, key = await ask(sdk, input="How deep is the lake?")
        three_keys.script.behave(f"sk-{key}", Behaviour(fault=FAULTS["status_401"]))
        sent = len(three_keys.log)
        with pytest.raises(openai.InternalServerError) as caught:
            await ask(sdk, input="And how wide?", previous_response_id=first.id)
        assert caught.value.status_code == 503
        assert [logged.key for logged in three_keys.log[sent:]] == [f"sk-{key}"]


async def test_encrypted_reasoning_goes_back_to_its_key(serve: Serve, three_keys: FakeProvider) -> None:
    """In the client's own protocol nothing is parsed, and still the account that encrypted it gets it."""
    gateway = await serve(configuration(three_keys, keys=KEYS))
    thinks = {"include": ["reasoning.encrypted_content"], "store": False}
    async with client(gateway) as sdk:
        used = set()
        for number in range(TURNS):
            question = {"role": "user", "content": f"[[think]] How deep is lake {number}?"}
            first, key = await ask(sdk, input=[question], **thinks)
            used.add(key)
            history = [question, *(item.model_dump(exclude_none=True) for item in first.output), {"role": "user", "content": "And?"}]
            _, again = await ask(sdk, input=history, **thinks)
            assert again == key
        assert len(used) > 1


async def test_encrypted_reasoning_is_left_out_for_another_key(serve: Serve, three_keys: FakeProvider) -> None:
    """In the client's own protocol too: each key is given what it issued itself, the rest is told as lost, and no turn fails."""
    gateway = await serve(configuration(three_keys, keys=KEYS))
    thinks: Any = {"include": ["reasoning.encrypted_content"], "store": False}

    def turn(history: list[Any], made: Any) -> list[Any]:
        return [*history, *(item.model_dump(exclude_none=True) for item in made.output), {"role": "user", "content": "[[think]] And?"}]

    async with client(gateway) as sdk:
        first, key = await ask(sdk, input=[{"role": "user", "content": "[[think]] How deep is the lake?"}], **thinks)
        history = turn([{"role": "user", "content": "[[think]] How deep is the lake?"}], first)
        three_keys.script.behave(f"sk-{key}", Behaviour(fault=FAULTS["status_401"]))
        raw = await sdk.responses.with_raw_response.create(model="fast", input=history, **thinks)
        second, other = raw.parse(), raw.headers["x-omnillm-key"]
        assert second.output_text
        assert other != key
        assert raw.headers["x-omnillm-loss"] == "dropped:input[1]"
        assert first.output[0].encrypted_content.encode() not in three_keys.log[-1].body
        history = turn(history, second)
        raw = await sdk.responses.with_raw_response.create(model="fast", input=history, stream=True, **thinks)
        assert [event async for event in raw.parse()][-1].type == "response.completed"
        assert raw.headers["x-omnillm-key"] == other
        assert raw.headers["x-omnillm-loss"] == "dropped:input[1]"
        assert second.output[0].encrypted_content.encode() in three_keys.log[-1].body
    request, _ = await gateway.last()
    assert "only the key that issued it can read it" in request.loss


async def test_encrypted_reasoning_beside_an_envelope_goes_back_to_its_key_or_is_left_out(serve: Serve, three_keys: FakeProvider) -> None:
    """A conversation that one turn of another provider is in is parsed for its envelope: what stands beside that has its key all the same."""
    gateway = await serve(configuration(three_keys, keys=KEYS))
    thinks: Any = {"include": ["reasoning.encrypted_content"], "store": False}
    async with client(gateway) as sdk:
        for number in range(TURNS):
            history: list[Any] = [{"role": "user", "content": f"[[think]] How deep is lake {number}?"}]
            for model in ("claude", "fast"):
                made = await sdk.responses.create(model=model, input=history, **thinks)
                history += [*(item.model_dump(exclude_none=True) for item in made.output), {"role": "user", "content": "[[think]] And?"}]
            request, _ = await gateway.last()
            _, again = await ask(sdk, input=history, **thinks)
            assert again == request.key
            assert made.output[0].encrypted_content.encode() in three_keys.log[-1].body
        three_keys.script.behave(f"sk-{again}", Behaviour(fault=FAULTS["status_401"]))
        raw = await sdk.responses.with_raw_response.create(model="fast", input=history, **thinks)
        assert raw.headers["x-omnillm-key"] != again
        assert made.output[0].encrypted_content.encode() not in three_keys.log[-1].body


async def chat(sdk: openai.AsyncOpenAI, messages: list[Any]) -> Any:
    return await sdk.chat.completions.with_raw_response.create(model="fast", messages=messages, reasoning_effort="low", max_tokens=200)


async def test_sealed_reasoning_goes_back_to_its_key_or_is_left_out(serve: Serve, three_keys: FakeProvider) -> None:
    """A Chat client brings it back in our envelope. When its key is gone, another one answers without it, and the loss is told."""
    text = configuration(three_keys, keys=KEYS).replace("openai: {kind: openai,", RESPONSES_ONLY)
    gateway = await serve(text)
    async with client(gateway) as sdk:
        for number in range(TURNS):
            messages: list[Any] = [{"role": "user", "content": f"[[think]] How deep is lake {number}?"}]
            first = await chat(sdk, messages)
            messages += [first.parse().choices[0].message.model_dump(exclude_none=True), {"role": "user", "content": "And how wide?"}]
            second = await chat(sdk, messages)
            assert second.headers["x-omnillm-key"] == first.headers["x-omnillm-key"]
            assert b"encrypted_content" in three_keys.log[-1].body
        three_keys.script.behave(f"sk-{first.headers['x-omnillm-key']}", Behaviour(fault=FAULTS["status_401"]))
        third = await chat(sdk, messages)
        assert third.parse().choices[0].message.content
        assert third.headers["x-omnillm-key"] != first.headers["x-omnillm-key"]
        assert "dropped:input[1].parts[0]" in third.headers["x-omnillm-loss"]
    request, _ = await gateway.last()
    assert "only the key that issued it can read it" in request.loss


async def test_a_long_conversations_reasoning_is_looked_up_at_once(
    serve: Serve, three_keys: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a restart none of it is in memory, and each turn of an agent brings all of it back."""
    gateway = await serve(configuration(three_keys, keys=KEYS, store=f"sqlite:///{tmp_path}/ledger.db"))
    names = [f"rs_{number}" for number in range(30)]
    for name in names:
        bound = Binding(kind="reasoning", upstream_id=name, provider="openai", key="b", caller="journey", expires_wall_ms=2**50)
        gateway.program.store.post(Posting(bindings=(bound,)))
    await gateway.program.store.flush()
    looks, connect = [], database.connect_to_read
    monkeypatch.setattr(database, "connect_to_read", lambda path: looks.append(path) or connect(path))
    items = [{"type": "reasoning", "id": name, "summary": [], "encrypted_content": "gAAAAAB"} for name in names]
    assert (await exchange(gateway.port, ask_raw("openai_responses", "", more={"input": items}))).status == 400
    assert [(each.key, b"rs_29" in each.body) for each in three_keys.log] == [("sk-b", True)]
    assert len(looks) == 1


async def test_encrypted_reasoning_does_not_wait_for_a_key_that_is_busy(serve: Serve, three_keys: FakeProvider) -> None:
    """Its issuer is preferred, no more: at its limit another key answers at once, without what it cannot read."""
    gateway = await serve(configuration(three_keys, keys={label: f"{rest}, rpm: 1" for label, rest in KEYS.items()}, queue="0s"))
    thinks: Any = {"include": ["reasoning.encrypted_content"], "store": False}
    question = {"role": "user", "content": "[[think]] How deep is the lake?"}
    async with client(gateway) as sdk:
        first, key = await ask(sdk, input=[question], **thinks)
        history = [question, *(item.model_dump(exclude_none=True) for item in first.output), {"role": "user", "content": "And?"}]
        raw = await sdk.responses.with_raw_response.create(model="fast", input=history, **thinks)
    assert raw.headers["x-omnillm-key"] != key
    assert raw.headers["x-omnillm-loss"] == "dropped:input[1]"
    assert raw.headers["x-omnillm-attempts"] == "1"


async def test_one_call_cannot_have_what_two_keys_made(serve: Serve, three_keys: FakeProvider) -> None:
    """No account knows both: it is refused here, and the sentence names the two."""
    gateway = await serve(configuration(three_keys, keys=KEYS))
    made = {"caller": "journey", "provider": "openai", "expires_wall_ms": 4_000_000_000_000}
    kept = (Binding(kind="response", upstream_id="resp_1", key="a", **made), Binding(kind="file", upstream_id="file-1", key="b", **made))
    await gateway.program.store.post_durably(Posting(bindings=kept))
    content = [{"type": "input_file", "file_id": "file-1"}]
    async with client(gateway) as sdk:
        with pytest.raises(openai.BadRequestError) as refused:
            await ask(sdk, input=[{"role": "user", "content": content}], previous_response_id="resp_1")
    assert refused.value.code == "bound_to_two_keys"
    assert "'resp_1'" in refused.value.message
    assert "'file-1'" in refused.value.message
    assert not three_keys.log


async def test_a_provider_that_does_not_serve_the_model_is_told(serve: Serve, three_keys: FakeProvider) -> None:
    """What a call names was made by a provider to which its model never goes, or with a key that is gone."""
    gateway = await serve(configuration(three_keys, keys=KEYS))
    made = Binding(kind="response", upstream_id="resp_1", provider="gemini", key="a", caller="journey", expires_wall_ms=4_000_000_000_000)
    gone = replace(made, upstream_id="resp_2", provider="openai", key="gone")
    await gateway.program.store.post_durably(Posting(bindings=(made, gone)))
    async with client(gateway) as sdk:
        with pytest.raises(openai.BadRequestError) as refused:
            await ask(sdk, input="And how wide?", previous_response_id="resp_1")
        with pytest.raises(openai.InternalServerError) as lost:
            await ask(sdk, input="And how wide?", previous_response_id="resp_2")
    assert refused.value.code == "bound_to_another_provider"
    assert "'gemini', which does not serve 'fast'" in refused.value.message
    assert (lost.value.status_code, lost.value.code) == (503, "no_key_serves_model")
    assert "'resp_2' was made with key 'gone' of provider 'openai', which is not configured any more" in lost.value.message


async def test_reasoning_goes_on_while_the_ledger_cannot_be_read(serve: Serve, three_keys: FakeProvider, tmp_path: Path) -> None:
    """Whose it is matters less than an answer; what a call must not do without is refused, and may be asked for again."""
    path = tmp_path / "ledger.db"
    text = configuration(three_keys, keys={"a": KEYS["a"]}, store=f"sqlite:///{path}", hard=False)
    thinks: Any = {"include": ["reasoning.encrypted_content"], "store": False}
    question = {"role": "user", "content": "[[think]] How deep is the lake?"}
    gateway = await serve(text)
    async with client(gateway) as sdk:
        first, _ = await ask(sdk, input=[question], **thinks)
    await gateway.service.aclose()
    gateway = await serve(text.replace("durability:", "when_down: allow, durability:"))
    path.rename(tmp_path / "away.db")
    history = [question, *(item.model_dump(exclude_none=True) for item in first.output), {"role": "user", "content": "And?"}]
    async with client(gateway) as sdk:
        second, _ = await ask(sdk, input=history, **thinks)
        assert second.output_text
        with pytest.raises(openai.InternalServerError) as refused:
            await ask(sdk, input="And how wide?", previous_response_id="resp_nobodys")
    (tmp_path / "away.db").rename(path)
    assert refused.value.status_code == 503
    assert "it alone knows who made what this call names" in refused.value.message
