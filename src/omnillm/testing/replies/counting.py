"""What a count of tokens takes beside its model: less than a generation, and its provider refuses the rest."""

from collections.abc import Mapping

from omnillm.testing.replies.reading import within
from omnillm.testing.replies.speaker import Json, Malformed

RESPONSES = frozenset(
    {"model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text", "truncation"}
    | {"conversation", "previous_response_id", "personality"}
)
MESSAGES = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"}
    | {"mcp_servers", "context_management", "output_format", "speed", "anthropic_version"}
)
GEMINI = frozenset({"contents", "generateContentRequest", "generate_content_request", "model"})
VERTEX = frozenset(
    {"contents", "systemInstruction", "system_instruction", "tools", "generationConfig", "generation_config", "instances", "model"}
)
TAKEN: Mapping[str, tuple[frozenset[str], str]] = {
    "openai_responses": (RESPONSES, "Unknown parameter: '{}'."),
    "anthropic_messages": (MESSAGES, "{}: Extra inputs are not permitted"),
    "gemini_generate_content": (GEMINI, 'Invalid JSON payload received. Unknown name "{}": Cannot find field.'),
    "vertex_ai": (VERTEX, 'Invalid JSON payload received. Unknown name "{}": Cannot find field.'),
}
NO_MODEL = "* GenerateContentRequest.model: unexpected model name format"


def judge_count(host: str, body: Json) -> None:
    """`host`: the protocol, or "vertex_ai" for Gemini's there."""
    if host not in TAKEN:
        return
    taken, refusal = TAKEN[host]
    for name in body:
        if name not in taken:
            raise Malformed(refusal.format(name))
    whole = body.get("generateContentRequest", body.get("generate_content_request"))
    if whole is not None and not str(within(whole, "model")).startswith("models/"):
        raise Malformed(NO_MODEL)
