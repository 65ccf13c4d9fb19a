"""What the fake provider says in each protocol."""

from omnillm.testing.replies import anthropic_messages, gemini_generate_content, openai_chat, openai_responses
from omnillm.testing.replies.speaker import Speaker

OPENAI_CHAT = openai_chat.SPEAKER
OPENAI_RESPONSES = openai_responses.SPEAKER
ANTHROPIC_MESSAGES = anthropic_messages.SPEAKER
GEMINI_GENERATE_CONTENT = gemini_generate_content.SPEAKER

__all__ = ["ANTHROPIC_MESSAGES", "GEMINI_GENERATE_CONTENT", "OPENAI_CHAT", "OPENAI_RESPONSES", "Speaker"]
