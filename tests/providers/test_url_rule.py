from urllib.parse import unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, ConfigError
from omnillm.providers.kinds import endpoint
from omnillm.providers.url_rule import request_target
from omnillm.secret import Secret

GEMINI = "gemini_generate_content"


def target(kind, base_url, protocol, operation="generate", *, model="m", is_stream=False, **overrides):
    made = endpoint(kind, base_url=Secret(base_url) if base_url else None, **overrides)
    return request_target(made, protocol, operation, model=model, is_stream=is_stream).decode()


@in_turn(
    ("kind", "protocol", "operation", "is_stream", "expected"),
    [
        ("openai", "openai_chat", "generate", True, "/v1/chat/completions"),
        ("openai", "openai_responses", "generate", False, "/v1/responses"),
        ("openai", "openai_responses", "count_tokens", False, "/v1/responses/input_tokens"),
        ("openai", "openai_chat", "models", False, "/v1/models"),
        ("anthropic", "anthropic_messages", "generate", False, "/v1/messages"),
        ("anthropic", "anthropic_messages", "count_tokens", False, "/v1/messages/count_tokens"),
        ("gemini", GEMINI, "generate", False, "/v1beta/models/m:generateContent"),
        ("gemini", GEMINI, "generate", True, "/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("gemini", GEMINI, "count_tokens", False, "/v1beta/models/m:countTokens"),
        ("gemini", GEMINI, "models", False, "/v1beta/models"),
        ("groq", "openai_chat", "generate", False, "/openai/v1/chat/completions"),
        ("fireworks", "openai_responses", "generate", False, "/inference/v1/responses"),
        ("openrouter", "openai_chat", "generate", True, "/api/v1/chat/completions"),
        ("perplexity", "openai_responses", "generate", False, "/v1/responses"),
        ("ollama", "openai_chat", "generate", False, "/v1/chat/completions"),
    ],
)
def test_each_kind_is_asked_at_its_own_address(kind, protocol, operation, is_stream, expected):
    """The official paths."""
    assert target(kind, "", protocol, operation, is_stream=is_stream) == expected


@in_turn(
    ("base_url", "expected"),
    [
        ("https://h", "/v1/chat/completions"),
        ("https://h/", "/v1/chat/completions"),
        ("https://h:8443/v2", "/v2/chat/completions"),
        ("https://h/openai/v1/", "/openai/v1/chat/completions"),
        ("https://h/v1/chat/completions", "/v1/chat/completions"),
        ("https://h/v1/chat/completions/", "/v1/chat/completions"),
        ("https://h/chat/completions", "/chat/completions"),
        ("https://h/v1/responses", "/v1/chat/completions"),
        ("https://h/models", "/models/chat/completions"),
        ("https://h/x?api-version=1", "/x/chat/completions?api-version=1"),
        ("https://h?a=b", "/v1/chat/completions?a=b"),
        ("https://[::1]:8080/v1", "/v1/chat/completions"),
        (" https://h/v1 ", "/v1/chat/completions"),
    ],
)
def test_a_base_url_is_completed_only_as_far_as_needed(base_url, expected):
    """Version segment without a path; the operation once; query kept; trailing slash trimmed."""
    assert target("openai", base_url, "openai_chat") == expected


@in_turn(
    ("base_url", "expected"),
    [
        ("https://h", "/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("https://h/v1", "/v1/models/m:streamGenerateContent?alt=sse"),
        ("https://h/v1?x=y", "/v1/models/m:streamGenerateContent?x=y&alt=sse"),
        ("https://h/v1?alt=sse", "/v1/models/m:streamGenerateContent?alt=sse"),
        ("https://h/v1beta/models/other:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("https://h/v1/models", "/v1/models/m:streamGenerateContent?alt=sse"),
    ],
)
def test_a_gemini_stream_asks_for_server_sent_events(base_url, expected):
    """Once, whatever the base URL's query holds; a pasted example URL works too."""
    assert target("gemini", base_url, GEMINI, is_stream=True) == expected


def test_a_counting_path_is_not_mistaken_for_its_prefix():
    """`/messages/count_tokens` ends with no operation but its own."""
    assert target("anthropic", "https://h/v1/messages", "anthropic_messages", "count_tokens") == "/v1/messages/count_tokens"
    assert target("anthropic", "https://h/v1/messages/count_tokens", "anthropic_messages") == "/v1/messages"


@in_turn(
    ("base_url", "is_stream", "expected"),
    [
        ("https://h/any/where?k=v", True, "/any/where?k=v"),
        ("https://h", False, "/"),
        ("https://h/p/{model}:{method}", False, "/p/a/b%3Ac:generateContent"),
        ("https://h/p/{model}:{method}", True, "/p/a/b%3Ac:streamGenerateContent?alt=sse"),
        ("https://h/p/{model}:{method}?alt=json", True, "/p/a/b%3Ac:streamGenerateContent?alt=json"),
        ("https://h/p?m={model}&d={method}", False, "/p?m=a%2Fb%3Ac&d=generateContent"),
    ],
)
def test_a_compat_url_is_the_whole_url(base_url, is_stream, expected):
    """Only the model and the method are filled in."""
    assert target("gemini", base_url, GEMINI, model="a/b:c", is_stream=is_stream, is_compat=True) == expected


@in_turn(
    ("model", "expected"),
    [
        ("gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("models/gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("tunedModels/x-1", "/v1beta/tunedModels/x-1:generateContent"),
        ("a b?c#d%2F", "/v1beta/models/a%20b%3Fc%23d%252F:generateContent"),
        ("{method}", "/v1beta/models/%7Bmethod%7D:generateContent"),
    ],
)
def test_gemini_names_keep_their_collection(model, expected):
    """And cannot become a query, a fragment or another path."""
    assert target("gemini", "", GEMINI, model=model) == expected


@given(model=st.text(max_size=60) | st.text(alphabet="./%?#: \r\n\\", max_size=20), is_stream=st.booleans())
def test_no_model_name_escapes_its_place(model, is_stream):
    """Whatever a caller asks for: refused, or one target below the collection, in printable ASCII."""
    try:
        made = target("gemini", "", GEMINI, model=model, is_stream=is_stream)
    except BadRequest:
        return
    path = urlsplit(f"https://h{made}").path
    assert made.isascii()
    assert made.isprintable()
    assert " " not in made
    assert not {".", ".."} & set(unquote(path).split("/")) or "%2" in path.lower()
    assert path.startswith(("/v1beta/models/", "/v1beta/tunedModels/"))


@in_turn(
    ("base_url", "version", "protocol", "expected"),
    [
        ("https://r.openai.azure.com", "", "openai_chat", "/openai/v1/chat/completions"),
        ("https://r.openai.azure.com/openai/v1", "", "openai_responses", "/openai/v1/responses"),
        ("https://r.openai.azure.com", "preview", "openai_chat", "/openai/v1/chat/completions?api-version=preview"),
        ("https://r.openai.azure.com", "2024-10-21", "openai_chat", "/openai/deployments/a%20b/chat/completions?api-version=2024-10-21"),
        ("https://h/apim/openai", "2025-04-01-preview", "openai_responses", "/apim/openai/responses?api-version=2025-04-01-preview"),
        ("https://h?x=1", "2024-10-21", "openai_chat", "/openai/deployments/a%20b/chat/completions?x=1&api-version=2024-10-21"),
    ],
)
def test_azure_is_asked_by_deployment_where_the_version_is_dated(base_url, version, protocol, expected):
    """And at its newer address otherwise."""
    assert target("azure_openai", base_url, protocol, model="a b", api_version=version) == expected


@given(base_url=st.text(max_size=60) | st.text(alphabet="htps:/@[]?#{}.1 ", max_size=30).map("http://".__add__), is_compat=st.booleans())
def test_no_base_url_raises_anything_but_a_config_error(base_url, is_compat):
    """And one that is accepted yields a target."""
    try:
        made = endpoint("openai_compatible", base_url=Secret(base_url), is_compat=is_compat)
    except ConfigError:
        return
    assert request_target(made, "openai_chat", "generate", model="m").startswith(b"/")
    assert made.origin_url.startswith("http")
