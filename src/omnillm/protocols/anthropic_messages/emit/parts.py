"""Canonical parts, written as content blocks of the Messages API: of requests, of replies, of streams.

Ids of Responses items, and the name of a result's tool where its call is there to tell, are handles and no content: leaving them out is
no loss.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.model.message import (
    Audio,
    Citation,
    File,
    ImageBase64,
    ImageFile,
    ImageUrl,
    Json,
    Native,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from omnillm.protocols.anthropic_messages.emit.media import (
    emit_audio,
    emit_file,
    emit_image_base64,
    emit_image_file,
    emit_image_url,
    emit_video,
)
from omnillm.protocols.anthropic_messages.place import NAME, THINKING, Place
from omnillm.protocols.anthropic_messages.retrieved import BLOCK, block_of
from omnillm.protocols.differences.arguments import input_of
from omnillm.protocols.differences.tool_names import plain_id
from omnillm.protocols.differences.turns import Block, around_result
from omnillm.protocols.envelope import is_readable

SUMMARIES = "summaries are said as thinking"


def emit_block(part: Any, place: Place) -> Block | None:
    """Write one part; None where nothing is left of it, which is in the losses then."""
    if place.is_own and part.vendor_extensions and type(part) is Text and (retrieved := block_of(part)) is not None:
        return _retrieved(part, retrieved, place)
    block = _BLOCKS[type(part)](part, place)
    if block is None:
        return None
    if block["type"] == "text" and block["text"].isspace() and not (place.is_own or place.is_reply):
        place.drop("", "a text of blanks alone")
        return None
    if part.cache_control is not None or part.vendor_extensions:
        _finish(block, part, place)
    return block


def add_block(part: Any, blocks: list[Block], place: Place) -> None:
    """Write a part behind these."""
    block = emit_block(part, place)
    if block is not None:
        blocks.append(block)


def citations_of(citations: tuple[Citation, ...], place: Place) -> list[Any]:
    natives = [citation.native for citation in citations if citation.protocol == NAME and type(citation.native) is dict]
    if len(natives) < len(citations):
        place.drop(".citations", "a citation points into a document or result of the Messages API")
    return natives


def call_id_of(call_id: str, path: Callable[[str], str], place: Place) -> str:
    """`path`: of a member of what bears the id."""
    plain = plain_id(call_id)
    if plain != call_id:
        place.losses.approximate(path(".call_id"), "ids of tool calls are letters, digits, _ and -")
    return plain


def _text(part: Text, place: Place) -> Block | None:
    if part.signature is not None:
        place.drop(".signature", "a signature on text is another protocol's")
    if not part.text:
        place.drop("", "an empty text")
        return None
    block: Block = {"type": "text", "text": part.text}
    if part.citations and (citations := citations_of(part.citations, place)):
        block["citations"] = citations
    return block


def _retrieved(part: Text, value: Block, place: Place) -> Block:
    block = dict(value)
    extensions = {name: value for name, value in part.vendor_extensions.items() if name != BLOCK}
    _finish(block, replace(part, vendor_extensions=extensions), place)
    return block


def _finish(block: Block, part: Any, place: Place) -> None:
    """Add the mark and the extensions of a part to its block."""
    if part.cache_control is not None:
        if block["type"] in THINKING:
            place.drop(".cache_control", "a thinking block bears no mark")
        else:
            place.mark([block], part.cache_control, place.here())
    place.extend(block, part.vendor_extensions, place.here("."))


def _reasoning(part: Reasoning, place: Place) -> Block | None:
    opaque = part.opaque
    if opaque is None:
        place.drop("", "reasoning without a signature")
        return None
    if not is_readable(opaque, NAME, place.dialect.provider):
        place.drop("", "its signature is another provider's")
        return None
    return reasoning_block(part, opaque.value, place)


def reasoning_block(part: Reasoning, value: str, place: Place) -> Block:
    """Write reasoning with a signature (or redacted data) that is text already."""
    if part.is_redacted:
        return {"type": "redacted_thinking", "data": value}
    return {"type": "thinking", "thinking": thoughts_of(part, place), "signature": value}


def thoughts_of(part: Reasoning, place: Place) -> str:
    """Return what is shown of the reasoning, and its summary."""
    if part.summary:
        place.approximate(".summary", SUMMARIES)
    return "\n\n".join((part.text, *part.summary) if part.text else part.summary)


def _tool_call(part: ToolCall, place: Place) -> Block:
    if part.signature is not None:
        place.drop(".signature", "a signature on a tool call is another protocol's")
    place.calls[part.call_id] = part.name
    arguments = input_of(part, lambda member, detail: place.approximate(f".{member}", detail))
    return {"type": "tool_use", "id": call_id_of(part.call_id, place.here, place), "name": part.name, "input": arguments}


def tool_result_block(result: ToolResult, place: Place) -> Block:
    path = place.around()
    if result.kind == "custom":
        place.losses.approximate(f"{path}.kind", "free text is the one argument of a function")
    if result.name and place.calls.get(result.call_id) != result.name:
        place.losses.drop(f"{path}.name", "a result names its call alone")
    block: Block = {"type": "tool_result", "tool_use_id": call_id_of(result.call_id, place.around, place)}
    content = _content_of(result, place)
    if content:
        block["content"] = lone_text(content)
    if result.is_error is not None:
        block["is_error"] = result.is_error
    if result.cache_control is not None:
        place.mark([block], result.cache_control, path)
    if result.vendor_extensions:
        place.extend(block, result.vendor_extensions, f"{path}.")
    return block


def lost_result_blocks(result: ToolResult, place: Place) -> list[Block]:
    """Write a result whose call is not in the conversation as the user's words: the API refuses a result without its call."""
    path = place.around()
    place.losses.approximate(path, "said by the user, inside <tool_result>, for its call is not here")
    opening, ending = around_result(result)
    content = _content_of(result, place)
    if type(words := lone_text(content)) is str:
        blocks: list[Block] = [{"type": "text", "text": f"{opening}\n{words}\n{ending}"}]
    else:
        blocks = [{"type": "text", "text": opening}, *content, {"type": "text", "text": ending}]
    if result.cache_control is not None:
        place.mark(blocks, result.cache_control, path)
    place.extend(blocks[-1], result.vendor_extensions, f"{path}.")
    return blocks


