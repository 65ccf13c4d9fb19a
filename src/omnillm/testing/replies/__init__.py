"""What the fake provider says in each protocol."""

from omnillm.testing.replies import (
    anthropic_messages,
    bedrock_converse,
    bedrock_invoke,
    gemini_generate_content,
    gemini_interactions,
    openai_chat,
    openai_responses,
    vertex_ai,
)
from omnillm.testing.replies.speaker import Speaker

OPENAI_CHAT = openai_chat.SPEAKER
OPENAI_RESPONSES = openai_responses.SPEAKER
ANTHROPIC_MESSAGES = anthropic_messages.SPEAKER
GEMINI_GENERATE_CONTENT = gemini_generate_content.SPEAKER
GEMINI_INTERACTIONS = gemini_interactions.SPEAKER
BEDROCK_CONVERSE = bedrock_converse.SPEAKER
BEDROCK_COUNTED = bedrock_invoke.COUNTED
BEDROCK_INVOKED = bedrock_invoke.CLAUDE
BEDROCK_LLAMA = bedrock_invoke.LLAMA
BEDROCK = (BEDROCK_CONVERSE, BEDROCK_COUNTED, BEDROCK_INVOKED, BEDROCK_LLAMA)
VERTEX_CLAUDE = vertex_ai.CLAUDE
VERTEX_COUNTED = vertex_ai.COUNTED

# fmt: off
__all__ = [
    "ANTHROPIC_MESSAGES", "BEDROCK", "BEDROCK_CONVERSE", "BEDROCK_COUNTED", "BEDROCK_INVOKED", "BEDROCK_LLAMA", "GEMINI_GENERATE_CONTENT",
    "GEMINI_INTERACTIONS", "OPENAI_CHAT", "OPENAI_RESPONSES", "VERTEX_CLAUDE", "VERTEX_COUNTED", "Speaker",
]
# fmt: on
