"""A count of tokens as each protocol's clients read it, whoever counted."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

COUNTS: Final[Mapping[str, Callable[[int], dict[str, object]]]] = {
    "openai_responses": lambda tokens: {"object": "response.input_tokens", "input_tokens": tokens},
    "anthropic_messages": lambda tokens: {"input_tokens": tokens},
    "gemini_generate_content": lambda tokens: {"totalTokens": tokens},
}
"""Protocol -> the reply. OpenAI's Chat has no such call."""


def write_count(protocol: str, tokens: int) -> bytes:
    return msgspec.json.encode(COUNTS[protocol](tokens))
