from omnillm.providers.kinds import endpoint
from omnillm.secret import Secret

GEMINI = "gemini_generate_content"


def test_a_compat_url_counts_tokens_only_where_the_method_is_filled_in():
    """One fixed URL is one operation, of one protocol."""
    fixed = endpoint("gemini", base_url=Secret("https://h/x"), is_compat=True)
    filled = endpoint("gemini", base_url=Secret("https://h/{method}"), is_compat=True)
    assert (fixed.speaks(GEMINI, "count_tokens"), filled.speaks(GEMINI, "count_tokens")) == (False, True)
    assert endpoint("openai", base_url=Secret("https://h/x"), is_compat=True).protocols == ("openai_chat",)


def test_the_repr_of_an_endpoint_shows_no_url_or_header_value():
    """People put credentials into both."""
    made = endpoint("openai", base_url=Secret("https://h/v1?key=canary"), headers=(("x-token", Secret("canary")),))
    assert "canary" not in repr(made)
    assert made.origin_url == "https://h"
