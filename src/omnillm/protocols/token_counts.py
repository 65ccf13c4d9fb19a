"""Counts of tokens: what each protocol's count takes of a generation, what its provider answers, and how its clients read a number.

https://platform.claude.com/docs/en/api/messages-count-tokens, https://platform.openai.com/docs/api-reference/responses/input-tokens and
https://ai.google.dev/api/tokens.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from omnillm.protocols.counts import UNREADABLE, Count
from omnillm.protocols.dialects import Dialect, GeminiDialect
from omnillm.protocols.protocol import Members
from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT, OPENAI_RESPONSES

COUNTS: Final[Mapping[str, Callable[[int], dict[str, object]]]] = {
    OPENAI_RESPONSES: lambda tokens: {"object": "response.input_tokens", "input_tokens": tokens},
    ANTHROPIC_MESSAGES: lambda tokens: {"input_tokens": tokens},
    GEMINI_GENERATE_CONTENT: lambda tokens: {"totalTokens": tokens},
}
"""Protocol -> the reply. OpenAI's Chat has no such call."""
_TAKEN: Final[Mapping[str, frozenset[str]]] = {
    OPENAI_RESPONSES: frozenset(
        {"model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text", "truncation"}
    ),
    ANTHROPIC_MESSAGES: frozenset({"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"}),
    GEMINI_GENERATE_CONTENT: frozenset({"contents", "systemInstruction", "tools", "generationConfig"}),
}
"""Members of a generation that a count takes: all else would be refused."""


class _Told(msgspec.Struct, frozen=True):
    input_tokens: Count | None = None
    total_tokens: Count | None = msgspec.field(name="totalTokens", default=None)


def write_count(protocol: str, tokens: int) -> bytes:
    return msgspec.json.encode(COUNTS[protocol](tokens))


def count_request(protocol: str, generation: Members, *, model: str, dialect: Dialect) -> Members:
    """The request that asks for the tokens of a generation's prompt. Converse defines none: its provider makes it."""
    taken = _TAKEN.get(protocol)
    if taken is None:
        return generation
    asked = {name: value for name, value in generation.items() if name in taken}
    if isinstance(dialect, GeminiDialect) and not dialect.is_vertex:  # beside it contents alone are taken
        return {"generateContentRequest": msgspec.Raw(msgspec.json.encode({"model": f"models/{model}", **asked}))}
    return asked


def read_count(protocol: str, body: bytes) -> int | None:
    """The number in a provider's reply; None: it is no count."""
    try:
        told = msgspec.json.decode(body, type=_Told)
    except UNREADABLE:
        return None
    return told.total_tokens if protocol == GEMINI_GENERATE_CONTENT else told.input_tokens
