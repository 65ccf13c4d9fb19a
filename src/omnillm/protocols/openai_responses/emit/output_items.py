"""Items of a reply, as they are when nothing more comes; streams write the same ones.

Clients replay only reasoning that has encrypted content, so what another provider signed goes there, in an envelope that says whose it is:
clients may leave out the ids of items, as Codex does. A signature on a call or a text has no item that could bear it. It gets a reasoning
item of its own, without a text: before or behind the call that it names, in the same turn, or behind the message of the text.
"""

from typing import Any

from msgspec.structs import replace

from omnillm.model.message import ImageBase64, Issuer, Opaque, Reasoning, ToolCall
from omnillm.protocols.base64_text import encode
from omnillm.protocols.carrier import Purpose, pack
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.openai_responses.namespaces import NO_SPACES, called, spaces_of
from omnillm.protocols.openai_responses.parse.parts import ARGUMENTS
from omnillm.protocols.openai_responses.place import NAME, Place

Item = dict[str, Any]
_PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc", "image_generation_call": "ig"}
_CARRIER = "rs_sig_"
"""With what the ids of carriers begin: for people who read a conversation. Nothing depends on it."""
CALL_KINDS = {"function": "function_call", "custom": "custom_tool_call"}


def item_id_of(kind: str, given: str, context: ReplyContext, index: int) -> str:
    """Return the id of an item: the one that its provider gave, else one that is the same whenever this reply is written."""
    return given or f"{_PREFIXES[kind]}_{context.id}_{index}"


def message_item(item_id: str, content: list[Item]) -> Item:
    return {"id": item_id, "type": "message", "status": "completed", "role": "assistant", "content": content}


def call_item(call: ToolCall, item_id: str, context: ReplyContext) -> Item:
    return {
        "id": item_id,
        "type": CALL_KINDS[call.kind],
        "status": "completed",
        ARGUMENTS[call.kind]: call.arguments,
        "call_id": call.call_id or f"call_{item_id}",
        **called(context.names.get(call.name, call.name), spaces_of(context.request.capabilities.tools) if context.request else NO_SPACES),
    }


def reasoning_item(part: Reasoning, item_id: str, place: Place, purpose: Purpose = "") -> Item:
    item = {"id": item_id, **thought(part, place)}
    if part.opaque is not None:
        item["encrypted_content"] = pack(part.opaque, NAME, "redacted" if part.is_redacted else purpose)
    return item


def thought(part: Reasoning, place: Place) -> Item:
    """Write reasoning without its id and what only its provider can read. Several pieces of its text are among the extensions."""
    item: Item = {"type": "reasoning", "summary": [summary_piece(text) for text in part.summary]}
    if part.text and not (place.has_own_extensions and "content" in part.vendor_extensions):
        item["content"] = [reasoning_piece(part.text)]
    return item


def wants_summary(context: ReplyContext) -> bool:
    """Tell whether the client asked to see reasoning: clients show summaries, and of reasoning's own text nothing."""
    return context.request is not None and context.request.capabilities.reasoning is not None


def with_issuer(part: Reasoning, protocol: str, context: ReplyContext) -> Reasoning:
    """Give reasoning of another protocol that nobody signed an empty value, so that the client brings it back."""
    if part.opaque is not None or context.request is None or not (part.text or part.summary):
        return part
    return replace(part, opaque=Opaque(value="", issuer=Issuer(protocol=protocol)))


def carrier_item(opaque: Opaque, purpose: Purpose, target: str, context: ReplyContext, index: int) -> Item:
    """Write a signature that belongs to a call or a text."""
    name = target if purpose == "call" else f"{context.id}_{index}"
    return {"id": f"{_CARRIER}{name}", "type": "reasoning", "summary": [], "encrypted_content": pack(opaque, NAME, purpose, target)}


def image_item(part: ImageBase64, item_id: str, place: Place) -> Item:
    place.approximate("", "said as a call of the image generation tool")
    if part.signature is not None:
        place.drop(".signature", "an image has no signature here")
    return {"id": item_id, "type": "image_generation_call", "status": "completed", "result": encode(part.data)}


def summary_piece(text: str) -> Item:
    return {"type": "summary_text", "text": text}


def reasoning_piece(text: str) -> Item:
    return {"type": "reasoning_text", "text": text}
