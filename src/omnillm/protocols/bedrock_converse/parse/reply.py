"""A reply of Converse, read to the canonical model."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from omnillm.model.message import (
    Citation,
    ImageBase64,
    Issuer,
    Message,
    MessagePart,
    MessageRole,
    Native,
    Opaque,
    Reasoning,
    Text,
    ToolCall,
)
from omnillm.model.response import Candidate, LlmResponse
from omnillm.protocols.base64_text import decode
from omnillm.protocols.bedrock_converse.finish import read_finish
from omnillm.protocols.bedrock_converse.place import NAME
from omnillm.protocols.bedrock_converse.usage import usage_of_counts
from omnillm.protocols.differences.arguments import text_of
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit, array, mapping, optional_array, optional_mapping, optional_text, rest, text
from omnillm.usage import Usage

_KNOWN = frozenset({"output", "stopReason", "usage", "metrics", "serviceTier"})
MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}


def parse_reply(body: dict[str, Any], issuer: Issuer, losses: Losses, counted: Usage | None = None) -> LlmResponse:  # noqa: ARG001 - nothing is lost
    message = mapping(mapping(body.get("output"), "output").get("message"), "output.message")
    usage = optional_mapping(body, "usage")
    parts = [
        parse_block(mapping(block, f"output.message.content[{number}]"), issuer, f"output.message.content[{number}]")
        for number, block in enumerate(array(message.get("content"), "output.message.content"))
    ]
    reason, native = read_finish(text(body.get("stopReason"), "stopReason"))
    return LlmResponse(
        candidates=(
            Candidate(message=Message(role=MessageRole.ASSISTANT, parts=tuple(parts)), finish_reason=reason, native_finish_reason=native),
        ),
        usage=usage_of_counts(usage) if counted is None and usage is not None else counted,
        raw_usage=usage,
        service_tier=optional_text(optional_mapping(body, "serviceTier") or {}, "type", "serviceTier"),
        protocol=NAME,
        vendor_extensions=rest(body, _KNOWN),
    )


_SERVER_TOOL = "server_tool_use"
"""The type of a call that Bedrock makes itself: no application is to answer it."""


def parse_block(block: dict[str, Any], issuer: Issuer, path: str) -> MessagePart:
    """Read one content block: an object with one member, which is its kind."""
    for kind, read in _BLOCKS.items():
        if kind in block:
            return read(block[kind], issuer, f"{path}.{kind}")
    if not block:
        raise Unfit(path, "a content block")
    return Native(protocol=NAME, kind=next(iter(block)), value=block)


def _tool_use(value: Any, _: Issuer, path: str) -> ToolCall | Native:
    part = begun_call(mapping(value, path), path)
    return part if type(part) is Native else replace(part, arguments=text_of(mapping(value.get("input"), f"{path}.input")))


def begun_call(call: dict[str, Any], path: str) -> ToolCall | Native:
    """Read what is told of a call at its beginning: all but its arguments."""
    if call.get("type") == _SERVER_TOOL:
        return Native(protocol=NAME, kind="toolUse", value={"toolUse": call})
    return ToolCall(call_id=text(call.get("toolUseId"), f"{path}.toolUseId"), name=text(call.get("name"), f"{path}.name"))


def _reasoning(value: Any, issuer: Issuer, path: str) -> Reasoning:
    content = mapping(value, path)
    if "redactedContent" in content:
        redacted = Opaque(value=text(content["redactedContent"], f"{path}.redactedContent"), issuer=issuer)
        return Reasoning(opaque=redacted, is_redacted=True)
    shown = mapping(content.get("reasoningText"), f"{path}.reasoningText")
    signature = optional_text(shown, "signature", f"{path}.reasoningText")
    return Reasoning(
        text=text(shown.get("text"), f"{path}.reasoningText.text"),
        opaque=Opaque(value=signature, issuer=issuer) if signature else None,
    )


def _cited(value: Any, _: Issuer, path: str) -> Text:
    content = mapping(value, path)
    words = [optional_text(mapping(each, f"{path}.content"), "text") for each in optional_array(content, "content", path)]
    citations = tuple(parse_citation(mapping(each, f"{path}.citations")) for each in optional_array(content, "citations", path))
    return Text(text="".join(words), citations=citations)


def parse_citation(value: dict[str, Any]) -> Citation:
    location = value.get("location")
    web = location.get("web") if type(location) is dict else None
    url = web.get("url") if type(web) is dict else None
    quoted = [optional_text(mapping(each, "citation.sourceContent"), "text") for each in optional_array(value, "sourceContent")]
    return Citation(
        url=url if type(url) is str else "",
        title=optional_text(value, "title"),
        cited_text="".join(quoted),
        protocol=NAME,
        native=value,
    )


def _image(value: Any, _: Issuer, path: str) -> MessagePart:
    image = mapping(value, path)
    media_type = MEDIA_TYPES.get(text(image.get("format"), f"{path}.format"), "")
    inline = mapping(image.get("source"), f"{path}.source").get("bytes")
    if inline is None:
        return Native(protocol=NAME, kind="image", value={"image": image})
    return ImageBase64(data=decode(text(inline, f"{path}.source.bytes"), f"{path}.source.bytes"), media_type=media_type)


_BLOCKS: dict[str, Callable[[Any, Issuer, str], MessagePart]] = {
    "text": lambda value, _, path: Text(text=text(value, path)),
    "toolUse": _tool_use,
    "reasoningContent": _reasoning,
    "citationsContent": _cited,
    "image": _image,
}
