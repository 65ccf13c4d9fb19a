import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.in_turn import in_turn

from omnillm.errors import ConfigError
from omnillm.providers.auth_scheme import Bearer, Header, Query
from omnillm.providers.heads import MOST_LINES, RequestLines, Sender, reply_fields, request_id_of
from omnillm.providers.kinds import endpoint
from omnillm.providers.passing import Fields
from omnillm.secret import Secret

CLIENT = {
    b"host": b"127.0.0.1:4000",
    b"accept": b"application/json",
    b"accept-encoding": b"gzip, deflate",
    b"content-type": b"application/x-www-form-urlencoded",
    b"content-length": b"17",
    b"user-agent": b"OpenAI/Python 3.54.0",
    b"x-stainless-lang": b"python",
    b"x-stainless-unheard-of": b"1",
    b"openai-beta": b"assistants=v2",
    b"anthropic-beta": b"a,b",
    b"idempotency-key": b"i-1",
}
CREDENTIALS = {
    **dict.fromkeys((b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"cookie", b"proxy-authorization"), b"canary"),
    **dict.fromkeys((b"x-forwarded-for", b"forwarded", b"via", b"x-real-ip", b"x-amz-security-token", b"x-omnillm-session"), b"canary"),
    **dict.fromkeys((b"openai-organization", b"openai-project", b"connection", b"te", b"transfer-encoding", b"upgrade"), b"canary"),
}


def head(made, headers=CLIENT, *, protocol="openai_chat", operation="generate", model="m", is_stream=False, secret="sk-1"):
    written = Sender(made, Secret(secret)).head(headers, (protocol, operation, model, is_stream, ""))
    assert written.endswith(b"\r\n")
    assert b"\r\n\r\n" not in written
    line, *fields = written.decode("latin-1").removesuffix("\r\n").split("\r\n")
    names = [field.partition(": ")[0] for field in fields]
    assert len(set(names)) == len(names)
    return line, dict(field.split(": ", 1) for field in fields)


def test_the_head_is_the_providers_line_host_and_credential_with_the_clients_allowed_fields():
    """Field by field; the body is JSON whatever its sender called it, and nothing comes back compressed."""
    line, fields = head(endpoint("openai"))
    assert line == "POST /v1/chat/completions HTTP/1.1"
    assert fields == {
        "host": "api.openai.com",
        "authorization": "Bearer sk-1",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "accept": "application/json",
        "user-agent": "OpenAI/Python 3.54.0",
        "x-stainless-lang": "python",
        "x-stainless-unheard-of": "1",
        "openai-beta": "assistants=v2",
        "anthropic-beta": "a,b",
        "idempotency-key": "i-1",
    }


def test_a_translated_call_says_nothing_that_only_the_clients_protocol_understands():
    """And what the provider's own protocol must be told is said in its place, whatever the client's said; written once for all that share it."""
    fields = Fields({**CLIENT, b"anthropic-version": b"of the client"})
    sender = Sender(endpoint("anthropic"), Secret("sk-1"))
    heads = [
        sender.head(fields, ("anthropic_messages", "generate", "m", False, ""), is_translated=is_translated)
        for is_translated in (True, False, True)
    ]
    assert heads[0] == heads[2] != heads[1]
    assert len(fields.written) == 2
    told = heads[0].split(b"\r\n")
    assert {line for line in told if line.startswith((b"x-stainless-", b"openai-", b"anthropic-"))} == {b"anthropic-version: 2023-06-01"}
    assert {b"accept: application/json", b"user-agent: OpenAI/Python 3.54.0", b"idempotency-key: i-1"} < set(told)
    assert b"anthropic-version: of the client" in heads[1].split(b"\r\n")


@in_turn("kind", ["openai", "anthropic", "gemini"])
def test_no_credential_cookie_or_forwarding_field_of_the_client_goes_upstream(kind):
    """Whatever name it has."""
    made = endpoint(kind)
    line, fields = head(made, CREDENTIALS, protocol=made.protocols[0])
    assert "canary" not in line + repr(fields)


def test_each_kind_carries_its_key_its_own_way():
    """Bearer, header, or query, percent-encoded and after what is there."""
    assert head(endpoint("anthropic"), protocol="anthropic_messages")[1]["x-api-key"] == "sk-1"
    assert head(endpoint("gemini"), protocol="gemini_generate_content")[1]["x-goog-api-key"] == "sk-1"
    assert head(endpoint("openai", auth=Header("X-Token")))[1]["x-token"] == "sk-1"
    line, fields = head(endpoint("gemini", auth=Query("key")), protocol="gemini_generate_content", is_stream=True, secret="a&b=c")
    assert line == "POST /v1beta/models/m:streamGenerateContent?alt=sse&key=a%26b%3Dc HTTP/1.1"
    assert not {"authorization", "x-goog-api-key"} & set(fields)
    assert head(endpoint("openai", auth=Query("k")))[0] == "POST /v1/chat/completions?k=sk-1 HTTP/1.1"


def test_the_clients_anthropic_version_wins_over_the_default_and_the_configured_one_over_both():
    """A client that speaks the newer version must be heard."""

    def version(client, **overrides):
        return head(endpoint("anthropic", **overrides), client, protocol="anthropic_messages")[1]["anthropic-version"]

    assert version({}) == "2023-06-01"
    assert version({b"anthropic-version": b"2026-10-21"}) == "2026-10-21"
    configured = (("Anthropic-Version", Secret("2024-01-01")),)
    assert version({b"anthropic-version": b"2026-10-21"}, headers=configured) == "2024-01-01"
    assert version({}, headers=configured) == "2024-01-01"


