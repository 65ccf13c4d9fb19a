import pytest
from tests.in_turn import in_turn

from omnillm.errors import ConfigError
from omnillm.protocols.protocol_names import PROTOCOL_NAMES, parse_protocol
from omnillm.providers.kinds import endpoint
from omnillm.providers.url_rule import request_target
from omnillm.secret import Secret

CRATE = {
    "openai_responses": ("responses", "openai_responses", "open_ai_responses"),
    "openai_chat": ("chat_completions", "openai_chat_completions", "open_ai_chat_completions", "openai_chat"),
    "anthropic_messages": ("claude_messages", "anthropic_messages"),
    "gemini_generate_content": ("gemini_generate_content",),
}


@in_turn(("name", "spelling"), [(name, each) for name, spellings in CRATE.items() for each in spellings])
def test_every_spelling_of_the_crate_is_accepted(name, spelling):
    """In any case, with blanks around it, and with `_compat`."""
    assert parse_protocol(spelling) == (name, False)
    assert parse_protocol(f" {spelling.upper()} ") == (name, False)
    assert parse_protocol(f"{spelling}_compat") == (name, True)


@in_turn("text", ["", "openai", "claude_message", "_compat", "openai_chat_compat_compat", "x" * 500])
def test_an_unknown_protocol_is_answered_with_the_valid_ones(text):
    """All of them, in a line."""
    with pytest.raises(ConfigError) as caught:
        parse_protocol(text)
    assert all(name in caught.value.message for name in PROTOCOL_NAMES)
    assert len(caught.value.message) < 400


def test_a_compat_spelling_makes_the_base_url_whole():
    """As the crate's endpoint protocols did."""
    made = endpoint("openai_compatible", base_url=Secret("https://h/x"), protocol="Responses_Compat")
    assert (made.protocols, made.is_compat, request_target(made, "openai_responses", "generate")) == (("openai_responses",), True, b"/x")
