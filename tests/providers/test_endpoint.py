from omnillm.providers.kinds import endpoint
from omnillm.secret import Secret

GEMINI = "gemini_generate_content"


def test_a_compat_url_counts_tokens_only_where_the_method_is_filled_in():
    """One fixed URL is one operation, of one protocol."""
    fixed = endpoint("gemini", base_url=Secret("https://h/x"), is_compat=True)
    filled = endpoint("gemini", base_url=Secret("https://h/{method}"), is_compat=True)
    assert (fixed.speaks(GEMINI, "count_tokens"), filled.speaks(GEMINI, "count_tokens")) == (False, True)
    assert endpoint("openai", base_url=Secret("https://h/x"), is_compat=True).protocols == ("openai_chat",)


def test_a_host_without_a_count_of_its_protocol_is_not_asked_for_one():
    """Perplexity speaks Responses, and has no address that counts."""
    made = endpoint("perplexity")
    assert made.speaks("openai_responses", "generate", model="sonar")
    assert made.counts_in("openai_responses", model="sonar") == made.counts_in("anthropic_messages", model="sonar") == ""


def test_the_repr_of_an_endpoint_shows_no_url_or_header_value():
    """People put credentials into both."""
    made = endpoint("openai", base_url=Secret("https://h/v1?key=canary"), headers=(("x-token", Secret("canary")),))
    assert "canary" not in repr(made)
    assert made.origin_url == "https://h"
