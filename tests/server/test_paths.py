"""Which path speaks which protocol, and who may ask it: no path without a policy."""

from itertools import count, product

import msgspec
import pytest
from starlette.routing import Route as Page
from tests.in_turn import in_turn

from omnillm.errors import CallerFault, Unauthenticated
from omnillm.gateway.budgets.alerts import BudgetAlerts
from omnillm.gateway.call import Caller
from omnillm.gateway.counters import Counters
from omnillm.providers.kinds import KINDS, endpoint
from omnillm.providers.paths import GEMINI_SESSIONS
from omnillm.server.app import PROBES, App, Surface
from omnillm.server.authenticate import AdminAuthenticator, Authenticator, digest
from omnillm.server.front.requests import Request
from omnillm.server.inference import read_call
from omnillm.server.operations.app import build_operations
from omnillm.server.operations.instruments import Instruments
from omnillm.server.passthrough import Place, place_of
from omnillm.server.paths import PREFIXES, ROUTES, inference_route, protocol_of, provider_route, without_prefix
from omnillm.server.uploads import MOST, Upload, Uploads
from omnillm.server.wiring import Wiring
from omnillm.testing import ManualClock

PEPPER, ADMIN, VIRTUAL, ANOTHER = b"pepper", b"the-key-of-the-administrator", b"a-virtual-key", b"another-virtual-key"
OPEN = PROBES | {"/metrics", "/openapi.json"}
"""Asked by anybody; everything else needs a credential."""
SESSIONS = ("/v1/realtime", *GEMINI_SESSIONS)


def request(method: str, path: str, **fields: str) -> Request:
    headers = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}
    return Request(method=method, target=path.encode(), path=path, query="", headers=headers, http_minor=1, peer="")


def app(surface: Surface = Surface.ALL) -> App:
    callers = {digest(PEPPER, VIRTUAL): Caller(name="someone"), digest(PEPPER, ANOTHER): Caller(name="another")}
    authenticator = Authenticator(callers, pepper=PEPPER, anonymous=None)
    admin = AdminAuthenticator(ADMIN)
    nothing = dict.fromkeys(("engine", "router", "native_engine", "native_lists"))
    more = {"endpoints": {}, "native": {}, "passed": frozenset(), "passthrough": {}, "uploads": Uploads(str), "scheme": "http"}
    wiring = Wiring(**nothing, **more, authenticator=authenticator, admin=admin, alerts=BudgetAlerts(), deadline_s=1.0, affinity="none")
    return App(wiring, surface=surface, clock=ManualClock(), operations=None, counters=Counters(), make_id=lambda: "id")


def pages() -> list[Page]:
    nothing = dict.fromkeys(Instruments.__struct_fields__)
    return build_operations(Instruments(**nothing)).routes


@in_turn("page", pages(), ids=lambda page: page.path)
def test_every_page_of_the_operations_has_a_policy(page: Page) -> None:
    """Open to everybody by name, or the administrator's: a new page is refused until its path says whose it is."""
    path = page.path.format(provider="openai", label="a", request_id="1", name="a")
    for method in page.methods:
        if path in OPEN:
            assert app().open(request(method, path)).caller is None
            continue
        with pytest.raises(Unauthenticated):
            app().open(request(method, path))
        with pytest.raises(CallerFault) as refused:
            app().open(request(method, path, authorization=f"Bearer {VIRTUAL.decode()}"))
        assert refused.value.status == 403
        assert app().open(request(method, path, authorization=f"Bearer {ADMIN.decode()}")).caller is None


def test_who_goes_on_with_an_upload_is_asked_for_its_token_before_anything_else() -> None:
    """Anybody may ask, so no more is read of a query than of one that bears a key; the oldest of too many uploads is forgotten."""
    tokens = map(str, count())
    uploads = Uploads(lambda: next(tokens))
    told = {"provider": "gemini", "key": "a", "holder": b""}
    upload = Upload.of("https://host/upload/v1beta/files?upload_id=theirs", **told)
    assert upload == Upload(**told, path="/upload/v1beta/files", query="upload_id=theirs")
    for url in ("https://host/v1beta/files?upload_id=theirs", "https://host/upload/v1beta/\u00e9", "https://[/upload/"):
        assert Upload.of(url, **told) is None
    assert [uploads.add(upload) for _ in range(MOST + 1)][-1] == str(MOST)
    assert uploads.find(f"upload_id={MOST}") is uploads.find("a=b&" * 99 + "upload_id=1") is upload
    for query in ("upload_id=0", "upload_id=theirs", "upload_id=", "", "a=b&" * 100 + "upload_id=1"):
        assert uploads.find(query) is None


