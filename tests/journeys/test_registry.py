"""What the registry says is supported is asked of each kind, row by row; a row that nobody asks for fails."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.journeys.families.families import wav
from tests.journeys.live import began, began_live, handshake
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve
from tests.journeys.wire import Reply, ask, exchange, send

from omnillm.assemble import SystemClock
from omnillm.providers.families import FAMILIES, FAMILY_PATHS, families_of, format_for, formats_of
from omnillm.providers.kinds import KINDS
from omnillm.providers.native import operations
from omnillm.providers.registry import Support, embedded_primitive_provider_registry, embedded_provider_registry
from omnillm.testing import Behaviour, FakeProvider
from omnillm.testing.hosts import HOSTS

ROWS = embedded_provider_registry()
CONFIG = """
server: {{port: 0, auth: required}}
store: {{url: "memory://"}}
providers: {{host: {{kind: {kind}, base_url: {base_url}{keys}}}}}
virtual_keys: [{{name: journey, key: {virtual_key}}}]
"""
PROMPT = "How deep is the lake?"
MODEL = "host/fake-small"
TITAN = "amazon.titan-embed-text-v2:0"


def parts_of(*parts: tuple[bytes, bytes, bytes]) -> bytes:
    """multipart/form-data of (name, what follows it, content)."""
    told = (b'content-disposition: form-data; name="%b"%b\r\n\r\n%b' % part for part in parts)
    return b"--x\r\n" + b"\r\n--x\r\n".join(told) + b"\r\n--x--\r\n"


def form(name: bytes, content: bytes, **fields: str) -> bytes:
    """An upload for a model."""
    told = tuple((field.encode(), b"", value.encode()) for field, value in {"model": MODEL, **fields}.items())
    return parts_of(*told, (name, b'; filename="a.wav"', content))


FORM = parts_of((b"purpose", b"", b"batch"), (b"file", b'; filename="a"', b"{}"))
COUNTED = {
    "bedrock_converse": (
        "/providers/host/model/fake-small/count-tokens",
        {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": PROMPT}]}]}}},
    ),
    "openai_responses": ("/v1/responses/input_tokens", {"model": "host/fake-small", "input": PROMPT}),
    "anthropic_messages": ("/v1/messages/count_tokens", {"model": "host/fake-small", "messages": [{"role": "user", "content": PROMPT}]}),
    "gemini_generate_content": (
        "/v1beta/models/host/fake-small:countTokens",
        {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]},
    ),
}
FAMILY_ASKED: dict[str, tuple[str, Any]] = {
    "openai_embeddings": ("/v1/embeddings", {"model": MODEL, "input": PROMPT, "encoding_format": "float"}),
    "gemini_embed_content": (f"/v1beta/models/{MODEL}:embedContent", {"content": {"parts": [{"text": PROMPT}]}}),
    "gemini_batch_embed_contents": (
        f"/v1beta/models/{MODEL}:batchEmbedContents",
        {"requests": [{"model": f"models/{MODEL}", "content": {"parts": [{"text": PROMPT}]}}]},
    ),
    "openai_moderations": ("/v1/moderations", {"model": MODEL, "input": PROMPT}),
    "openai_rerank": ("/v1/rerank", {"model": MODEL, "query": PROMPT, "documents": ["shallow", "deep"]}),
    "openai_image_generations": ("/v1/images/generations", {"model": MODEL, "prompt": PROMPT}),
    "openai_image_edits": ("/v1/images/edits", form(b"image", b"\x89PNG", prompt=PROMPT)),
    "openai_image_variations": ("/v1/images/variations", form(b"image", b"\x89PNG")),
    "openai_speech": ("/v1/audio/speech", {"model": MODEL, "input": PROMPT, "voice": "alloy"}),
    "openai_transcriptions": ("/v1/audio/transcriptions", form(b"file", wav(1.0))),
    "openai_translations": ("/v1/audio/translations", form(b"file", wav(1.0))),
}
NAMES = {"gemini_generate_content": "gemini"}
CLAUDES = {"bedrock": "us.anthropic.claude-x", "vertex_ai": "claude-x"}
"""Clouds where a model's name tells in which protocols it can be asked."""
PLACES = {"vertex_ai": "/v1/projects/p/locations/global"}


