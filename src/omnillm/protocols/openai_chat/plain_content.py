"""Messages for a host that takes content as one string only."""

from typing import Any

from omnillm.protocols.openai_chat.place import Place


def as_strings(messages: list[dict[str, Any]], place: Place) -> list[dict[str, Any]]:
    """Join the texts of each message, and tell what is no text as lost. A message that had nothing else is left out."""
    kept = []
    for message in messages:
        content = message.get("content")
        if type(content) is list:
            texts = [part["text"] for part in content if part.get("type") == "text"]
            if len(texts) < len(content):
                place.losses.drop("input[*].parts[*]", "the host takes text alone")
            if len(texts) > 1:
                place.losses.approximate("input[*].parts", "several texts, as one: the host takes one string")
            message["content"] = "\n\n".join(texts)
            if not texts and not message.get("tool_calls"):
                continue
        kept.append(message)
    return kept