@in_turn("path", [*ROUTES, *SESSIONS, "/v1beta/models/x:generateContent", "/v1/models", "/v1beta/models/x", "/v1/models/a/b"])
def test_every_path_of_a_client_needs_a_virtual_key(path: str) -> None:
    """At the root and under each drop-in prefix; the administrator's key is none."""
    method = "GET" if ("models" in path and ":" not in path) or path in SESSIONS else "POST"
    for prefix in ("", *PREFIXES):
        for fields in ({}, {"authorization": f"Bearer {ADMIN.decode()}"}, {"x_api_key": "wrong"}):
            with pytest.raises(Unauthenticated):
                app().open(request(method, prefix + path, **fields))
        form = "multipart/form-data; boundary=b"
        opened = app().open(request(method, prefix + path, x_api_key=VIRTUAL.decode(), content_type=form))
        assert opened.caller.name == "someone"


@in_turn("path", [path for path, route in ROUTES.items() if route.is_form])
def test_an_upload_that_is_no_form_is_refused_before_its_body(path: str) -> None:
    """But nobody learns that without a virtual key."""
    with pytest.raises(Unauthenticated):
        app().open(request("POST", path, content_type="application/json"))
    with pytest.raises(CallerFault, match="multipart/form-data"):
        app().open(request("POST", path, x_api_key=VIRTUAL.decode(), content_type="application/json"))


NOWHERE = (
    *("/v1", "/v1/", "/v1/chat", "/v1/chat/completions/", "/V1/chat/completions", "//v1/messages", "/v1/modelsx", "/v1betamodels/x:y"),
    *("/admin", "/Admin/v1/pools", "/healthz/", "/metrics/", "/openai", "/openai/", "/openai/openai/v1/messages", "/v1/files", "*", ""),
)


@in_turn("path", NOWHERE)
def test_what_is_in_no_table_is_a_404(path: str) -> None:
    """Whatever credential comes with it."""
    for method, key in product(("GET", "POST", "OPTIONS", "DELETE"), (VIRTUAL, ADMIN)):
        with pytest.raises(CallerFault) as refused:
            app().open(request(method, path, authorization=f"Bearer {key.decode()}"))
        assert refused.value.status == 404


