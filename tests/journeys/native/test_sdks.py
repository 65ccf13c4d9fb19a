"""Files, batches and caches by the official SDKs, through the drop-in prefixes: nothing but base URL and key is changed."""

import io

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types
from tests.journeys.running import Running, Serve

from omnillm.testing import FakeProvider, ManualClock
from omnillm.testing.faults import Fault, Hint

KEYS = {"ada": "sk-omni-ada-0123456789", "bob": "sk-omni-bob-0123456789"}
CONFIG = """
server: {{port: 0, auth: required, native: {{openai: openai, anthropic: anthropic, gemini: gemini}}}}
store: {{url: "memory://"}}
providers:
  openai: {{kind: openai, base_url: {base_url}, selection: priority, keys: [{{label: a, key: sk-a}}, {{label: b, key: sk-b}}]}}
  anthropic: {{kind: anthropic, base_url: {base_url}, keys: [{{label: a, key: sk-a}}, {{label: b, key: sk-b}}]}}
  gemini: {{kind: gemini, base_url: {base_url}, keys: [{{label: a, key: sk-a}}, {{label: b, key: sk-b}}]}}
virtual_keys: [{{name: ada, key: {ada}}}, {{name: bob, key: {bob}}}]
"""
LINES = b'{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "fake-small"}}\n'


@pytest.fixture
async def gateway(fake: FakeProvider, serve: Serve) -> Running:
    return await serve(CONFIG.format(base_url=fake.base_url, **KEYS))


def openai_client(gateway: Running, who: str = "ada") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.base_url}/openai/v1", api_key=KEYS[who], max_retries=0)


def anthropic_client(gateway: Running, who: str = "ada") -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=f"{gateway.base_url}/anthropic", api_key=KEYS[who], max_retries=0)


def gemini_client(gateway: Running, who: str = "ada", *, root: str = "/gemini") -> genai.Client:
    return genai.Client(api_key=KEYS[who], http_options=types.HttpOptions(base_url=f"{gateway.base_url}{root}"))


async def test_openai_files_and_batches(fake: FakeProvider, gateway: Running) -> None:
    """Made with one key, and everything that follows goes back to it; the results are the maker's too."""
    async with openai_client(gateway) as client, openai_client(gateway, "bob") as other:
        file = await client.files.create(file=("in.jsonl", LINES), purpose="batch")
        assert (await client.files.retrieve(file.id)).filename == "in.jsonl"
        assert (await client.files.content(file.id)).content == LINES
        batch = await client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        done = await client.batches.retrieve(batch.id)
        assert b'"custom_id":"1"' in (await client.files.content(done.output_file_id)).content
        assert [each.id async for each in client.batches.list()] == [batch.id]
        assert (await client.batches.cancel(batch.id)).status == "cancelled"
        for call in (other.files.retrieve, other.files.content, other.files.delete, other.batches.retrieve, other.batches.cancel):
            with pytest.raises(openai.NotFoundError):
                await call(file.id if call.__self__ is other.files else batch.id)
        with pytest.raises(openai.NotFoundError):
            await other.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        assert (await client.files.delete(file.id)).deleted
    assert {logged.key for logged in fake.log if (logged.method, logged.path) != ("GET", "/v1/batches")} == {"sk-a"}


async def test_openai_uploads_in_parts(fake: FakeProvider, gateway: Running) -> None:
    """The file at the end of it is known as well."""
    async with openai_client(gateway) as client:
        upload = await client.uploads.create(bytes=6, filename="x.txt", mime_type="text/plain", purpose="assistants")
        parts = [await client.uploads.parts.create(upload.id, data=piece) for piece in (b"abc", b"def")]
        done = await client.uploads.complete(upload.id, part_ids=[part.id for part in parts])
        assert (await client.files.content(done.file.id)).content == b"abcdef"
        assert (await client.uploads.cancel(upload.id)).status == "cancelled"
    async with openai_client(gateway, "bob") as other:
        with pytest.raises(openai.NotFoundError):
            await other.uploads.complete(upload.id, part_ids=[])