def _content_of(result: ToolResult, place: Place) -> list[Block]:
    return [block for part in place.within(result.content) if (block := emit_block(part, place)) is not None]


def lone_text(blocks: list[Block]) -> list[Block] | str:
    """Write content that is one plain text as a string."""
    if len(blocks) == 1 and len(blocks[0]) == 2 and "text" in blocks[0]:
        words: str = blocks[0]["text"]
        return words
    return blocks


def _json(part: Json, place: Place) -> Block:
    place.approximate(".value", "JSON is said as text")
    return {"type": "text", "text": msgspec.json.encode(part.value).decode()}


def _refusal(part: Refusal, place: Place) -> Block | None:
    if not part.text:
        place.drop("", "an empty refusal")
        return None
    place.approximate("", "a refusal is said as text")
    return {"type": "text", "text": part.text}


def _native(part: Native, place: Place) -> Block | None:
    value = part.value
    if part.protocol != NAME or type(value) is not dict or type(value.get("type")) is not str:
        place.drop("", "only its own protocol knows it")
        return None
    block = dict(value)
    if type(value.get("cache_control")) is dict:
        place.marks.append((block, place.here()))
    return block


_BLOCKS: dict[type, Callable[[Any, Place], Block | None]] = {
    Text: _text,
    Reasoning: _reasoning,
    ToolCall: _tool_call,
    ToolResult: lambda part, place: place.as_holder(tool_result_block, part),
    ImageBase64: emit_image_base64,
    ImageUrl: emit_image_url,
    ImageFile: emit_image_file,
    File: emit_file,
    Audio: emit_audio,
    Video: emit_video,
    Json: _json,
    Refusal: _refusal,
    Native: _native,
}
