"""Reasoning on assistant messages, written in the members that are read in `parse/reasoning.py`."""

from typing import Any

from omnillm.model.message import Opaque, Reasoning
from omnillm.protocols.envelope import is_readable, seal
from omnillm.protocols.openai_chat.emit.parts import drop_marks
from omnillm.protocols.openai_chat.place import NAME, Place


def write_reasoning(parts: list[tuple[int, Reasoning]], message: dict[str, Any], place: Place) -> None:
    """Write the reasoning of a message; `parts` with their numbers."""
    if place.thoughts_member:
        _write_reasoning(parts, message, place)
    else:
        for place.part, _ in parts:
            place.drop("", f"{'OpenAI' if place.is_openai else 'the host'}'s Chat takes no reasoning")


def fill_in(messages: list[dict[str, Any]], place: Place) -> None:
    """Say a blank where no thoughts are known: DeepSeek and Moonshot refuse the message without, the latter even with an empty string."""
    for message in messages:
        if message["role"] == "assistant" and not message.get("reasoning_content"):
            message["reasoning_content"] = " "
            place.losses.default(f"{place.root}[*].parts", "no thoughts, as a blank: the host needs some")


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
        message[place.thoughts_member] = "\n\n".join(texts)
    is_opaque = any(len(block) > 2 or "data" in block for block in blocks)
    if is_opaque and not place.takes_more:
        place.drop(".opaque", "the host takes the words of reasoning alone")
    elif is_opaque or (len(blocks) > 1 and place.is_reply):
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
    if place.is_reply:
        return opaque.value if opaque.issuer.protocol == NAME else seal(opaque)
    if is_readable(opaque, NAME, place.dialect.provider):
        return opaque.value
    place.drop(member, "only its issuer can read it")
    return None