async def test_a_list_is_the_callers_own_of_every_key(fake: FakeProvider, serve: Serve) -> None:
    """Page by page, over both keys, and nobody else's: nothing hidden, nothing shown."""
    clock = ManualClock()
    gateway = await serve(CONFIG.format(base_url=fake.base_url, **KEYS), clock=clock)
    made: dict[str, list[str]] = {"ada": [], "bob": []}
    for place, who in enumerate(("ada", "bob", "ada", "bob", "ada")):
        if place == 2:
            fake.enqueue(Fault.status(429, hint=Hint(form="seconds", seconds=1)))
        async with openai_client(gateway, who) as client:
            made[who].append((await client.files.create(file=(f"{place}.txt", b"x"), purpose="assistants")).id)
    clock.advance(2)
    assert [logged.key for logged in fake.log] == ["sk-a", "sk-a", "sk-a", "sk-b", "sk-b", "sk-b"]
    for who, ids in made.items():
        async with openai_client(gateway, who) as client:
            for limit in (1, 10):
                assert sorted([file.id async for file in client.files.list(limit=limit)]) == ids
            with pytest.raises(openai.BadRequestError):
                await client.files.list(after="file-of-nobody")


async def test_anthropics_lists_are_paged_backwards(gateway: Running) -> None:
    """`before_id` is where a page ends, over both keys and between other callers' entries; the SDK goes on from its first entry."""
    asked = [{"custom_id": "1", "params": {"model": "fake-small", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}}]
    async with anthropic_client(gateway) as client, anthropic_client(gateway, "bob") as other:
        for number in range(14):
            await (other if number % 3 == 1 else client).messages.batches.create(requests=asked)
        batches = client.messages.batches
        every = [batch.id async for batch in batches.list()]
        assert len(every) == 9
        for limit, least in ((2, 4), (100, 1)):
            pages = [page.data async for page in (await batches.list(before_id=every[-1], limit=limit)).iter_pages()]
            assert [batch.id for page in reversed(pages) for batch in page] == every[:-1]
            assert len(pages) == least
        first = await batches.list(before_id=every[0])
        assert (first.data, first.has_more) == ([], False)
        theirs = [batch.id async for batch in other.messages.batches.list()]
        with pytest.raises(anthropic.BadRequestError, match="before_id names no page"):
            await batches.list(before_id=theirs[0])


async def test_anthropics_files_come_whole(fake: FakeProvider, gateway: Running) -> None:
    """They are paged by tokens that one key knows, which the SDK goes on by and no other member; or asked for by their ids."""
    async with anthropic_client(gateway) as client, anthropic_client(gateway, "bob") as other:
        made = [(await client.beta.files.upload(file=("a.txt", b"x", "text/plain"))).id for _ in range(7)]
        theirs = await other.beta.files.upload(file=("b.txt", b"x", "text/plain"))
        for key in ("sk-a", "sk-b"):
            for number in range(150):
                fake.shelf(key).keep("files", f"file-{key}-{number}", {"id": f"file-{key}-{number}", "type": "file"})
        for limit in (2, 20, 1000):
            assert sorted([file.id async for file in client.beta.files.list(limit=limit)]) == sorted(made)
        assert sorted([file.id async for file in client.beta.files.list()]) == sorted(made)
        assert sorted([file.id async for file in client.beta.files.list(ids=[*made[:3], theirs.id, "file_0"])]) == sorted(made[:3])
        with pytest.raises(anthropic.BadRequestError, match="page names no page"):
            await client.beta.files.list(page=f"page_{made[0]}")


async def test_stored_responses(fake: FakeProvider, gateway: Running) -> None:
    """What the ordinary path made is read, cancelled and deleted natively, at the root as well as below the prefix."""
    async with openai_client(gateway) as client, openai_client(gateway, "bob") as other:
        made = await client.responses.create(model="openai/fake-small", input="How deep is the lake?")
        assert (await client.responses.retrieve(made.id)).id == made.id
        assert [item async for item in client.responses.input_items.list(made.id)] == []
        with pytest.raises(openai.NotFoundError):
            await other.responses.retrieve(made.id)
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=KEYS["ada"], max_retries=0) as client:
        assert (await client.responses.cancel(made.id)).id == made.id
        await client.responses.delete(made.id)