class Asking:
    """One gateway in front of one provider, and how its native paths are asked."""

    def __init__(self, gateway: Running, fake: FakeProvider, kind: str) -> None:
        self.gateway = gateway
        self.fake = fake
        self.kind = kind
        self.root = f"/providers/host/{KINDS[kind].version or 'v1'}"

    async def call(self, method: str, path: str, body: Any = None, **fields: str) -> Reply:
        is_form = isinstance(body, bytes) and body.startswith(b"--x")
        told = {"content-type": "multipart/form-data; boundary=x" if is_form else "application/json"} | fields
        if self.kind == "anthropic":
            told["anthropic-version"] = "2023-06-01"
        reply = await send(self.gateway, method, path, body, headers=told)
        assert reply.status == 200, reply.body
        return reply


def _model(row: Support) -> str:
    return CLAUDES.get(row.provider, "fake-small") if row.wire_format == "anthropic_messages" else "fake-small"


async def generation(asking: Asking, row: Support) -> None:
    if row.wire_format == "bedrock_converse":  # its clients speak it at Bedrock's own paths
        for method in ("converse", "converse-stream"):
            asked = {"messages": [{"role": "user", "content": [{"text": PROMPT}]}]}
            await asking.call("POST", f"/providers/host/model/fake-small/{method}", asked)
            assert asking.fake.log[-1].protocol == "bedrock_converse"
        return
    reply = await exchange(asking.gateway.port, ask(NAMES.get(row.wire_format, row.wire_format), PROMPT, model=f"host/{_model(row)}"))
    assert reply.is_answer
    spoken = KINDS[row.provider].protocols
    asked = asking.fake.log[-1].protocol
    assert asked == (row.wire_format if row.level == "native" else spoken[0])


async def count_tokens(asking: Asking, row: Support) -> None:
    path, body = COUNTED[row.wire_format]
    body = body | ({"model": f"host/{_model(row)}"} if "model" in body else {})
    told = (await asking.call("POST", path, body)).json
    assert told.get("input_tokens") or told.get("totalTokens") or told.get("inputTokens")
    said = KINDS[row.provider].counts_in(row.wire_format, model=_model(row))
    assert (said == row.wire_format) == (row.level == "native") or row.provider == "bedrock"
    assert asking.fake.log[-1].protocol == ("bedrock_converse" if row.provider == "bedrock" else said)


async def family(asking: Asking, row: Support) -> None:
    """At the path of the client's format; the provider is asked at that of the format it has."""
    path, body = FAMILY_ASKED[row.wire_format]
    if row.provider == "bedrock":  # its models' names tell what they can
        path, body = path.replace("fake-small", TITAN), json.loads(json.dumps(body).replace("fake-small", TITAN))
    await asking.call("POST", path, body)
    said = format_for(formats_of(row.provider), row.wire_format, row.family)
    assert said == row.wire_format or row.level == "compatible"
    assert asking.fake.log[-1].path.endswith(FAMILY_PATHS[said, row.family].rpartition("{model}")[2])


async def models(asking: Asking, row: Support) -> None:
    told = (await asking.call("GET", f"{asking.root}/models")).json
    assert "fake-small" in json.dumps(told)


async def files(asking: Asking, row: Support) -> None:
    if asking.kind == "gemini":
        begun = await asking.call("POST", "/providers/host/upload/v1beta/files", {"file": {}}, **{"x-goog-upload-command": "start"})
        path = begun.headers["x-goog-upload-url"].removeprefix("http://x")
        made = (await asking.call("POST", path, b"deep", **{"x-goog-upload-command": "upload, finalize"})).json["file"]["name"]
        content = f"{asking.root}/{made}:download"
    else:
        made = "files/" + (await asking.call("POST", f"{asking.root}/files", FORM)).json["id"]
        content = f"{asking.root}/{made}/content"
    for method, path in (
        ("GET", f"{asking.root}/files"),
        ("GET", f"{asking.root}/{made}"),
        ("GET", content),
        ("DELETE", f"{asking.root}/{made}"),
    ):
        await asking.call(method, path)


