import pytest

from omnillm.errors import ConfigError
from omnillm.providers.kinds import KINDS, endpoint
from omnillm.secret import Secret

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
    "perplexity": ("https://api.perplexity.ai", ("openai_responses",)),
    "cerebras": ("https://api.cerebras.ai", CHAT),
    "ollama": ("http://127.0.0.1:11434", CHAT),
    "vllm": ("http://127.0.0.1:8000", CHAT),
    "lm_studio": ("http://127.0.0.1:1234", CHAT),
}


def test_each_kind_has_its_origin_and_protocols():
    """The first protocol is the default."""
    told = {kind: (profile.origin_url, profile.protocols) for kind, profile in KINDS.items() if profile.base_url}
    assert told == PRESETS | {
        "openai": ("https://api.openai.com", ("openai_chat", "openai_responses")),
        "anthropic": ("https://api.anthropic.com", ("anthropic_messages",)),
        "gemini": ("https://generativelanguage.googleapis.com", (GEMINI, "gemini_interactions")),
    }


@pytest.mark.parametrize("protocol", ["", "bedrock_converse"])
def test_a_custom_host_is_told_what_it_may_speak(protocol):
    """Whoever asks for a protocol that it cannot have gets the same list as who names none."""
    with pytest.raises(ConfigError) as refused:
        endpoint("custom", base_url=Secret("https://h/x"), protocol=protocol)
    assert refused.value.path == "protocol"
    assert "openai_chat, openai_responses, anthropic_messages, gemini_generate_content" in refused.value.message
    assert "gemini_generate_content, bedrock_converse" not in refused.value.message