def test_configured_headers_win_over_the_clients():
    """Among them one that would pass by its prefix."""
    made = endpoint("openai", headers=(("User-Agent", Secret("mine")), ("x-stainless-unheard-of", Secret("2")), ("x-title", Secret("t"))))
    fields = head(made)[1]
    assert (fields["user-agent"], fields["x-stainless-unheard-of"], fields["x-title"]) == ("mine", "2", "t")


def test_a_list_of_models_is_got_without_a_body():
    """GET has no content type."""
    line, fields = head(endpoint("openai"), operation="models")
    assert line == "GET /v1/models HTTP/1.1"
    assert "content-type" not in fields


def test_heads_of_many_models_are_kept_in_bounded_memory():
    """Names of models can come from strangers."""
    made = endpoint("gemini")
    lines = RequestLines(made)
    sender = Sender(made, Secret("k"), lines)
    for number in range(2000):
        written = sender.head({}, ("gemini_generate_content", "generate", f"m{number}", False, ""))
        assert f"/m{number}:".encode() in written
    assert len(lines) <= MOST_LINES


@in_turn("auth", [Bearer(), Header("x-api-key"), Query("key")])
def test_keys_that_share_their_request_lines_send_each_its_own_secret(auth):
    """Whichever of them was asked first, and wherever the secret stands."""
    made = replace(endpoint("openai"), auth=auth)
    lines = RequestLines(made)
    senders = [Sender(made, Secret(f"sk-{number}"), lines) for number in range(2)]
    asked = ("openai_chat", "generate", "m", False, "")
    for number in (0, 1, 0):
        written = senders[number].head({}, asked)
        assert written == Sender(made, Secret(f"sk-{number}")).head({}, asked)
        assert b"sk-%d" % number in written
        assert b"sk-%d" % (1 - number) not in written


@in_turn("secret", ["a\r\nx: y", "a\nb", "schlüssel", "\x00"])
def test_a_key_that_would_break_the_head_is_refused_without_being_shown(secret):
    """The library takes keys that no configuration has checked."""
    with pytest.raises(ConfigError) as caught:
        Sender(endpoint("openai"), Secret(secret))
    assert secret not in str(caught.value)


@in_turn("name", ["", "a b", "a:b", "ä", "a\r\n", "host", "Content-Length", "transfer-encoding", "authorization", "connection"])
def test_a_header_that_is_not_the_users_to_set_is_refused(name):
    """Framing, routing and the credential are ours."""
    with pytest.raises(ConfigError) as caught:
        endpoint("openai", headers=((name, Secret("x")),))
    assert caught.value.path == "headers"


@in_turn("auth", [Header(""), Header("a b"), Header("host"), Query(""), Query("ä"), Query("a\n")])
def test_an_auth_scheme_that_cannot_be_written_is_refused(auth):
    """At start, not at the first call."""
    with pytest.raises(ConfigError):
        endpoint("openai", auth=auth)


def test_replies_keep_only_what_a_client_may_see():
    """No cookie, organisation, rate limit of the key or server name, and the request id under a name of ours."""
    kept = reply_fields(
        {
            b"content-type": b"text/event-stream",
            b"openai-processing-ms": b"12",
            b"openai-version": b"2020-10-01",
            **dict.fromkeys(
                (b"set-cookie", b"openai-organization", b"openai-project", b"anthropic-organization-id", b"cf-ray", b"server", b"via"),
                b"canary",
            ),
            **dict.fromkeys((b"x-request-id", b"request-id"), b"req_1"),
            **dict.fromkeys((b"x-ratelimit-remaining-tokens", b"anthropic-ratelimit-tokens-limit"), b"canary"),
            **dict.fromkeys((b"retry-after", b"content-length", b"transfer-encoding", b"content-encoding", b"connection"), b"canary"),
        },
    )
    assert kept == (
        b"content-type: text/event-stream\r\nopenai-processing-ms: 12\r\nopenai-version: 2020-10-01\r\n"
        b"x-omnillm-upstream-request-id: req_1\r\n"
    )
    assert reply_fields({}) == b""


def test_a_providers_request_id_is_kept_as_it_is_or_not_at_all():
    """Whatever it is called, and whoever asks; neither the ledger nor a client gets a flood, nor what no text is."""
    for name in (b"x-request-id", b"request-id", b"x-amzn-requestid"):
        assert request_id_of({name: b"req_1"}) == "req_1"
        assert reply_fields({name: b"req_1"}) == b"x-omnillm-upstream-request-id: req_1\r\n"
    for odd in (b"r" * 129, b"r\xff", b""):
        assert (request_id_of({b"request-id": odd}), reply_fields({b"request-id": odd})) == ("", b"")
    assert request_id_of({}) == ""


@given(
    st.dictionaries(
        st.text(alphabet="abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20).map(str.encode)
        | st.sampled_from([*CLIENT, *CREDENTIALS, b"x-stainless-", b"anthropic-version"]),
        st.just(b"canary"),
        max_size=20,
    ),
)
def test_only_allowed_names_pass_whatever_a_client_sends(headers):
    """Every field upstream is on the list, and once."""
    allowed = {"accept", "anthropic-beta", "anthropic-version", "idempotency-key", "openai-beta", "user-agent"}
    _, fields = head(endpoint("openai"), headers)
    passed = {name for name, value in fields.items() if value == "canary"}
    assert all(name in allowed or name.startswith("x-stainless-") for name in passed)