async def uploads(asking: Asking, row: Support) -> None:
    asked = {"bytes": 4, "filename": "a", "mime_type": "text/plain", "purpose": "user_data"}
    made = (await asking.call("POST", f"{asking.root}/uploads", asked)).json["id"]
    await asking.call("POST", f"{asking.root}/uploads/{made}/complete", {"part_ids": []})
    await asking.call("POST", f"{asking.root}/uploads/{made}/cancel")


async def batches(asking: Asking, row: Support) -> None:
    if asking.kind == "gemini":
        await operations_of(asking)
        return
    if asking.kind == "anthropic":
        path, body = f"{asking.root}/messages/batches", {"requests": [{"custom_id": "a", "params": {}}]}
    else:
        file = (await asking.call("POST", f"{asking.root}/files", FORM)).json["id"]
        path, body = f"{asking.root}/batches", {"input_file_id": file, "endpoint": "/v1/responses", "completion_window": "24h"}
    made = (await asking.call("POST", path, body)).json["id"]
    assert [each["id"] for each in (await asking.call("GET", path)).json["data"]] == [made]
    await asking.call("GET", f"{path}/{made}")
    await asking.call("POST", f"{path}/{made}/cancel")


async def operations_of(asking: Asking) -> None:
    asked = {"batch": {"inputConfig": {"requests": {"requests": [{"request": {}}]}}}}
    made = (await asking.call("POST", f"{asking.root}/models/fake-small:batchGenerateContent", asked)).json["name"]
    assert [each["name"] for each in (await asking.call("GET", f"{asking.root}/batches")).json["operations"]] == [made]
    for method, rest in (("GET", ""), ("POST", ":cancel"), ("DELETE", "")):
        await asking.call(method, f"{asking.root}/{made}{rest}")


async def stored_responses(asking: Asking, row: Support) -> None:
    made = (await asking.call("POST", "/v1/responses", {"model": "host/fake-small", "input": PROMPT})).json["id"]
    for method, rest in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel"), ("DELETE", "")):
        await asking.call(method, f"{asking.root}/responses/{made}{rest}")


async def stored_interactions(asking: Asking, row: Support) -> None:
    made = (await asking.call("POST", "/v1beta/interactions", {"model": "host/fake-small", "input": PROMPT})).json["id"]
    for method, rest in (("GET", ""), ("POST", "/cancel"), ("DELETE", "")):
        await asking.call(method, f"{asking.root}/interactions/{made}{rest}")


async def compactions(asking: Asking, row: Support) -> None:
    told = (await asking.call("POST", f"{asking.root}/responses/compact", {"model": MODEL, "input": PROMPT})).json
    assert told["output"][-1]["type"] == "compaction"


async def conversations(asking: Asking, row: Support) -> None:
    made = (await asking.call("POST", f"{asking.root}/conversations", {})).json["id"]
    for method, rest in (("GET", ""), ("POST", ""), ("GET", "/items"), ("DELETE", "")):
        await asking.call(method, f"{asking.root}/conversations/{made}{rest}", {"metadata": {"a": "b"}} if method == "POST" else None)


async def invoke_model(asking: Asking, row: Support) -> None:
    """Of a model whose words are nobody else's."""
    for method in ("invoke", "invoke-with-response-stream"):
        await asking.call("POST", f"/providers/host/model/meta.llama4/{method}", {"prompt": PROMPT})


async def caches(asking: Asking, row: Support) -> None:
    made = (await asking.call("POST", f"{asking.root}/cachedContents", {"model": "models/fake-small"})).json["name"]
    for method, path in (("GET", "cachedContents"), ("GET", made), ("PATCH", made), ("DELETE", made)):
        await asking.call(method, f"{asking.root}/{path}", {} if method == "PATCH" else None)


