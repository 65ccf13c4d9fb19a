"""The wire protocols by name: adding one means adding a line here."""

from omnillm.protocols import (
    anthropic_messages,
    bedrock_converse,
    bedrock_invoke,
    gemini_generate_content,
    gemini_interactions,
    openai_chat,
    openai_responses,
)
from omnillm.protocols.protocol import Protocol

PROTOCOLS: dict[str, Protocol] = {
    package.PROTOCOL.name: package.PROTOCOL
    for package in (
        openai_chat,
        openai_responses,
        anthropic_messages,
        gemini_generate_content,
        gemini_interactions,
        bedrock_converse,
        bedrock_invoke,
    )
}
