"""The protocols by name."""

from omnillm.protocols.registry import PROTOCOLS


def test_every_protocol_stands_under_its_own_name():
    """Configuration and paths name them so."""
    assert set(PROTOCOLS) == {
        "openai_chat",
        "openai_responses",
        "anthropic_messages",
        "gemini_generate_content",
        "bedrock_converse",
        "bedrock_invoke",
    }
    assert all(name == protocol.name for name, protocol in PROTOCOLS.items())