async def realtime(asking: Asking, row: Support) -> None:
    """A turn of a live session, in the protocol of the kind."""
    if "gemini_generate_content" in KINDS[row.provider].protocols:
        talk = await began_live(asking.gateway.port, {"setup": {"model": "models/host/fake-small"}})
        talk.say({"clientContent": {"turns": [{"role": "user", "parts": [{"text": PROMPT}]}], "turnComplete": True}})
        while "turnComplete" not in (await talk.event()).get("serverContent", {}):
            pass
    else:
        talk = await began(asking.gateway.port, handshake("/v1/realtime?model=host/fake-small"))
        talk.say({"type": "response.create"})
        await talk.until("response.done")
    await talk.close()
    assert asking.fake.invoice.lines


FAMILY_RUNNERS = dict.fromkeys(FAMILIES, family)
ASKED: dict[str, Callable[[Asking, Support], Awaitable[None]]] = {
    each.__name__: each
    for each in (
        *(generation, count_tokens, models, files, uploads, batches, stored_responses, compactions, conversations, invoke_model),
        *(caches, realtime, stored_interactions),
    )
} | FAMILY_RUNNERS


@pytest.mark.parametrize("kind", KINDS)
async def test_every_row_of_a_kind_is_so(kind: str, serve: Serve) -> None:
    """Native: the provider hears the client's own words. Compatible: its own. A family that is not asked here fails."""
    is_keyless = KINDS[kind].is_keyless
    keys = "" if is_keyless else ", keys: [{label: good, key: sk-good}]"
    good = {"keyless" if is_keyless else "sk-good": Behaviour()}
    async with FakeProvider(keys=good, prices=PRICES, clock=SystemClock(), poses_as=kind if kind in HOSTS else "") as fake:
        gateway = await serve(CONFIG.format(kind=kind, base_url=fake.base_url + PLACES.get(kind, ""), keys=keys, virtual_key=VIRTUAL_KEY))
        asking = Asking(gateway, fake, kind)
        rows = [row for row in ROWS if row.provider == kind and row.level != "planned"]
        assert rows
        for row in rows:
            await ASKED[row.family](asking, row)


def test_every_kind_and_every_family_has_its_rows() -> None:
    """No row twice."""
    assert len(set(map(repr, ROWS))) == len(ROWS)
    assert {row.provider for row in ROWS} == KINDS.keys()
    for kind in KINDS:
        assert {row.family for row in ROWS if row.provider == kind} >= {
            *(operation.family for operation in operations(kind)),
            *FAMILIES,
        }


def test_each_operation_has_its_row() -> None:
    """With the mode, budget class and tier that the path table gives it; what is live is planned, and named."""
    rows = embedded_primitive_provider_registry()
    assert len({(row.provider, row.method, row.path, row.stream_mode) for row in rows}) == len(rows)
    for kind in KINDS:
        told = {(row.method, row.path): row for row in rows if row.provider == kind and row.tier == "native"}
        for operation in operations(kind):
            row = told[operation.method, operation.path]
            assert (row.family, row.stream_mode, row.budget_class) == (operation.family, operation.stream or "none", operation.metering)
        modes = {row.stream_mode for row in told.values() if row.family == "generation"}
        assert modes == ({"none", "eventstream"} if kind == "bedrock" else {"sse"})
        assert not {(row.method, row.path) for row in rows if row.provider == kind and row.tier == "planned"} & told.keys()
        if not KINDS[kind].cloud_paths:
            assert {row.family for row in told.values()} >= set(families_of(kind))
    live = {(row.provider, row.stream_mode, row.tier) for row in rows if row.family == "realtime"}
    assert live == {*((kind, "websocket", "native") for kind in KINDS if KINDS[kind].has_sessions), ("openai", "webrtc", "planned")}
