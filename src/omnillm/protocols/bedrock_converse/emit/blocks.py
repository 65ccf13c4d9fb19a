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
from omnillm.protocols.bedrock_converse.writer import IN_RESULT, NAME, Writer
from omnillm.protocols.differences.arguments import input_of
from omnillm.protocols.differences.tool_names import exact_id, plain_id, short_id
from omnillm.protocols.differences.tool_references import AS_TEXT, named_tool
from omnillm.protocols.differences.turns import Block, Place, path_of
from omnillm.protocols.envelope import is_readable

LONGEST_ID = 64
_LENGTH_OF_MISTRAL = 9


def emit_block(part: Any, place: Place, writer: Writer) -> Block | None:
    """Write one part; None where nothing is left of it, which is in the losses then."""
    block = _BLOCKS[type(part)](part, place, writer)
    if block is not None and part.vendor_extensions:
        writer.drop_extensions(part.vendor_extensions, path_of(place))
    return block


def emit_blocks(parts: Any, item: int, writer: Writer) -> list[Block]:
    """Write the parts of a message and, after those that bear a mark, cache points."""
    blocks: list[Block] = []
    for number, part in enumerate(parts):
        place = ("input", item, "parts", number)
        block = emit_block(part, place, writer)
        if block is None:
            continue
        blocks.append(block)
        if part.cache_control is not None:
            if "reasoningContent" in block:
                writer.drop(place, "reasoning bears no mark", "cache_control")
            else:
                writer.mark(blocks, part.cache_control, path_of(place))
    return blocks


def call_id_of(call_id: str, path: str, writer: Writer) -> str:
    """Return the id in the letters, and of the length, that Converse allows, and Mistral's models."""
    if writer.family == "mistral":
        exact = exact_id(call_id, _LENGTH_OF_MISTRAL)
        if exact != call_id:
            writer.losses.approximate(f"{path}.call_id", f"the model takes {_LENGTH_OF_MISTRAL} letters and digits")
        return exact
    plain = short_id(plain_id(call_id), LONGEST_ID)
    if plain != call_id:
        writer.losses.approximate(f"{path}.call_id", "ids of tool calls are at most 64 letters, digits, _ and -")
    return plain


def _text(part: Text, place: Place, writer: Writer) -> Block | None:
    if part.signature is not None:
        writer.drop(place, "a signature on text is another protocol's", "signature")
    if part.citations:
        writer.drop(place, "a citation points into what another protocol's answer rested on", "citations")
    if not part.text or part.text.isspace():
        writer.drop(place, "a text of blanks alone")
        return None
    return {"text": part.text}


def _reasoning(part: Reasoning, place: Place, writer: Writer) -> Block | None:
    opaque = part.opaque
    if opaque is None:
        writer.drop(place, "reasoning without a signature")
        return None
    if not is_readable(opaque, NAME, writer.provider):
        writer.drop(place, "its signature is another provider's")
        return None
    if part.is_redacted:
        return {"reasoningContent": {"redactedContent": opaque.value}}
    if part.summary:
        writer.approximate(place, "summaries are said as reasoning", "summary")
    pieces = (part.text, *part.summary) if part.text else part.summary
    return {"reasoningContent": {"reasoningText": {"text": "\n\n".join(pieces), "signature": opaque.value}}}


def _tool_call(part: ToolCall, place: Place, writer: Writer) -> Block:
    if part.signature is not None:
        writer.drop(place, "a signature on a tool call is another protocol's", "signature")
    writer.calls[part.call_id] = part.name
    call_id = call_id_of(part.call_id, path_of(place), writer)
    arguments = input_of(part, lambda member, detail: writer.approximate(place, detail, member))
    return {"toolUse": {"toolUseId": call_id, "name": part.name, "input": arguments}}


def tool_result_block(result: ToolResult, item: int, writer: Writer) -> Block:
    """Write a result; its cache mark is its writer's."""
    path = f"input[{item}]"
    if result.kind == "custom":
        writer.losses.approximate(f"{path}.kind", "free text is the one argument of a function")
    if result.name and writer.calls.get(result.call_id) != result.name:
        writer.losses.drop(f"{path}.name", "a result names its call alone")
    writer.drop_extensions(result.vendor_extensions, path)
    block: Block = {"toolUseId": call_id_of(result.call_id, path, writer), "content": result_content(result, item, writer)}
    if result.is_error is not None:
        block["status"] = "error" if result.is_error else "success"
    if result.is_error and not block["content"]:
        writer.losses.default(f"{path}.content", "an error must say something")
        block["content"] = [{"text": "Error"}]
    return {"toolResult": block}


def result_content(result: ToolResult, item: int, writer: Writer) -> list[Block]:
    """Write what a tool answered."""
    blocks: list[Block] = []
    for number, part in enumerate(result.content):
        place = ("input", item, IN_RESULT, number)
        if part.cache_control is not None:
            writer.drop(place, "a tool's result bears a mark as a whole", "cache_control")
        block = emit_block(part, place, writer)
        blocks += [] if block is None else [block]
    return blocks


def _json(part: Json, place: Place, writer: Writer) -> Block:
    if type(part.value) is dict and place[2] == IN_RESULT:
        return {"json": part.value}
    writer.approximate(place, "JSON is said as text", "value")
    return {"text": msgspec.json.encode(part.value).decode()}


def _refusal(part: Refusal, place: Place, writer: Writer) -> Block | None:
    if not part.text or part.text.isspace():
        writer.drop(place, "an empty refusal")
        return None
    writer.approximate(place, "a refusal is said as text")
    return {"text": part.text}


def _native(part: Native, place: Place, writer: Writer) -> Block | None:
    if text := named_tool(part):
        writer.approximate(place, AS_TEXT)
        return {"text": text}
    if part.protocol != NAME or type(part.value) is not dict:
        writer.drop(place, "only its own protocol knows it")
        return None
    return dict(part.value)


_BLOCKS: dict[type, Callable[[Any, Place, Writer], Block | None]] = {
    Text: _text,
    Reasoning: _reasoning,
    ToolCall: _tool_call,
    ToolResult: lambda part, place, writer: tool_result_block(part, place[1], writer),
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