@in_turn(
    ("path", "meant"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1beta/v1/models/fast:generateContent", "/v1/models/fast:generateContent"),
        ("/v1/v1beta/models/fast:generateContent", "/v1beta/models/fast:generateContent"),
        ("/api/v1/responses", "/v1/responses"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/v1/completions", ""),
        ("/nowhere", ""),
    ],
)
def test_a_wrong_base_url_is_told_the_path_that_was_meant(path: str, meant: str) -> None:
    """Its version is missing, stands there twice, or has something before it."""
    with pytest.raises(CallerFault) as refused:
        app().open(request("POST", path, authorization="Bearer a-virtual-key"))
    elsewhere = "; a provider's own paths stand below /providers/NAME, and here those of server.native" if path.startswith("/v1/") else ""
    about = f"; did you mean {meant}? See the base URL of your client" if meant else elsewhere
    assert refused.value.message == f"There is nothing at {path!r}{about}."


@in_turn(
    ("surface", "path", "listener"),
    [
        (Surface.CALLS, "/metrics", "listener of server.admin"),
        (Surface.CALLS, "/admin/v1/pools", "listener of server.admin"),
        (Surface.OPERATIONS, "/v1/messages", "main listener"),
    ],
)
def test_what_the_other_listener_serves_is_told_to_be_there(surface: Surface, path: str, listener: str) -> None:
    """Where there are two: otherwise it would look as if there were none."""
    with pytest.raises(CallerFault) as refused:
        app(surface).open(request("POST", path, authorization="Bearer a-virtual-key"))
    assert refused.value.message == f"There is nothing at {path!r}: it is served by the {listener}."


def test_what_a_head_led_to_shows_whose_call_it_is_and_no_more() -> None:
    """Neither the credential nor its digest nor the program is in what a debugger prints."""
    opened = app().open(request("POST", "/v1/chat/completions", x_api_key=VIRTUAL.decode()))
    assert repr(opened) == "CallHead(openai_chat for 'someone')"


def test_what_a_head_led_to_holds_until_the_configuration_is_another() -> None:
    """Of a call; whatever else a path is for is looked at each time."""
    one_app = app()
    opened = one_app.open(request("POST", "/v1/chat/completions", x_api_key=VIRTUAL.decode()))
    models = one_app.open(request("GET", "/v1/models", x_api_key=VIRTUAL.decode()))
    assert [one_app.is_current(context) for context in (opened, models)] == [True, False]
    one_app.wiring = app().wiring
    assert not one_app.is_current(opened)


@in_turn(
    ("path", "fields", "provider"),
    [
        ("/v1/files", {}, "o"),
        ("/v1/files/f_1/content", {}, "o"),
        ("/v1/files", {"anthropic_version": "1"}, "a"),
        ("/v1/files", {"x_goog_api_key": "k"}, "g"),
        ("/v1/files", {"x_goog_api_client": "c"}, "g"),
        ("/v1/messages/batches", {}, "a"),
        ("/v1/messages/batches/b_1", {}, "a"),
        ("/v1/responses/r_1", {}, "o"),
        ("/v1beta/interactions/i_1", {}, "g"),
        ("/upload/v1beta/files", {}, "g"),
        ("/download/v1beta/files/f_1:download", {}, "g"),
        ("/upload", {}, None),
        ("/uploads/v1beta/files", {}, None),
        ("/v1/messages/batchesx", {}, None),
        ("/anthropic/v1/files", {}, "a"),
        ("/anthropic/x", {}, "a"),
        ("/anthropic/", {}, None),
        ("/anthropics/v1/files", {}, None),
    ],
)
def test_a_path_without_a_name_is_of_the_provider_whose_clients_write_it(path: str, fields: dict[str, str], provider: str | None) -> None:
    """By its prefix, by the fields of an SDK, or by its beginning."""
    endpoints = {"o": endpoint("openai"), "a": endpoint("anthropic"), "g": endpoint("gemini")}
    wiring = msgspec.structs.replace(app().wiring, native={"openai": "o", "anthropic": "a", "gemini": "g"}, endpoints=endpoints)
    place = place_of(request("GET", path, **fields), wiring)
    assert place == (None if provider is None else Place(provider, path.removeprefix("/anthropic")))


def test_callers_of_one_path_share_all_that_their_heads_say_but_who_they_are() -> None:
    """Of a crowd each would otherwise have its own, far away; what a head says of its own call is its own all the same."""
    one_app, clock = app(), ManualClock()
    heads = [one_app.open(request("POST", "/v1/chat/completions", x_api_key=key.decode())) for key in (VIRTUAL, ANOTHER)]
    assert heads[0].call is heads[1].call
    body = b'{"model":"m","messages":[]}'
    asked = Request(method="POST", path="/v1/chat/completions", http_minor=1, body=body)
    assert [read_call(asked, head, clock).caller.name for head in heads] == ["someone", "another"]
    fields = {"x_omnillm_session": "s", "idempotency_key": "i-1"}
    for name, value in fields.items():
        own = one_app.open(request("POST", "/v1/chat/completions", x_api_key=VIRTUAL.decode(), **{name: value}))
        again = one_app.open(request("POST", "/v1/chat/completions", x_api_key=ANOTHER.decode(), **{name: value}))
        assert own.call is not again.call
    assert (own.call.idempotency_key.value, heads[0].call.idempotency_key, heads[0].call.session) == ("i-1", None, "")


@in_turn("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"])
def test_calls_are_posted(method: str) -> None:
    """Any other method is a 405, before anybody is authenticated."""
    for path in (*ROUTES, "/v1/models/x:streamGenerateContent"):
        if path in SESSIONS and method == "GET":
            continue  # a WebSocket begins with it
        with pytest.raises(CallerFault) as refused:
            app().open(request(method, path))
        assert (refused.value.status, refused.value.code) == (405, "method_not_allowed")


@in_turn("path", ["client_secrets", "calls", "sessions", "transcription_sessions", "calls/x/accept"])
def test_what_would_pass_the_gateway_by_is_forbidden(path: str) -> None:
    """Tokens and calls of WebRTC: nobody could meter such a session. 403, and only to those who may ask."""
    with pytest.raises(Unauthenticated):
        app().open(request("POST", f"/v1/realtime/{path}"))
    with pytest.raises(CallerFault) as refused:
        app().open(request("POST", f"/openai/v1/realtime/{path}", x_api_key=VIRTUAL.decode()))
    assert (refused.value.status, refused.value.code) == (403, "webrtc_not_supported")


