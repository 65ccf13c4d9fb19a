"""Native calls: no name of what another virtual key made is passed on, wherever and however it stands."""

import gzip
import json

import pytest
from tests.in_turn import in_turn
from tests.journeys.native.asking import CAROL, CONFIG, DORA, FILE, FORM, MULTIPART, ask, upload
from tests.journeys.running import Running, Serve

from omnillm.records import Binding, Posting
from omnillm.testing import FAULTS, FakeProvider


@in_turn(
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


PAD = b" " * 1_100_000


@in_turn(
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
    ids=lambda value: value[:60],
)
async def test_a_file_of_another_is_not_found_however_it_is_named(fake: FakeProvider, gateway: Running, body: bytes, code: str) -> None:
    """A batch over it would show its results: not behind spaces, beside nonsense, in a body on the disk, nor as the first of many."""
    made = (await upload(gateway)).json["id"]
    heard = len(fake.log)
    reply = await ask(gateway, "POST", "/v1/batches", body.replace(b"FILE", made.encode()), key=DORA)
    assert (reply.status, reply.error["code"]) == (404 if code == "not_found" else 400, code)
    assert len(fake.log) == heard


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


@in_turn("pad", [b"", PAD], ids=["short", "long"])
@in_turn(
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
async def test_a_batch_reads_nothing_of_another(fake: FakeProvider, gateway: Running, named: bytes, kind: str, pad: bytes) -> None:
    """Nor do the requests in its file, which its provider would answer with what another virtual key keeps there."""
    made = Binding(kind=kind, upstream_id=kind, provider="openai", key="a", caller="ada", expires_wall_ms=2**50)
    await gateway.program.store.post_durably(Posting(bindings=(made,)))
    line = BATCH_LINE % named.replace(b"NAME", kind.encode())
    form = (FORM % (line + pad)).replace(b"user_data", b"batch")
    heard = len(fake.log)
    reply = await ask(gateway, "POST", FILE, form, key=DORA, content_type=MULTIPART["content-type"])
    assert (reply.status, reply.error["code"]) == ((400, "ambiguous_body") if b"u005f" in named else (404, "not_found"))
    assert len(fake.log) == heard
    own = await ask(gateway, "POST", FILE, form.replace(b"\\u005f", b"_"), content_type=MULTIPART["content-type"])
    assert own.status == 200
    document = FORM % (line + pad)
    assert (await ask(gateway, "POST", FILE, document, key=DORA, content_type=MULTIPART["content-type"])).status == 200


SPACE = b" " * 5_000


@in_turn(
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


@in_turn("purpose", [b'"batch"', b'"b\\u0061tch"', b'"batch","purpose":"user_data"', b'"user_data"'])
async def test_the_file_of_a_batch_is_uploaded_whole(fake: FakeProvider, gateway: Running, purpose: bytes) -> None:
    """In parts, a name could lie across two of them."""
    body = b'{"bytes":9,"filename":"a.jsonl","mime_type":"application/jsonl","purpose":%b}' % purpose
    reply = await ask(gateway, "POST", "/v1/uploads", body, key=DORA)
    assert (reply.status, len(fake.log)) == ((200, 1) if purpose == b'"user_data"' else (400, 0))  # the last of them


@in_turn(
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


@in_turn("name", ["fileUri", "file_uri"])
async def test_a_cache_shows_no_file_of_another(fake: FakeProvider, gateway: Running, name: str) -> None:
    """Gemini's clients name files by URI."""
    body = {"contents": [{"parts": [{"fileData": {name: "https://generativelanguage.googleapis.com/v1beta/files/of-ada"}}]}]}
    reply = await ask(gateway, "POST", "/providers/gemini/v1beta/cachedContents", json.dumps(body).encode(), key=DORA)
    assert (reply.status, fake.log) == (404, [])


@in_turn("name", ["fileName", "file_name"])
async def test_a_batch_of_geminis_runs_over_no_file_of_another(fake: FakeProvider, gateway: Running, name: str) -> None:
    """There the input is named; a document that only has a name is nobody's."""
    path = "/providers/gemini/v1beta/models/fake-small:batchGenerateContent"
    for value, status in (("files/of-ada", 404), ("lake.pdf", 0)):
        body = json.dumps({"batch": {"inputConfig": {name: value}}}).encode()
        reply = await ask(gateway, "POST", path, body, key=DORA)
        assert (reply.status == 404 and "There is no file" in reply.body.decode()) == (status == 404)


async def test_what_is_uploaded_names_nothing(fake: FakeProvider, gateway: Running) -> None:
    """A document may speak of files."""
    reply = await ask(
        gateway, "POST", "/providers/gemini/upload/v1beta/files", b'{"file_id": "somebody-s"}', key=DORA, x_goog_upload_command="start"
    )
    assert (reply.status, len(fake.log)) == (200, 1)