async def test_openai_conversations(fake: FakeProvider, gateway: Running) -> None:
    """Made natively, named in an ordinary call, which goes back to its key; another caller finds neither."""
    async with openai_client(gateway) as client, openai_client(gateway, "bob") as other:
        made = await client.conversations.create()
        assert (await client.conversations.update(made.id, metadata={"a": "b"})).metadata == {"a": "b"}
        assert [item async for item in client.conversations.items.list(made.id)] == []
        await client.responses.create(model="openai/fake-small", input="How deep is the lake?", conversation=made.id)
        for call in (other.conversations.retrieve, other.conversations.delete):
            with pytest.raises(openai.NotFoundError):
                await call(made.id)
        with pytest.raises(openai.NotFoundError):
            await other.responses.create(model="openai/fake-small", input="How deep is the lake?", conversation=made.id)
        await client.conversations.delete(made.id)
    assert {logged.key for logged in fake.log} == {"sk-a"}


async def test_anthropic_files_and_batches(fake: FakeProvider, gateway: Running) -> None:
    """Also the results, whose URL the provider names: it leads here, because the client's key is ours."""
    async with anthropic_client(gateway) as client, anthropic_client(gateway, "bob") as other:
        file = await client.beta.files.upload(file=("a.txt", b"deep", "text/plain"))
        assert await (await client.beta.files.download(file.id)).read() == b"deep"
        assert [each.id async for each in client.beta.files.list()] == [file.id]
        assert [each.id async for each in other.beta.files.list()] == []
        params = {"model": "fake-small", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}
        batch = await client.messages.batches.create(requests=[{"custom_id": "one", "params": params}])
        assert (await client.messages.batches.retrieve(batch.id)).processing_status == "ended"
        assert [each.custom_id async for each in await client.messages.batches.results(batch.id)] == ["one"]
        assert [each.id async for each in client.messages.batches.list()] == [batch.id]
        for call in (other.messages.batches.retrieve, other.messages.batches.delete, other.messages.batches.cancel):
            with pytest.raises(anthropic.NotFoundError):
                await call(batch.id)
        await client.messages.batches.cancel(batch.id)
        await client.messages.batches.delete(batch.id)
        await client.beta.files.delete(file.id)
    assert not any(KEYS["ada"].encode() in value for logged in fake.log for value in logged.headers.values())


@pytest.mark.parametrize("root", ["", "/gemini"])
async def test_gemini_files_and_caches(fake: FakeProvider, gateway: Running, root: str) -> None:
    """The upload goes on at an address that the reply names, without a credential; it is the beginner's and leads to the same key."""
    client, other = gemini_client(gateway, root=root).aio, gemini_client(gateway, "bob", root=root).aio
    try:
        file = await client.files.upload(file=io.BytesIO(b"deep"), config={"mime_type": "text/plain"})
        assert (await client.files.get(name=file.name)).size_bytes == 4
        assert [each.name async for each in await client.files.list(config={"page_size": 1})] == [file.name]
        assert [each.name async for each in await other.files.list()] == []
        cache = await client.caches.create(model="fake-small", config={"contents": "A long text."})
        assert (await client.caches.get(name=cache.name)).usage_metadata.total_token_count == 5000
        assert [each.name async for each in await client.caches.list()] == [cache.name]
        await client.caches.update(name=cache.name, config={"expire_time": "2099-01-01T00:00:00Z"})
        with pytest.raises(errors.ClientError) as refused:
            await other.files.get(name=file.name)
        assert refused.value.code == 404
        await client.caches.delete(name=cache.name)
        await client.files.delete(name=file.name)
    finally:
        await client.aclose()
        await other.aclose()
    assert len({logged.key for logged in fake.log if "files" in logged.path and logged.method != "GET"}) == 1


@pytest.mark.parametrize("root", ["", "/gemini"])
async def test_gemini_batches(fake: FakeProvider, gateway: Running, root: str) -> None:
    """An operation that only its maker finds, with the key that made it; Google's client reads its state and its replies."""
    client, other = gemini_client(gateway, root=root).aio, gemini_client(gateway, "bob", root=root).aio
    try:
        request = types.InlinedRequest(contents=[types.Content(role="user", parts=[types.Part(text="Hello")])])
        job = await client.batches.create(model="fake-small", src=[request])
        done = await client.batches.get(name=job.name)
        assert done.state is types.JobState.JOB_STATE_SUCCEEDED
        assert len(done.dest.inlined_responses) == 1
        assert [each.name async for each in await client.batches.list()] == [job.name]
        assert [each.name async for each in await other.batches.list()] == []
        with pytest.raises(errors.ClientError) as missing:
            await other.batches.get(name=job.name)
        assert missing.value.code == 404
        await client.batches.cancel(name=job.name)
        await client.batches.delete(name=job.name)
    finally:
        await client.aclose()
        await other.aclose()