@pytest.mark.parametrize("path", ["/v1alpha/auth_tokens", "/gemini/v1beta/auth_tokens", "/v1/live/sessions"])
def test_what_would_pass_the_gateway_by_elsewhere_is_forbidden_too(path: str) -> None:
    """Gemini's tokens for its live sessions, and OpenAI's newer sessions over WebRTC."""
    with pytest.raises(CallerFault) as refused:
        app().open(request("POST", path, x_api_key=VIRTUAL.decode()))
    assert (refused.value.status, refused.value.code) == (403, "webrtc_not_supported")


@in_turn("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_models_are_read(method: str) -> None:
    """A client that deletes a model is not told that it did."""
    with pytest.raises(CallerFault) as refused:
        app().open(request(method, "/v1/models/fast", x_api_key=VIRTUAL.decode()))
    assert refused.value.status == 405


def test_a_listener_serves_its_own_surface_only() -> None:
    """Calls on one, operations on the other, probes on both."""
    calls, operations = app(Surface.CALLS), app(Surface.OPERATIONS)
    for path in PROBES:
        assert calls.open(request("GET", path)).caller is operations.open(request("GET", path)).caller is None
    for path in ("/metrics", "/admin/v1/pools"):
        with pytest.raises(CallerFault) as refused:
            calls.open(request("GET", path, authorization=f"Bearer {ADMIN.decode()}"))
        assert refused.value.status == 404
    with pytest.raises(CallerFault) as refused:
        operations.open(request("POST", "/v1/messages", x_api_key=VIRTUAL.decode()))
    assert refused.value.status == 404


@in_turn(
    ("path", "model", "operation", "is_stream"),
    [
        ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", "generate", False),
        ("/v1/models/gemini-2.5-pro:streamGenerateContent", "gemini-2.5-pro", "generate", True),
        ("/gemini/v1beta/models/openai/gpt-4.1:countTokens", "openai/gpt-4.1", "count_tokens", False),
        ("/v1beta/models/ft:gpt:org:generateContent", "ft:gpt:org", "generate", False),
    ],
)
def test_the_path_of_gemini_names_model_and_method(path: str, model: str, operation: str, is_stream: bool) -> None:
    """Models may hold slashes and colons; the last colon is the method's."""
    route = inference_route(path)
    assert (route.protocol.name, route.model, route.operation, route.is_stream) == (
        "gemini_generate_content",
        model,
        operation,
        is_stream,
    )


@in_turn("path", ["/v1beta/models/:generateContent", "/v1beta/models/x:", "/v1beta/models/x:predict", "/v2/models/x:generateContent"])
def test_other_paths_of_gemini_are_no_calls(path: str) -> None:
    """No model, no method, a method that is not served, another version."""
    assert inference_route(path) is None


def test_a_providers_own_path_for_inference_is_a_route_to_that_provider() -> None:
    """In a protocol that it speaks, or a wire format of a family that it has; all else is its native calls'."""
    for kind, path, found in (
        ("openai", "/v1/chat/completions", ("openai_chat", "generate", "", False)),
        ("openai", "/embeddings", ("openai_embeddings", "embeddings", "", False)),
        ("gemini", "/v1beta/models/gemini-x:streamGenerateContent", ("gemini_generate_content", "generate", "gemini-x", True)),
        ("bedrock", "/model/claude-x/converse", ("bedrock_converse", "generate", "claude-x", False)),
    ):
        route = provider_route("mine", KINDS[kind], path)
        assert route is not None
        assert (route.protocol.name, route.operation, route.model, route.is_stream) == found
        assert route.provider == "mine"
    assert provider_route("mine", KINDS["openai"], "/files") is None
    assert provider_route("mine", KINDS["anthropic"], "/messages/batches") is None


def test_errors_are_told_in_the_protocol_of_the_path() -> None:
    """Where the path is nobody's, by what the client's SDK sends along; below a provider's name, of what stands there."""
    for path, headers, name in (
        ("/v1/chat/completions", {}, "openai_chat"),
        ("/v1/responses/resp_1", {}, "openai_responses"),
        ("/v1/messages/batches", {}, "anthropic_messages"),
        ("/v1/anything", {b"anthropic-version": b"2023-06-01"}, "anthropic_messages"),
        ("/v1beta/anything", {}, "gemini_generate_content"),
        ("/v1/models", {b"x-goog-api-key": b"k"}, "gemini_generate_content"),
        ("/", {}, "openai_chat"),
        ("/providers/claude/v1/messages", {}, "anthropic_messages"),
        ("/providers/any/v1/models/x:generateContent", {}, "gemini_generate_content"),
        ("/providers/aws/model/x/converse", {}, "bedrock_converse"),
    ):
        assert protocol_of(without_prefix(path), headers).name == name
