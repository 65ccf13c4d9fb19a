from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, ConfigError
from omnillm.providers.kinds import KINDS, endpoint
from omnillm.providers.urls import path_name
from omnillm.secret import Secret


def target(kind, base_url, protocol, operation="generate", *, model="m", is_stream=False, **overrides):
    made = endpoint(kind, base_url=Secret(base_url) if base_url else None, **overrides)
    return made.target(protocol, operation, model=model, is_stream=is_stream).decode()


GEMINI = "gemini_generate_content"
CHAT, BOTH = ("openai_chat",), ("openai_chat", "openai_responses")
PRESETS = {
    "groq": ("https://api.groq.com", BOTH),
    "mistral": ("https://api.mistral.ai", CHAT),
    "deepseek": ("https://api.deepseek.com", CHAT),
    "together": ("https://api.together.xyz", CHAT),
    "fireworks": ("https://api.fireworks.ai", BOTH),
    "openrouter": ("https://openrouter.ai", CHAT),
    "xai": ("https://api.x.ai", BOTH),
    "perplexity": ("https://api.perplexity.ai", CHAT),
    "cerebras": ("https://api.cerebras.ai", CHAT),
    "ollama": ("http://127.0.0.1:11434", CHAT),
    "vllm": ("http://127.0.0.1:8000", CHAT),
    "lm_studio": ("http://127.0.0.1:1234", CHAT),
}


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
        ("perplexity", "openai_chat", "generate", False, "/chat/completions"),
        ("ollama", "openai_chat", "generate", False, "/v1/chat/completions"),
    ],
)
def test_each_kind_is_asked_at_its_own_address(kind, protocol, operation, is_stream, expected):
    """The official paths."""
    assert target(kind, "", protocol, operation, is_stream=is_stream) == expected


def test_each_kind_has_its_origin_and_protocols():
    """The first protocol is the default."""
    told = {kind: (profile.origin_url, profile.protocols) for kind, profile in KINDS.items() if profile.base_url}
    assert told == PRESETS | {
        "openai": ("https://api.openai.com", ("openai_chat", "openai_responses")),
        "anthropic": ("https://api.anthropic.com", ("anthropic_messages",)),
        "gemini": ("https://generativelanguage.googleapis.com", (GEMINI,)),
    }


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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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


def test_a_compat_url_counts_tokens_only_where_the_method_is_filled_in():
    """One fixed URL is one operation, of one protocol."""
    fixed = endpoint("gemini", base_url=Secret("https://h/x"), is_compat=True)
    filled = endpoint("gemini", base_url=Secret("https://h/{method}"), is_compat=True)
    assert (fixed.speaks(GEMINI, "count_tokens"), filled.speaks(GEMINI, "count_tokens")) == (False, True)
    assert endpoint("openai", base_url=Secret("https://h/x"), is_compat=True).protocols == ("openai_chat",)


@pytest.mark.parametrize(
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


@pytest.mark.parametrize("model", ["", "..", "../x", "a/../b", "a//b", "/a", "a/", "./a", "\ud800"])
def test_a_model_name_that_could_leave_its_place_is_the_callers_fault(model):
    """A server would resolve the dots."""
    with pytest.raises(BadRequest):
        path_name(model)


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
    ("base_url", "told"),
    [
        ("h", "like https"),
        ("https://", "like https"),
        ("ftp://h", "like https"),
        ("//h/x", "like https"),
        ("https://h:x", "is not a URL"),
        ("https://h:99999", "is not a URL"),
        ("https://h:0", "like https"),
        ("https://[::1", "is not a URL"),
        ("https://u:p@h", "no user, password"),
        ("https://h/#x", "no user, password or fragment"),
        ("https://h/a b", "without spaces"),
        ("https://h/\r\nx", "without spaces"),
        ("https://hé", "ASCII"),
        ("https://h/{model}", "need compat"),
        ("https://{model}/x", "need compat"),
    ],
)
def test_a_base_url_that_cannot_work_is_refused(base_url, told):
    """With a reason that repeats nothing of it."""
    with pytest.raises(ConfigError, match=told) as caught:
        endpoint("openai", base_url=Secret(base_url))
    assert caught.value.path == "base_url"


@pytest.mark.parametrize("base_url", ["https://h/{modle}", "https://h/{", "https://{model}/x", "https://h/}{model}"])
def test_a_compat_url_holds_no_other_place(base_url):
    """A typing error would be sent as it stands."""
    with pytest.raises(ConfigError, match="can be filled in, after the host"):
        endpoint("openai", base_url=Secret(base_url), is_compat=True)


@given(base_url=st.text(max_size=60) | st.text(alphabet="htps:/@[]?#{}.1 ", max_size=30).map("http://".__add__), is_compat=st.booleans())
def test_no_base_url_raises_anything_but_a_config_error(base_url, is_compat):
    """And one that is accepted yields a target."""
    try:
        made = endpoint("openai_compatible", base_url=Secret(base_url), is_compat=is_compat)
    except ConfigError:
        return
    assert made.target("openai_chat", "generate", model="m").startswith(b"/")
    assert made.origin_url.startswith("http")


def test_the_repr_of_an_endpoint_shows_no_url_or_header_value():
    """People put credentials into both."""
    made = endpoint("openai", base_url=Secret("https://h/v1?key=canary"), headers=(("x-token", Secret("canary")),))
    assert "canary" not in repr(made)
    assert made.origin_url == "https://h"


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(("kind", "version"), [("openai", "2024-10-21"), ("azure_openai", "v1"), ("azure_openai", "2024-10-21&x=y")])
def test_a_version_that_is_none_is_refused(kind, version):
    with pytest.raises(ConfigError) as refused:
        endpoint(kind, base_url=Secret("https://h"), api_version=version)
    assert refused.value.path == "api_version"


@pytest.mark.parametrize(
    "base_url",
    ["https://h/openai/v1", "https://h/openai/deployments/d/chat/completions", "https://h/openai?api-version=2024-02-01"],
)
def test_an_azure_address_that_no_dated_version_can_follow_is_refused(base_url):
    """As it is copied from a portal, it would be asked at a path that is not there."""
    with pytest.raises(ConfigError) as refused:
        endpoint("azure_openai", base_url=Secret(base_url), api_version="2024-10-21")
    assert refused.value.path == "api_version"
    assert "base_url" in refused.value.message


@pytest.mark.parametrize("protocol", ["", "bedrock_converse"])
def test_a_custom_host_is_told_what_it_may_speak(protocol):
    """Whoever asks for a protocol that it cannot have gets the same list as who names none."""
    with pytest.raises(ConfigError) as refused:
        endpoint("custom", base_url=Secret("https://h/x"), protocol=protocol)
    assert refused.value.path == "protocol"
    assert "openai_chat, openai_responses, anthropic_messages, gemini_generate_content" in refused.value.message
    assert "gemini_generate_content, bedrock_converse" not in refused.value.message
