"""Reasoning on assistant messages: members that OpenAI does not have, and that the other hosts and gateways agree on.

`reasoning_content` (DeepSeek, vLLM, xAI) and `reasoning` (Groq, OpenRouter) are text; `thinking_blocks` (LiteLLM) has the text of each
block with its signature, and is where opaque values travel; `reasoning_details` (OpenRouter) stays a vendor extension of its message.
"""

from collections.abc import Callable
from typing import Any

from omnillm.model.message import Opaque, Reasoning
from omnillm.protocols.envelope import is_readable, seal
from omnillm.protocols.openai_chat.emit_parts import drop_marks
from omnillm.protocols.openai_chat.place import NAME, Place
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


def write_reasoning(parts: list[tuple[int, Reasoning]], message: dict[str, Any], place: Place) -> None:
    """Write the reasoning of a message; `parts` with their numbers."""
    if place.is_openai:
        for place.part, _ in parts:
            place.drop("", "OpenAI's Chat takes no reasoning")
    else:
        _write_reasoning(parts, message, place)


def _write_reasoning(parts: list[tuple[int, Reasoning]], message: dict[str, Any], place: Place) -> None:
    texts: list[str] = []
    blocks: list[dict[str, Any]] = []
    for place.part, part in parts:
        said, opaque = text_of(part, place), written_opaque(part.opaque, ".opaque", place)
        if not said and opaque is None:
            place.drop("", "nothing of it can be said")
            continue
        if said and not part.is_redacted:
            texts.append(said)
        blocks.append(block(said, opaque, is_redacted=part.is_redacted))
    if texts:
        message["reasoning_content"] = "\n\n".join(texts)
    if any(len(block) > 2 or "data" in block for block in blocks) or (len(blocks) > 1 and place.dialect is None):
        message["thinking_blocks"] = blocks
    elif len(texts) > 1:
        place.losses.approximate(place.here(), "several pieces of reasoning, as one")


def block(said: str, opaque: str | None, *, is_redacted: bool) -> dict[str, Any]:
    if is_redacted:
        return {"type": "redacted_thinking", "data": opaque or ""}
    plain = {"type": "thinking", "thinking": said}
    return plain if opaque is None else {**plain, "signature": opaque}


def text_of(part: Reasoning, place: Place) -> str:
    """Return the text, or the summary in its place; what neither says is told as lost."""
    drop_marks(part, place)
    if part.item_id:
        place.drop_item_id()
    if not part.summary:
        return "" if part.is_redacted else part.text
    if part.text:
        place.drop(".summary", "the reasoning itself is said")
        return part.text
    place.losses.approximate(place.here(".summary"), "a summary, as the reasoning itself")
    return "\n\n".join(part.summary)


def written_opaque(opaque: Opaque | None, member: str, place: Place) -> str | None:
    """Return the value as the reader must have it: a provider only its own, a client everybody's, under seal."""
    if opaque is None:
        return None
    if place.dialect is None:
        return opaque.value if opaque.issuer.protocol == NAME else seal(opaque)
    if is_readable(opaque, NAME, place.dialect.provider):
        return opaque.value
    place.drop(member, "only its issuer can read it")
    return None
