"""A prompt laid out for the provider's cache, and how each protocol says it. `python examples/prompt_cache.py`."""

import json

from omnillm import PromptLayoutBuilder, ProtocolError, ToolDefinition, emit_request, user
from omnillm.model import LlmRequest, Message, MessageRole

MANUAL = Message.text(MessageRole.SYSTEM, "The manual of the lake, a long text that is the same in every call.")


def layout(question: str, *, is_required: bool = False) -> LlmRequest:
    return (
        PromptLayoutBuilder("model-1")
        .tool(ToolDefinition(name="depth_of", input_schema={"type": "object"}))
        .stable(MANUAL)
        .stable(user("An example question."))
        .generated_key(tenant="team-a", is_required=is_required)
        .dynamic(user(question))
        .build()
    )


def main() -> None:
    first, second = (json.loads(emit_request("openai_chat", layout(question)).value) for question in ("How deep?", "How wide?"))
    print("one key for both:", first["prompt_cache_key"] == second["prompt_cache_key"])

    report = emit_request("anthropic_messages", layout("How deep?"))
    body = json.loads(report.value)
    print("anthropic marks:", [block for message in body["messages"] for block in message["content"] if "cache_control" in block])
    for loss in report.loss_reasons:
        print(f"  {loss.kind} {loss.path}: {loss.detail}")

    try:
        emit_request("gemini_generate_content", layout("How deep?", is_required=True))
    except ProtocolError as refused:
        print("gemini, required:", refused.message)


if __name__ == "__main__":
    main()
