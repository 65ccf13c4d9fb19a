"""What routing, limits and money need of a Converse body, whether the gateway wrote it or a client, and of a reply."""

from collections.abc import Iterator
from typing import Any

import msgspec

from omnillm.protocols.bedrock_converse.usage import tier_of, usage_of
from omnillm.protocols.bedrock_converse.wire import Inference, Reply
from omnillm.protocols.claude_media import IMAGE, UNKNOWN, own_tools, pdf, plain
from omnillm.protocols.counts import UNREADABLE, decode_lenient
from omnillm.protocols.members import OUTPUT_CAP_RANGE, read, repeats_a_name, require_array
from omnillm.protocols.priced_converse import CONVERSE_PRICED, MODEL_FIELDS, TOOL_CONFIG, is_bounded_field
from omnillm.protocols.prompt_size import may_hold, text_bytes
from omnillm.protocols.protocol import NOT_A_REPLY, Members, ReplyPeek, RequestPeek, Weight

_NOT_READ = frozenset(
    {"inferenceConfig", "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "serviceTier", "guardrailConfig"}
)
"""Members that configure: the model never reads them."""
_KINDS = ("image", "document", "video", "audio")
_PLAIN = frozenset({"csv", "html", "txt", "md"})
"""Documents that are no longer than their bytes; the others are compressed, or pictured page by page."""
_VIDEO = Weight(most=300_000, usual=100_000)
"""Nova reads a video as at most so many."""


_INFERENCE = msgspec.json.Decoder(Inference | None)
_REPLY = msgspec.json.Decoder(Reply)
_FIELDS = msgspec.json.Decoder(dict[str, Any] | None)
_RAW_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)


def peek_request(members: Members) -> RequestPeek:
    """Read a body of `converse` or `count-tokens`; the model stands in the path. Raises BadRequest."""
    if "input" not in members or "messages" in members:
        require_array(members, "messages")
    inference = read(members, "inferenceConfig", _INFERENCE, f"an object with maxTokens, {OUTPUT_CAP_RANGE}")
    return RequestPeek(
        model="",
        output_cap=None if inference is None else inference.max_tokens,
        price_members=tuple(_price_members(members)),
    )


def _price_members(members: Members) -> Iterator[str]:
    """Those that change the rate, and those behind which output or input could hide that nothing else in the body shows."""
    for name, raw in members.items():
        if name in CONVERSE_PRICED or (name == TOOL_CONFIG and may_hold(bytes(raw), b"systemTool")):
            yield name
    fields = read(members, MODEL_FIELDS, _FIELDS, "an object")
    if fields and (not all(map(is_bounded_field, fields.items())) or repeats_a_name(bytes(members[MODEL_FIELDS]))):
        yield MODEL_FIELDS


def peek_reply(body: bytes) -> ReplyPeek:
    try:
        reply = decode_lenient(_REPLY, body)
    except UNREADABLE:
        return NOT_A_REPLY
    if reply.output is None or reply.output.message is None or not reply.stop_reason:
        return NOT_A_REPLY
    return ReplyPeek(
        usage=None if reply.usage is None else usage_of(reply.usage),
        is_complete=True,
        tier=tier_of(reply.service_tier),
        has_content=bool(reply.output.message.content),
    )


def weigh(members: Members) -> tuple[int, Weight]:
    media = _media(members)
    text = text_bytes(members, _NOT_READ) - sum([len(one.base64) for one in media])
    tools = _model_tools(members[MODEL_FIELDS]) if MODEL_FIELDS in members else b""
    return text, sum(map(_tokens, media), own_tools(tools))


def _model_tools(fields: msgspec.Raw) -> bytes:
    """Those of a model's maker, in its own words; b"": none that can be read."""
    try:
        return bytes((_RAW_FIELDS.decode(fields) or {}).get("tools", b""))
    except UNREADABLE:
        return b""


class _Media(msgspec.Struct, frozen=True, gc=False):
    kind: str
    form: str
    base64: str
    """"" at an address, where nothing is known of its length."""


def _tokens(media: _Media) -> Weight:
    size = len(media.base64)
    if media.kind == "image":
        return IMAGE
    if media.kind == "video":
        return _VIDEO
    if media.kind == "document" and (media.form not in _PLAIN or not size):
        return pdf(size) if media.form == "pdf" else UNKNOWN
    return plain(size)


def _media(members: Members) -> list[_Media]:
    """Every image, document, sound and video of the conversation, in the results of tools too."""
    raw = members.get("messages")
    if raw is None or not may_hold(bytes(raw), b'"source"'):
        return []
    found: list[_Media] = []
    conversation = msgspec.json.decode(raw)
    for message in conversation if isinstance(conversation, list) else ():
        _search(message.get("content") if isinstance(message, dict) else None, found)
    return found


def _search(content: Any, found: list[_Media]) -> None:
    for block in content if isinstance(content, list) else ():
        if not isinstance(block, dict):
            continue
        for kind in _KINDS:
            media = block.get(kind)
            if not isinstance(media, dict):
                continue
            source = media.get("source")
            if isinstance(source, dict):
                inline = source.get("bytes")
                found.append(_Media(kind, str(media.get("format")), inline if isinstance(inline, str) else ""))
        guarded, result = block.get("guardContent"), block.get("toolResult")
        _search([guarded], found)
        if isinstance(result, dict):
            _search(result.get("content"), found)
