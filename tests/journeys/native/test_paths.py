"""Native calls: which paths go through and which never reach a provider, and what becomes of a call's fields and of its query."""

import json

from tests.in_turn import in_turn
from tests.journeys.native.asking import ADA, CONFIG, DORA, FILE, ask, question, upload
from tests.journeys.running import Running, Serve
from tests.journeys.wire import Question, exchange

from omnillm.testing import FakeProvider


@in_turn(
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


@in_turn(
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


@in_turn("path", ["/v1/batches", "/anthropic/v1/files", "/gemini/v1beta/files", "/providers/nobody/v1/files", "/providers/openai"])
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


async def test_an_opened_path_stands_at_the_root_as_well(fake: FakeProvider, gateway: Running) -> None:
    """Where SDKs ask that know the gateway by its root alone; what nobody opened is told where else it may be."""
    made = (await ask(gateway, "POST", "/v1/vector_stores", b"{}")).json["id"]
    assert (await ask(gateway, "GET", f"/v1/vector_stores/{made}")).json["id"] == made
    for path, fields in (("/v1/evals", {}), ("/v1/vector_stores", {"anthropic_version": "2023-06-01"})):
        refused = await ask(gateway, "GET", path, **fields)
        assert (refused.status, "below /providers/NAME" in refused.body.decode()) == (404, True)


async def test_a_size_that_is_none_is_the_providers_to_refuse(gateway: Running) -> None:
    """Also one with more digits than Python reads."""
    for size in ("x", "9" * 5_000):
        assert (await ask(gateway, "GET", f"{FILE}?limit={size}")).status == 400


async def test_a_query_of_more_parameters_than_a_list_takes_is_refused(gateway: Running) -> None:
    """Reading ten thousand of them over and over would hold up everybody for a tenth of a second."""
    assert (await ask(gateway, "GET", f"{FILE}?{'a=%41&' * 10_000}")).status == 400
    assert (await ask(gateway, "GET", f"{FILE}?{'a=%41&' * 99}")).status == 200


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


async def test_a_providers_refusal_goes_through_verbatim(fake: FakeProvider, gateway: Running) -> None:
    """A deleted file is the caller's affair: the key stays well, for files as for models."""
    made = (await upload(gateway)).json["id"]
    assert (await ask(gateway, "DELETE", f"{FILE}/{made}")).json["deleted"]
    reply = await ask(gateway, "GET", f"{FILE}/{made}")
    assert (reply.status, reply.error["message"]) == (404, f"No such object: {made}")
    assert (await upload(gateway)).headers["x-omnillm-key"] == "a"


async def test_a_whole_url_passes_what_its_patterns_say(fake: FakeProvider, gateway: Running) -> None:
    """It has no root, so its paths stand at its origin."""
    assert (await ask(gateway, "GET", "/providers/whole/v1/models")).status == 200
    assert (await ask(gateway, "GET", "/providers/whole/v1/files")).status == 403
    assert [logged.path for logged in fake.log] == ["/v1/models"]
