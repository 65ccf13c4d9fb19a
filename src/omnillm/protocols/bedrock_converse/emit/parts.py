"""Canonical parts, written as Converse content blocks.

Ids of Responses items, and the name of a result's tool where its call is there to tell, are handles and no content: leaving them out is
no loss.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from omnillm.model.message import (
    Audio,
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
from omnillm.protocols.bedrock_converse.emit.media import (
    emit_audio,
    emit_file,
    emit_image_base64,
    emit_image_file,
    emit_image_url,
    emit_video,
)
from omnillm.protocols.bedrock_converse.place import NAME, Place
from omnillm.protocols.differences.arguments import input_of
from omnillm.protocols.differences.tool_names import exact_id, plain_id, short_id
from omnillm.protocols.differences.tool_references import AS_TEXT, named_tool
from omnillm.protocols.differences.turns import Block
from omnillm.protocols.envelope import is_readable

LONGEST_ID = 64
_LENGTH_OF_MISTRAL = 9


def emit_block(part: Any, place: Place) -> Block | None:
    """Write one part; None where nothing is left of it, which is in the losses then."""
    block = _BLOCKS[type(part)](part, place)
    if block is not None and part.vendor_extensions:
        place.losses.drop_extensions(part.vendor_extensions, place.here("."), place.unknown)
    return block


def add_block(part: Any, blocks: list[Block], place: Place) -> None:
    """Write a part behind these and, if it bears a mark, a cache point."""
    block = emit_block(part, place)
    if block is None:
        return
    blocks.append(block)
    if part.cache_control is not None:
        if "reasoningContent" in block:
            place.drop(".cache_control", "reasoning bears no mark")
        else:
            place.mark(blocks, part.cache_control, place.here())


def call_id_of(call_id: str, path: str, place: Place) -> str:
    """Return the id in the letters, and of the length, that Converse allows, and Mistral's models."""
    if place.family == "mistral":
        exact = exact_id(call_id, _LENGTH_OF_MISTRAL)
        if exact != call_id:
            place.losses.approximate(f"{path}.call_id", f"the model takes {_LENGTH_OF_MISTRAL} letters and digits")
        return exact
    plain = short_id(plain_id(call_id), LONGEST_ID)
    if plain != call_id:
        place.losses.approximate(f"{path}.call_id", "ids of tool calls are at most 64 letters, digits, _ and -")
    return plain


def _text(part: Text, place: Place) -> Block | None:
    if part.signature is not None:
        place.drop(".signature", "a signature on text is another protocol's")
    if part.citations:
        place.drop(".citations", "a citation points into what another protocol's answer rested on")
    if not part.text or part.text.isspace():
        place.drop("", "a text of blanks alone")
        return None
    return {"text": part.text}


def _reasoning(part: Reasoning, place: Place) -> Block | None:
    opaque = part.opaque
    if opaque is None:
        place.drop("", "reasoning without a signature")
        return None
    if not is_readable(opaque, NAME, place.dialect.provider):
        place.drop("", "its signature is another provider's")
        return None
    if part.is_redacted:
        return {"reasoningContent": {"redactedContent": opaque.value}}
    if part.summary:
        place.approximate(".summary", "summaries are said as reasoning")
    pieces = (part.text, *part.summary) if part.text else part.summary
    return {"reasoningContent": {"reasoningText": {"text": "\n\n".join(pieces), "signature": opaque.value}}}


def _tool_call(part: ToolCall, place: Place) -> Block:
    if part.signature is not None:
        place.drop(".signature", "a signature on a tool call is another protocol's")
    place.calls[part.call_id] = part.name
    call_id = call_id_of(part.call_id, place.here(), place)
    arguments = input_of(part, lambda member, detail: place.approximate(f".{member}", detail))
    return {"toolUse": {"toolUseId": call_id, "name": part.name, "input": arguments}}


def tool_result_block(result: ToolResult, place: Place) -> Block:
    """Write a result; its cache mark is left to the caller."""
    path = place.around()
    if result.kind == "custom":
        place.losses.approximate(f"{path}.kind", "free text is the one argument of a function")
    if result.name and place.calls.get(result.call_id) != result.name:
        place.losses.drop(f"{path}.name", "a result names its call alone")
    place.losses.drop_extensions(result.vendor_extensions, f"{path}.", place.unknown)
    block: Block = {"toolUseId": call_id_of(result.call_id, path, place), "content": result_content(result, place)}
    if result.is_error is not None:
        block["status"] = "error" if result.is_error else "success"
    if result.is_error and not block["content"]:
        place.losses.default(f"{path}.content", "an error must say something")
        block["content"] = [{"text": "Error"}]
    return {"toolResult": block}


def result_content(result: ToolResult, place: Place) -> list[Block]:
    """Write what a tool answered."""
    blocks: list[Block] = []
    for part in place.within(result.content):
        if part.cache_control is not None:
            place.drop(".cache_control", "a tool's result bears a mark as a whole")
        block = emit_block(part, place)
        blocks += [] if block is None else [block]
    return blocks


def _json(part: Json, place: Place) -> Block:
    if type(part.value) is dict and place.result:
        return {"json": part.value}
    place.approximate(".value", "JSON is said as text")
    return {"text": msgspec.json.encode(part.value).decode()}


def _refusal(part: Refusal, place: Place) -> Block | None:
    if not part.text or part.text.isspace():
        place.drop("", "an empty refusal")
        return None
    place.approximate("", "a refusal is said as text")
    return {"text": part.text}


def _native(part: Native, place: Place) -> Block | None:
    if text := named_tool(part):
        place.approximate("", AS_TEXT)
        return {"text": text}
    if part.protocol != NAME or type(part.value) is not dict or not part.value:
        place.drop("", "only its own protocol knows it")
        return None
    return dict(part.value)


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
