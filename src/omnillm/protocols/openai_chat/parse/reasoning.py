"""Reasoning on assistant messages: members that OpenAI does not have, and that the other hosts and gateways agree on.

`reasoning_content` (DeepSeek, vLLM, xAI) and `reasoning` (Groq, OpenRouter) are text; `thinking_blocks` (LiteLLM) has the text of each
block with its signature, and is where opaque values travel; `reasoning_details` (OpenRouter) stays a vendor extension of its message.
"""

from collections.abc import Callable
from typing import Any

from omnillm.model.message import Opaque, Reasoning
from omnillm.protocols.shapes import Unfit, mapping, optional_array, optional_text, text

MEMBERS = frozenset({"reasoning_content", "reasoning", "thinking_blocks"})
OpaqueOf = Callable[[str], Opaque]
"""Makes an opaque value of a text: `unseal` for a client's, tagged with the issuer for a provider's."""


def read_reasoning(message: dict[str, Any], opaque_of: OpaqueOf) -> tuple[Reasoning, ...]:
    said = optional_text(message, "reasoning_content") or optional_text(message, "reasoning")
    blocks = optional_array(message, "thinking_blocks")
    if blocks:
        return _with_text(tuple(read_block(block, f"thinking_blocks[{n}]", opaque_of) for n, block in enumerate(blocks)), said)
    said = said or _text_of_details(message)
    return (Reasoning(text=said),) if said else ()


def _with_text(blocks: tuple[Reasoning, ...], said: str) -> tuple[Reasoning, ...]:
    """Put the text of the message where no block has one; else the blocks say it better."""
    if not said or any(block.text for block in blocks):
        return blocks
    number = next((number for number, block in enumerate(blocks) if not block.is_redacted), None)
    if number is None:
        return (Reasoning(text=said), *blocks)
    return (*blocks[:number], Reasoning(text=said, opaque=blocks[number].opaque), *blocks[number + 1 :])


def read_block(block: Any, path: str, opaque_of: OpaqueOf) -> Reasoning:
    kind = text(mapping(block, path).get("type"), f"{path}.type")
    if kind == "redacted_thinking":
        return Reasoning(opaque=opaque_of(text(block.get("data"), f"{path}.data")), is_redacted=True)
    if kind != "thinking":
        raise Unfit(f"{path}.type", '"thinking" or "redacted_thinking"')
    signature = optional_text(block, "signature", path)
    return Reasoning(text=optional_text(block, "thinking", path), opaque=opaque_of(signature) if signature else None)


def _text_of_details(message: dict[str, Any]) -> str:
    details = message.get("reasoning_details")
    if type(details) is not list:
        return ""
    found = (detail.get("text") or detail.get("summary") for detail in details if type(detail) is dict)
    return "".join([said for said in found if type(said) is str])
