"""Names of the wire protocols, in every spelling that the crate `omnillm` accepted."""

from omnillm.errors import ConfigError
from omnillm.spelling import hint

OPENAI_CHAT = "openai_chat"
OPENAI_RESPONSES = "openai_responses"
ANTHROPIC_MESSAGES = "anthropic_messages"
GEMINI_GENERATE_CONTENT = "gemini_generate_content"
GEMINI_INTERACTIONS = "gemini_interactions"
BEDROCK_CONVERSE = "bedrock_converse"
BEDROCK_INVOKE = "bedrock_invoke"
"""Spoken only at Bedrock's own paths: it cannot be pinned, and nothing is translated into it."""
PROTOCOL_NAMES = (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT, GEMINI_INTERACTIONS, BEDROCK_CONVERSE)

SPELLINGS = {
    **{name: name for name in PROTOCOL_NAMES},
    "chat_completions": OPENAI_CHAT,
    "openai_chat_completions": OPENAI_CHAT,
    "open_ai_chat_completions": OPENAI_CHAT,
    "responses": OPENAI_RESPONSES,
    "open_ai_responses": OPENAI_RESPONSES,
    "claude_messages": ANTHROPIC_MESSAGES,
    "interactions": GEMINI_INTERACTIONS,
    "converse": BEDROCK_CONVERSE,
}
COMPAT_SUFFIX = "_compat"


def meant_by(text: str) -> str:
    """The protocol that a spelling means, in any case, with `_compat` or without; "": none."""
    return SPELLINGS.get(text.strip().lower().removesuffix(COMPAT_SUFFIX), "")


def parse_protocol(text: str) -> tuple[str, bool]:
    """Return the protocol's name, and whether a `_compat` spelling said that the base URL is the whole URL; any case."""
    spelt, name = text.strip().lower(), meant_by(text)
    if not name:
        close = hint(spelt, PROTOCOL_NAMES)
        known = "" if "valid:" in close else f" (valid: {', '.join(PROTOCOL_NAMES)}, each also with {COMPAT_SUFFIX})"
        raise ConfigError(f"unknown protocol {text[:64]!r}{close}{known}", path="protocol")
    return name, spelt.endswith(COMPAT_SUFFIX)
